"""The loop, told once: from a company's data to a champion, through drift and a bad version.

1. simulate   a company
2. data       the data pipeline: ingest, validate, features, Feast
3. train      the fraud-xgboost pipeline: candidate 1
4. approve    a human says yes: the first champion
5. serve      a day of payments; outcomes arrive late
6. drift      the world changes; monitoring notices and retrains once: candidate 2
7. rollout    approve, shadow, canary, champion, each step by the judge
8. rollback   a bad version is approved, and the judge rolls it back
9. explain    a stopped payment is explained, and replayed to the same bytes
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from components.common.approval import approve
from components.common.errors import FinloopError, unavailable
from components.common.ledger import Ledger
from components.common.processes import Process, Supervisor
from components.common.records import Event
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.stages import Stage
from components.fraud import DOMAIN, XGBOOST
from demo.company import Company, StoryConfig, make_company
from demo.days import Days
from demo.explaining import explain_one
from demo.mistake import train_on_wrong_units
from demo.platform import await_mlflow, await_release, start_mlflow, with_api_key
from demo.telling import Chapter, Teller
from monitoring import rollout
from monitoring.watch import watch
from pipelines import launch
from pipelines.common.results import RunResult
from pipelines.common.run_log import Step
from serving.processes import start_services

HUMAN = "jiwoo"
"""The approver whom the story plays."""
AUTHOR = "minseo"
"""The data scientist whom the story plays."""
REPORT = "demo.json"
_LOOK = timedelta(hours=6)
"""Time of the story between two looks of the rollout controller."""


@dataclass
class Story:
    """What the chapters share while the story is told."""

    settings: Settings
    config: StoryConfig
    teller: Teller
    supervisor: Supervisor
    ledger: Ledger
    registry: Registry
    api_key: str
    mlflow: Process | None
    base: str = ""
    services: tuple[Process, ...] = ()

    def run(self, pipeline: str, arguments: Mapping[str, str]) -> RunResult:
        """Run a pipeline here and tell each of its steps."""
        return launch.run(pipeline, arguments, self.settings, notice=self.tell_step)

    def tell_step(self, step: Step) -> None:
        """One line for a step of a pipeline."""
        state = "cached" if step.cached else "ok" if step.ok else "failed"
        self.teller.say(f"  {step.name}: {state}, {step.seconds:.0f} s")

    def approve(self, candidate: str) -> str:
        """The human approves; the version of the production model."""
        self.teller.say(f"{HUMAN} (played by this story) approves candidate {candidate}.")
        return approve(XGBOOST, candidate, HUMAN, self.settings).version

    def step(self) -> list[Event]:
        """Let the rollout controller look once."""
        return rollout.step(XGBOOST, self.registry, self.ledger, datetime.now(UTC))

    def await_release(self, champion: str, stage: Stage | None = None) -> None:
        """Wait until the services answer with what the registry says."""
        stage_name = stage.value if stage else ""
        model, address = XGBOOST.name, self.base
        await_release(self.services, self.settings, address, model, champion, stage_name)


MakeCompany = Callable[[StoryConfig, Settings], Company]


def simulated(config: StoryConfig, settings: Settings) -> Company:
    """The company that is made up where no data is given."""
    return make_company(config, settings.timezone)


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
        with Supervisor() as supervisor, closing(Ledger(settings.ledger)) as ledger:
            settings, key = with_api_key(settings)
            settings, mlflow = start_mlflow(supervisor, settings)
            registry = Registry(settings)
            story = Story(settings, config, teller, supervisor, ledger, registry, key, mlflow)
            _tell(story, make)
    finally:
        report = teller.finish(settings.home / REPORT)
    return report


def _tell(story: Story, make: MakeCompany) -> None:
    company = _simulate(story, make)
    _data(story, company)
    candidate = _train(story)
    _first_champion(story, candidate)
    days = _serve(story, company)
    candidate = _drift(story, days)
    champion = _roll_out(story, days, candidate)
    _roll_back(story, days, champion)
    _explain(story)


def _simulate(story: Story, make: MakeCompany) -> Company:
    with story.teller.chapter("simulate", "A payments company and its history") as chapter:
        company = make(story.config, story.settings)
        payments = company.write_history(_inbox(story.settings))
        chapter.facts |= {"payments": payments, "all_payments": company.transactions.num_rows}
        chapter.summary = (
            f"{payments:,} payments in {story.config.history_days} days of history; "
            f"{story.config.users:,} customers will go on paying"
        )
    return company


def _data(story: Story, company: Company) -> None:
    with story.teller.chapter("data", "Its data comes in: the data pipeline") as chapter:
        result = story.run("data", {"source": str(_inbox(story.settings)), "mapping": "finloop"})
        result.raise_failure()
        chapter.facts["run"] = result.run_id
        chapter.summary = f"validated, features until {company.opening:%Y-%m-%d} published in Feast"


def _train(story: Story) -> str:
    with story.teller.chapter("train", "A model learns: the fraud-xgboost pipeline") as chapter:
        await_mlflow(story.settings, story.mlflow)
        result = story.run(XGBOOST.name, {"author": AUTHOR})
        result.raise_failure()
        (candidate,) = map(str, result.outputs.values())
        chapter.facts |= {"candidate": candidate, "metrics": _metrics(story, candidate)}
        chapter.summary = f"candidate {candidate}, {_in_words(chapter.facts['metrics'])}"
    return candidate


def _first_champion(story: Story, candidate: str) -> None:
    with story.teller.chapter("approve", "A human approves the first champion") as chapter:
        version = story.approve(candidate)
        moved = [event.body["to"] for event in story.step() if event.kind == "rollout"]
        if story.step() or Stage.CHAMPION.value not in moved:
            raise unavailable("no_champion", f"Version {version} did not become champion: {moved}.")
        chapter.facts |= {"version": version, "approver": HUMAN}
        chapter.summary = f"version {version} is champion, approved by {HUMAN}"


def _serve(story: Story, company: Company) -> Days:
    with story.teller.chapter("serve", "The services answer a day of payments") as chapter:
        served = start_services(story.supervisor, story.settings)
        story.base, story.services = served.address, served.processes
        story.await_release(_champion(story))
        days = Days(company, story.settings, story.base, story.api_key, company.opening)
        decisions = days.pass_by(company.drift - company.opening)
        chapter.facts |= {"decisions": dict(decisions), "outcomes": _outcomes(story)}
        chapter.summary = (
            f"{sum(decisions.values()):,} decisions ({_counts(decisions)}); "
            f"{_outcomes(story):,} outcomes are known already"
        )
    return days


def _drift(story: Story, days: Days) -> str:
    with story.teller.chapter("drift", "The world changes, and monitoring notices") as chapter:
        days.pass_by(timedelta(days=story.config.drifted_days))
        seen = watch(
            DOMAIN, XGBOOST, story.settings, story.ledger, days.now, story.run, story.teller.say
        )
        for reason in seen.decision.reasons:
            story.teller.say(reason)
        if seen.retraining is None or not seen.retraining.ok:
            why = seen.retraining.reasons if seen.retraining else seen.decision.reasons
            raise unavailable("not_retrained", f"The drift led to no new model: {' '.join(why)}")
        candidate = story.registry.candidates(XGBOOST)[-1].version
        drifted = [window for window in seen.windows if window["violated"]]
        chapter.facts |= {
            "windows": len(seen.windows),
            "drifted_windows": len(drifted),
            "reasons": drifted[-1]["reasons"],
            "candidate": candidate,
            "metrics": _metrics(story, candidate),
            "comparison": _evaluated(story, candidate).get("comparison"),
        }
        for reason in drifted[-1]["reasons"]:
            story.teller.say(reason)
        chapter.summary = (
            f"{len(drifted)} of {len(seen.windows)} days drifted; retrained once: candidate "
            f"{candidate}, {_in_words(chapter.facts['metrics'])}"
        )
    return candidate


def _roll_out(story: Story, days: Days, candidate: str) -> str:
    with story.teller.chapter("rollout", "The new version goes out step by step") as chapter:
        before = _champion(story)
        version = story.approve(candidate)
        stages = _follow(story, days, before, version)
        chapter.facts |= {"version": version, "stages": stages, "before": before}
        if stages[-1] != Stage.CHAMPION:
            raise unavailable("not_promoted", f"Version {version} ended as {stages[-1]}.")
        chapter.summary = f"version {version}: {' → '.join(stages)}"
    return version


def _roll_back(story: Story, days: Days, champion: str) -> None:
    with story.teller.chapter("rollback", "A bad version is approved") as chapter:
        story.teller.say(f"{AUTHOR} trains on a file whose amounts are in thousands of won.")
        candidate = train_on_wrong_units(story.settings, _inbox(story.settings), story.tell_step)
        version = story.approve(candidate)
        stages = _follow(story, days, champion, version)
        if stages[-1] != Stage.ROLLED_BACK:
            raise unavailable("not_rolled_back", f"Version {version} ended as {stages[-1]}.")
        last = story.ledger.events("rollout", XGBOOST.name)[-1]
        for reason in last.body["reasons"]:
            story.teller.say(reason)
        chapter.facts |= {
            "version": version,
            "stages": stages,
            "reasons": last.body["reasons"],
            "answered": last.body["answered"],
            "shadowed": last.body["shadowed"],
            "champion": _champion(story),
        }
        chapter.summary = (
            f"version {version} rolled back after {last.body['shadowed']:,} shadow scores; "
            f"it had answered {last.body['answered']:,} decisions"
        )


def _explain(story: Story) -> None:
    with story.teller.chapter("explain", "A stopped payment is explained and replayed") as chapter:
        chapter.facts |= explain_one(story.settings, story.ledger, story.base, story.api_key)
        for reason in chapter.facts["reasons"]:
            story.teller.say(f"{reason['code']}: {reason['text_en']} / {reason['text_ko']}")
        chapter.summary = (
            f"{chapter.facts['decision']} {chapter.facts['decision_id']}: "
            f"{len(chapter.facts['reasons'])} reasons, replayed to the same bytes"
        )


def _follow(story: Story, days: Days, champion: str, version: str) -> list[str]:
    """Let time pass and the controller look until the version has arrived; the stages it took."""
    stages: list[str] = []
    while not stages or Stage(stages[-1]).challenging or stages[-1] == Stage.WAITING:
        for event in story.step():
            if event.kind in ("rollout", "refusal") and event.version == version:
                stages.append(str(event.body.get("to", Stage.REFUSED)))
                story.teller.say(f"version {version}: {stages[-1]}")
        if stages and Stage(stages[-1]).challenging:
            story.await_release(champion, Stage(stages[-1]))
            if days.over:
                break
            days.pass_by(_LOOK)
    story.await_release(_champion(story))
    return stages


def _require_new(settings: Settings) -> None:
    if settings.ledger.exists():
        raise FinloopError(
            "home_in_use",
            f"{settings.home} holds a company already; `make clean` forgets it, or set "
            "FINLOOP_HOME to another folder.",
        )


def _champion(story: Story) -> str:
    standing = rollout.read_state(story.ledger, XGBOOST.name).champion
    if standing is None:
        raise unavailable("no_champion", f"{XGBOOST.name} has no champion.")
    return standing.version


def _evaluated(story: Story, candidate: str) -> dict[str, Any]:
    events = story.ledger.events("candidate", XGBOOST.name)
    return next(event.body for event in events if event.version == candidate)


def _metrics(story: Story, candidate: str) -> dict[str, float]:
    metrics = _evaluated(story, candidate)["metrics"]
    return {name: float(metrics[name]) for name in ("roc_auc", "average_precision")}


def _outcomes(story: Story) -> int:
    return story.ledger.rows("SELECT count(*) AS n FROM outcomes")[0]["n"]


def _inbox(settings: Settings) -> Path:
    return settings.home / "story" / "inbox"


def _in_words(metrics: Mapping[str, float]) -> str:
    return f"AUC {metrics['roc_auc']:.3f}, average precision {metrics['average_precision']:.3f}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()))


__all__ = ["REPORT", "Chapter", "Story", "tell"]
