"""A launcher of pipelines that remembers what it was told to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.common.errors import unavailable


@dataclass(frozen=True)
class Ended:
    ok: bool
    run_id: str
    reasons: tuple[str, ...] = ()


@dataclass
class Runs:
    """Remembers what was run; a pipeline of `fails` ends badly, one of `raises` does not start."""

    fails: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()
    ran: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __call__(self, pipeline: str, arguments: Mapping[str, str]) -> Ended:
        if pipeline in self.raises:
            raise unavailable("kfp_unavailable", "Kubeflow does not answer.")
        self.ran.append((pipeline, dict(arguments)))
        ok = pipeline not in self.fails
        return Ended(ok, f"run-{pipeline}", () if ok else ("The gate failed.",))
