"""What an artifact folder holds beside the model: how it was measured, and rows to check it by."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.common.artifact import Scorer, Scores, matrix
from components.common.evaluation import Metric
from components.common.lags import parse_lag
from components.common.section import Section
from components.common.verdict import Verdict
from components.common.verdict_file import write_verdict

if TYPE_CHECKING:
    import pandas as pd

METRICS, VERDICT = "metrics.json", "verdict.json"
REFERENCE, SAMPLE = "reference.parquet", "sample.parquet"
SCORE = "score"
REFERENCE_ROWS, SAMPLE_ROWS = 5_000, 100


@dataclass(frozen=True)
class Evidence:
    """How a candidate was made and measured."""

    parameters: dict[str, Any]
    windows: dict[str, str]
    """Bounds of the time spans (ISO 8601)."""
    rows: dict[str, dict[str, int]]
    """Rows and positives of each split."""
    metrics: dict[str, Metric]
    verdict: Verdict
    sections: list[Section] = field(default_factory=list)
    """What the card says beside: slices, and whatever the domain has to tell."""
    limits: list[str] = field(default_factory=list)
    """Sentences: what it must not be used for, and what was left out."""

    def write(self, folder: Path) -> None:
        """Write metrics.json and verdict.json."""
        told = {
            "parameters": self.parameters,
            "windows": self.windows,
            "rows": self.rows,
            "metrics": {name: metric.as_json() for name, metric in self.metrics.items()},
            "sections": [section.as_json() for section in self.sections],
            "limits": self.limits,
        }
        write_json(folder / METRICS, told)
        write_verdict(self.verdict, folder / VERDICT)


def write_values(path: Path, metrics: dict[str, Metric]) -> dict[str, float]:
    """Write the values of metrics, those that are numbers, as one JSON object; the same object."""
    told = {name: metric.as_json()["value"] for name, metric in metrics.items()}
    values = {name: value for name, value in told.items() if value is not None}
    write_json(path, values)
    return values


def read_metrics(folder: Path) -> dict[str, Any]:
    """What metrics.json of an artifact says."""
    return json.loads((folder / METRICS).read_text(encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def count_splits(frame: pd.DataFrame, split: str, label: str) -> dict[str, dict[str, int]]:
    """Rows and positives of each split of a frame."""
    groups = frame.groupby(split, sort=False)[label]
    return {
        str(name): {"rows": int(labels.size), "positives": int(labels.sum())}
        for name, labels in groups
    }


def write_reference(folder: Path, scorer: Scorer, trained_on: pd.DataFrame) -> None:
    """Write reference.parquet: rows spread evenly over the training time, with their scores.

    What drift is measured against: the inputs of the model as it has learnt them. Those of earlier
    events are left out: they are the same features, a few events later.
    """
    chosen = np.unique(np.linspace(0, len(trained_on) - 1, REFERENCE_ROWS).astype(int))
    own = tuple(name for name in scorer.inputs if parse_lag(name)[1] == 0)
    _write_scored(folder / REFERENCE, scorer, trained_on.iloc[chosen], own)


def write_sample(folder: Path, scorer: Scorer, tested_on: pd.DataFrame, score: Scores) -> None:
    """Write sample.parquet: rows from the lowest to the highest score, with their scores.

    Whoever loads the artifact can prove with it that it scores as it did when it was made.
    """
    ranked = np.argsort(score, kind="stable")
    places = np.linspace(0, len(ranked) - 1, min(SAMPLE_ROWS, len(ranked))).astype(int)
    _write_scored(folder / SAMPLE, scorer, tested_on.iloc[ranked[places]], scorer.inputs)


def _write_scored(path: Path, scorer: Scorer, rows: pd.DataFrame, columns: tuple[str, ...]) -> None:
    inputs = rows[list(columns)].reset_index(drop=True)
    inputs.assign(**{SCORE: scorer.score(matrix(rows, scorer.inputs))}).to_parquet(path)
