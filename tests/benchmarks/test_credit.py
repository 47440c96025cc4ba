"""The benchmark of credit: any table in, one shape out, and a sentence where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from typer.testing import CliRunner

from benchmarks import credit
from benchmarks.credit import CHOSEN, calibration_error, kolmogorov_smirnov, measure
from benchmarks.credit_table import read_credit_table
from components.common.errors import FinloopError
from components.credit.candidates import CANDIDATES
from components.credit.choosing import ChoosingConfig, Chosen, Labelled
from components.credit.comparing import Judged, roc_auc
from finloop import app

KINDS = {kind.name for kind in CANDIDATES}
METRICS = {"roc_auc", "gini", "ks", "brier", "ece", "seconds"}


def strange(count: int) -> pd.DataFrame:
    """Applications as they come: ids, constants, dates, truths, words, holes and special codes."""
    random = np.random.default_rng(0)
    income = random.lognormal(3, 1, count)
    late = random.integers(-2, 5, count)
    logit = 0.8 * late - 0.02 * income + random.normal(size=count) - 1
    return pd.DataFrame(
        {
            "id": np.arange(count),
            "name": [f"applicant {number}" for number in range(count)],
            "bank": "ours",
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(random.integers(0, 900, count), "D"),
            "told": [f"2021-0{month}-11" for month in random.integers(1, 9, count)],
            "owner": random.random(count) < 0.5,
            "city": [f"city {number}" for number in random.integers(0, 80, count)],
            "sex": random.choice(["f", "m"], count),
            "income": np.where(random.random(count) < 0.1, np.nan, income),
            "limit": np.where(random.random(count) < 0.1, 999999, income * random.uniform(1, 3)),
            "late": late,
            "empty": np.nan,
            "outcome": np.where(logit > 0, "bad", "good"),
        }
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "strange.parquet"
    strange(300).to_parquet(path)
    return path


def test_any_table_is_measured_from_the_command_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credit, "FOLDS", 2)
    given = ["--table", str(path), "--target", "outcome", "--protected", "sex", "--budget", "1"]
    result = CliRunner().invoke(app, ["bench", "credit", *given, "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["name"] == "credit"
    cases = {row["case"] for row in report["rows"]}
    assert cases == {*KINDS, CHOSEN}
    for case in cases:
        found = {row["metric"]: row for row in report["rows"] if row["case"] == case}
        assert set(found) == METRICS
        assert found["roc_auc"]["value"] > 0.75
        assert found["gini"]["value"] == pytest.approx(2 * found["roc_auc"]["value"] - 1)
        assert 0 < found["brier"]["value"] < 0.25 and 0 <= found["ece"]["value"] < 0.3
        assert 0.4 < found["ks"]["value"] < 1 and found["roc_auc"]["peer"] > 0.7
    assert "fold 2 of 2" in result.stderr


def test_no_row_of_a_fold_is_seen_before_it_is_judged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = read_credit_table(path, "outcome", None, ("sex",))
    seen: list[set[str]] = []
    real = credit.choose_by_folds

    def watching(train: Labelled, config: ChoosingConfig) -> Chosen:
        seen.append(set(train[0]["name"]))
        fast = config.model_copy(
            update={
                "kinds": ("scorecard",),
                "tuning": config.tuning.model_copy(update={"trials": 0}),
            }
        )
        return real(train, fast)

    monkeypatch.setattr(credit, "choose_by_folds", watching)
    monkeypatch.setattr(credit, "FOLDS", 2)
    cases, _ = measure(table, 1, lambda line: None)
    splits = StratifiedKFold(2, shuffle=True, random_state=0).split(table.rows, table.bad)
    for names, judged, (_, test) in zip(seen, cases["scorecard"].judged, splits, strict=True):
        assert not names & set(table.rows["name"].iloc[test])
        assert len(names) + len(test) == len(table.rows)
        np.testing.assert_array_equal(judged.bad, table.bad[test])


def test_metrics_are_what_they_are_called() -> None:
    random = np.random.default_rng(0)
    bad = (random.random(500) < 0.3).astype(float)
    said = np.clip(0.3 + 0.2 * (bad - 0.3) + 0.1 * random.normal(size=500), 0.01, 0.99).round(2)
    assert roc_auc(Judged(bad, said)) == pytest.approx(roc_auc_score(bad, said))
    widest = max(
        abs((said[bad > 0] <= cut).mean() - (said[bad <= 0] <= cut).mean()) for cut in said
    )
    assert kolmogorov_smirnov(bad, said) == pytest.approx(widest)
    assert calibration_error(np.array([0, 1.0] * 50), np.full(100, 0.5)) < 0.1
    assert calibration_error(np.zeros(100), np.full(100, 0.25)) == pytest.approx(0.25)


def write(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "table.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_csv_with_holes_in_its_target_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(60) % 7, "y": [1.0, 0.0, None] * 20})
    table = read_credit_table(write(tmp_path, frame), "y", None, ())
    assert len(table.rows) == 40 and table.bad.sum() == 20
    assert list(table.rows.columns) == ["a"]


@pytest.mark.parametrize(
    ("outcomes", "positive", "bad"),
    [
        (["yes", "no"], None, 0),
        ([True, False], None, 0),
        ([0, 1], None, 1),
        ([1, 2], "2", 1),
        (["A", "B", "C"], "C", 2),
        ([1.0, 2.0], "1", 0),
    ],
)
def test_the_bad_outcome_is_known_or_told(
    tmp_path: Path, outcomes: list[object], positive: str | None, bad: int
) -> None:
    frame = pd.DataFrame({"a": range(60), "y": outcomes * (60 // len(outcomes))})
    table = read_credit_table(write(tmp_path, frame), "y", positive, ())
    assert (table.bad == (frame["y"] == outcomes[bad])).all()


@pytest.mark.parametrize(
    ("frame", "positive", "protected", "sentence"),
    [
        ({"a": range(60), "z": [0, 1] * 30}, None, (), "no column y; its columns are a, z"),
        ({"a": range(60), "y": [0, 1] * 30}, None, ("sex",), "no column sex"),
        ({"a": range(60), "y": [0] * 60}, None, (), "holds 0 only; two are needed"),
        ({"a": range(60), "y": [0, 1, 2] * 20}, None, (), "3 values .*--positive"),
        ({"a": range(60), "y": ["A", "B"] * 30}, None, (), "2 values .*--positive"),
        ({"a": range(60), "y": ["A", "B"] * 30}, "C", (), "No row of y is C"),
        ({"a": range(60), "y": [0] * 57 + [1] * 3}, None, (), "Only 3 rows"),
        ({"a": [], "y": []}, None, (), "no row with a value in y"),
        ({"a": range(9), "y": [None] * 9}, None, (), "no row with a value in y"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_sentence(
    tmp_path: Path,
    frame: dict[str, list[object]],
    positive: str | None,
    protected: tuple[str, ...],
    sentence: str,
) -> None:
    path = write(tmp_path, pd.DataFrame(frame))
    with pytest.raises(FinloopError, match=sentence):
        read_credit_table(path, "y", positive, protected)


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing more"])
@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_a_broken_file_is_one_clear_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FinloopError, match=r"cannot be read|no column"):
        read_credit_table(path, "y", None, ())


def test_a_missing_file_and_a_missing_option_are_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="no file"):
        read_credit_table(tmp_path / "nowhere.parquet", "y", None, ())
    with pytest.raises(FinloopError, match="--table"):
        credit.run(None, print)
