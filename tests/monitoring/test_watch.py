"""From decisions in the ledger to a verdict, and from verdicts to one training."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from components.common.approval import approve
from components.common.errors import FinloopError
from components.common.ledger import Ledger
from components.common.records import Decision
from components.common.registry import ModelVersion, Registry
from components.common.settings import Settings
from components.fraud import DOMAIN, XGBOOST
from monitoring.reference import reference_of
from monitoring.rollout import step
from monitoring.watch import Watched, watch

from .conftest import MODEL, NOW
from .runs import Runs

FIRST = datetime(2025, 5, 1, 15, tzinfo=UTC)
"""Midnight in Seoul."""
DAY = timedelta(days=1)


@pytest.fixture
def champion(
    registry: Registry, ledger: Ledger, trained: Callable[..., ModelVersion], settings: Settings
) -> str:
    approve(XGBOOST, trained().version, "jun", settings)
    step(XGBOOST, registry, ledger, NOW)
    return "1"


@pytest.fixture
def day_of_decisions(
    ledger: Ledger, decided: Callable[..., Decision]
) -> Callable[[int, float], None]:
    """Decisions of a day, with prices multiplied."""

    def write(day: int, prices: float = 1.0, size: int = 1_200) -> None:
        rng = np.random.default_rng(day + 100)
        amounts = rng.lognormal(4, 0.5, size) * prices
        ledger.append(
            [
                decided(
                    day * 10_000 + number,
                    event_timestamp=FIRST + day * DAY + number * timedelta(seconds=60),
                    features={"amount": amount, "night": float(amount > 60 * prices)},
                    score=float(min(amount / prices / 1_000, 1.0)),
                )
                for number, amount in enumerate(amounts)
            ]
        )

    return write


@pytest.fixture
def looked(settings: Settings, ledger: Ledger) -> Callable[..., Watched]:
    def look(until: datetime, run: Callable[..., object] | None = None) -> Watched:
        return watch(DOMAIN, XGBOOST, settings, ledger, until, run)  # type: ignore[arg-type]

    return look


def test_without_a_champion_there_is_nothing_to_watch(looked: Callable[..., Watched]) -> None:
    found = looked(NOW)

    assert found.champion is None
    assert found.notes == ("fraud-xgboost has no champion yet.",)


@pytest.mark.usefixtures("champion")
def test_drift_that_lasts_retrains_once(
    looked: Callable[..., Watched],
    day_of_decisions: Callable[..., None],
    ledger: Ledger,
    settings: Settings,
) -> None:
    runs = Runs()
    day_of_decisions(0)
    day_of_decisions(1, 1.5)
    calm = looked(FIRST + DAY, runs)
    once = looked(FIRST + 2 * DAY, runs)
    day_of_decisions(2, 1.5)
    lasting = looked(FIRST + 3 * DAY, runs)
    again = looked(FIRST + 3 * DAY, runs)

    assert [window["violated"] for window in lasting.windows] == [False, True, True]
    assert [one.decision.retrain for one in (calm, once, lasting, again)] == [0, 0, 1, 0]
    assert lasting.retraining is not None
    assert lasting.retraining.ok
    assert again.retraining is None
    assert "cool-down" in again.decision.reasons[0]
    assert [name for name, _ in runs.ran] == ["data", MODEL]
    assert runs.ran[0][1] == {"include_ledger": "true"}
    assert any(reason.startswith("amount: PSI") for reason in lasting.windows[1]["reasons"])
    assert all((settings.home / window["report"]).is_file() for window in lasting.windows)
    assert len(ledger.events("drift", MODEL)) == 3


@pytest.mark.usefixtures("champion")
def test_windows_that_are_too_small_are_left_for_later(
    looked: Callable[..., Watched], day_of_decisions: Callable[..., None], ledger: Ledger
) -> None:
    day_of_decisions(0, 1.0, 100)

    found = looked(FIRST + DAY)

    assert found.windows == ()
    assert found.notes == ("2025-05-01 15:00 UTC: 100 of 500 decisions, not judged yet.",)
    assert ledger.events("drift") == []


@pytest.mark.usefixtures("champion")
def test_before_any_decision_it_says_so(looked: Callable[..., Watched]) -> None:
    assert "Nothing was decided" in looked(NOW).notes[0]


@pytest.mark.usefixtures("champion")
def test_without_a_launcher_the_decision_is_only_told(
    looked: Callable[..., Watched], day_of_decisions: Callable[..., None], ledger: Ledger
) -> None:
    day_of_decisions(0, 1.5)
    day_of_decisions(1, 1.5)

    found = looked(FIRST + 2 * DAY)

    assert found.decision.retrain
    assert found.retraining is None
    assert ledger.events("retrain") == []


def test_the_training_sample_is_fetched_once_and_then_needs_no_mlflow(
    champion: str, settings: Settings, ledger: Ledger
) -> None:
    first = reference_of(XGBOOST, champion, settings, ledger)
    gone = settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})

    assert list(first.columns) == ["amount", "night", "score"]
    assert reference_of(XGBOOST, champion, gone, ledger).equals(first)


def test_a_training_sample_that_was_altered_is_not_trusted(
    champion: str, settings: Settings, ledger: Ledger
) -> None:
    (sample, *_) = (settings.mlflow / "artifacts").rglob("reference.parquet")
    sample.write_bytes(sample.read_bytes() + b" ")

    with pytest.raises(FinloopError, match=r"reference\.parquet was changed"):
        reference_of(XGBOOST, champion, settings, ledger)


def test_a_champion_that_was_never_evaluated_has_no_sample_to_trust(
    registry: Registry, trained: Callable[..., ModelVersion], settings: Settings
) -> None:
    registry.promote(XGBOOST, trained())
    other = Ledger(settings.home / "other.db")

    with pytest.raises(FinloopError, match="no evaluation of version 1"):
        reference_of(XGBOOST, "1", settings, other)
    other.close()
