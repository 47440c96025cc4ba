"""Suites let whole tables through and stop broken ones, in sentences, with pages, in silence."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from components.common.contracts import FEEDBACK
from components.common.ingest import ingest
from components.common.settings import Settings
from components.common.suites import Expectation, Suite
from components.common.validation import lake_suites, read_frame, validate, validate_lake
from demo.world import WorldConfig, simulate, write

HANDBOOK = Path(__file__).parents[4] / "shared" / "data" / "fraud-handbook"
SUITES = {suite.name: suite for domain, suite in lake_suites() if domain == "fraud"}
EVERY = {f"{domain}.{suite.name}" for domain, suite in lake_suites() if suite.name != FEEDBACK.name}
"""Every suite of a company whose lists nobody has seen yet."""
NOW = datetime(2026, 3, 1, tzinfo=UTC)
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def network() -> Iterator[list[str]]:
    """Every attempt of this process to reach a host or resolve a name while the module runs."""
    attempts: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching[0] and event in ("socket.connect", "socket.getaddrinfo"):
            attempts.append(f"{event} {arguments[1:]}")

    sys.addaudithook(hook)
    yield attempts
    watching[0] = False


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, network: list[str]) -> Path:
    """The lake of a small synthetic company."""
    folder = tmp_path_factory.mktemp("world")
    write(
        simulate(WorldConfig(users=200, merchants=40, days=30, start=date(2025, 9, 1))).tables,
        folder,
    )
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    ingest(folder, "finloop", settings, NOW)
    return settings.lake


@pytest.fixture(scope="module")
def frames(root: Path) -> Frames:
    return {name: read_frame(root, suite) for name, suite in SUITES.items()}


def test_synthetic_company_holds_and_has_its_pages(
    root: Path, tmp_path: Path, network: list[str]
) -> None:
    verdict = validate_lake(root, tmp_path / "docs")
    assert verdict.ok, verdict.reasons
    assert verdict.reasons == ()
    assert set(verdict.details) == EVERY
    assert all(part["rows"] > 30 for part in verdict.details.values())
    pages = {page.stem: page.read_text() for page in (tmp_path / "docs").glob("*.html")}
    assert set(pages) == {"index", *EVERY}
    assert "Every user_id is a pseudonym" in pages["fraud.transactions"]
    assert "Succeeded" in pages["fraud.transactions"]
    assert network == []


def test_pages_load_nothing(root: Path, tmp_path: Path) -> None:
    validate_lake(root, tmp_path)
    loads = re.compile(r"""(?:src|<link[^>]*href)\s*=\s*["']?https?:|url\(["']?https?:|@import""")
    pages = list(tmp_path.glob("*.html"))
    assert len(pages) > 1
    for page in pages:
        assert not loads.search(page.read_text()), page.name


def test_validation_leaves_no_other_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    validate_lake(root, tmp_path / "docs")
    assert not list((tmp_path / "here").iterdir())
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not HANDBOOK.exists(), reason="the handbook data is not here")
def test_handbook_holds(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    first = next(pq.ParquetFile(HANDBOOK / "transactions.parquet").iter_batches(60_000))
    with pq.ParquetWriter(tmp_path / "in" / "transactions.parquet", first.schema) as writer:
        writer.write_batch(first)
    settings = Settings(home=tmp_path / "home")
    ingest(tmp_path / "in", "fraud-handbook", settings, NOW)
    verdict = validate_lake(settings.lake, tmp_path / "docs")
    assert verdict.ok, verdict.reasons
    assert {"fraud.transactions", "fraud.outcomes"} <= set(verdict.details)
    assert "fraud.merchants" not in verdict.details


def test_lake_without_payments_fails(tmp_path: Path) -> None:
    verdict = validate_lake(tmp_path / "lake", tmp_path / "docs")
    assert verdict.reasons == (
        "transactions: the lake has no transactions; ingest a file of them.",
    )
    assert not verdict.ok
    assert "FAILS" in (tmp_path / "docs" / "index.html").read_text()


def _every(share: int, column: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Break one row in `share`."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        hit = np.arange(len(frame)) % share == 0
        return frame.assign(**{column: frame[column].mask(hit, value)})

    return change


def _twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame], ignore_index=True)


def _twice_with_new_ids(frame: pd.DataFrame) -> pd.DataFrame:
    again = frame.assign(transaction_id=frame["transaction_id"] + "-again")
    return pd.concat([frame, again], ignore_index=True)


@pytest.mark.parametrize(
    ("table", "broken", "told"),
    [
        ("transactions", _twice, "no transaction_id comes twice"),
        ("transactions", _twice_with_new_ids, "a file loaded twice"),
        ("transactions", _every(2000, "user_id", "alice"), "every user_id is a pseudonym"),
        ("transactions", _every(2000, "device_id", "phone"), "every device_id is a pseudonym"),
        ("transactions", _every(1, "user_id", "a" * 32), "more than one user"),
        ("transactions", _every(1, "merchant_id", "m"), "more than one merchant"),
        ("transactions", _every(3000, "amount", -1.0), "amounts lie between"),
        ("transactions", _every(3000, "amount", 1e12), "amounts lie between"),
        ("transactions", _every(1, "amount", 1.0), "amounts differ"),
        ("transactions", _every(10, "is_zero", 1.0), "at most 5 % of amounts are zero"),
        ("transactions", _every(3000, "year", 1970), "older than the year 2000"),
        ("transactions", _every(2, "is_at_midnight", 1.0), "midnight sharp"),
        ("transactions", _every(3, "category", None), "lack a category"),
        ("transactions", _every(1, "latitude", None), "lack a place"),
        ("transactions", _every(20, "is_half_placed", True), "come together"),
        ("transactions", lambda f: f.assign(category=f["transaction_id"]), "500 categories"),
        ("transactions", lambda f: f.assign(channel=f["transaction_id"]), "20 channels"),
        ("transactions", lambda f: f.drop(columns="amount"), "could not be computed"),
        ("outcomes", lambda f: f.assign(is_fraud=0.0), "between 0.01 % and 20 %"),
        ("outcomes", lambda f: f.assign(is_fraud=1 - f["is_fraud"]), "between 0.01 % and 20 %"),
        ("outcomes", _every(50, "is_of_a_payment", False), "payment of every outcome is known"),
        ("outcomes", _every(3000, "delay_days", -0.5), "no outcome is known before its payment"),
        ("outcomes", lambda f: f.assign(delay_days=f["delay_days"] * 86_400), "within 90 days"),
        ("outcomes", _twice, "no outcome comes twice"),
        ("outcomes", _every(3, "transaction_id", "t"), "has another one"),
        ("outcomes", lambda f: f.assign(source=f["transaction_id"]), "20 sources"),
        ("merchants", _twice, "no merchant_id comes twice"),
        ("merchants", _every(2, "category", None), "merchants lack a category"),
        ("users", _every(20, "user_id", "alice"), "every user_id is a pseudonym"),
        ("users", _twice, "no profile comes twice"),
        ("users", _every(20, "birth_year", 19), "years of birth"),
        ("users", _every(20, "annual_income", -1.0), "incomes"),
    ],
)
def test_broken_table_is_stopped_with_its_reason(
    frames: Frames,
    tmp_path: Path,
    table: str,
    broken: Callable[[pd.DataFrame], pd.DataFrame],
    told: str,
) -> None:
    page = tmp_path / "page.html"
    verdict = validate(broken(frames[table]), SUITES[table], page)
    assert not verdict.ok
    assert any(told in reason for reason in verdict.reasons), verdict.reasons
    assert all(re.fullmatch(rf"{table}: expected that .+, but .+\.", r) for r in verdict.reasons)
    assert "Failed" in page.read_text()
    assert "alice" not in page.read_text()


def test_reasons_carry_the_numbers(frames: Frames, tmp_path: Path) -> None:
    frame = frames["outcomes"].assign(is_fraud=0.5)
    verdict = validate(frame, SUITES["outcomes"], tmp_path / "page.html")
    assert verdict.reasons == (
        "outcomes: expected that between 0.01 % and 20 % of outcomes are fraud, "
        "but the value is 0.5.",
    )
    told = verdict.details["expectations"][0]
    assert (told["ok"], told["observed"]) == (False, "the value is 0.5")


def test_sample_is_the_same_each_time_and_keeps_users_whole(root: Path, frames: Frames) -> None:
    suite = SUITES["transactions"]
    sample = read_frame(root, suite, rows=3000)
    assert 0 < len(sample) < len(frames["transactions"]) / 2
    pd.testing.assert_frame_equal(sample, read_frame(root, suite, rows=3000))
    whole = frames["transactions"].groupby("user_id").size()
    assert sample.groupby("user_id").size().equals(whole[whole.index.isin(sample["user_id"])])


def test_suite_is_data(tmp_path: Path) -> None:
    positive = Expectation(
        "expect_column_values_to_be_between", {"column": "a", "min_value": 0}, "a is positive"
    )
    suite = Suite("numbers", (), "", "a", (positive,))
    verdict = validate(pd.DataFrame({"a": [1, -1, -2]}), suite, tmp_path / "page.html")
    assert verdict.reasons == ("numbers: expected that a is positive, but 2 of 3 rows differ.",)
