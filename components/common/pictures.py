"""Pictures of an evaluation, for the model card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.common.evaluation import Scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE = "evaluation.png"
_BINS = 15


def draw_evaluation(rows: Scored, path: Path) -> None:
    """Precision against recall, calibration, and scores by class, side by side as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    axes: Any = figure.subplots(1, 3)
    _precision_recall(axes[0], rows)
    _calibration(axes[1], rows)
    _scores(axes[2], rows)
    figure.savefig(path, dpi=90, metadata={"Software": None})


def _precision_recall(axes: Axes, rows: Scored) -> None:
    found = np.cumsum(rows.label[np.argsort(-rows.score, kind="stable")])
    axes.plot(found / max(found[-1], 1), found / np.arange(1, len(found) + 1))
    axes.set(title="Precision and recall", xlabel="recall", ylabel="precision", ylim=(0, 1.02))


def _calibration(axes: Axes, rows: Scored) -> None:
    order = np.argsort(rows.score, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    predicted = [rows.score[part].mean() for part in bins]
    axes.plot(predicted, [rows.label[part].mean() for part in bins], marker="o")
    top = max(predicted)
    axes.plot([0, top], [0, top], color="grey", linestyle=":")
    axes.set(title="Calibration", xlabel="mean score", ylabel="share of positives")


def _scores(axes: Axes, rows: Scored) -> None:
    bins = np.linspace(0, 1, 41).tolist()
    for label, name in ((False, "negative"), (True, "positive")):
        axes.hist(rows.score[rows.label == label], bins=bins, alpha=0.6, label=name)
    axes.set(title="Scores", xlabel="score", ylabel="rows", yscale="log")
    axes.legend()
