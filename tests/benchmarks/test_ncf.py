"""The leave-one-out benchmark from files to rows, on a small town."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import ncf
from benchmarks.ncf_files import Trial, leave_one_out, read_trial
from components.common.errors import FinloopError
from components.recommendation.baselines import IALS, POPULARITY, Baseline, ials
from tests.components.recommendation.town import SMALL, make_town

QUICK = (
    POPULARITY,
    Baseline("ials", ials, ({"factors": 4, "alpha": 5.0, "regularization": 0.1},)),
)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    folder, pairs = tmp_path_factory.mktemp("town"), make_town().pairs
    columns = {"userId": pairs.user, "movieId": pairs.item, "timestamp": pairs.day * 86_400}
    pd.DataFrame(columns).to_csv(folder / "ratings.csv", index=False)
    return read_trial(*leave_one_out(folder / "ratings.csv", folder))


def test_every_case_has_its_metrics_and_the_network_its_peer(trial: Trial) -> None:
    said: list[str] = []
    config = SMALL.model_copy(update={"half_life_days": None})
    rows = ncf.measure(trial, said.append, 600.0, config, QUICK)
    found = {(row.case, row.metric): row for row in rows}
    for case in ("ncf", "popularity", "ials"):
        for metric in ("hr_at_10", "ndcg_at_10"):
            assert 0 <= found[case, metric].value <= 1
        low, high = (found[case, f"ndcg_at_10_{bound}"].value for bound in ("low", "high"))
        assert low < found[case, "ndcg_at_10"].value < high
        assert found[case, "seconds"].value > 0
        assert found[case, "novelty"].value > 0
    assert found["ncf", "ndcg_at_10"].value > found["popularity", "ndcg_at_10"].value + 0.05
    best = max(found[case, "ndcg_at_10"].value for case in ("popularity", "ials"))
    assert found["ncf", "ndcg_at_10"].peer == best
    assert found["ncf", "cpu_seconds_per_million_pairs"].value > 0
    assert found["ials", "coverage"].value > found["popularity", "coverage"].value
    assert found["ials", "popularity_bias"].value < found["popularity", "popularity_bias"].value
    assert any("order known" in line for line in said)


def test_the_test_choices_are_not_learnt_from(trial: Trial) -> None:
    chosen = set(zip(trial.pairs.user.tolist(), trial.pairs.item.tolist(), strict=True))
    tested = zip(trial.users.tolist(), trial.items[:, 0].tolist(), strict=True)
    assert not chosen & set(tested)
    assert len(np.unique(trial.users)) == len(trial.users)


def test_without_files_it_says_what_it_reads(tmp_path: Path) -> None:
    for data in (None, tmp_path):
        with pytest.raises(FinloopError, match="--train FILE and --test FILE, or --data DIR"):
            ncf.run(data, print)


def test_the_grid_of_a_baseline_is_what_it_takes() -> None:
    assert all(set(setting) == {"factors", "alpha", "regularization"} for setting in IALS.grid)
