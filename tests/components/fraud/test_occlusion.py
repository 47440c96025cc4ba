"""A network's reasons are true, name what it saw, and stay from one training to the next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from components.common.artifact import Matrix, Scorer
from components.common.errors import FinloopError
from components.common.lags import ABSENT, Sequences
from components.fraud.occlusion import Occlusion
from components.fraud.reasons import explain
from components.fraud.sequence import Sequence, SequenceConfig, read_preparation
from components.fraud.sequence_steps import STEP, STEPS

KINDS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "AMOUNT_UNUSUAL": (0, ("amount_zscore_last_64", "amount_to_median_last_64")),
    "MERCHANT_FRAUD": (0, ("merchant_frauds_3d", "merchant_risk_7d")),
    "RECENT_PAYMENTS": (1, ("amount", "amount_log")),
}
"""Reason → by which features of the payment so many before a kind of fraud shows here."""
CONFIG = SequenceConfig(
    first_units=8,
    second_units=8,
    dense_units=8,
    epochs=5,
    batch=128,
    learning_rate=2e-2,
    refit_epochs=0,
)
TRIPS = 4
"""Payments of a customer; the first one has none before it."""
STOPPED = 0.3
LATER = 1_000
"""Newest payments, on which it is seen when training is to end."""


def payments(rows: int, seed: int) -> tuple[Sequences, np.ndarray, np.ndarray]:
    """Sequences, whether each is fraud, and of which kind; nothing but its features show a kind."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(rows, len(STEP))).astype(np.float32)
    back = np.arange(rows)[:, None] - np.arange(STEPS + 1)
    known = np.arange(STEPS + 1) <= (np.arange(rows) % TRIPS)[:, None]
    index = np.where(known, back, ABSENT).astype(np.int32)
    kind = np.where(draw.random(rows) < 0.15, draw.integers(0, len(KINDS), rows), -1)
    for number, (lag, names) in enumerate(KINDS.values()):
        hit = np.flatnonzero((kind == number) & (index[:, lag] >= 0))
        for name in names:
            values[index[hit, lag], STEP.index(name)] += 5.0
        kind[(kind == number) & (index[:, lag] < 0)] = -1
    return Sequences(values, index), (kind >= 0).astype(int), kind


def trained(folder: Path, rows: int, seed: int, *, leave_out: str | None = None) -> Path:
    """An exported network of the first payments of one history; `leave_out` hides one kind."""
    x, y, kind = payments(6_000, seed=1)
    if leave_out is not None:
        y = np.where(kind == list(KINDS).index(leave_out), 0, y)
    early, later = np.arange(rows - LATER), np.arange(rows - LATER, rows)
    model = Sequence(CONFIG.model_copy(update={"seed": seed})).fit_sequences(
        STEP, x.take(early), y[early], calibration=(x.take(later), y[later])
    )
    model.export(folder)
    return folder


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("networks")
    return {
        "first": trained(folder / "first", 5_000, 0),
        "other seed": trained(folder / "seed", 5_000, 5),
        "some days more": trained(folder / "days", 6_000, 7),
        "another model": trained(folder / "other", 5_000, 0, leave_out="AMOUNT_UNUSUAL"),
    }


@pytest.fixture(scope="module")
def asked() -> tuple[Matrix, np.ndarray]:
    """New payments as requests have them, and the kind of fraud of each."""
    x, _, kind = payments(1_200, seed=2)
    return x.flat(), kind


def stopped(networks: dict[str, Path], names: list[str], x: Matrix) -> np.ndarray:
    """Rows that every one of the networks stops."""
    scores = [Scorer.load(networks[name]).score(x) for name in names]
    return np.flatnonzero(np.min(scores, axis=0) >= STOPPED)


def codes(network: Path, x: Matrix, rows: np.ndarray) -> list[list[str]]:
    return [[reason.code for reason in explain(network, x[at : at + 1])] for at in rows]


@pytest.mark.parametrize("again", ["other seed", "some days more"])
def test_the_reasons_of_a_payment_stay(
    networks: dict[str, Path], asked: tuple[Matrix, np.ndarray], again: str
) -> None:
    rows = stopped(networks, ["first", again], asked[0])
    assert len(rows) > 80
    before, after = (codes(networks[name], asked[0], rows) for name in ("first", again))
    assert np.mean([one[0] == two[0] for one, two in zip(before, after, strict=True)]) > 0.97
    assert np.mean([set(one) == set(two) for one, two in zip(before, after, strict=True)]) > 0.9


def test_they_say_what_was_wrong(
    networks: dict[str, Path], asked: tuple[Matrix, np.ndarray]
) -> None:
    x, kind = asked
    rows = stopped(networks, ["first"], x)
    rows = rows[kind[rows] >= 0]
    planted = [list(KINDS)[number] for number in kind[rows]]
    assert set(planted) == set(KINDS)
    said = codes(networks["first"], x, rows)
    assert np.mean([one[0] == cause for one, cause in zip(said, planted, strict=True)]) > 0.95


def test_they_change_with_what_the_network_knows(
    networks: dict[str, Path], asked: tuple[Matrix, np.ndarray]
) -> None:
    x, kind = asked
    rows = np.flatnonzero(kind == list(KINDS).index("AMOUNT_UNUSUAL"))
    before, after = (codes(networks[name], x, rows) for name in ("first", "another model"))
    assert np.mean([one[:1] == ["AMOUNT_UNUSUAL"] for one in before]) > 0.9
    assert np.mean([one[:1] == ["AMOUNT_UNUSUAL"] for one in after]) < 0.2


def test_a_group_pushes_as_the_last_and_as_the_first_one_to_be_known(
    networks: dict[str, Path], asked: tuple[Matrix, np.ndarray]
) -> None:
    """The formula by hand, for the payments before."""
    occlusion, row = Occlusion.read(networks["first"]), asked[0][3].copy()
    average = np.tile(occlusion.average, STEPS + 1)
    held = slice(len(STEP), TRIPS * len(STEP))
    without, alone = row.copy(), average.copy()
    without[held], alone[held] = average[held], row[held]
    score = occlusion.scorer.score(np.stack([row, without, alone, average]))
    odds = np.log(score / (1 - score))
    wanted = (odds[0] - odds[1] + odds[2] - odds[3]) / 2
    assert occlusion.pushes(row[None])["RECENT_PAYMENTS"] == pytest.approx(wanted, abs=1e-5)


def test_what_is_untrue_or_unknown_is_not_said(
    networks: dict[str, Path], asked: tuple[Matrix, np.ndarray]
) -> None:
    occlusion, row = Occlusion.read(networks["first"]), asked[0][:1].copy()
    for name in ("new_merchant", "distance_km"):
        row[0, STEP.index(name)] = 0.0
    row[0, STEP.index("hour")] = row[0, STEP.index("day_of_week")] = np.nan
    found = occlusion.pushes(row)
    assert {"NEW_MERCHANT", "FAR_AWAY", "PAYMENT_TIME"}.isdisjoint(found)
    assert {"AMOUNT_LEVEL", "LITTLE_KNOWN"} <= set(found)
    assert "RECENT_PAYMENTS" not in found, "the first payment of its customer"
    full = np.tile(asked[0][:1, : len(STEP)], STEPS + 1)
    assert "LITTLE_KNOWN" not in occlusion.pushes(full)


def test_the_average_payment_is_what_a_null_is_taken_for(networks: dict[str, Path]) -> None:
    prepared = read_preparation(networks["first"])
    np.testing.assert_allclose(prepared.apply(prepared.average()[None])[0, :-1], 0, atol=1e-5)
    pushes = Occlusion.read(networks["first"]).pushes(np.tile(prepared.average(), STEPS + 1)[None])
    assert max(map(abs, pushes.values())) < 1e-6


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FinloopError) as error:
        read_preparation(tmp_path)
    assert error.value.code == "artifact_unreadable"
