"""`finloop ingest` and `finloop outcomes import`, as a person and a program use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    pd.DataFrame(
        {
            "transaction_id": ["a", "b"],
            "event_timestamp": pd.Timestamp("2026-01-01T10:00", tz="UTC"),
            "user_id": "raw-user",
            "merchant_id": "m",
            "amount": [1.0, -1.0],
        }
    ).to_csv(folder / "transactions.csv", index=False)
    return folder


def finloop(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "finloop", *map(str, arguments)],
        env={**os.environ, "FINLOOP_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ingest_then_outcomes_in_json(tmp_path: Path, source: Path) -> None:
    done = finloop(tmp_path / "home", "ingest", source, "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert len(told["digest"]) == 64
    assert told["tables"] == [
        {
            "table": "transactions",
            "source": "transactions.csv",
            "files": 1,
            "rows": 2,
            "accepted": 1,
            "already": 0,
            "quarantined": 1,
            "reasons": {"amount is negative": 1},
        }
    ]
    file = tmp_path / "known.csv"
    file.write_text(
        "transaction_id,is_fraud,outcome_timestamp\na,true,2026-01-09\nz,0,2026-01-09\n"
    )
    imported = json.loads(finloop(tmp_path / "home", "outcomes", "import", file, "--json").stdout)
    assert (imported["accepted"], imported["reasons"]) == (1, {"transaction_id is unknown": 1})


def test_ingest_tells_a_person_what_was_quarantined(tmp_path: Path, source: Path) -> None:
    done = finloop(tmp_path / "home", "ingest", source)
    assert done.returncode == 0
    assert "transactions: 1 quarantined because amount is negative" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [("ingest", "nowhere"), ("ingest", ".", "--mapping", "x"), ("outcomes", "import", "x")],
)
def test_bad_input_is_one_sentence_and_status_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = finloop(tmp_path / "home", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("finloop: ")
    assert not (tmp_path / "home").exists()
