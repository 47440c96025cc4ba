"""How a run ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from components.common.errors import Exit, FinloopError
from pipelines.common.run_log import Step


@dataclass(frozen=True)
class RunResult:
    """How a run of a pipeline ended.

    A run on Kubeflow is `ok` when the endpoint has taken it; it then goes on over there.
    """

    pipeline: str
    ok: bool
    run_id: str
    outputs: dict[str, Any] = field(default_factory=dict)
    """Output parameters by name, and paths of output artifacts."""
    reasons: tuple[str, ...] = ()
    """Why it failed, in sentences."""
    exit_status: int = 0
    code: str = ""
    steps: tuple[Step, ...] = ()
    log: Path | None = None
    link: str | None = None
    """Where a Kubeflow run can be watched."""

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON object."""
        return {
            **asdict(self),
            "reasons": list(self.reasons),
            "steps": [asdict(step) for step in self.steps],
            "log": str(self.log) if self.log else None,
        }

    def raise_failure(self) -> None:
        """Raise the failure of the run as one sentence; nothing where it went well."""
        if self.ok:
            return
        step = next((step.name for step in self.steps if not step.ok), "start")
        why = " ".join(self.reasons).rstrip(".")
        raise FinloopError(
            self.code,
            f"{why} (step {step} of {self.pipeline}; its log is {self.log}).",
            exit_status=Exit(self.exit_status),
        )
