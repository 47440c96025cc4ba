"""Labelled events: split by time, with labels as they were known then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.common import lake
from components.common.contracts import TABLES
from components.common.errors import FinloopError
from components.common.training_data import (
    CALIBRATION,
    SPLIT,
    TEST,
    TRAIN,
    Labelled,
    Windows,
    labelled_events,
)

SOURCE = Labelled("transactions", "transaction_id", "outcomes", "is_fraud", ("user_id",))
DAY = timedelta(days=1)
CUT_OFF = datetime(2025, 6, 30, 15, tzinfo=UTC)
WINDOWS = Windows.before(CUT_OFF, 7 * DAY, calibration_days=3, test_days=5)
"""train | 06-08 | calibration | 06-11 | gap | 06-18 | test | 06-23 | unknown | 06-30, at 15:00."""

Outcome = tuple[str, bool, datetime]


def write_lake(
    root: Path, events: Sequence[tuple[str, datetime]], outcomes: Sequence[Outcome]
) -> Path:
    """A lake of one partition per table."""
    paid = [
        {
            "transaction_id": name,
            "event_timestamp": at,
            "user_id": "u",
            "merchant_id": "m",
            "amount": 1.0,
        }
        for name, at in events
    ]
    told = [
        {"transaction_id": name, "is_fraud": fraud, "outcome_timestamp": at}
        for name, fraud, at in outcomes
    ]
    for name, rows in (("transactions", paid), ("outcomes", told)):
        path = root / name / "day=2025-06-01" / "part.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, lake.arrow_schema(TABLES[name])), path)
        known = {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
            "rows": len(rows),
        }
        (root / name / lake.DIGESTS).write_text(
            json.dumps({str(path.relative_to(root / name)): known})
        )
    return root


def one_of_each(*, after: timedelta = DAY) -> tuple[list[tuple[str, datetime]], list[Outcome]]:
    """An event in the middle of every window, each with an outcome some time after it."""
    events = [
        ("train", WINDOWS.calibration_from - DAY),
        ("calibration", WINDOWS.calibration_from + DAY),
        ("gap", WINDOWS.gap_from + DAY),
        ("test", WINDOWS.test_from + DAY),
        ("unknown", WINDOWS.test_until + DAY),
    ]
    return events, [(name, name == "test", at + after) for name, at in events]


def test_windows_leave_a_gap_as_long_as_the_delay() -> None:
    assert WINDOWS.test_until == CUT_OFF - 7 * DAY
    assert WINDOWS.test_from - WINDOWS.gap_from == 7 * DAY
    assert WINDOWS.test_until - WINDOWS.test_from == 5 * DAY
    assert WINDOWS.gap_from - WINDOWS.calibration_from == 3 * DAY
    assert WINDOWS.train_from is None
    assert "train_from" not in WINDOWS.as_json()


def test_every_event_falls_into_its_window(tmp_path: Path) -> None:
    rows = labelled_events(write_lake(tmp_path, *one_of_each()), SOURCE, WINDOWS)
    assert dict(zip(rows["transaction_id"], rows[SPLIT], strict=True)) == {
        "train": TRAIN,
        "calibration": CALIBRATION,
        "test": TEST,
    }
    assert list(rows.columns) == [
        "transaction_id", "user_id", "event_timestamp", "is_fraud", SPLIT,
    ]  # fmt: skip
    assert rows["is_fraud"].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("at", "split"),
    [
        (WINDOWS.calibration_from, CALIBRATION),
        (WINDOWS.gap_from, None),
        (WINDOWS.gap_from - timedelta(microseconds=1), CALIBRATION),
        (WINDOWS.test_from, TEST),
        (WINDOWS.test_from - timedelta(microseconds=1), None),
        (WINDOWS.test_until, None),
    ],
)
def test_a_window_has_its_beginning_and_not_its_end(
    tmp_path: Path, at: datetime, split: str | None
) -> None:
    events, outcomes = one_of_each()
    root = write_lake(tmp_path, [*events, ("edge", at)], [*outcomes, ("edge", True, at)])
    rows = labelled_events(root, SOURCE, WINDOWS).set_index("transaction_id")
    assert (rows[SPLIT].get("edge")) == split


def test_train_days_begin_the_training(tmp_path: Path) -> None:
    events, outcomes = one_of_each()
    old = ("old", WINDOWS.calibration_from - 3 * DAY)
    root = write_lake(tmp_path, [*events, old], [*outcomes, ("old", True, old[1])])
    short = Windows.before(CUT_OFF, 7 * DAY, train_days=2, calibration_days=3, test_days=5)
    assert "old" in set(labelled_events(root, SOURCE, WINDOWS)["transaction_id"])
    assert "old" not in set(labelled_events(root, SOURCE, short)["transaction_id"])


def test_what_became_known_after_the_test_began_is_not_trained_on(tmp_path: Path) -> None:
    events, outcomes = one_of_each()
    learned = WINDOWS.test_from + timedelta(microseconds=1)
    late = ("late", WINDOWS.calibration_from - DAY)
    turned = ("turned", WINDOWS.calibration_from - DAY)
    root = write_lake(
        tmp_path,
        [*events, late, turned],
        [
            *outcomes,
            ("late", True, learned),
            ("turned", False, turned[1]),
            ("turned", True, learned),
        ],
    )
    rows = labelled_events(root, SOURCE, WINDOWS).set_index("transaction_id")
    assert "late" not in rows.index
    assert not rows["is_fraud"]["turned"]


def test_what_became_known_after_the_cut_off_is_not_tested_on(tmp_path: Path) -> None:
    events, outcomes = one_of_each()
    at = WINDOWS.test_from + DAY
    root = write_lake(
        tmp_path,
        [*events, ("late", at), ("turned", at)],
        [
            *outcomes,
            ("late", True, CUT_OFF + timedelta(microseconds=1)),
            ("turned", False, at),
            ("turned", True, CUT_OFF),
        ],
    )
    rows = labelled_events(root, SOURCE, WINDOWS).set_index("transaction_id")
    assert "late" not in rows.index
    assert rows["is_fraud"]["turned"]


def test_an_empty_window_is_one_sentence(tmp_path: Path) -> None:
    events, outcomes = one_of_each()
    root = write_lake(tmp_path, events[1:], outcomes)
    with pytest.raises(FinloopError, match="fall into the train window") as caught:
        labelled_events(root, SOURCE, WINDOWS)
    assert caught.value.code == "too_little_history"


_HOURS = st.integers(0, 40 * 24)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(_HOURS, st.lists(st.tuples(_HOURS, st.booleans()), max_size=3)), max_size=15)
)
def test_it_is_what_a_plain_loop_says(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[int, list[tuple[int, bool]]]],
) -> None:
    begin = CUT_OFF - 40 * DAY
    events, outcomes = one_of_each()
    for n, (hour, told) in enumerate(drawn):
        at = begin + timedelta(hours=hour)
        events.append((f"t{n}", at))
        outcomes += [
            (f"t{n}", fraud, at + timedelta(hours=later, microseconds=k))
            for k, (later, fraud) in enumerate(told)
        ]
    root = write_lake(tmp_path_factory.mktemp("lake"), events, outcomes)
    rows = labelled_events(root, SOURCE, WINDOWS)
    found = {r.transaction_id: (r.split, bool(r.is_fraud)) for r in rows.itertuples()}
    assert found == by_hand(events, outcomes)
    assert rows["event_timestamp"].is_monotonic_increasing


def by_hand(
    events: Sequence[tuple[str, datetime]], outcomes: Sequence[Outcome]
) -> dict[str, tuple[str, bool]]:
    """Every labelled event, one after another."""
    found = {}
    for name, at in events:
        split, until = TRAIN, WINDOWS.test_from
        if at >= WINDOWS.calibration_from:
            split = CALIBRATION
        if WINDOWS.gap_from <= at < WINDOWS.test_from or at >= WINDOWS.test_until:
            continue
        if at >= WINDOWS.test_from:
            split, until = TEST, CUT_OFF
        known = [
            (when, fraud) for other, fraud, when in outcomes if other == name and when <= until
        ]
        if known:
            found[name] = (split, max(known)[1])
    return found


def test_frames_are_pandas_with_utc_times(tmp_path: Path) -> None:
    rows = labelled_events(write_lake(tmp_path, *one_of_each()), SOURCE, WINDOWS)
    assert isinstance(rows["event_timestamp"].dtype, pd.DatetimeTZDtype)
    assert str(rows["event_timestamp"].dt.tz) in ("UTC", "Etc/UTC")
