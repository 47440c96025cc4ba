"""The model card: what an approver reads before letting a candidate out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.common.domain import ModelSpec
from components.common.section import Cell, Section
from components.common.verdict import Verdict

CARD = "model_card.md"
IMPORTANCE = "importance.png"
_SHOWN = 20


@dataclass(frozen=True)
class CardFacts:
    """Everything a card says; nothing in it is computed anew."""

    spec: ModelSpec
    purpose: str
    """One sentence: the question that the model answers."""
    author: str
    inputs: Sequence[str]
    """Names of the features, in the order of the model."""
    windows: Mapping[str, str]
    """Bound of a time span (`train_from`) → moment (ISO 8601)."""
    rows: Mapping[str, Mapping[str, int]]
    """Split → `rows` and `positives`."""
    metrics: Mapping[str, Mapping[str, float | None]]
    """Metric → `value`, `low`, `high` (95 %)."""
    verdict: Verdict
    comparison: Mapping[str, Any]
    """`champion` and `differences` (metric → `value`, `low`, `high`), or `reason` where the two
    could not be compared; empty where there was no champion."""
    data_digest: str
    code_digest: str
    code_commit: str = "unknown"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    """Caption → file beside the card."""
    sections: Sequence[Section] = ()
    """What it says beside, between the data and the pictures."""
    limits: Sequence[str] = ()
    """Sentences of the domain, after those that hold for every model."""


def render(facts: CardFacts) -> str:
    """The card as Markdown."""
    spec = facts.spec
    sections = (
        (f"# {spec.name}", [facts.purpose, *_identity(facts)]),
        ("## Gate", _gate(facts)),
        ("## Measured on the test rows", _metrics(facts.metrics)),
        ("## Against the champion", _comparison(facts.comparison)),
        ("## Data", _data(facts)),
        *((f"## {section.title}", _section(section)) for section in facts.sections),
        ("## Pictures", [f"![{caption}]({file})" for caption, file in facts.pictures.items()]),
        ("## Limits", _limits(facts)),
        ("## If it goes wrong", _way_back(spec)),
        ("## Parameters", _table(("parameter", "value"), facts.parameters.items())),
    )
    return "\n".join("\n".join([title, "", *lines, ""]) for title, lines in sections if lines)


def draw_importance(importance: Mapping[str, float], path: Path) -> None:
    """The inputs that weigh most, as PNG; `importance` is feature → weight, in any unit."""
    from matplotlib.figure import Figure

    top = sorted(importance.items(), key=lambda item: item[1])[-_SHOWN:]
    figure = Figure(figsize=(7, 0.6 + 0.26 * max(len(top), 1)), layout="constrained")
    axes = figure.subplots()
    axes.barh([name for name, _ in top], [weight for _, weight in top])
    axes.set(title="What the model looks at most", xlabel="importance")
    figure.savefig(path, dpi=90, metadata={"Software": None})


def _identity(facts: CardFacts) -> list[str]:
    rows = {
        "owner": facts.spec.owner,
        "author": facts.author,
        "predicts": f"`{facts.spec.label}`",
        **_inputs(facts),
        "code": f"commit `{facts.code_commit}`, digest `{facts.code_digest[:16]}`",
        "data": f"digest `{facts.data_digest[:16]}`",
    }
    return ["", *_table(("", ""), rows.items())]


def _inputs(facts: CardFacts) -> dict[str, str]:
    service = f"the feature service `{facts.spec.feature_service}`"
    if facts.spec.members:
        return {"decides by": f"what {' and '.join(facts.spec.members)} say"}
    return {"features": f"{len(facts.inputs)}, from {service}"}


def _gate(facts: CardFacts) -> list[str]:
    if facts.verdict.ok:
        return ["**Passed.** Every bound below holds.", "", *_bounds(facts)]
    reasons = [f"- {reason}" for reason in facts.verdict.reasons]
    return ["**Failed; this candidate cannot be approved.**", "", *reasons, "", *_bounds(facts)]


def _bounds(facts: CardFacts) -> list[str]:
    rows = [
        (_words(gate.metric), _number(_value(facts.metrics, gate.metric)), bound)
        for gate in facts.spec.gates
        for bound in (
            *([f"at least {_number(gate.at_least)}"] if gate.at_least is not None else []),
            *([f"at most {_number(gate.at_most)}"] if gate.at_most is not None else []),
        )
    ]
    return _table(("gate", "measured", "required"), rows)


def _metrics(metrics: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    rows = [(_words(name), _number(m.get("value")), _interval(m)) for name, m in metrics.items()]
    return _table(("metric", "value", "95 % interval"), rows)


def _comparison(comparison: Mapping[str, Any]) -> list[str]:
    if not comparison:
        return ["There was no champion when it was registered: it would be the first."]
    champion = f"version {comparison.get('champion')}"
    if "differences" not in comparison:
        return [f"It could not be compared with {champion}: {comparison.get('reason', 'unknown')}"]
    rows = [
        (_words(name), f"{m['value']:+.4g}" if m["value"] is not None else "—", _interval(m))
        for name, m in comparison["differences"].items()
    ]
    head = f"Candidate minus {champion}, on the same test rows. An interval around 0 is no proof."
    return [head, "", *_table(("metric", "difference", "95 % interval"), rows)]


def _data(facts: CardFacts) -> list[str]:
    windows = _table(("bound (UTC)", "moment"), ((_words(k), v) for k, v in facts.windows.items()))
    counts = _table(
        ("split", "rows", "positives"),
        ((name, f"{n['rows']:,}", f"{n['positives']:,}") for name, n in facts.rows.items()),
    )
    return [*windows, "", *counts]


def _section(section: Section) -> list[str]:
    table = _table(section.head, ([_shown(cell) for cell in row] for row in section.rows))
    return [*_paragraphs(section.text), *table]


def _paragraphs(text: Iterable[str]) -> list[str]:
    return [line for sentence in text for line in (sentence, "")]


def _shown(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else _number(cell)


def _limits(facts: CardFacts) -> list[str]:
    days = facts.spec.label_delay.days
    calibrated = "expected_calibration_error" in facts.metrics
    return [
        "- It is measured on the newest time span with known outcomes and on nobody outside of it; "
        "what changes afterwards is for the drift monitor to see.",
        f"- Outcomes are usually known after {days} days: newer patterns are not in it.",
        *(
            ["- Probabilities are calibrated at the share of positives of its own time span."]
            if calibrated
            else []
        ),
        _missing(facts.spec),
        *(f"- {sentence}" for sentence in facts.limits),
    ]


def _missing(spec: ModelSpec) -> str:
    if spec.members:
        return "- Where a member does not answer, the one that is there and weighs most decides."
    return (
        "- A missing feature is a value to it, never 0; with many missing the decision is marked "
        "as degraded."
    )


def _way_back(spec: ModelSpec) -> list[str]:
    return [
        f"`finloop rollout abort {spec.name}` takes a challenger out of traffic at once; the "
        "champion answers everything again. The judge does the same by itself, with reasons. "
        f"`finloop rollout restore {spec.name}` brings the former champion back. "
        "Every decision of any version stays in the ledger and can be replayed."
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    if not lines:
        return []
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *lines]


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _value(metrics: Mapping[str, Mapping[str, float | None]], name: str) -> float | None:
    return metrics.get(name, {}).get("value")


def _interval(metric: Mapping[str, float | None]) -> str:
    low, high = metric.get("low"), metric.get("high")
    return "—" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4g}"


def _words(name: str) -> str:
    return name.replace("_", " ")
