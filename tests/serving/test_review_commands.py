"""`finloop reviews`: the queue from a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.records import Decision
from components.common.settings import Settings
from finloop import app

Run = Callable[..., str]


@pytest.fixture
def reviews(
    settings: Settings,
    ledger: Ledger,
    decided: Callable[..., Decision],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run `finloop reviews …` where two payments wait for a person."""
    ledger.append([decided(n, decision="REVIEW", amount=100.0 * n) for n in (1, 2)])
    monkeypatch.setenv("FINLOOP_HOME", str(settings.home))

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["reviews", *words])
        if result.exception is not None:
            raise result.exception
        return result.stdout

    return run


def test_what_waits_is_listed(reviews: Run) -> None:
    told = json.loads(reviews("list", "--json"))
    assert (told["open"], [case["decision_id"] for case in told["cases"]]) == (2, ["d1", "d2"])
    dearest = json.loads(reviews("list", "--sort", "amount", "--limit", "1", "--json"))
    assert (dearest["open"], [case["decision_id"] for case in dearest["cases"]]) == (2, ["d2"])
    assert json.loads(reviews("list", "--domain", "credit", "--json"))["open"] == 0


def test_a_case_is_taken_given_back_and_resolved(reviews: Run, ledger: Ledger) -> None:
    assert reviews("claim", "d1", "--by", "ana") == "d1 is held by ana.\n"
    assert "held by ana" in reviews("list")
    assert reviews("release", "d1", "--by", "ana") == "d1 is free.\n"
    reviews("claim", "d1", "--by", "ben")
    said = reviews("resolve", "d1", "fraud", "--by", "ben", "--note", "Not theirs.")
    assert said == "d1 was fraud, says ben.\n"
    assert reviews("list").splitlines()[-1] == "1 open."
    (outcome,) = ledger.outcomes()
    assert (outcome.subject_id, outcome.label, outcome.source) == ("t1", True, "review")


def test_who_does_not_hold_a_case_is_told(reviews: Run, ledger: Ledger) -> None:
    reviews("claim", "d1", "--by", "ana", "--json")
    for words, code in (
        (("claim", "d1"), "review_claimed"),
        (("release", "d1"), "review_not_held"),
        (("resolve", "d1", "fraud"), "review_not_held"),
        (("resolve", "d1", "theft"), "unknown_outcome"),
        (("claim", "d9"), "unknown_review"),
    ):
        with pytest.raises(FinloopError) as raised:
            reviews(*words, "--by", "ben")
        assert raised.value.code == code
    assert list(ledger.outcomes()) == []
