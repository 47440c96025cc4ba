"""What a run of a pipeline can be told with `--set name=value`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class RunArguments(BaseModel):
    """Arguments of a run. Each pipeline module has its own, as `Arguments`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_parameters(self) -> dict[str, Any]:
        """The same as parameters of the KFP pipeline."""
        return self.model_dump(mode="json")
