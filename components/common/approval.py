"""From candidate to production: a named human says yes, and what goes out is what they saw."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from components.common.domain import ModelSpec
from components.common.errors import FinloopError, bad_input, refused, unavailable
from components.common.ledger import Ledger, open_ledger
from components.common.records import Event
from components.common.registry import STAGE_TAG, ModelVersion, Registry
from components.common.sealing import check, of_files
from components.common.settings import Settings
from components.common.stages import Stage
from components.common.verdict import Verdict

UNNAMED = "mlflow-ui"
"""Who approved where MLflow copied a version and kept no name."""
_DIFFERENCES_SHOWN = 5


def approve(spec: ModelSpec, version: str, by: str, settings: Settings) -> ModelVersion:
    """Copy a candidate to the production model, as Promote model does, and enter who said so.

    Raises `FinloopError`: `no_approver`, `unknown_version`, `not_evaluated`, `gate_failed`,
    `own_candidate`, `already_approved`, `files_changed`; and what registry and ledger raise.
    """
    if not (by := by.strip()):
        raise bad_input("no_approver", "An approval needs a name; say who approves with --by NAME.")
    registry = Registry(settings)
    with closing(open_ledger(settings)) as ledger, _one_at_a_time(settings):
        candidate, evaluated = _approvable(spec, version, by, registry, ledger)
        promoted = registry.promote(spec, candidate)
        try:
            ledger.append([_approval(promoted, by, "finloop", evaluated)])
        except BaseException:
            with suppress(FinloopError):  # what is said is why, not that tidying failed as well
                registry.withdraw(promoted)
            raise
    return promoted


def record_promotions(registry: Registry, ledger: Ledger, spec: ModelSpec) -> tuple[Event, ...]:
    """Enter the approvals that were given in the MLflow UI; returns the new ones.

    The actor is who MLflow says made the version, or `mlflow-ui` where it kept no name. A stage
    that was copied along with the tags of a candidate is taken back.
    """
    with _one_at_a_time(registry.settings):
        known = {event.key for event in ledger.events("approval", spec.name)}
        fresh = [v for v in registry.versions(spec.name) if v.version not in known]
        for version in fresh:
            if STAGE_TAG in version.tags:
                registry.set_stage(spec.name, version.version, Stage.WAITING, ())
        events = [
            _approval(v, v.user or UNNAMED, "mlflow", _evaluation(spec, v.source, ledger))
            for v in fresh
        ]
        ledger.append(events)
    return tuple(events)


def admissible(
    spec: ModelSpec,
    version: str,
    registry: Registry,
    ledger: Ledger,
    *,
    files: Path | None = None,
) -> Verdict:
    """Whether a production version may be served: the copy of one candidate whose gate passed,
    with exactly the files that were evaluated.

    Judged by the ledger, never by tags. `files` is where the version was downloaded already;
    without it, it is downloaded for the check. Details: `candidate`, `digest`, `differences`.
    """
    every = {found.version: found for found in registry.versions(spec.name)}
    if version not in every:
        return Verdict(False, (f"There is no version {version} of {spec.name}.",))
    source = every[version].source
    if source is None:
        return Verdict(False, (f"It is not a copy of a version of {spec.candidate}.",))
    evaluated = _evaluation(spec, source, ledger)
    if evaluated is None:
        return Verdict(False, (f"Candidate {source} was never evaluated.",), {"candidate": source})
    differences = _differences(registry, spec.name, version, evaluated, files)
    reasons = (
        *_gate_reasons(source, evaluated),
        *_copied_before(source, version, every.values()),
        *differences[:_DIFFERENCES_SHOWN],
    )
    details = {
        "candidate": source,
        "digest": evaluated.body["digest"],
        "differences": list(differences),
    }
    return Verdict(not reasons, reasons, details)


def _approvable(
    spec: ModelSpec, version: str, by: str, registry: Registry, ledger: Ledger
) -> tuple[ModelVersion, Event]:
    """The candidate and its evaluation, where nothing stands against approving it."""
    candidate = registry.version(spec.candidate, version)
    if candidate is None:
        raise bad_input("unknown_version", _no_such_candidate(spec, version, registry))
    name = f"{spec.name} candidate {version}"
    evaluated = _evaluation(spec, version, ledger)
    if evaluated is None:
        raise refused(
            "not_evaluated",
            f"{name} was not registered by a pipeline; `finloop run {spec.name}` makes one.",
        )
    if reasons := _gate_reasons(version, evaluated):
        raise refused("gate_failed", f"{name} cannot be approved. {' '.join(reasons)}")
    if by.casefold() in {evaluated.actor.casefold(), candidate.tags.get("author", "").casefold()}:
        raise refused("own_candidate", f"{name} was trained by {by}; another person must approve.")
    copies = [copy for copy in registry.versions(spec.name) if copy.source == version]
    if copies:
        raise refused(
            "already_approved", f"{name} is approved already, as version {copies[0].version}."
        )
    if differences := _differences(registry, spec.candidate, version, evaluated, None):
        raise refused(
            "files_changed", f"{name} is not what was evaluated: {differences[0]} Train it again."
        )
    return candidate, evaluated


def _no_such_candidate(spec: ModelSpec, version: str, registry: Registry) -> str:
    known = [candidate.version for candidate in registry.candidates(spec)]
    choice = (
        f"choose one of: {', '.join(known[-10:])}"
        if known
        else f"`finloop run {spec.name}` makes one"
    )
    return f"There is no version {version!r} of {spec.candidate}; {choice}."


def _evaluation(spec: ModelSpec, candidate: str | None, ledger: Ledger) -> Event | None:
    events = ledger.events("candidate", spec.name)
    return next((event for event in events if event.key == candidate), None)


def _gate_reasons(candidate: str, evaluated: Event) -> tuple[str, ...]:
    verdict = evaluated.body["verdict"]
    if verdict["ok"]:
        return ()
    return (f"The gate of candidate {candidate} failed: {' '.join(verdict['reasons'])}",)


def _copied_before(source: str, version: str, every: Iterable[ModelVersion]) -> tuple[str, ...]:
    earlier = [v.version for v in every if v.source == source and int(v.version) < int(version)]
    return tuple(f"Candidate {source} was approved already, as version {v}." for v in earlier[:1])


def _differences(
    registry: Registry, model: str, version: str, evaluated: Event, files: Path | None
) -> tuple[str, ...]:
    sealed = of_files(evaluated.body["files"])
    if files is not None:
        return check(files, sealed)
    with tempfile.TemporaryDirectory(prefix="finloop-") as scratch:
        try:
            return check(registry.download(model, version, Path(scratch)), sealed)
        except FinloopError as error:
            if error.code != "files_missing":
                raise
            return (error.message,)


def _approval(version: ModelVersion, by: str, through: str, evaluated: Event | None) -> Event:
    body = {
        "candidate": version.source,
        "digest": evaluated.body["digest"] if evaluated else None,
        "through": through,
    }
    now = datetime.now(UTC)
    return Event("approval", version.model, version.version, by, now, version.version, body)


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    """Keep approvals of this installation apart.

    Two approvals at once would copy a candidate twice, and a look at the registry between a copy
    and its entry in the ledger would take it for one made in the UI and lose the name.
    """
    path = settings.home / "approval.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise unavailable(
            "home_unavailable", f"{path} cannot be written ({error}); free its disk and retry."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
