"""What the card says beside the metrics is of the same lists, and adds up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.artifact import Scorer
from components.common.evidence import read_metrics
from components.common.model_card import IMPORTANCE
from components.common.pictures import PICTURE
from components.recommendation.catalogue import INPUTS, SEEN
from components.recommendation.people import People
from components.recommendation.reporting import Lists, compared, importance, sliced
from components.recommendation.training import Told
from tests.recommendation_company import Company

ITEMS = 30


def trained(shops: Company) -> Path:
    """The artifact of a company, which is trained when somebody asks."""
    verdict, _ = shops.trained
    assert verdict.details
    return shops.artifact


def people() -> People:
    """Two customers with histories and one without; each then first pays at one merchant."""
    inputs = np.full((3, len(INPUTS)), np.nan)
    for row, length in ((0, 2), (1, 8)):
        inputs[row, :length] = np.arange(length)
        inputs[row, SEEN : SEEN + length] = 1.0
    seen = np.zeros((3, ITEMS), dtype=bool)
    seen[0, :2], seen[1, :8] = True, True
    new = np.zeros((3, ITEMS), dtype=bool)
    new[[0, 1, 2], [20, 21, 22]] = True
    return People(("a", "b", "c"), inputs, seen, new)


def lists() -> Lists:
    """One who knows what will be, and one who ranks by number."""
    test = people()
    by_number = np.broadcast_to(-np.arange(ITEMS, dtype=float), test.new.shape)
    return Lists(test, {"seer": test.new.astype(float), "by number": by_number})


def test_everybody_who_ranks_is_told_side_by_side() -> None:
    section = compared(lists().gains(people().new))
    seer, by_number = section.rows
    assert seer[:3] == ("seer", 1.0, 1.0)
    assert by_number[:3] == ("by number", 0.0, 0.0)


def test_slices_hold_every_customer_once_per_grouping_and_merchants_hardly_known() -> None:
    customers = np.full(ITEMS, 100.0)
    customers[20] = 3
    gains = lists().gains(people().new)
    section = sliced(lists(), gains, np.array([2.0, 0.0, np.nan]), customers)
    rows = {str(row[0]): row[1:] for row in section.rows}
    assert section.head == ("slice", "customers", "seer", "by number")
    assert rows["merchants paid at: under 1"] == (1, 1.0, 0.0)
    assert rows["merchants paid at: 1–5"] == (1, 1.0, 0.0)
    assert rows["age: unknown"] == (2, 1.0, 0.0)
    assert rows["age: under 30 years"] == (1, 1.0, 0.0)
    assert rows["merchants: fewer than 10 customers"] == (1, 1.0, 0.0)
    for grouping in ("merchants paid at", "age"):
        counts = [row[0] for name, row in rows.items() if name.startswith(f"{grouping}:")]
        assert sum(int(count or 0) for count in counts) == 3


def test_the_card_of_an_artifact_has_its_slices_baselines_limits_and_pictures(
    shops: Company,
) -> None:
    told = read_metrics(trained(shops))
    assert [section["title"] for section in told["sections"]] == [
        "Beside other ways to rank",
        "Slices",
    ]
    ranked = {row[0]: row for row in told["sections"][0]["rows"]}
    assert set(ranked) == {"network", "popularity", "item_knn", "ease"}
    assert ranked["network"][2] == pytest.approx(told["metrics"]["ndcg_at_10"]["value"])
    assert ranked["ease"][2] == pytest.approx(told["metrics"]["ease_ndcg_at_10"]["value"])
    assert len(told["limits"]) == 3
    for picture in (PICTURE, IMPORTANCE):
        assert (shops.artifact / picture).read_bytes().startswith(b"\x89PNG")


def test_a_model_leans_on_histories(shops: Company) -> None:
    test = Told(shops.frame).people("test", "train", "calibration")
    found = importance(Scorer.load(trained(shops)), test)
    assert list(found) == ["the newest", "2nd to 5th", "6th to 20th", "older", "how often and when"]
    assert max(found.values()) > 0
