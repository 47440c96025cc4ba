"""A judged artifact becomes a candidate: compared with the champion, described, registered."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from components import find_model
from components.common.artifact import Scorer, matrix, read_inputs
from components.common.domain import Domain, ModelSpec
from components.common.errors import FinloopError
from components.common.evaluation import Metric, Scored, compare
from components.common.evidence import METRICS, VERDICT, read_metrics, write_json
from components.common.frame import Frame, read_frame
from components.common.model_card import CARD, CardFacts, render
from components.common.provenance import code_commit
from components.common.registry import Registry, RunFacts
from components.common.section import Section
from components.common.settings import Settings
from components.common.training_data import TEST
from components.common.verdict import Verdict
from components.common.verdict_file import read_verdict


@dataclass(frozen=True)
class Origin:
    """Who made a candidate, and from what."""

    author: str
    data_digest: str
    code_digest: str


def make_candidate(
    model: str, frame: Path, out: Path, config: str
) -> tuple[Verdict, dict[str, Metric]]:
    """Fill the artifact folder `out` from a frame; what the gates say, and the metrics.

    config: what can be tuned of that model, as JSON.
    """
    domain, spec = find_model(model)
    made_by = import_module(f"components.{domain.name}.{spec.training}")
    return made_by.train_candidate(frame, out, config)


def register_candidate(
    settings: Settings, model: str, frame: Path, candidate: Path, card: Path, origin: Origin
) -> str:
    """Register the artifact in the folder `candidate`; the version it became.

    The frame's test rows are those on which it is compared with the champion of now, if there is
    one; the comparison goes into metrics.json and the model card, which is written to `card` too.
    """
    domain, spec = find_model(model)
    registry = Registry(settings)
    with tempfile.TemporaryDirectory(prefix="finloop-") as scratch:
        artifact = Path(shutil.copytree(candidate, Path(scratch) / "artifact"))
        told = read_metrics(artifact)
        told["comparison"] = _comparison(registry, domain, spec, frame, artifact, Path(scratch))
        write_json(artifact / METRICS, told)
        facts = _facts(told, artifact, origin)
        (artifact / CARD).write_text(_card(domain, spec, artifact, told, facts, origin.author))
        shutil.copyfile(artifact / CARD, card)
        return registry.register_candidate(spec, artifact, run=facts, actor=origin.author).version


def _comparison(
    registry: Registry,
    domain: Domain,
    spec: ModelSpec,
    frame: Path,
    artifact: Path,
    scratch: Path,
) -> dict[str, Any]:
    """Candidate minus champion on the same test rows, by metric; empty without a champion.

    A domain whose models score no rows compares them by `compare_artifacts(artifact, champion,
    frame)` in its training module.
    """
    champion = registry.champion(spec.name)
    if champion is None:
        return {}
    folder = registry.download(spec.name, champion.version, scratch / "champion")
    training = import_module(f"components.{domain.name}.training")
    try:
        if hasattr(training, "compare_artifacts"):
            found = training.compare_artifacts(artifact, folder, frame)
        else:
            found = _differences(artifact, folder, read_frame(frame), training.measure)
    except FinloopError as error:  # an older champion may read inputs that are no more
        return {"champion": champion.version, "reason": error.message}
    return {
        "champion": champion.version,
        "differences": {name: metric.as_json() for name, metric in found.items()},
    }


def _differences(
    artifact: Path, champion: Path, rows: Frame, measure: Callable[..., Scored]
) -> dict[str, Metric]:
    """Artifact minus champion on the test rows, by metric."""
    test = rows.widened((), TEST)
    return compare(*(measure(test, _score(path, rows)) for path in (artifact, champion)))


def _score(folder: Path, rows: Frame) -> Any:
    scorer = Scorer.load(folder)
    return scorer.score(matrix(rows.widened(scorer.inputs, TEST), scorer.inputs))


def _facts(told: dict[str, Any], artifact: Path, origin: Origin) -> RunFacts:
    bounds = {
        f"{name}{suffix}": metric[bound]
        for name, metric in told["metrics"].items()
        for suffix, bound in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return RunFacts(
        params={**told["parameters"], **told["windows"]},
        metrics={name: value for name, value in bounds.items() if value is not None},
        verdict=read_verdict(artifact / VERDICT),
        data_digest=origin.data_digest,
        code_digest=origin.code_digest,
        comparison=told["comparison"],
        tags={"code_commit": code_commit()},
    )


def _card(
    domain: Domain,
    spec: ModelSpec,
    artifact: Path,
    told: dict[str, Any],
    run: RunFacts,
    author: str,
) -> str:
    """The model card of an artifact, with the pictures that are in it."""
    pictures = {path.stem.capitalize(): path.name for path in sorted(artifact.glob("*.png"))}
    facts = CardFacts(
        spec,
        import_module(f"components.{domain.name}.training").PURPOSE,
        author,
        read_inputs(artifact),
        told["windows"],
        told["rows"],
        told["metrics"],
        run.verdict,
        run.comparison,
        run.data_digest,
        run.code_digest,
        run.tags["code_commit"],
        told["parameters"],
        pictures,
        [Section.from_json(section) for section in told["sections"]],
        told["limits"],
    )
    return render(facts)
