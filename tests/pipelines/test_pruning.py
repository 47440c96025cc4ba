"""Old runs go; what a newer run took from the cache stays, and is still a hit."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.common.settings import Settings
from pipelines.common.local import run_here
from pipelines.common.pruning import CACHE, RUNS
from tests.pipelines import toys


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", keep_runs=2)


def weigh(settings: Settings, data: str) -> bool:
    """Run the toy pipeline; whether its first step came from the cache."""
    arguments = {"data_digest": data, "code_digest": "c"}
    result = run_here("weighing", toys.weighing, arguments, settings, lambda step: None)
    assert result.ok, result.reasons
    return result.steps[0].cached


def weights(settings: Settings) -> list[str]:
    """What the steps have weighed, as far as it is still there."""
    found = (settings.kfp / RUNS).rglob("weight")
    return sorted(path.read_text().split()[-1] for path in found)


def test_the_newest_runs_are_kept_and_what_they_use_of_older_ones(settings: Settings) -> None:
    assert not weigh(settings, "first")
    for other in ("second", "third"):
        assert not weigh(settings, other)
        assert weigh(settings, "first"), "each time the newer runs use it"
    assert weights(settings) == ["first", "third"]
    assert weigh(settings, "first"), "its run is the oldest, and its result still there"


def test_what_no_kept_run_uses_goes_with_its_cache_entry(settings: Settings) -> None:
    for data in ("first", "second", "third", "fourth"):
        weigh(settings, data)
    assert weights(settings) == ["fourth", "third"]
    assert len(list((settings.kfp / RUNS).iterdir())) == 2
    assert len(list((settings.kfp / CACHE).glob("*.json"))) <= 3
    assert not weigh(settings, "first"), "it is made again"


def test_nothing_goes_while_there_are_few(settings: Settings) -> None:
    plenty = settings.model_copy(update={"keep_runs": 20})
    for data in ("first", "second", "third"):
        weigh(plenty, data)
    assert weights(plenty) == ["first", "second", "third"]
