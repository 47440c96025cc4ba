"""Outcomes from a file enter the ledger once, all or none, and only of subjects that are known."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from components.common.errors import FinloopError
from components.common.ingest import ingest
from components.common.ledger import Ledger
from components.common.outcomes import import_outcomes
from components.common.records import Decision, Outcome
from components.common.settings import Settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home where the payments t0 … t3 were decided on."""
    settings = Settings(home=tmp_path / "home")
    Ledger(settings.ledger).append([decided(f"t{number}") for number in range(4)])
    return settings


def decided(subject: str) -> Decision:
    return Decision(
        decision_id=f"d-{subject}",
        domain="fraud",
        subject_id=subject,
        entity_id="p",
        event_timestamp=DAY,
        recorded_at=DAY,
        model="fraud-xgboost",
        version=None,
        digest=None,
        arm="none",
        score=None,
        decision="REVIEW",
        latency_ms=1.0,
        error=None,
        request="{}",
        features="{}",
        answer="{}",
    )


def outcomes(*subjects: str, **changes: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "transaction_id": subjects,
            "is_fraud": [number == 0 for number in range(len(subjects))],
            "outcome_timestamp": DAY + timedelta(days=7, microseconds=3),
            "source": "chargeback",
        }
    ).assign(**changes)


def put(tmp_path: Path, frame: pd.DataFrame, name: str = "known.parquet") -> Path:
    path = tmp_path / name
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


def recorded(settings: Settings) -> list[Outcome]:
    return list(Ledger(settings.ledger).outcomes())


@pytest.mark.parametrize("name", ["known.parquet", "known.csv"])
def test_outcomes_are_recorded(tmp_path: Path, settings: Settings, name: str) -> None:
    report = import_outcomes(put(tmp_path, outcomes("t0", "t1"), name), None, settings, NOW)
    known = DAY + timedelta(days=7, microseconds=3)
    assert recorded(settings) == [
        Outcome("fraud", "t0", True, known, "chargeback", NOW),
        Outcome("fraud", "t1", False, known, "chargeback", NOW),
    ]
    assert report.screened.accepted == 2


def test_same_file_again_records_nothing(tmp_path: Path, settings: Settings) -> None:
    file = put(tmp_path, outcomes("t0", "t1"))
    import_outcomes(file, "fraud", settings, NOW)
    report = import_outcomes(file, "fraud", settings, NOW + timedelta(days=1))
    assert (report.screened.accepted, report.screened.already) == (0, 2)
    assert len(recorded(settings)) == 2


def test_unknown_payment_is_quarantined_and_counted(tmp_path: Path, settings: Settings) -> None:
    report = import_outcomes(put(tmp_path, outcomes("t0", "t9", "t8")), None, settings, NOW)
    assert report.screened.reasons == {"transaction_id is unknown": 2}
    kept = pq.read_table(next((settings.quarantine / "outcomes").glob("*.parquet")))
    assert kept["transaction_id"].to_pylist() == ["t9", "t8"]
    assert [outcome.subject_id for outcome in recorded(settings)] == ["t0"]


def test_nothing_is_known_before_anything_was_decided(tmp_path: Path) -> None:
    empty = Settings(home=tmp_path / "empty")
    report = import_outcomes(put(tmp_path, outcomes("t0")), None, empty, NOW)
    assert report.screened.reasons == {"transaction_id is unknown": 1}


def test_payment_of_the_lake_is_known(tmp_path: Path, settings: Settings) -> None:
    payment = {"transaction_id": ["x"], "user_id": "u", "merchant_id": "m", "amount": 1.0}
    (tmp_path / "in").mkdir()
    pd.DataFrame({**payment, "event_timestamp": DAY}).to_parquet(
        tmp_path / "in" / "transactions.parquet"
    )
    ingest(tmp_path / "in", "finloop", settings, NOW)
    report = import_outcomes(put(tmp_path, outcomes("x")), None, settings, NOW)
    assert report.screened.accepted == 1


def test_contradiction_is_quarantined(tmp_path: Path, settings: Settings) -> None:
    import_outcomes(put(tmp_path, outcomes("t0")), None, settings, NOW)
    report = import_outcomes(put(tmp_path, outcomes("t0", is_fraud=False)), None, settings, NOW)
    assert sum(report.screened.reasons.values()) == 1
    assert [outcome.label for outcome in recorded(settings)] == [True]


def test_later_outcome_of_the_same_payment_is_recorded(tmp_path: Path, settings: Settings) -> None:
    import_outcomes(put(tmp_path, outcomes("t0")), None, settings, NOW)
    later = outcomes("t0", is_fraud=False, outcome_timestamp=DAY + timedelta(days=20))
    import_outcomes(put(tmp_path, later), None, settings, NOW)
    assert [outcome.label for outcome in recorded(settings)] == [True, False]


def test_outcome_of_the_future_is_quarantined(tmp_path: Path, settings: Settings) -> None:
    late = outcomes("t0", outcome_timestamp=NOW + timedelta(days=1))
    report = import_outcomes(put(tmp_path, late), None, settings, NOW)
    assert report.screened.reasons == {"outcome_timestamp is in the future": 1}


def test_outcome_without_a_source_was_imported(tmp_path: Path, settings: Settings) -> None:
    import_outcomes(put(tmp_path, outcomes("t0").drop(columns="source")), None, settings, NOW)
    assert recorded(settings)[0].source == "import"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (outcomes("t0").drop(columns="is_fraud"), "missing_column"),
        (outcomes("t0", shade="dark"), "unknown_column"),
        (outcomes("t0", is_fraud="perhaps"), "wrong_type"),
        (outcomes(), "empty_file"),
    ],
)
def test_bad_file_records_nothing(
    tmp_path: Path, settings: Settings, frame: pd.DataFrame, code: str
) -> None:
    with pytest.raises(FinloopError) as caught:
        import_outcomes(put(tmp_path, frame), None, settings, NOW)
    assert caught.value.code == code
    assert recorded(settings) == []
    assert not settings.quarantine.exists()


def test_file_that_is_not_there(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(FinloopError, match="check its name"):
        import_outcomes(tmp_path / "none.parquet", None, settings, NOW)


def test_unknown_domain(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(FinloopError, match="no domain named 'weather'"):
        import_outcomes(put(tmp_path, outcomes("t0")), "weather", settings, NOW)


def test_ledger_that_refuses_leaves_no_quarantine(tmp_path: Path, settings: Settings) -> None:
    with sqlite3.connect(settings.ledger) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON outcomes WHEN NEW.subject_id = 't1' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    with pytest.raises(sqlite3.Error, match="refused"):
        import_outcomes(put(tmp_path, outcomes("t0", "t1", "t9")), None, settings, NOW)
    assert recorded(settings) == []
    assert not settings.quarantine.exists()
