"""Drift of a window against the training sample, by Evidently itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring.drift import (
    ColumnDrift,
    DriftRules,
    DriftVerdict,
    judged_columns,
    measure,
    verdict_of,
)
from monitoring.reports import keep
from monitoring.windows import Window

DAY = timedelta(days=1)
WINDOW = Window(datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 2, tzinfo=UTC))
RULES = DriftRules(
    days=1,
    minimum_rows=500,
    psi=0.2,
    score_psi=0.25,
    drifted_share=0.5,
    key_columns=("amount",),
    column_psi={"amount": 0.03},
    cycles={"hour": DAY, "day_of_week": 7 * DAY},
    slow=("history_count",),
)


def _rows(seed: int, size: int = 2_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": rng.lognormal(10, 1, size),
            "gap": np.where(rng.random(size) < 0.1, np.nan, rng.exponential(5, size)),
            "flag": (rng.random(size) < 0.05).astype(float),
            "score": rng.beta(0.3, 20, size),
        }
    )


REFERENCE = _rows(1, 5_000)


def _judge(current: pd.DataFrame) -> DriftVerdict:
    _, columns = measure(REFERENCE, current, RULES)
    return verdict_of(columns, WINDOW, "1", len(current), RULES)


def test_a_day_like_the_training_sample_is_stable() -> None:
    verdict = _judge(_rows(2))

    assert not verdict.violated
    assert verdict.reasons == ("0 of 3 inputs drifted in 2,000 decisions.",)
    assert {column.column for column in verdict.columns} == {"amount", "gap", "flag", "score"}


def test_prices_up_by_a_third_are_drift_and_the_reason_says_so() -> None:
    current = _rows(2)

    verdict = _judge(current.assign(amount=current["amount"] * 1.35))

    assert verdict.violated
    assert verdict.reasons[1].startswith("amount: PSI 0.")
    before, after = (float(frame["amount"].mean()) for frame in (REFERENCE, current))
    assert f"> 0.03, mean {before:,.0f} → {after * 1.35:,.0f}." in verdict.reasons[1]


def test_scores_that_moved_are_drift() -> None:
    current = _rows(2)

    verdict = _judge(current.assign(score=current["score"] * 8))

    assert verdict.violated
    assert verdict.reasons[1].startswith("score: PSI")


def test_one_ordinary_column_alone_is_told_but_not_a_violation() -> None:
    current = _rows(2)

    verdict = _judge(current.assign(flag=1 - current["flag"]))

    assert not verdict.violated
    assert "1 of 3 inputs drifted" in verdict.reasons[0]
    assert verdict.reasons[1].startswith("flag: PSI")


def test_nulls_that_come_or_go_are_drift() -> None:
    verdict = _judge(_rows(2).assign(gap=np.nan))

    (gap,) = [column for column in verdict.columns if column.column == "gap"]
    assert gap.statistic == "change of missing share"
    assert gap.value == pytest.approx(0.9, abs=0.02)
    assert "→ none" in gap.sentence


def test_scores_of_another_version_are_not_missing_ones() -> None:
    verdict = _judge(_rows(2).assign(score=np.nan))

    assert not verdict.violated
    assert "score" not in {column.column for column in verdict.columns}


def test_a_small_window_is_given_what_chance_gives() -> None:
    _, columns = measure(REFERENCE, _rows(3, 100), RULES)

    (amount,) = [column for column in columns if column.column == "amount"]
    assert amount.threshold > 0.2
    assert not amount.drifted


def test_the_frames_are_left_as_they_were() -> None:
    reference, current = REFERENCE.copy(), _rows(2)
    before = current.copy()

    measure(reference, current, RULES)

    pd.testing.assert_frame_equal(reference, REFERENCE)
    pd.testing.assert_frame_equal(current, before)


@pytest.mark.parametrize(
    ("days", "judged"),
    [
        (0.5, ("amount",)),
        (1, ("amount", "hour")),
        (7, ("amount", "hour", "day_of_week")),
    ],
)
def test_calendar_columns_wait_for_a_window_of_their_cycle(
    days: float, judged: tuple[str, ...]
) -> None:
    inputs = ("amount", "hour", "day_of_week", "history_count")
    window = replace(WINDOW, until=WINDOW.since + days * DAY)

    assert judged_columns(inputs, window, RULES) == judged


def _column(name: str, value: float) -> ColumnDrift:
    return ColumnDrift(name, "PSI", value, 0.2, 1.0, 2.0)


@pytest.mark.parametrize(
    ("drifted", "violated"),
    [
        ((), False),
        (("b",), False),
        (("b", "c"), True),
        (("amount",), True),
        (("score",), True),
    ],
)
def test_score_key_column_or_a_large_share_violate(
    drifted: tuple[str, ...], violated: bool
) -> None:
    names = ("amount", "b", "c", "d", "score")
    columns = [_column(name, 0.5 if name in drifted else 0.1) for name in names]

    verdict = verdict_of(columns, WINDOW, "1", 900, RULES)

    assert verdict.violated is violated
    assert len(verdict.reasons) == 1 + len(drifted)
    assert json.loads(json.dumps(verdict.as_body()))["rows"] == 900


def test_the_worst_column_is_the_first_reason() -> None:
    columns = [_column("b", 0.3), _column("c", 0.9), _column("d", 0.5)]

    reasons = verdict_of(columns, WINDOW, "1", 900, RULES).reasons

    assert [reason[0] for reason in reasons[1:]] == ["c", "d", "b"]


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[Window], Path]:
    def make(window: Window) -> Path:
        report, _ = measure(REFERENCE, _rows(2), RULES)
        return keep(tmp_path, "fraud-xgboost", window, "1", report, RULES.key_columns)

    return make


def test_reports_are_kept_for_the_evidently_ui_and_as_html(
    kept: Callable[[Window], Path], tmp_path: Path
) -> None:
    from evidently.ui.workspace import Workspace

    html = kept(WINDOW)
    kept(Window(WINDOW.until, WINDOW.until + DAY))
    kept(WINDOW)

    workspace = Workspace.create(str(tmp_path))
    (project,) = workspace.list_projects()
    runs = [workspace.get_run(project.id, run) for run in workspace.list_runs(project.id)]
    assert project.name == "fraud-xgboost"
    assert {run.timestamp for run in runs if run} == {WINDOW.since, WINDOW.until}
    (tab,) = project.dashboard.model().tabs
    assert tab.panels == [panel.id for panel in project.dashboard.model().panels]
    assert len(tab.panels) == 2
    assert html.parent == tmp_path / "reports"
    assert "amount" in html.read_text()
    assert len(list(html.parent.iterdir())) == 2


def test_an_evidently_ui_that_runs_already_sees_a_new_project_and_its_reports(
    kept: Callable[[Window], Path], tmp_path: Path
) -> None:
    from evidently.ui.service.storage.local import create_local_project_manager
    from evidently.ui.service.storage.local.base import LocalState

    state = LocalState.load(str(tmp_path), None)
    create_local_project_manager(str(tmp_path), autorefresh=True, state=state)
    for day in range(2):
        since = WINDOW.since + day * DAY
        kept(Window(since, since + DAY))
    deadline = time.monotonic() + 30
    while sum(map(len, state.snapshots.values())) < 2:
        assert time.monotonic() < deadline, "the reports are not seen"
        time.sleep(0.02)
    assert [project.name for project in state.projects.values()] == ["fraud-xgboost"]
