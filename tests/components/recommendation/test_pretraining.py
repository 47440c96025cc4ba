"""A network that is pretrained begins at the factorisation itself, on the scale of log-odds."""

from __future__ import annotations

import numpy as np
import pytest

from components.recommendation.leave_one_out import HeldOut, hold_out, ndcg, ranks
from components.recommendation.ncf import Ncf
from components.recommendation.pairs import Pairs
from components.recommendation.pretraining import GRID, Start, factorise, find_start
from tests.components.recommendation.town import ITEMS, SMALL, USERS, make_town


@pytest.fixture(scope="module")
def held() -> tuple[Pairs, HeldOut]:
    """The town without an order."""
    pairs = make_town().pairs
    known = Pairs.of(pairs.user, pairs.item, users=USERS, items=ITEMS)
    return hold_out(known, SMALL.history, None)


@pytest.fixture(scope="module")
def start(held: tuple[Pairs, HeldOut]) -> Start:
    return find_start(held[0], SMALL.factors, held[1], seed=0)


def factorised(start: Start, held: tuple[Pairs, HeldOut]) -> np.ndarray:
    known, held_out = held
    users, items = factorise(known, SMALL.factors, start.alpha, start.ridge, seed=0)
    return np.einsum("nd,ncd->nc", users[held_out.users], items[held_out.items])


def test_the_start_is_the_best_of_the_grid(start: Start, held: tuple[Pairs, HeldOut]) -> None:
    found = {
        setting: ndcg(ranks(factorised(Start(*setting, 1.0, 0.0), held))).mean() for setting in GRID
    }
    assert found[start.alpha, start.ridge] == max(found.values())


def test_its_scale_is_the_likeliest(start: Start, held: tuple[Pairs, HeldOut]) -> None:
    scores = factorised(start, held)

    def loss(scale: float) -> float:
        margin = scale * scores
        return float((np.log(np.exp(margin).sum(axis=1)) - margin[:, 0]).mean())

    assert start.scale > 0
    if start.fame == 0:
        assert loss(start.scale) < loss(0.0)


def test_a_pretrained_network_begins_there(start: Start, held: tuple[Pairs, HeldOut]) -> None:
    from components.recommendation.ncf_network import Network, fame

    known, held_out = held
    model = Ncf(SMALL, (Network(SMALL, known, None, start).read(),))
    expected = start.scale * factorised(start, held)
    expected += start.fame * fame(known.popularity)[held_out.items]
    assert model.margins(held_out.history, held_out.items) == pytest.approx(expected, abs=1e-2)


def test_it_is_never_worse_than_its_start(held: tuple[Pairs, HeldOut]) -> None:
    known, held_out = held
    model = Ncf.fit(SMALL, known, held_out=held_out)
    begun = model.schedules[0].start
    assert begun is not None
    gain = ndcg(ranks(model.margins(held_out.history, held_out.items))).mean()
    assert gain >= ndcg(ranks(factorised(begun, held))).mean() - 1e-3
