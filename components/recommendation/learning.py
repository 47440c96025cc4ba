"""From a training frame to a fitted network: pairs, content and later choices, by number.

Customers' own vectors help to learn what merchants are and do not leave the training: what is
served knows a customer by the history alone, so that no artifact holds anything of a person, a new
customer is answered like an old one, and an erasure leaves sealed artifacts as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import Field

from components.common.training_data import CALIBRATION, SPLIT, TRAIN
from components.recommendation.catalogue import HALF_LIFE_DAYS, SEEN, Catalogue
from components.recommendation.leave_one_out import NEGATIVES, HeldOut
from components.recommendation.ncf import Ncf, NcfConfig
from components.recommendation.pairs import NOBODY, Float32, History, Pairs
from components.recommendation.people import People

if TYPE_CHECKING:
    import pandas as pd

HELD_OUT = 5_000
"""Later choices by which training is stopped, at most."""
_DAY = 86_400.0


class LearningConfig(NcfConfig):
    """What can be tuned where customers pay; smaller steps than for a table of a million pairs."""

    batch: int = Field(default=256, ge=1)
    """Pairs between two corrections, without what is drawn."""
    negatives: int = Field(default=16, ge=1)
    """Merchants that a pair is compared with, drawn from those that the customer did not choose."""
    group: int = Field(default=16, ge=1)
    """Pairs that are compared with the same draw."""
    learning_rate: float = Field(default=5e-3, gt=0)
    """Size of the first corrections (Adam)."""
    epochs: int = Field(default=8, ge=1)
    """Most passes over the pairs."""
    patience: int = Field(default=2, ge=1)
    """Passes without improvement after which training ends."""
    drop_user: float = Field(default=0.9, ge=0, lt=1)
    """Share of the pairs that are learnt without the customer's own vector: all are served so."""


def fit_network(
    config: NcfConfig,
    rows: pd.DataFrame,
    content: pd.DataFrame,
    catalogue: Catalogue,
    later: People,
) -> Ncf:
    """A network learnt from the training window, stopped and calibrated on the window after it, and
    learnt again in the same way from both.

    rows: a frame. content: every merchant, in the order of the catalogue. later: who first paid
    somewhere in the window after, as they were when it began. How much of a history is seen, and
    how it ages, is as the service tells it.
    """
    seen = {"history": SEEN, "half_life_days": HALF_LIFE_DAYS}
    config = config.model_copy(update=seen)
    described, held_out = describe(content), held_out_of(later, config.seed)
    early = Ncf.fit(config, pairs_of(rows, catalogue, TRAIN), described, held_out=held_out)
    early = early.calibrated(history_of_inputs(later.inputs), ~later.seen, later.new)
    return early.again(pairs_of(rows, catalogue, TRAIN, CALIBRATION), described)


def pairs_of(rows: pd.DataFrame, catalogue: Catalogue, *windows: str) -> Pairs:
    """Who first paid where and when in some windows of a frame."""
    paid = rows[rows[SPLIT].isin(windows) & rows["merchant_id"].isin(catalogue.row_of)]
    told = paid.groupby(["user_id", "merchant_id"], as_index=False, sort=True)
    paid = told.agg(count=("count", "sum"), first=("first", "min"))
    users = paid["user_id"].astype("category").cat
    first = paid["first"]
    return Pairs.of(
        users.codes,
        paid["merchant_id"].map(catalogue.row_of),
        users=len(users.categories),
        items=len(catalogue),
        day=(first - first.min()).dt.total_seconds() / _DAY,
        weight=np.log1p(paid["count"]),
    )


def describe(content: pd.DataFrame) -> Float32:
    """[merchants, c] what is known of merchants beside who pays there.

    The category as a text of one word by TF-IDF, ln(merchants / merchants of the category), scaled
    to at most 1; amounts and customers in logarithms, and the place, standardised. Null is mean.
    """
    numbers = np.column_stack(
        [
            content["log_amount"].to_numpy(float),
            content["log_spread"].to_numpy(float),
            np.log1p(content["users"].to_numpy(float)),
            np.log1p(content["payments"].to_numpy(float)),
            *(content[name].to_numpy(float) for name in ("latitude", "longitude")),
        ]
    )
    known = np.isfinite(numbers)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, numbers, 0.0).sum(axis=0) / count
    away = np.where(known, numbers - mean, 0.0)
    deviation = np.sqrt(np.square(away).sum(axis=0) / count)
    scaled = away / np.where(deviation > 0, deviation, 1.0)
    kind = content["category"].to_numpy()[:, None] == np.unique(content["category"])[None]
    rarity = np.log(len(content) / kind.sum(axis=0)) if len(content) else np.zeros(kind.shape[1])
    words = kind * (rarity / max(float(rarity.max(initial=0.0)), 1.0))
    return np.concatenate([words, scaled], axis=1).astype(np.float32)


def held_out_of(later: People, seed: int) -> HeldOut | None:
    """What customers first paid at later, each among merchants at which they never paid.

    None where nobody did, or where a customer has paid everywhere.
    """
    who, what = np.nonzero(later.new)
    chosen = np.unique(np.linspace(0, len(who) - 1, min(HELD_OUT, len(who))).astype(int))
    who, what = who[chosen], what[chosen]
    never = ~(later.seen | later.new)
    count = min(NEGATIVES, int(never[who].sum(axis=1).min(initial=NEGATIVES)))
    if not len(who) or not count:
        return None
    draw = np.random.default_rng(seed)
    others = [draw.choice(np.flatnonzero(never[row]), count, replace=False) for row in who]
    items = np.concatenate([what[:, None], np.array(others)], axis=1).astype(np.int32)
    return HeldOut(history_of_inputs(later.inputs).take(who), items)


def history_of_inputs(inputs: npt.NDArray[np.floating]) -> History:
    """The histories that inputs [n, 2·SEEN] of a graph tell, of nobody by name."""
    rows, weight = inputs[:, :SEEN], inputs[:, SEEN:]
    there = np.isfinite(rows) & np.isfinite(weight)
    return History(
        np.where(there, rows, NOBODY).astype(np.int32),
        np.where(there, weight, 0.0).astype(np.float32),
    )
