"""A training is launched once per verdict."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from components.common.ledger import Ledger
from components.common.settings import Settings
from components.fraud import XGBOOST
from monitoring.retrain import Retraining, last_retrain, launch_once

from .conftest import MODEL, NOW
from .runs import Ended, Runs

PLAN = (("data", {"include_ledger": "true"}), (MODEL, {"author": "monitor"}))


def _launch(ledger: Ledger, runs: Runs, key: str = "w1") -> Retraining | None:
    return launch_once(XGBOOST, key, NOW, ("Drift.",), PLAN, ledger, runs, lambda: NOW)


def test_the_pipelines_run_in_order_and_the_ledger_has_it_before_and_after(ledger: Ledger) -> None:
    runs = Runs()

    result = _launch(ledger, runs)

    assert result == Retraining("w1", True, ("run-data", f"run-{MODEL}"))
    assert runs.ran == [(name, dict(arguments)) for name, arguments in PLAN]
    launched, ended = ledger.events("retrain", MODEL)
    assert (launched.key, launched.body["plan"]) == ("w1", ["data", MODEL])
    assert ended.body == {"ok": True, "runs": ["run-data", f"run-{MODEL}"], "reasons": []}


def test_the_same_verdict_launches_nothing_again(ledger: Ledger) -> None:
    _launch(ledger, Runs())
    again = Runs()

    assert _launch(ledger, again) is None
    assert again.ran == []
    assert _launch(ledger, again, "w2") is not None


def test_a_launch_that_crashed_is_not_repeated(ledger: Ledger) -> None:
    def crashes(pipeline: str, arguments: Mapping[str, str]) -> Ended:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch_once(XGBOOST, "w1", NOW, (), PLAN, ledger, crashes, lambda: NOW)

    assert _launch(ledger, Runs()) is None
    assert last_retrain(ledger, MODEL) == NOW


@pytest.mark.parametrize(
    ("runs", "ran", "reason"),
    [
        (Runs(fails=("data",)), 1, "The gate failed."),
        (Runs(fails=(MODEL,)), 2, "The gate failed."),
        (Runs(raises=(MODEL,)), 1, "Kubeflow does not answer."),
    ],
)
def test_a_failure_stops_there_says_why_and_needs_no_cool_down(
    ledger: Ledger, runs: Runs, ran: int, reason: str
) -> None:
    result = _launch(ledger, runs)

    assert result is not None
    assert not result.ok
    assert result.reasons == (reason,)
    assert len(runs.ran) == ran
    assert last_retrain(ledger, MODEL) is None


def test_of_many_monitors_at_once_one_launches(settings: Settings) -> None:
    runs = Runs()

    def launch(_: int) -> Retraining | None:
        with closing(Ledger(settings.ledger)) as ledger:
            return _launch(ledger, runs)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(launch, range(8)))

    assert sum(result is not None for result in results) == 1
    assert len(runs.ran) == len(PLAN)


def test_the_last_training_is_that_of_the_newest_window(ledger: Ledger) -> None:
    for days in (2, 5, 3):
        moment = NOW + timedelta(days=days)
        launch_once(XGBOOST, f"w{days}", moment, (), PLAN, ledger, Runs(), lambda: NOW)

    assert last_retrain(ledger, MODEL) == NOW + timedelta(days=5)
