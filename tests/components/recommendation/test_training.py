"""From a frame to a judged artifact that ranks as the model does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.artifact import Scorer
from components.common.errors import FinloopError
from components.common.evidence import REFERENCE, SAMPLE, SCORE, read_metrics
from components.recommendation import NCF
from components.recommendation.catalogue import INPUTS, Catalogue
from components.recommendation.features import USER_PROFILE
from components.recommendation.quality import AT, beyond_accuracy, per_user, ranks_of
from components.recommendation.training import compare_artifacts, train_candidate
from serving.common.proving import unproven
from tests.recommendation_company import CONFIG, Company


def test_the_artifact_ranks_every_merchant(shops: Company) -> None:
    scorer, catalogue = Scorer.load(shops.artifact), Catalogue.read(shops.artifact)
    assert scorer.inputs == INPUTS
    scores = scorer.score(np.full((3, len(INPUTS)), np.nan, np.float32))
    assert scores.shape == (3, len(catalogue)) == (3, 60)
    assert ((scores > 0) & (scores < 1)).all()
    assert set(catalogue.ids) == set(shops.payments["merchant_id"]) | set(catalogue.ids)


def test_metrics_gates_and_baselines_are_told(shops: Company) -> None:
    verdict, metrics = shops.trained
    gates = {gate.metric for gate in NCF.gates}
    assert gates <= set(metrics) == set(read_metrics(shops.artifact)["metrics"])
    assert metrics["artifact_max_difference"].value < 1e-5
    assert metrics["ndcg_at_10"].value > 0.2
    held = all(metrics[name].value >= 0 for name in gates if "over" in name)
    assert verdict.ok == held


def test_its_sample_proves_it_and_another_graph_is_found_out(
    shops: Company, tmp_path: Path
) -> None:
    assert unproven(shops.artifact) == ()
    folder = Path(shutil.copytree(shops.artifact, tmp_path / "other"))
    rows = pd.read_parquet(folder / SAMPLE)
    rows[SCORE] = rows[SCORE].map(lambda scores: np.append(scores[:-1], 0.5))
    rows.to_parquet(folder / SAMPLE)
    assert "sampled rows otherwise" in unproven(folder)[0]


def test_the_reference_is_of_customers_and_names_nobody(shops: Company) -> None:
    rows = pd.read_parquet(shops.artifact / REFERENCE)
    assert list(rows.columns) == [*USER_PROFILE, SCORE]
    assert rows[SCORE].between(0, 1).all()
    users = set(shops.payments["user_id"])
    for path in shops.artifact.iterdir():
        content = path.read_bytes()
        assert not [user for user in users if user.encode() in content], path.name


def test_training_again_gives_the_same_bytes(shops: Company, tmp_path: Path) -> None:
    train_candidate(shops.frame, tmp_path, CONFIG)
    for name in ("model.onnx", "merchants.parquet"):
        assert (tmp_path / name).read_bytes() == (shops.artifact / name).read_bytes()


def test_an_artifact_is_no_better_than_itself_and_better_than_one_that_knows_less(
    shops: Company, tmp_path: Path
) -> None:
    same = compare_artifacts(shops.artifact, shops.artifact, shops.frame)
    assert {metric.value for metric in same.values()} == {0.0}
    train_candidate(shops.frame, tmp_path, '{"factors": 2, "layers": [2], "epochs": 1}')
    other = compare_artifacts(shops.artifact, tmp_path, shops.frame)
    assert other["ndcg_at_10"].value != 0.0


def test_a_catalogue_that_is_torn_is_refused(tmp_path: Path) -> None:
    (tmp_path / "merchants.parquet").write_bytes(b"torn")
    with pytest.raises(FinloopError) as caught:
        Catalogue.read(tmp_path)
    assert caught.value.code == "catalogue_unreadable"


def test_ranks_count_ties_against_the_model() -> None:
    scores = np.array([[0.5, 0.5, 0.9, 0.1], [0.4, 0.3, 0.2, 0.1]])
    seen = np.array([[False, False, True, False], [True, False, False, False]])
    new = np.array([[True, False, False, False], [False, False, True, True]])
    first, second = ranks_of(scores, seen, new)
    assert first.tolist() == [2]
    assert second.tolist() == [2, 3]
    found = per_user([first, second])
    assert found["hr_at_10"].tolist() == [1.0, 1.0]
    ideal = 1 + 1 / np.log2(3)
    expected = [1 / np.log2(3), (1 / np.log2(3) + 1 / np.log2(4)) / ideal]
    np.testing.assert_allclose(found["ndcg_at_10"], expected)


def test_ranks_are_those_of_a_sort() -> None:
    draw = np.random.default_rng(5)
    scores, new = draw.random((40, 30)), draw.random((40, 30)) < 0.1
    seen = (draw.random((40, 30)) < 0.3) & ~new
    for row, ranks in enumerate(ranks_of(scores, seen, new)):
        order = [one for one in np.argsort(-scores[row]) if not seen[row, one]]
        assert ranks.tolist() == [at + 1 for at, one in enumerate(order) if new[row, one]]


def test_what_everybody_gets_is_covered_little_and_known_to_all() -> None:
    users = np.array([100.0, *[1.0] * 99])
    same = beyond_accuracy(np.zeros((5, AT), dtype=int), users, 100)
    mixed = beyond_accuracy(np.arange(5 * AT).reshape(5, AT) % 100, users, 100)
    assert same["coverage"].value == 0.01 < mixed["coverage"].value == 0.5
    assert same["novelty"].value == 0 < mixed["novelty"].value
    assert same["popularity_bias"].value > mixed["popularity_bias"].value
