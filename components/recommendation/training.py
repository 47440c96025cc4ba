"""From a training frame to a judged candidate of recommendation-ncf."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.common.artifact import Scorer
from components.common.evaluation import Metric, artifact_difference, judge_gates
from components.common.evidence import REFERENCE, REFERENCE_ROWS, SAMPLE, SCORE, Evidence
from components.common.frame import Frame, read_frame
from components.common.training_data import CALIBRATION, SPLIT, TEST, TRAIN
from components.common.verdict import Verdict
from components.recommendation import NCF
from components.recommendation.catalogue import INPUTS, Catalogue, write_merchants
from components.recommendation.features import USER_PROFILE
from components.recommendation.interactions import (
    read_merchants,
    read_profiles,
    write_frame,
)
from components.recommendation.learning import (
    LearningConfig,
    fit_network,
    history_of_inputs,
    pairs_of,
)
from components.recommendation.ncf import Ncf
from components.recommendation.neighbours import customers, item_knn, neighbours_of
from components.recommendation.people import People, people_of, weights_matrix
from components.recommendation.quality import AT, beyond_accuracy, mean_of, over, per_user, ranks_of
from components.recommendation.reporting import GAIN, LIMITS, Lists, compared, draw, sliced
from components.recommendation.shallow import Shallow

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

__all__ = ["PURPOSE", "compare_artifacts", "train_candidate", "write_frame"]

PURPOSE = "Which merchants that this customer has not paid at yet would they pay at next?"
OURS = "network"
"""What the card calls the artifact beside the baselines."""
SEGMENT = "segment"
"""Column of the profiles with the age band."""
SAMPLE_ROWS = 20
"""Histories of the sample, each with the probability of every merchant."""

Floats = npt.NDArray[np.float64]


def train_candidate(frame: Path, out: Path, config: str) -> tuple[Verdict, dict[str, Metric]]:
    """Fill the artifact folder `out` from a frame; what the gates say, and the metrics.

    config: `LearningConfig` as JSON.
    """
    told, chosen = Told(frame), LearningConfig.model_validate_json(config)
    before = told.people(CALIBRATION, TRAIN)
    model = fit_network(chosen, told.rows, told.content, told.catalogue, before)
    model.export(out)
    write_merchants(out, told.content, neighbours_of(told.paid))
    return _judge(told, out, model, chosen)


@dataclass(frozen=True)
class Told:
    """A frame as the model sees it."""

    folder: Path

    @cached_property
    def frame(self) -> Frame:
        return read_frame(self.folder)

    @property
    def rows(self) -> pd.DataFrame:
        return self.frame.rows

    @cached_property
    def content(self) -> pd.DataFrame:
        """The merchants, in the order of the outputs."""
        return read_merchants(self.folder)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The merchants without their neighbours, which nobody needs to make inputs."""
        ids, names, categories = (
            tuple(self.content[name]) for name in ("merchant_id", "name", "category")
        )
        latitude, longitude, users = (
            self.content[name].to_numpy(float) for name in ("latitude", "longitude", "users")
        )
        near: tuple[tuple[int, ...], ...] = ((),) * len(ids)
        return Catalogue(ids, names, categories, latitude, longitude, users, near)

    def bound(self, name: str) -> datetime:
        """A bound of the windows."""
        return datetime.fromisoformat(self.frame.windows[name])

    @cached_property
    def paid(self) -> csr_matrix:
        """Weights of what was paid before the test [customers, merchants], as of its beginning."""
        began = self.bound("test_from")
        return weights_matrix(self.rows, self.catalogue, began, TRAIN, CALIBRATION)

    def people(self, window: str, *known: str) -> People:
        """Who first paid somewhere in a window, and what was known of them when it began."""
        began = {CALIBRATION: "calibration_from", TEST: "test_from"}[window]
        return people_of(self.rows, self.catalogue, self.bound(began), window, known)


def _judge(
    told: Told, out: Path, model: Ncf, config: LearningConfig
) -> tuple[Verdict, dict[str, Metric]]:
    """Measure the exported artifact and add its evidence."""
    test, scorer = told.people(TEST, TRAIN, CALIBRATION), Scorer.load(out)
    scores = scorer.score(test.inputs.astype(np.float32))
    lists = Lists(test, {OURS: scores, **_baselines(told, test, model)})
    gains = lists.gains(test.new)
    metrics = _metrics(told, lists, gains)
    expected = model.probability(history_of_inputs(test.inputs))
    metrics["artifact_max_difference"] = artifact_difference(expected, scores)
    verdict = judge_gates(metrics, NCF.gates)
    counts = {
        str(split): {"rows": len(rows), "positives": int(rows["is_new"].sum())}
        for split, rows in told.rows.groupby(SPLIT)
    }
    profiles = read_profiles(told.folder).set_index("user_id").reindex(test.users)
    slices = sliced(lists, gains, profiles[SEGMENT], customers(told.paid))
    sections = [compared(gains), slices]
    Evidence(
        config.model_dump(), told.frame.windows, counts, metrics, verdict, sections, list(LIMITS)
    ).write(out)
    draw(scorer, lists, out)
    _write_sample(out, test.inputs, scores)
    _write_reference(out, profiles, test, scores)
    return verdict, metrics


def _baselines(told: Told, test: People, model: Ncf) -> dict[str, Floats]:
    """What else could rank: what is popular, what is alike, and the closed form, where it fits."""
    popular = np.broadcast_to(customers(told.paid), test.seen.shape)
    found = {"popularity": popular, "item_knn": item_knn(told.paid, test)}
    # the model holds the same table, unless there was nothing to choose its share by
    shallow = model.shallow or Shallow.of(
        pairs_of(told.rows, told.catalogue, TRAIN, CALIBRATION), model.config.ridge
    )
    return found if shallow is None else {**found, "ease": _told_by(shallow, test)}


def _told_by(shallow: Shallow, test: People) -> Floats:
    return shallow.told(history_of_inputs(test.inputs)).astype(np.float64)


def _metrics(told: Told, lists: Lists, gains: dict[str, dict[str, Floats]]) -> dict[str, Metric]:
    """Ours, those of the baselines, and how much more ours are."""
    ours = gains[OURS]
    found = {name: mean_of(values) for name, values in ours.items()}
    for baseline, its in gains.items():
        if baseline != OURS:
            found |= {f"{baseline}_{name}": mean_of(values) for name, values in its.items()}
            found[f"ndcg_at_10_over_{baseline}"] = over(ours, its, GAIN)
    top = np.argsort(-np.where(lists.test.seen, -1.0, lists.by[OURS]), axis=1, kind="stable")
    everyone = told.rows["user_id"].nunique()
    return found | beyond_accuracy(top[:, :AT], told.catalogue.users, everyone)


def compare_artifacts(artifact: Path, champion: Path, frame: Path) -> dict[str, Metric]:
    """Artifact minus champion on the test customers, by metric; each by its own catalogue.

    A merchant that one of them does not know is its last.
    """
    told = Told(frame)
    ours, theirs = (_per_user(folder, told) for folder in (artifact, champion))
    return {name: over(ours, theirs, name) for name in ours}


def _per_user(folder: Path, told: Told) -> dict[str, Floats]:
    catalogue, scorer = Catalogue.read(folder), Scorer.load(folder)
    began = told.bound("test_from")
    known = (TRAIN, CALIBRATION)
    mine = people_of(told.rows, catalogue, began, TEST, known, told.catalogue)
    scores = scorer.score(mine.inputs.astype(np.float32))
    every = np.full((len(scores), len(told.catalogue)), -1.0)
    places = told.catalogue.rows(catalogue.ids)
    shared = [row for row, one in enumerate(catalogue.ids) if one in told.catalogue.row_of]
    every[:, places] = scores[:, shared]
    return per_user(ranks_of(every, mine.seen, mine.new))


def list_score(probability: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    """Mean probability of the ten best merchants that each customer has not paid at [n]."""
    best = np.sort(np.where(seen, 0.0, probability), axis=1)[:, -AT:]
    return best.mean(axis=1)


def _write_sample(folder: Path, inputs: Floats, scores: Floats) -> None:
    """Histories with the probability of every merchant: whoever loads the artifact can prove it."""
    import pandas as pd

    chosen = np.unique(np.linspace(0, len(inputs) - 1, SAMPLE_ROWS).astype(int))
    rows = pd.DataFrame(inputs[chosen], columns=list(INPUTS))
    rows.assign(**{SCORE: list(scores[chosen])}).to_parquet(folder / SAMPLE)


def _write_reference(folder: Path, profiles: pd.DataFrame, test: People, scores: Floats) -> None:
    """What drift is measured against: customers as they were when the test began, with the scores
    of their lists."""
    known = profiles[list(USER_PROFILE)].astype(float)
    rows = known.assign(**{SCORE: list_score(scores, test.seen)}).reset_index(drop=True)
    chosen = np.unique(np.linspace(0, len(rows) - 1, REFERENCE_ROWS).astype(int))
    rows.iloc[chosen].to_parquet(folder / REFERENCE)
