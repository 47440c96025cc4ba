"""Whatever is wrong is said in one sentence, with the right status, and nothing is half-written.

One case for each mistake, met as a person meets it: through the front door, and over HTTP.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from starlette.testclient import TestClient

import finloop
from components.common.ledger import Ledger
from components.common.registration import RunFacts
from components.common.registry import ModelVersion, Registry
from components.common.settings import Settings
from components.fraud import XGBOOST
from feature_repo.store import open_store
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.manifest import Deployment, Manifest, Release, write_manifest
from serving.common.runtime import Runtime
from tests.components.common.conftest import (
    artifact,
    candidate,
    empty_store,
    facts,
    mlflow_settings,
    registry,
    spec,
)
from tests.serving.conftest import (
    KEY,
    applied_store,
    artifacts,
    desk,
    eventually,
    releases,
    settings,
    store_settings,
)
from tests.serving.desk import Desk, payment

PAYMENTS = pd.DataFrame(
    {
        "transaction_id": ["t1", "t2", "t3"],
        "event_timestamp": pd.to_datetime(
            ["2026-01-01T10:00Z", "2026-01-01T11:00Z", "2026-01-02T10:00Z"]
        ),
        "user_id": ["kim", "lee", "kim"],
        "merchant_id": ["shop", "shop", "mall"],
        "amount": [1_000.0, 2_000.0, 3_000.0],
    }
)
EXPLAINED = Path(__file__).parent.parent / "docs" / "runbooks" / "errors.md"
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence of an error, without the name of the program."""
        (line,) = self.err.splitlines()
        assert line.startswith("finloop: ")
        assert line.endswith(".")
        assert "Traceback" not in line
        assert self.out == ""
        return line.removeprefix("finloop: ")


Command = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the commands."""
    monkeypatch.setenv("FINLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


@pytest.fixture
def command(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Call the front door as the shell does."""

    def call(*arguments: str | Path) -> Said:
        monkeypatch.setattr("sys.argv", ["finloop", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            finloop.main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return call


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder with a digest of its bytes; locks hold nothing."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let the system refuse to write any file beyond that many bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# --- files as a whole


def _parquet(folder: Path, frame: pd.DataFrame) -> None:
    frame.to_parquet(folder / "transactions.parquet", index=False)


def _truncated(folder: Path) -> None:
    _parquet(folder, PAYMENTS)
    path = folder / "transactions.parquet"
    path.write_bytes(path.read_bytes()[:500])


WHOLE_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "unknown column": (
        lambda folder: _parquet(folder, PAYMENTS.assign(colour="red")),
        "transactions.parquet has a column 'colour'",
    ),
    "missing required column": (
        lambda folder: _parquet(folder, PAYMENTS.drop(columns="amount")),
        "transactions.parquet lacks the required column 'amount'",
    ),
    "wrong type": (
        lambda folder: _parquet(folder, PAYMENTS.assign(amount="much")),
        "column 'amount' must be a number, but it is VARCHAR",
    ),
    "wrong type in text": (
        lambda folder: PAYMENTS.assign(amount="much").to_csv(
            folder / "transactions.csv", index=False
        ),
        "transactions.csv: column 'amount' must be a number, but no row has one",
    ),
    "empty file": (
        lambda folder: (folder / "transactions.parquet").touch(),
        "transactions.parquet is empty",
    ),
    "file without rows": (
        lambda folder: _parquet(folder, PAYMENTS.head(0)),
        "transactions.parquet is empty",
    ),
    "truncated parquet": (_truncated, "transactions.parquet cannot be read as parquet"),
    "no table at all": (lambda folder: None, "has no table of the mapping 'finloop'"),
}


@pytest.mark.parametrize("mistake", WHOLE_FILES)
def test_a_file_that_cannot_be_used_changes_nothing(
    command: Command, home: Path, tmp_path: Path, mistake: str
) -> None:
    make, words = WHOLE_FILES[mistake]
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder in (good, bad):
        folder.mkdir()
    _parquet(good, PAYMENTS)
    assert command("ingest", good).status == 0
    before = files(home)
    make(bad)
    said = command("ingest", bad)
    assert (said.status, words in said.sentence) == (2, True), said.err
    assert files(home) == before


def test_a_mapping_and_a_folder_that_are_not_there_are_said(command: Command, home: Path) -> None:
    assert "no file or folder nowhere" in command("ingest", "nowhere").sentence
    said = command("ingest", ".", "--mapping", "nobodys")
    assert (said.status, "choose one of: finloop" in said.sentence) == (2, True)
    assert not home.exists()


# --- single rows


ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "negative amount": ({"amount": -1.0}, "amount is negative"),
    "NaN": ({"amount": float("nan")}, "amount is missing or no number"),
    "timestamp in the future": (
        {"event_timestamp": pd.Timestamp("2199-01-01", tz="UTC")},
        "event_timestamp is in the future",
    ),
    "duplicate id": ({"transaction_id": "t1"}, "transaction_id came before in the same file"),
    "unknown user": ({"user_id": "nobody"}, "user_id is unknown"),
    "unknown merchant": ({"merchant_id": "nowhere"}, "merchant_id is unknown"),
}


@pytest.mark.parametrize("mistake", ROWS)
def test_a_bad_row_is_quarantined_with_its_reason_and_the_others_come_in(
    command: Command, home: Path, tmp_path: Path, mistake: str
) -> None:
    change, reason = ROWS[mistake]
    source = tmp_path / "source"
    source.mkdir()
    wrong = PAYMENTS.tail(1).assign(**{"transaction_id": "t4", **change})
    _parquet(source, pd.concat([PAYMENTS, wrong]))
    users = pd.DataFrame(
        {"user_id": ["kim", "lee"], "event_timestamp": pd.Timestamp("2025-01-01", tz="UTC")}
    )
    users.to_parquet(source / "users.parquet")
    pd.DataFrame({"merchant_id": ["shop", "mall"]}).to_parquet(source / "merchants.parquet")
    said = command("ingest", source)
    assert said.status == 0
    assert f"transactions: 1 quarantined because {reason}" in said.out
    days = (home / "lake" / "transactions").glob("*/part.parquet")
    let_in = pd.concat([pd.read_parquet(day) for day in days])
    assert sorted(let_in["transaction_id"]) == ["t1", "t2", "t3"]
    (kept,) = (home / "quarantine" / "transactions").glob("*.parquet")
    assert pd.read_parquet(kept)["reason"].tolist() == [reason]


# --- how a command is called


USAGE: dict[str, tuple[list[str], str]] = {
    "not a number": (["simulate", "--users", "abc", "--out", "x"], "it must be a whole number"),
    "unknown option": (["simulate", "--nonsense"], "No such option: --nonsense"),
    "missing option": (["simulate"], "Missing option '--out'"),
    "missing argument": (["approve", "fraud-xgboost", "--by", "jun"], "Missing argument 'VERSION'"),
    "unknown command": (["train"], "No such command 'train'"),
    "unknown model": (["approve", "oracle", "1", "--by", "jun"], "no model named 'oracle'"),
    "unknown model's rollout": (
        ["rollout", "step", "oracle"],
        "choose one of: credit-scoring, fraud-lstm, ",
    ),
    "unknown domain": (["monitor", "weather"], "no domain named 'weather'"),
    "unknown pipeline": (["run", "oracle"], "no pipeline named 'oracle'"),
    "unknown argument": (["run", "data", "--set", "colour=red"], "no argument named 'colour'"),
    "argument of a wrong type": (["run", "fraud-xgboost", "--set", "test_days=x"], "whole number"),
    "unknown place": (["run", "data", "--on", "mars"], "'mars' is not one of 'local', 'kubeflow'"),
    "unknown decision": (["decisions", "show", "d"], "no decision 'd'"),
    "unknown file": (["outcomes", "import", "x.csv"], "no parquet or CSV file x.csv"),
    "unknown benchmark": (["bench", "luck"], "no benchmark named 'luck'"),
}


@pytest.mark.parametrize("mistake", USAGE)
def test_a_wrong_call_says_what_to_write_instead(command: Command, mistake: str) -> None:
    arguments, words = USAGE[mistake]
    said = command(*arguments)
    assert (said.status, words in said.sentence) == (2, True), said.err


SETTINGS = {
    ("FINLOOP_TIMEZONE", "Mars/Olympus"): "FINLOOP_TIMEZONE cannot be used: there is no time zone",
    ("FINLOOP_SERVING_PORT", "70000"): "FINLOOP_SERVING_PORT cannot be used: it must be less than",
    ("FINLOOP_API_KEYS", "abc"): "FINLOOP_API_KEYS cannot be used: it must be JSON",
    ("FINLOOP_API_KEYS", '{"app": "the key itself"}'): "FINLOOP_API_KEYS[app] cannot be used",
}


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_a_setting_that_cannot_be_used_is_named(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    said = command("status")
    assert (said.status, said.sentence.startswith(SETTINGS[name, value])) == (2, True), said.err
    assert not home.exists()


# --- approvals and the registry


@pytest.fixture
def trained(
    mlflow_settings: Settings, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> ModelVersion:
    """Candidate 1, trained by mina, in the home of the commands."""
    monkeypatch.setenv("FINLOOP_HOME", str(mlflow_settings.home))
    return candidate


def test_a_version_is_approved_once(
    command: Command, trained: ModelVersion, registry: Registry
) -> None:
    assert command("approve", XGBOOST.name, "1", "--by", "jun").status == 0
    said = command("approve", XGBOOST.name, "1", "--by", "sora")
    assert (said.status, said.sentence) == (
        1,
        "fraud-xgboost candidate 1 is approved already, as version 1.",
    )
    assert [one.version for one in registry.versions(XGBOOST.name)] == ["1"]


def test_a_version_whose_gate_failed_is_not_approved(
    command: Command,
    trained: ModelVersion,
    registry: Registry,
    artifact: Path,
    facts: Callable[..., RunFacts],
) -> None:
    registry.register_candidate(XGBOOST, artifact, run=facts(ok=False), actor="mina")
    said = command("approve", XGBOOST.name, "2", "--by", "jun")
    assert (said.status, "The gate of candidate 2 failed" in said.sentence) == (1, True)
    assert registry.versions(XGBOOST.name) == ()


@pytest.mark.parametrize(
    ("version", "by", "status", "words"),
    [
        ("9", "jun", 2, "There is no version '9' of fraud-xgboost-candidate; choose one of: 1."),
        ("one", "jun", 2, "There is no version 'one' of fraud-xgboost-candidate"),
        ("1", "mina", 1, "trained by mina; another person must approve."),
        ("1", " ", 2, "say who approves with --by NAME."),
    ],
)
def test_an_approval_that_makes_no_sense_is_refused(
    command: Command,
    trained: ModelVersion,
    registry: Registry,
    version: str,
    by: str,
    status: int,
    words: str,
) -> None:
    said = command("approve", XGBOOST.name, version, "--by", by)
    assert (said.status, words in said.sentence) == (status, True), said.err
    assert registry.versions(XGBOOST.name) == ()


@pytest.mark.parametrize(
    "arguments",
    [("models",), ("approve", XGBOOST.name, "1", "--by", "jun"), ("rollout", "step", XGBOOST.name)],
)
def test_that_mlflow_is_down_is_said_at_once(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("FINLOOP_MLFLOW_URI", NOWHERE)
    said = command(*arguments)
    assert said.status == 3
    assert said.sentence.startswith(f"MLflow at {NOWHERE} does not answer; start it or correct")


def test_a_training_does_not_begin_while_mlflow_is_down(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINLOOP_MLFLOW_URI", NOWHERE)
    said = command("run", XGBOOST.name)
    step, sentence = said.err.splitlines()
    assert (said.status, step.split()[:2]) == (3, ["snapshot", "failed"])
    assert sentence.startswith(f"finloop: MLflow at {NOWHERE} does not answer")
    assert "step snapshot of fraud-xgboost; its log is" in sentence


# --- a disk that is full


def test_a_full_disk_leaves_the_ledger_as_it_was(
    command: Command, home: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    _parquet(source, PAYMENTS)
    assert command("ingest", source).status == 0
    known = pd.DataFrame({"transaction_id": ["t1"], "is_fraud": [True]})
    known["outcome_timestamp"] = datetime(2026, 1, 9, tzinfo=UTC)
    known.to_parquet(tmp_path / "known.parquet")
    with closing(Ledger(home / "ledger.db")), no_file_beyond(8_192):
        said = command("outcomes", "import", tmp_path / "known.parquet")
        assert (said.status, said.sentence.startswith("The ledger cannot be used")) == (3, True)
    with closing(Ledger(home / "ledger.db")) as ledger:
        assert list(ledger.outcomes()) == []
    assert command("outcomes", "import", tmp_path / "known.parquet").status == 0
    with closing(Ledger(home / "ledger.db")) as ledger:
        assert len(list(ledger.outcomes())) == 1


def test_a_full_disk_leaves_the_lake_as_it_was(
    command: Command, home: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    _parquet(source, PAYMENTS)
    assert command("ingest", source).status == 0
    before = files(home)
    later = PAYMENTS["event_timestamp"] + pd.Timedelta(days=9)
    _parquet(source, PAYMENTS.assign(event_timestamp=later, transaction_id=["a", "b", "c"]))
    with no_file_beyond(512):
        said = command("ingest", source)
    assert (said.status, "so nothing was changed" in said.sentence) == (3, True), said.err
    assert files(home) == before


def test_no_decision_is_given_that_is_not_written_down(desk: Desk) -> None:
    assert desk.decide(transaction_id="before").status_code == 200
    written = desk.runtime.settings.ledger.with_name("ledger.db-wal").stat().st_size
    with no_file_beyond(written):
        answer = desk.decide(transaction_id="full")
    problem_of(answer, 503, "ledger_unavailable")
    assert subjects(desk) == ["before"]
    assert desk.decide(transaction_id="full").status_code == 200
    assert subjects(desk) == ["before", "full"]


# --- over HTTP


def problem_of(answer: Any, status: int, code: str) -> str:
    """The sentence of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code), told
    assert told["detail"].endswith(".")
    assert "\n" not in told["detail"]
    assert f"`{code}`" in EXPLAINED.read_text(), "what it means is written down"
    return told["detail"]


def subjects(desk: Desk) -> list[str]:
    """What the ledger has decisions on."""
    return [one.subject_id for one in desk.runtime.ledger.decisions()]


def _json(**changes: Any) -> bytes:
    return json.dumps(payment(**changes)).encode()


BODIES: dict[str, tuple[bytes, int, str, str]] = {
    "unknown column": (_json(colour="red"), 422, "unknown_field", "colour: this field is not"),
    "missing required column": (b"{}", 422, "missing_field", "transaction_id: this field is"),
    "wrong type": (_json(amount="much"), 422, "wrong_type", "amount must be a number."),
    "empty": (b"", 400, "malformed_json", "The body is no JSON"),
    "truncated": (_json()[:40], 400, "malformed_json", "The body is no JSON"),
    "not text": (b"PAR1\xff\xfe\x00", 400, "malformed_json", "The body is no JSON"),
    "negative amount": (_json(amount=-1), 422, "out_of_range", "amount must be greater than"),
    "NaN": (_json(amount=float("nan")), 422, "not_a_number", "amount must be a finite number"),
    "timestamp in the future": (
        _json(event_timestamp="2999-01-01T00:00:00Z"),
        422,
        "timestamp_in_future",
        "lies in the future; send when it happened.",
    ),
    "timestamp without a zone": (
        _json(event_timestamp="2026-01-01T00:00:00"),
        422,
        "timestamp_without_zone",
        "event_timestamp must have a time zone",
    ),
    "10 MB body": (b"x" * 10 * 1024 * 1024, 413, "body_too_large", "larger than 64 KB; send less"),
}


@pytest.mark.parametrize("mistake", BODIES)
def test_a_request_that_cannot_be_used_decides_nothing(desk: Desk, mistake: str) -> None:
    body, status, code, words = BODIES[mistake]
    answer = desk.client.post("/v1/fraud/decisions", content=body)
    assert words in problem_of(answer, status, code)
    assert subjects(desk) == []


@pytest.mark.parametrize("path", ["/v1/fraud/decisions", "/v1/credit/scores"])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"PAR1\xff\xfe\x00", 400, "malformed_json"),
        (b"[]", 422, "wrong_type"),
        (b"{}", 422, "missing_field"),
        (b"x" * 1024 * 1024, 413, "body_too_large"),
    ],
    ids=["empty", "not text", "a list", "an empty object", "1 MB"],
)
def test_every_address_that_decides_refuses_the_same(
    desk: Desk, path: str, body: bytes, status: int, code: str
) -> None:
    problem_of(desk.client.post(path, content=body), status, code)
    assert subjects(desk) == []


def test_an_id_is_decided_once(desk: Desk) -> None:
    first = payment(amount=100.0)
    given = desk.client.post("/v1/fraud/decisions", json=first)
    again = desk.client.post("/v1/fraud/decisions", json=first)
    assert again.content == given.content
    other = desk.client.post("/v1/fraud/decisions", json={**first, "amount": 200.0})
    assert "send a new id" in problem_of(other, 409, "already_decided")
    assert subjects(desk) == ["t1"]


def test_an_unknown_user_or_merchant_is_decided_and_what_is_missing_is_named(desk: Desk) -> None:
    answer = desk.decide(user_id="nobody", merchant_id="nowhere")
    assert answer.status_code == 200
    assert {"fraud_user_daily_missing", "fraud_merchant_daily_missing"} <= set(
        answer.json()["degraded"]
    )


@pytest.mark.parametrize(
    ("key", "code"),
    [("", "api_key_missing"), ("wrong", "api_key_wrong"), ("ключ", "api_key_wrong")],
)
def test_without_the_right_key_nothing_is_read(desk: Desk, key: str, code: str) -> None:
    headers = {"X-API-Key": key.encode()}
    for method, path in (
        ("POST", "/v1/fraud/decisions"),
        ("POST", "/v1/credit/scores"),
        ("GET", "/v1/credit/scores/a1"),
        ("GET", "/v1/recommendations/kim"),
        ("POST", "/v1/outcomes"),
    ):
        answer = desk.client.request(method, path, headers=headers, content=b"x" * 1_000_000)
        problem_of(answer, 401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "words"),
    [
        ("GET", "/v1", 404, "not_found", "There is nothing at /v1;"),
        ("GET", "/v1/nothing", 404, "not_found", "There is nothing at /v1/nothing;"),
        ("POST", "/v1/oracle/decisions", 404, "not_found", "/v1/oracle/decisions; see /docs"),
        ("GET", "/v1/fraud/decisions", 405, "method_not_allowed", "takes POST, not GET"),
        ("DELETE", "/v1/outcomes", 405, "method_not_allowed", "takes POST, not DELETE"),
        ("GET", "/v1/decisions/nope", 404, "unknown_decision", "There is no decision of that id"),
    ],
)
def test_what_is_not_there_is_a_problem_too(
    desk: Desk, method: str, path: str, status: int, code: str, words: str
) -> None:
    answer = desk.client.request(method, path)
    assert words in problem_of(answer, status, code)
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


def test_a_bad_outcome_takes_its_whole_list_with_it(desk: Desk) -> None:
    desk.decide()
    good = {"kind": "fraud", "transaction_id": "t1", "is_fraud": True, "source": "chargeback"}
    good["outcome_timestamp"] = "2026-01-09T00:00:00Z"
    for change, status, code in (
        ({"transaction_id": "unknown"}, 404, "unknown_subject"),
        ({"kind": "weather"}, 422, "unknown_kind"),
        ({"outcome_timestamp": "2999-01-01T00:00:00Z"}, 422, "timestamp_in_future"),
    ):
        body = {"outcomes": [good, {**good, **change}]}
        problem_of(desk.client.post("/v1/outcomes", json=body), status, code)
    assert list(desk.runtime.ledger.outcomes()) == []


def test_an_answer_that_comes_too_late_is_a_problem_and_is_given_when_asked_again(
    store_settings: Settings, eventually: Callable[..., None]
) -> None:
    write_manifest(store_settings.serving, Manifest(1, {XGBOOST.name: Deployment()}))
    runtime = Runtime(store_settings, services())
    app = make_app(runtime, answer_seconds=0.3)
    asked = payment()
    with TestClient(app, headers={"X-API-Key": KEY}) as client:
        eventually(lambda: runtime.ready, "becoming ready")
        with closing(sqlite3.connect(store_settings.ledger, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            late = client.post("/v1/fraud/decisions", json=asked)
            assert "send the same request again" in problem_of(late, 504, "timed_out")
            other.execute("ROLLBACK")
        eventually(lambda: list(runtime.ledger.decisions()), "writing down what waited")
        (written,) = runtime.ledger.decisions()
        assert client.post("/v1/fraud/decisions", json=asked).content == written.answer.encode()


# --- the services as they are started


@pytest.mark.e2e
@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
def test_services_start_beside_a_taken_port_and_go_on_without_mlflow(
    store_settings: Settings, releases: dict[str, Release]
) -> None:
    write_manifest(store_settings.serving, Manifest(1, {XGBOOST.name: Deployment(releases["1"])}))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {
            **os.environ,
            "FINLOOP_HOME": str(store_settings.home),
            "FINLOOP_API_KEYS": json.dumps(store_settings.api_keys),
            "FINLOOP_SERVING_PORT": str(port),
            "FINLOOP_MLFLOW_URI": NOWHERE,
        }
        with subprocess.Popen(
            [sys.executable, "-m", "finloop", "serve", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())["address"]
            try:
                assert not address.endswith(f":{port}")
                _meet(address)
            finally:
                process.terminate()
    log = (store_settings.logs / "sync.log").read_text()
    assert f"MLflow at {NOWHERE} does not answer" in log
    assert "Traceback" not in log


def _meet(address: str) -> None:
    """What BentoML would answer itself is a problem of ours as well."""
    with httpx.Client(base_url=address, headers={"X-API-Key": KEY}, timeout=30) as client:
        decided = client.post("/v1/fraud/decisions", json=payment())
        assert (decided.status_code, decided.json()["model"]["version"]) == (200, "1")
        large = client.post("/v1/fraud/decisions", content=b"x" * 10 * 1024 * 1024)
        problem_of(large, 413, "body_too_large")
        problem_of(client.post("/v1/fraud/decisions", content=b"{"), 400, "malformed_json")
        form = client.post("/v1/fraud/decisions", files={"a": b"b"})
        problem_of(form, 400, "malformed_json")
        problem_of(client.get("/v1/nothing"), 404, "not_found")
        problem_of(client.get("/v1/outcomes"), 405, "method_not_allowed")
        wrong = client.get("/v1/decisions/x", headers={"X-API-Key": "wrong"})
        problem_of(wrong, 401, "api_key_wrong")
