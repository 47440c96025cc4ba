"""The same configuration is the same company, and a drift leaves the past alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from components.common.contracts import FEEDBACK, TABLES
from components.common.errors import Exit, FinloopError
from demo.world import World, WorldConfig, known_by, simulate, write

LAST = datetime(2025, 2, 9, 14, 59, 59, 999_999, tzinfo=UTC)
"""The last instant before the drift, which begins at midnight in Seoul."""
MADE = set(TABLES) - {FEEDBACK.name}
"""Nobody has been shown anything yet."""
TINY = WorldConfig(users=50, merchants=20, days=10, seed=3)


def _bytes(world: World, folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in write(world.tables, folder).items()}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first = _bytes(simulate(TINY), tmp_path / "first")
    assert first == _bytes(simulate(TINY), tmp_path / "second")
    assert set(first) == MADE


def test_another_seed_gives_another_company(tmp_path: Path) -> None:
    first = _bytes(simulate(TINY), tmp_path / "first")
    other = _bytes(simulate(replace(TINY, seed=4)), tmp_path / "other")
    assert all(first[name] != other[name] for name in MADE)


def test_a_drift_changes_nothing_before_its_date(calm: World, drifted: World) -> None:
    before, same = known_by(calm, LAST), known_by(drifted, LAST)
    assert all(before.tables[name].equals(same.tables[name]) for name in MADE)
    assert np.array_equal(before.kinds, same.kinds)
    day_after = len(before.kinds) + 500
    paid, dearer = (world.tables["transactions"]["amount"].to_numpy() for world in (calm, drifted))
    assert not np.array_equal(paid[:day_after], dearer[:day_after])


def test_outcomes_of_payments_before_the_drift_stay_the_same(calm: World, drifted: World) -> None:
    past = known_by(calm, LAST).tables["transactions"]["transaction_id"].to_pandas()
    told = [world.tables["outcomes"].to_pandas() for world in (calm, drifted)]
    told = [rows[rows["transaction_id"].isin(past)].reset_index(drop=True) for rows in told]
    assert len(told[0]) == len(past)
    assert told[0].equals(told[1])


def test_the_past_holds_only_what_was_known(drifted: World) -> None:
    moment = datetime(2025, 1, 20, 3, tzinfo=UTC)
    past = known_by(drifted, moment)
    for name, table in past.tables.items():
        if (time := TABLES[name].time) is not None:
            everything = drifted.tables[name][time].to_pandas()
            assert table[time].to_pandas().max() <= moment
            assert len(table) == (everything <= moment).sum()
    assert len(past.kinds) == len(past.tables["transactions"])


@pytest.mark.parametrize(
    ("users", "merchants", "days"), [(10, 10, 2), (50, 20, 10), (3_000, 40, 3)]
)
def test_companies_of_any_size_live(users: int, merchants: int, days: int) -> None:
    world = simulate(WorldConfig(users=users, merchants=merchants, days=days))
    paid = len(world.tables["transactions"])
    assert paid == len(world.tables["outcomes"]) == len(world.kinds)
    assert 0.5 * users * days < paid < 4 * users * days


@pytest.mark.parametrize(
    "wrong",
    [
        {"users": 9},
        {"merchants": 3},
        {"days": 1},
        {"seed": -1},
        {"drift_from": date(2025, 1, 1)},
        {"drift_from": date(2025, 1, 11)},
    ],
)
def test_a_company_that_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(FinloopError) as caught:
        replace(TINY, **wrong)
    assert caught.value.exit_status is Exit.BAD_INPUT
    assert caught.value.message.count("\n") == 0


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FinloopError) as caught:
        write(simulate(TINY).tables, tmp_path / "file" / "out")
    assert caught.value.exit_status is Exit.UNAVAILABLE
