"""What anybody would expect of a list, asked of the artifact as it is served."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from components.common.sealing import seal
from components.recommendation.catalogue import Catalogue, History
from serving.common.manifest import Release
from serving.common.models import Model, load
from serving.recommendation.answer import Listed, list_by
from serving.recommendation.features import Known
from serving.recommendation.schemas import Asked
from tests.recommendation_company import Company, shops

__all__ = ["shops"]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
YESTERDAY = int(NOW.timestamp() * 1e6) - 86_400_000_000


@pytest.fixture(scope="module")
def model(shops: Company) -> Model:
    """The artifact, loaded as the service loads it."""
    release = Release("1", seal(shops.artifact).digest, str(shops.artifact), "1")
    return load("recommendation-ncf", release)


@pytest.fixture(scope="module")
def catalogue(shops: Company) -> Catalogue:
    return Catalogue.read(shops.artifact)


def listed(model: Model, paid: tuple[str, ...], **query: Any) -> Listed:
    """The list of somebody who paid five times at each of these merchants, yesterday."""
    history = History(paid, (5,) * len(paid), (YESTERDAY,) * len(paid))
    asked = Asked(user_id="somebody", event_timestamp=NOW, **query)
    return list_by(model, asked, Known({}, history))


def of_category(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    """The best known merchants of a category."""
    return tuple(
        catalogue.ids[row] for row in catalogue.popularity if catalogue.categories[row] == name
    )


def test_a_merchant_already_used_is_not_recommended_unless_asked_for(
    model: Model, catalogue: Catalogue
) -> None:
    paid = tuple(catalogue.ids[row] for row in catalogue.popularity[:8])
    assert not listed(model, paid, n=100).merchants & set(paid)
    assert listed(model, paid, n=100, include_used=True).merchants >= set(paid)


def test_the_same_question_has_the_same_answer(model: Model, catalogue: Catalogue) -> None:
    paid = catalogue.ids[3:9]
    assert listed(model, paid) == listed(model, paid)
    other = History(paid, (5,) * len(paid), (YESTERDAY,) * len(paid))
    assert catalogue.inputs(other, NOW) == catalogue.inputs(other, NOW)


def test_whoever_pays_at_a_merchant_is_led_to_those_its_customers_pay_at(
    model: Model, catalogue: Catalogue
) -> None:
    """Over all merchants, their nearest neighbours get likelier by paying there."""
    nobody = model.scorer.score(model.scorer.vector({}))[0]
    gains = []
    for row, merchant in enumerate(catalogue.ids):
        if not catalogue.neighbours[row]:
            continue
        paid = History((merchant,), (5,), (YESTERDAY,))
        told = model.scorer.score(model.scorer.vector(catalogue.inputs(paid, NOW)))[0]
        others = [one for one in range(len(catalogue)) if one != row]
        lift = np.log(told / nobody)
        gains.append(lift[catalogue.neighbours[row][0]] - np.median(lift[others]))
    assert np.mean(gains) > 0


def test_every_merchant_with_content_can_be_reached(model: Model, catalogue: Catalogue) -> None:
    every = listed(model, (), n=100, include_used=True)
    assert every.merchants == set(catalogue.ids)
    assert all(item.probability is not None and item.probability > 0 for item in every.items)


def test_a_category_that_is_asked_for_is_all_there_is(model: Model, catalogue: Catalogue) -> None:
    for name in catalogue.known_categories:
        found = listed(model, catalogue.ids[:4], category=name, n=50, include_used=True)
        assert found.merchants == set(of_category(catalogue, name))


def test_a_list_is_not_ten_times_the_same(model: Model, catalogue: Catalogue) -> None:
    for first in range(0, 40, 10):
        items = listed(model, catalogue.ids[first : first + 5]).items
        most = Counter(item.category for item in items).most_common(1)[0][1]
        assert len(items) == 10
        assert most < 10


def test_a_payment_of_long_ago_says_less(catalogue: Catalogue) -> None:
    old = YESTERDAY - 180 * 86_400_000_000
    inputs = catalogue.inputs(History(catalogue.ids[:2], (5, 5), (YESTERDAY, old)), NOW)
    assert inputs["weight_1"] > 4 * inputs["weight_2"] > 0


def test_a_shorter_list_is_the_beginning_of_a_longer_one(
    model: Model, catalogue: Catalogue
) -> None:
    paid = catalogue.ids[10:14]
    first, longer = listed(model, paid, n=1), listed(model, paid, n=10)
    assert first.items[0].merchant_id == longer.items[0].merchant_id
