"""Small pipelines that take the same ways as the real ones, in a second a step."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Output

from components.common.steps import require, step


@step
def weigh(data_digest: str, code_digest: str, weight: Output[Artifact]) -> int:
    """A cached step with an artifact; says where it ran."""
    import sys
    from pathlib import Path

    from components.common.settings import load_settings

    Path(weight.path).write_text(f"{load_settings().timezone} {data_digest}")
    sys.stdout.write(f"weighing went on {load_settings().home}\n")
    return len(data_digest)


@step
def enter(weight: Input[Artifact]) -> str:
    """A step that changes something outside of its artifacts."""
    from pathlib import Path

    from components.common.settings import load_settings

    entries = load_settings().home / "entries.txt"
    with entries.open("a") as opened:
        opened.write(Path(weight.path).read_text() + "\n")
    return entries.read_text()


@step
def refuse(kind: str, verdict: Output[Artifact]) -> None:
    """A step that fails in the way it is asked to."""
    from pathlib import Path

    from components.common.errors import unavailable
    from components.common.step_report import reported
    from components.common.verdict import Verdict
    from components.common.verdict_file import write_verdict

    with reported():
        if kind == "verdict":
            write_verdict(Verdict(False, ("AUC is 0.6.", "ECE is 0.3.")), Path(verdict.path))
        elif kind == "ours":
            raise unavailable("disk_full", "The disk is full; free it and retry.")
        else:
            raise KeyError(kind)


@dsl.pipeline(name="weighing")
def weighing(data_digest: str, code_digest: str) -> str:
    """weigh → enter"""
    weighed = weigh(data_digest=data_digest, code_digest=code_digest)
    entered = enter(weight=weighed.outputs["weight"])
    entered.set_caching_options(False)
    return entered.output


@dsl.pipeline(name="refusing")
def refusing(kind: str):
    """refuse → require"""
    require(verdict=refuse(kind=kind).outputs["verdict"])
