"""Foreign files come in whole, once, without a raw id; what is bad stays out with its reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.common import lake
from components.common.contracts import TABLES
from components.common.errors import Exit, FinloopError
from components.common.identity import pseudonymise
from components.common.ingest import IngestReport, ingest, ingest_ledger
from components.common.ledger import Ledger, canonical_json
from components.common.records import Decision, Outcome
from components.common.settings import Settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
HANDBOOK = Path(__file__).parents[4] / "shared" / "data" / "fraud-handbook"
Write = Callable[..., Path]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", pseudonym_key="key")  # pyright: ignore[reportArgumentType]


def payments(count: int = 4, **changes: Any) -> pd.DataFrame:
    """Payments of raw users, an hour apart over two days; `changes` replace columns."""
    frame = pd.DataFrame(
        {
            "transaction_id": [f"t{number}" for number in range(count)],
            "event_timestamp": [DAY + timedelta(hours=8 * number) for number in range(count)],
            "user_id": [f"raw-user-{number % 3}" for number in range(count)],
            "merchant_id": "m1",
            "amount": [10.0 + number for number in range(count)],
            "device_id": [f"raw-device-{number % 2}" for number in range(count)],
        }
    )
    return frame.assign(**changes)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write frames (or bytes) as files of a fresh folder; its path."""
    made = iter(range(100))

    def _write(**files: pd.DataFrame | bytes | str) -> Path:
        folder = tmp_path / f"in{next(made)}"
        folder.mkdir()
        for name, content in files.items():
            path = folder / name.replace("__", ".")
            if isinstance(content, pd.DataFrame) and path.suffix == ".csv":
                content.to_csv(path, index=False)
            elif isinstance(content, pd.DataFrame):
                content.to_parquet(folder / f"{name}.parquet", index=False)
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return _write


def take_in(folder: Path, settings: Settings, mapping: str = "finloop") -> IngestReport:
    return ingest(folder, mapping, settings, NOW)


def reasons(report: IngestReport, table: str = "transactions") -> dict[str, int]:
    return next(part.screened.reasons for part in report.tables if part.table == table)


def files(home: Path) -> dict[str, bytes]:
    """Every file with data in it, by path."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.suffix in (".parquet", ".json", ".db")
    }


def query(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query over `{transactions}` and the other tables of the lake."""
    scans = {name: lake.scan(settings.lake, name) for name in lake.tables_present(settings.lake)}
    return lake.connect().sql(sql.format(**scans)).fetchall()


def rows(settings: Settings, table: str = "transactions") -> list[tuple[Any, ...]]:
    """The rows of a table in the order of its key, columns in the order of the contract."""
    names = ", ".join(column.name for column in TABLES[table].columns)
    key = ", ".join(TABLES[table].key)
    return query(settings, f"SELECT {names} FROM {{{table}}} ORDER BY {key}")  # noqa: S608


def quarantine(settings: Settings, table: str = "transactions") -> pd.DataFrame:
    found = sorted((settings.quarantine / table).glob("*.parquet"))
    return pd.concat([pq.read_table(path).to_pandas() for path in found], ignore_index=True)


# What comes in


def test_rows_come_in_by_day_with_every_contract_column(write: Write, settings: Settings) -> None:
    report = take_in(write(transactions=payments()), settings)
    found = sorted((settings.lake / "transactions").rglob("*.parquet"))
    assert [path.parent.name for path in found] == ["day=2026-01-05", "day=2026-01-06"]
    assert pq.read_schema(found[0]).equals(lake.arrow_schema(TABLES["transactions"]))
    assert report.tables[0].screened.accepted == len(rows(settings)) == 4
    assert report.digest == lake.digest(settings.lake)


def test_csv_comes_in_as_the_same_rows_as_parquet(
    write: Write, settings: Settings, tmp_path: Path
) -> None:
    other = settings.model_copy(update={"home": tmp_path / "other"})
    take_in(write(transactions=payments()), settings)
    take_in(write(transactions__csv=payments()), other)
    assert rows(settings) == rows(other)
    assert lake.digest(settings.lake) == lake.digest(other.lake)


def test_folder_of_files_is_one_table(write: Write, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "transactions" / "day=2026-01-05"
    folder.mkdir(parents=True)
    payments(4).iloc[:2].to_parquet(folder / "a.parquet", index=False)
    payments(4).iloc[2:].drop(columns="device_id").to_parquet(folder / "b.parquet", index=False)
    report = take_in(tmp_path / "in", settings)
    assert report.tables[0].screened.accepted == 4


def test_local_times_are_turned_to_utc_and_naive_ones_are_utc(
    write: Write, settings: Settings
) -> None:
    seoul = pd.to_datetime(payments()["event_timestamp"]).dt.tz_convert("Asia/Seoul")
    take_in(write(transactions=payments(event_timestamp=seoul)), settings)
    naive = payments(transaction_id=list("abcd"))
    naive["event_timestamp"] = naive["event_timestamp"].dt.tz_localize(None)
    take_in(write(transactions=naive), settings)
    times = [row[1].astimezone(UTC) for row in rows(settings)]
    assert times[:4] == times[4:] == list(payments()["event_timestamp"])


def test_whole_numbers_may_name_things(write: Write, settings: Settings) -> None:
    take_in(write(transactions=payments(user_id=[1, 2, 3, 4])), settings)
    assert rows(settings)[0][2] == pseudonymise("1", b"key")


# Never a raw id


def test_no_byte_of_any_file_holds_a_raw_id(write: Write, settings: Settings) -> None:
    bad = payments(amount=[1.0, -1.0, np.nan, 2.0])
    take_in(write(transactions=bad), settings)
    shifted = "transaction_id,event_timestamp,user_id,merchant_id,amount\n"
    shifted += "t8,2026-01-05,raw-user-1,m1,raw-user-2\nt9,2026-01-05,raw-user-1,m1,1\n"
    take_in(write(transactions__csv=shifted), settings)
    assert len(quarantine(settings)) == 3
    everything = [path for path in settings.home.rglob("*") if path.is_file()]
    assert len(everything) > 5
    for path in everything:
        assert b"raw-" not in path.read_bytes(), path
        assert "raw-" not in path.name


def test_quarantine_has_the_pseudonym(write: Write, settings: Settings) -> None:
    take_in(write(transactions=payments(amount=-1.0)), settings)
    assert quarantine(settings)["user_id"][0] == pseudonymise("raw-user-0", b"key")


# Again, and more


def test_same_file_again_changes_no_byte(write: Write, settings: Settings) -> None:
    folder = write(
        transactions=payments(amount=[1.0, 2.0, -3.0, 4.0]),
        merchants=pd.DataFrame({"merchant_id": ["m1", "m2"]}),
    )
    first = take_in(folder, settings)
    before = files(settings.home)
    second = take_in(folder, settings)
    assert files(settings.home) == before
    assert second.digest == first.digest
    assert [part.screened.already for part in second.tables] == [2, 3]
    assert [part.files for part in second.tables] == [0, 0]
    assert reasons(second) == reasons(first) == {"amount is negative": 1}


def test_order_of_arrival_leaves_no_trace(write: Write, settings: Settings, tmp_path: Path) -> None:
    other = settings.model_copy(update={"home": tmp_path / "other"})
    halves = [
        write(transactions=payments(40).iloc[::2]),
        write(transactions=payments(40).iloc[1::2]),
    ]
    for folder in halves:
        take_in(folder, settings)
    for folder in reversed(halves):
        take_in(folder, other)
    assert files(settings.lake) == files(other.lake)


def test_new_rows_of_a_day_that_is_there_are_added(write: Write, settings: Settings) -> None:
    take_in(write(transactions=payments()), settings)
    untouched = (settings.lake / "transactions/day=2026-01-06/part.parquet").stat().st_mtime_ns
    more = payments(1, transaction_id="new")
    report = take_in(write(transactions=more), settings)
    assert report.tables[0].files == 1
    assert [row[0] for row in rows(settings)] == ["new", "t0", "t1", "t2", "t3"]
    now = (settings.lake / "transactions/day=2026-01-06/part.parquet").stat().st_mtime_ns
    assert now == untouched


def test_row_that_contradicts_the_one_there_is_quarantined(
    write: Write, settings: Settings
) -> None:
    take_in(write(transactions=payments()), settings)
    before = rows(settings)
    other = payments(amount=[10.0, 99.0, 12.0, 13.0])
    report = take_in(write(transactions=other), settings)
    assert rows(settings) == before
    assert reasons(report) == {
        "contradicts the row of the same transaction_id that is there already": 1
    }
    assert list(quarantine(settings)["transaction_id"]) == ["t1"]


def test_same_id_on_another_day_is_a_contradiction(write: Write, settings: Settings) -> None:
    take_in(write(transactions=payments(1)), settings)
    moved = payments(1, event_timestamp=DAY + timedelta(days=5))
    assert sum(reasons(take_in(write(transactions=moved), settings)).values()) == 1
    assert len(rows(settings)) == 1


def test_row_that_says_less_agrees(write: Write, settings: Settings) -> None:
    take_in(write(transactions=payments()), settings)
    report = take_in(write(transactions=payments().drop(columns="device_id")), settings)
    assert report.tables[0].screened.already == 4


def test_merchants_are_replaced_as_a_whole(write: Write, settings: Settings) -> None:
    def merchants(**names: str) -> pd.DataFrame:
        return pd.DataFrame({"merchant_id": list(names), "name": list(names.values())})

    take_in(write(merchants=merchants(m1="old", m2="same", m3="gone")), settings)
    report = take_in(write(merchants=merchants(m1="new", m2="same")), settings)
    assert [row[:2] for row in rows(settings, "merchants")] == [("m1", "new"), ("m2", "same")]
    assert (report.tables[0].screened.accepted, report.tables[0].screened.already) == (1, 1)


def test_quarantine_shows_what_is_outside_now(write: Write, settings: Settings) -> None:
    known = pd.DataFrame({"merchant_id": ["m2"]})
    folder = write(transactions=payments())
    take_in(write(merchants=known), settings)
    assert reasons(take_in(folder, settings)) == {"merchant_id is unknown": 4}
    take_in(write(merchants=pd.concat([known, known.replace("m2", "m1")])), settings)
    assert reasons(take_in(folder, settings)) == {}
    assert not list(settings.quarantine.rglob("*.parquet"))


# Bad rows


@pytest.mark.parametrize("kind", ["transactions", "transactions__csv"])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": [1.0, -5.0, 3.0, 4.0]}, "amount is negative"),
        ({"amount": [1.0, np.nan, 3.0, 4.0]}, "amount is missing or no number"),
        ({"amount": [1.0, np.inf, 3.0, 4.0]}, "amount is not finite"),
        ({"user_id": ["a", None, "c", "d"]}, "user_id is missing"),
        ({"user_id": ["a", " ", "c", "d"]}, "user_id is missing"),
        ({"transaction_id": ["a", None, "c", "d"]}, "transaction_id is missing"),
        ({"merchant_id": ["a", "", "c", "d"]}, "merchant_id is missing"),
        ({"transaction_id": ["a", "a", "c", "d"]}, "transaction_id came before in the same file"),
        ({"latitude": [0.0, 90.5, 0.0, 0.0]}, "latitude is above 90"),
        ({"longitude": [0.0, -181.0, 0.0, 0.0]}, "longitude is below -180"),
        (
            {"event_timestamp": [DAY, NOW + timedelta(microseconds=1), DAY, DAY]},
            "event_timestamp is in the future",
        ),
        (
            {"event_timestamp": [DAY, datetime(1969, 1, 1, tzinfo=UTC), DAY, DAY]},
            "event_timestamp is before 1970-01-01",
        ),
        ({"event_timestamp": [DAY, None, DAY, DAY]}, "event_timestamp is missing"),
    ],
)
def test_bad_row_is_quarantined_with_its_reason_and_the_rest_comes_in(
    write: Write, settings: Settings, kind: str, changes: dict[str, Any], reason: str
) -> None:
    report = take_in(write(**{kind: payments(**changes)}), settings)
    assert reasons(report) == {reason: 1}
    assert len(rows(settings)) == report.tables[0].screened.accepted == 3
    kept = quarantine(settings)
    assert list(kept["reason"]) == [reason]
    assert list(kept["row"]) == [2]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("amount", "12,50", "amount is not a number"),
        ("amount", "nan", "amount is not a number"),
        ("event_timestamp", "yesterday", "event_timestamp is not a point in time"),
        ("event_timestamp", "infinity", "event_timestamp is not a point in time"),
        ("latitude", "north", "latitude is not a number"),
    ],
)
def test_single_text_that_cannot_be_read_is_quarantined(
    write: Write, settings: Settings, column: str, value: str, reason: str
) -> None:
    frame = payments(latitude=1.0, longitude=1.0).astype(object)
    frame.loc[1, column] = value
    assert reasons(take_in(write(transactions__csv=frame), settings)) == {reason: 1}


def test_label_is_true_or_false(write: Write, settings: Settings) -> None:
    outcomes = pd.DataFrame(
        {"transaction_id": list("abc"), "is_fraud": [0, 1, 2], "outcome_timestamp": DAY}
    )
    report = take_in(write(outcomes=outcomes), settings)
    assert reasons(report, "outcomes") == {"is_fraud is not true or false": 1}
    assert [row[1] for row in rows(settings, "outcomes")] == [False, True]


def test_whole_number_is_whole(write: Write, settings: Settings) -> None:
    users = pd.DataFrame(
        {"user_id": list("abc"), "event_timestamp": DAY, "birth_year": [1990.0, np.nan, 1990.5]}
    )
    report = take_in(write(users=users), settings)
    assert reasons(report, "users") == {"birth_year is not a whole number": 1}


def test_bad_row_does_not_stand_before_a_good_one_of_its_id(
    write: Write, settings: Settings
) -> None:
    frame = payments(2, transaction_id="same", amount=[-1.0, 1.0])
    assert reasons(take_in(write(transactions=frame), settings)) == {"amount is negative": 1}
    assert [row[4] for row in rows(settings)] == [1.0]


def test_unknown_user_and_merchant_are_quarantined_where_the_table_has_rows(
    write: Write, settings: Settings
) -> None:
    folder = write(
        users=pd.DataFrame({"user_id": ["raw-user-0", "raw-user-1"], "event_timestamp": DAY}),
        merchants=pd.DataFrame({"merchant_id": ["m1"]}),
        transactions=payments(4, merchant_id=["m1", "m9", "m1", "m1"]),
    )
    expected = {"merchant_id is unknown": 1, "user_id is unknown": 1}
    assert reasons(take_in(folder, settings)) == expected
    alone = write(transactions=payments(4, transaction_id=list("abcd")))
    assert reasons(take_in(alone, settings)) == {"user_id is unknown": 1}


def test_outcome_of_an_unknown_payment_is_quarantined(write: Write, settings: Settings) -> None:
    outcomes = pd.DataFrame(
        {"transaction_id": ["t0", "t9"], "is_fraud": True, "outcome_timestamp": DAY}
    )
    report = take_in(write(transactions=payments(), outcomes=outcomes), settings)
    assert reasons(report, "outcomes") == {"transaction_id is unknown": 1}


# Bad files


def _truncated() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(payments()), sink)
    return sink.getvalue().to_pybytes()[:-100]


def _damaged() -> bytes:
    frame = payments(20_000)
    frame["amount"] = np.random.default_rng(1).random(20_000)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame), sink, compression="zstd")
    content = bytearray(sink.getvalue().to_pybytes())
    middle = len(content) // 2
    content[middle : middle + 5000] = bytes(5000)
    return bytes(content)


HEAD = "transaction_id,event_timestamp,user_id,merchant_id,amount"


@pytest.mark.parametrize(
    ("name", "content", "code", "told"),
    [
        ("transactions", payments(colour="red"), "unknown_column", "'colour'"),
        ("transactions", payments().drop(columns="amount"), "missing_column", "'amount'"),
        ("transactions", payments(amount="ten"), "wrong_type", "'amount' must be a number"),
        ("transactions", payments(event_timestamp=5), "wrong_type", "a point in time"),
        ("transactions", payments(user_id=True), "wrong_type", "'user_id' must be text"),
        ("transactions", payments(0), "empty_file", "is empty"),
        ("transactions__parquet", b"", "empty_file", "is empty"),
        ("transactions__parquet", _truncated(), "unreadable_file", "truncated"),
        ("transactions__parquet", _damaged(), "unreadable_file", "damaged"),
        ("transactions__parquet", b"not parquet at all", "unreadable_file", "parquet"),
        ("transactions__csv", b"", "empty_file", "is empty"),
        ("transactions__csv", HEAD + "\n", "empty_file", "is empty"),
        ("transactions__csv", payments(amount="ten"), "wrong_type", "'amount' must be a number"),
        ("transactions__csv", payments(colour="red"), "unknown_column", "'colour'"),
        ("transactions__csv", HEAD[:-7] + "\na,2026-01-05,u,m\n", "missing_column", "'amount'"),
        ("transactions__csv", f"{HEAD}\na,2026-01-05,u,m,1,2,3\n", "unreadable_file", "csv"),
        ("transactions__csv", HEAD.encode() + b"\n\xff\xfe,2,3,4,5\n", "unreadable_file", "csv"),
        ("payments", payments(), "unknown_table", "payments.parquet"),
        ("readme__txt", b"hello", "no_tables", "transactions"),
    ],
)
def test_bad_file_is_one_clear_sentence_and_nothing_is_written(
    write: Write,
    settings: Settings,
    name: str,
    content: pd.DataFrame | bytes | str,
    code: str,
    told: str,
) -> None:
    folder = write(**{name: content}, merchants=pd.DataFrame({"merchant_id": ["m1"]}))
    if code == "no_tables":
        (folder / "merchants.parquet").unlink()
    with pytest.raises(FinloopError) as caught:
        take_in(folder, settings)
    assert caught.value.code == code
    assert caught.value.exit_status == Exit.BAD_INPUT
    assert told in caught.value.message
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    assert "raw-" not in caught.value.message
    assert files(settings.home) == {}


def test_line_of_another_shape_far_down_is_named(write: Write, settings: Settings) -> None:
    lines = [f"t{number},2026-01-05,raw-user,m1,1" for number in range(60_000)]
    lines[50_000] += ",2"
    with pytest.raises(FinloopError, match=r"cannot be read as csv \(line 50002\)"):
        take_in(write(transactions__csv="\n".join([HEAD, *lines])), settings)
    assert files(settings.home) == {}


def test_two_files_of_one_table_are_refused(write: Write, settings: Settings) -> None:
    with pytest.raises(FinloopError, match="keep one of them"):
        take_in(write(transactions=payments(), transactions__csv=payments()), settings)


def test_folder_that_is_not_there(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="check its name"):
        take_in(tmp_path / "nowhere", settings)


def test_failure_in_a_later_table_leaves_the_lake_as_it_was(
    write: Write, settings: Settings
) -> None:
    take_in(write(transactions=payments()), settings)
    before = files(settings.home)
    blocked = settings.lake / "outcomes"
    blocked.write_text("a file where a folder is wanted")
    outcomes = pd.DataFrame({"transaction_id": ["t0"], "is_fraud": True, "outcome_timestamp": DAY})
    folder = write(transactions=payments(9), outcomes=outcomes)
    with pytest.raises(FinloopError) as caught:
        take_in(folder, settings)
    assert caught.value.exit_status == Exit.UNAVAILABLE
    blocked.unlink()
    assert files(settings.home) == before
    assert take_in(folder, settings).tables[0].screened.accepted == 5


# The handbook


def handbook(count: int = 50) -> pd.DataFrame:
    number = np.arange(count)
    return pd.DataFrame(
        {
            "TRANSACTION_ID": number,
            "TX_DATETIME": pd.Timestamp("2018-04-01 00:00:31") + pd.to_timedelta(number, "h"),
            "CUSTOMER_ID": 71_000 + number % 5,
            "TERMINAL_ID": number % 7,
            "TX_AMOUNT": 10.5,
            "TX_TIME_SECONDS": number,
            "TX_TIME_DAYS": number // 24,
            "TX_FRAUD": (number % 10 == 0).astype(int),
            "TX_FRAUD_SCENARIO": 3,
        }
    )


def test_handbook_becomes_transactions_and_outcomes_a_week_later(
    write: Write, settings: Settings
) -> None:
    report = take_in(write(transactions=handbook()), settings, "fraud-handbook")
    assert [part.screened.accepted for part in report.tables] == [50, 50]
    first = rows(settings)[0]
    assert first[0] == "0"
    assert first[2:5] == (pseudonymise("71000", b"key"), "0", 10.5)
    joined = query(
        settings,
        "SELECT DISTINCT outcome_timestamp - event_timestamp "
        "FROM {outcomes} JOIN {transactions} USING (transaction_id)",
    )
    assert joined == [(timedelta(days=7),)]
    assert sum(row[1] for row in rows(settings, "outcomes")) == 5


@pytest.mark.skipif(not HANDBOOK.exists(), reason="the handbook data is not here")
def test_real_handbook_comes_in_whole(settings: Settings) -> None:
    report = take_in(HANDBOOK, settings, "fraud-handbook")
    assert [part.screened.accepted for part in report.tables] == [1_754_155, 1_754_155]
    assert [part.files for part in report.tables] == [183, 183]
    found = query(
        settings,
        "SELECT count_if(is_fraud), count(DISTINCT user_id) "
        "FROM {outcomes} JOIN {transactions} USING (transaction_id)",
    )
    assert found == [(14_681, 4_990)]


# The ledger


def served(number: int, **changes: Any) -> Decision:
    request = {
        "transaction_id": f"s{number}",
        "event_timestamp": (DAY + timedelta(hours=number, microseconds=7)).isoformat(),
        "user_id": pseudonymise("raw-user-0", b"key"),
        "merchant_id": "m1",
        "amount": 0.1 + number,
        "category": None,
        "channel": "card",
        "device_id": None,
        "latitude": 37.5,
        "longitude": 127.0,
    }
    return Decision(
        decision_id=f"d{number}",
        domain="fraud",
        subject_id=f"s{number}",
        entity_id=request["user_id"],
        event_timestamp=DAY,
        recorded_at=DAY,
        model="fraud-xgboost",
        version="1",
        digest="d",
        arm="champion",
        score=0.1,
        decision="APPROVE",
        latency_ms=1.0,
        error=None,
        request=canonical_json({**request, **changes}),
        features="{}",
        answer="{}",
    )


def turned_out(number: int, **changes: Any) -> Outcome:
    known = DAY + timedelta(days=7)
    outcome = Outcome("fraud", f"s{number}", True, known, "chargeback", known)
    return replace(outcome, **changes)


def test_served_decisions_and_outcomes_become_rows(settings: Settings) -> None:
    ledger = Ledger(settings.ledger)
    ledger.append([served(1), served(2), turned_out(1), turned_out(9)])
    report = ingest_ledger(settings, NOW)
    assert [part.table for part in report.tables] == ["transactions", "outcomes"]
    request = json.loads(served(1).request)
    names = [column.name for column in TABLES["transactions"].columns]
    first = dict(zip(names, rows(settings)[0], strict=True))
    first["event_timestamp"] = first["event_timestamp"].astimezone(UTC).isoformat()
    assert first == request
    assert reasons(report, "outcomes") == {"transaction_id is unknown": 1}
    assert rows(settings, "outcomes")[0][:2] == ("s1", True)


def test_ledger_again_changes_nothing_and_new_decisions_are_added(settings: Settings) -> None:
    ledger = Ledger(settings.ledger)
    ledger.append([served(1), turned_out(1), turned_out(2)])
    first = ingest_ledger(settings, NOW)
    before = files(settings.lake)
    assert ingest_ledger(settings, NOW).digest == first.digest
    assert files(settings.lake) == before
    ledger.append([served(2)])
    report = ingest_ledger(settings, NOW)
    assert [part.screened.accepted for part in report.tables] == [1, 1]
    assert reasons(report, "outcomes") == {}


def test_served_row_agrees_with_the_same_row_from_a_file(write: Write, settings: Settings) -> None:
    Ledger(settings.ledger).append([served(1)])
    ingest_ledger(settings, NOW)
    request = json.loads(served(1).request)
    frame = pd.DataFrame([{**request, "user_id": "raw-user-0"}]).drop(
        columns=["category", "device_id"]
    )
    report = take_in(write(transactions__csv=frame), settings)
    assert report.tables[0].screened.already == 1


def test_no_ledger_is_no_rows(settings: Settings) -> None:
    assert ingest_ledger(settings, NOW).tables == ()
    assert not settings.ledger.exists()


def test_many_pages_of_decisions_come_in_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.common.ledger_rows._PAGE", 7)
    Ledger(settings.ledger).append([served(number) for number in range(50)])
    assert ingest_ledger(settings, NOW).tables[0].screened.accepted == 50


def test_whole_home_may_be_deleted(write: Write, settings: Settings) -> None:
    folder = write(transactions=payments())
    first = take_in(folder, settings)
    shutil.rmtree(settings.home)
    assert take_in(folder, settings).digest == first.digest
