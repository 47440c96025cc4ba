"""The loop, told once: from a company's data to a champion, through drift and a bad version.

1. simulate   a company
2. data       the data pipeline: ingest, validate, features, Feast
3. train      the fraud-xgboost pipeline: candidate 1
4. approve    a human says yes: the first champion
5. serve      a day of payments; outcomes arrive late
6. drift      the world changes, for a month; monitoring notices and retrains once: candidate 2
7. rollout    approve, shadow, canary, champion, each step by the judge
8. rollback   a bad version is approved, and the judge rolls it back
9. others     the network, the credit and the recommendation model take the same way, and answer
10. explain   a stopped payment is explained, and replayed to the same bytes
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from rich.console import Console

from components.common.errors import FinloopError
from components.common.ledger import has_ledger, open_ledger
from components.common.processes import Supervisor
from components.common.registry import Registry
from components.common.settings import Settings
from demo import chapters
from demo.company import Company, MakeCompany, StoryConfig, simulated
from demo.others import release_others
from demo.platform import start_mlflow, with_api_key
from demo.scene import Story
from demo.telling import Teller

REPORT = "demo.json"


def tell(
    settings: Settings,
    config: StoryConfig,
    console: Console,
    make: MakeCompany = simulated,
) -> dict[str, Any]:
    """Tell the story and return its report, which is also in `demo.json` under the home.

    `make` gives the company that the story is about; it is simulated unless told otherwise.
    Raises `FinloopError` where a chapter fails; the report says which. Every process that was
    started is stopped.
    """
    _require_new(settings)
    teller = Teller(console)
    try:
        company = chapters.simulate(teller, settings, config, make)
        with Supervisor() as supervisor, closing(open_ledger(settings)) as ledger:
            settings, key = with_api_key(settings)
            settings, mlflow = start_mlflow(supervisor, settings)
            registry = Registry(settings)
            story = Story(settings, config, teller, supervisor, ledger, registry, key, mlflow)
            _tell(story, company)
    finally:
        report = teller.finish(settings.home / REPORT)
    return report


def _tell(story: Story, company: Company) -> None:
    chapters.take_in(story, company)
    candidate = chapters.train(story)
    chapters.first_champion(story, candidate)
    days = chapters.serve(story, company)
    candidate = chapters.drift(story, days)
    champion, mistake = chapters.roll_out(story, days, candidate)
    chapters.roll_back(story, days, champion, mistake)
    release_others(story, company, days.now)
    chapters.explain(story)


def _require_new(settings: Settings) -> None:
    if has_ledger(settings):
        raise FinloopError(
            "home_in_use",
            f"{settings.home} holds a company already; `make clean` forgets it, or set "
            "FINLOOP_HOME to another folder.",
        )
