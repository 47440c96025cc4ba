"""Shadow scores are made after the answer, beside the requests, and none is lost on stopping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from components.common.ledger import Ledger
from components.common.records import Decision
from serving.common.manifest import Release
from serving.common.models import Model, load
from serving.common.recorder import Recorder
from serving.common.shadowing import Shadowing, ToScore, shadow_of

NAME = "fraud-xgboost"


def decision_of(probability: float, model: Model) -> str:
    return "DECLINE" if probability > 0.5 else "APPROVE"


def to_score(number: int, model: Model, amount: object) -> ToScore:
    return ToScore(f"d{number}", model, {"amount": amount}, decision_of)


def test_a_shadow_says_what_the_other_version_would_have_said(releases: dict[str, Release]) -> None:
    shadow = shadow_of(to_score(1, load(NAME, releases["2"]), 90_000.0))
    assert (shadow.decision_id, shadow.version, shadow.decision) == ("d1", "2", "DECLINE")
    assert shadow.score is not None
    assert 0.5 < shadow.score <= 1
    assert shadow.error is None


def test_a_failure_of_the_other_version_is_part_of_the_record(releases: dict[str, Release]) -> None:
    shadow = shadow_of(to_score(1, load(NAME, releases["2"]), "a lot"))
    assert (shadow.score, shadow.decision) == (None, None)
    assert shadow.error == "model_failed: ValueError"


def test_what_waits_is_scored_before_it_stops(
    ledger: Ledger, releases: dict[str, Release], decided: Callable[..., Decision]
) -> None:
    recorder = Recorder(ledger)
    model = load(NAME, releases["2"])

    async def work() -> None:
        shadowing = Shadowing(recorder)
        for number in range(250):
            shadowing.add(to_score(number, model, 100.0))
        await shadowing.close()

    asyncio.run(work())
    recorder.close()
    assert [shadow.decision_id for shadow in ledger.shadows()] == [f"d{n}" for n in range(250)]
    assert {shadow.decision for shadow in ledger.shadows()} == {"APPROVE"}


def test_a_full_disk_costs_shadows_and_nothing_else(
    ledger: Ledger, releases: dict[str, Release]
) -> None:
    recorder = Recorder(ledger)
    model = load(NAME, releases["2"])
    (pages,) = ledger.rows("PRAGMA page_count")

    async def work() -> None:
        shadowing = Shadowing(recorder)
        ledger.rows(f"PRAGMA max_page_count = {pages['page_count']}")
        for number in range(5000):
            shadowing.add(to_score(number, model, 100.0))
        await shadowing.idle()
        ledger.rows("PRAGMA max_page_count = 100000")
        shadowing.add(to_score(9999, model, 100.0))
        await shadowing.close()

    asyncio.run(work())
    recorder.close()
    found = [shadow.decision_id for shadow in ledger.shadows()]
    assert len(found) < 5001
    assert found[-1] == "d9999"
