"""The chapters about fraud: each does one thing for real and says what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from components.common.errors import FinloopError, unavailable
from components.common.processes import Process
from components.common.settings import Settings
from components.common.stages import Stage
from components.fraud import DOMAIN, XGBOOST
from demo.company import Company, MakeCompany, StoryConfig
from demo.days import Days
from demo.explaining import explain_one
from demo.measured import compared, comparison_in_words, in_words, measured
from demo.mistake import AUTHOR as COLLEAGUE
from demo.platform import await_end, await_mlflow
from demo.scene import HUMAN, Story, inbox_of
from demo.telling import Teller
from monitoring.performance import summary
from monitoring.rollout import opinion
from monitoring.watch import Watched, watch
from serving.processes import await_services

_LOOK = timedelta(hours=6)
"""Time of the story between two looks of the rollout controller."""


def simulate(teller: Teller, settings: Settings, config: StoryConfig, make: MakeCompany) -> Company:
    """A company and its history; nothing runs yet, so that wrong data costs no time."""
    with teller.chapter("simulate", "A payments company and its history") as chapter:
        company = make(config, settings)
        teller.say(company.origin)
        payments = company.write_history(inbox_of(settings))
        chapter.facts |= {"payments": payments, "all_payments": company.transactions.num_rows}
        chapter.summary = (
            f"{payments:,} payments in {config.history_days} days of history; "
            f"the services will be asked about {_customers(company):,} customers"
        )
    return company


def take_in(story: Story, company: Company) -> None:
    """The data pipeline: ingest, validate, features, Feast."""
    with story.teller.chapter("data", "Its data comes in: the data pipeline") as chapter:
        result = story.run("data", {"source": str(inbox_of(story.settings)), "mapping": "finloop"})
        result.raise_failure()
        chapter.facts["run"] = result.run_id
        chapter.summary = f"validated, features until {company.opening:%Y-%m-%d} published in Feast"


def train(story: Story) -> str:
    """The fraud-xgboost pipeline; the version of the first candidate."""
    with story.teller.chapter("train", "A model learns: the fraud-xgboost pipeline") as chapter:
        await_mlflow(story.settings, story.mlflow)
        story.begin_services()
        candidate = story.learn(XGBOOST)
        metrics = measured(story.evaluated(candidate))
        chapter.facts |= {"candidate": candidate, "metrics": metrics}
        chapter.summary = f"candidate {candidate}, {in_words(metrics)}"
    return candidate


def first_champion(story: Story, candidate: str) -> None:
    """A human says yes, and there is nobody to compare with yet."""
    with story.teller.chapter("approve", "A human approves the first champion") as chapter:
        version = story.crown(XGBOOST, candidate)
        chapter.facts |= {"version": version, "approver": HUMAN}
        chapter.summary = f"version {version} is champion, approved by {HUMAN}"


def serve(story: Story, company: Company) -> Days:
    """The services answer a day of payments; the clock of the story."""
    with story.teller.chapter("serve", "The services answer a day of payments") as chapter:
        await_services(story.served)
        story.await_release(story.champion)
        address = story.served.address
        days = Days(company, story.settings, address, story.api_key, company.opening)
        decisions = days.pass_by(company.drift - company.opening)
        chapter.facts |= {"decisions": dict(decisions), "outcomes": days.outcomes}
        known = f"{days.outcomes:,} outcomes are" if days.outcomes else "no outcome is"
        chapter.summary = (
            f"{sum(decisions.values()):,} decisions ({_counts(decisions)}); {known} known yet"
        )
    return days


def drift(story: Story, days: Days) -> str:
    """The world changes; monitoring notices and retrains once. The version of the candidate."""
    with story.teller.chapter("drift", "The world changes, and monitoring notices") as chapter:
        _let_the_world_change(story, days)
        seen = watch(
            DOMAIN, XGBOOST, story.settings, story.ledger, days.now, story.run, story.teller.say
        )
        if seen.retraining is None or not seen.retraining.ok:
            why = seen.retraining.reasons if seen.retraining else seen.decision.reasons
            raise unavailable("not_retrained", f"The drift led to no new model: {' '.join(why)}")
        candidate = story.registry.candidates(XGBOOST)[-1].version
        body, drifted = story.evaluated(candidate), _drifted(seen)
        for sentence in (*drifted[-1]["reasons"], *summary(seen.performance)):
            story.teller.say(sentence)
        chapter.facts |= {
            "windows": len(seen.windows),
            "drifted_windows": len(drifted),
            "reasons": drifted[-1]["reasons"],
            "candidate": candidate,
            "metrics": measured(body),
            "comparison": compared(body),
        }
        chapter.summary = (
            f"{len(drifted)} of {len(seen.windows)} days drifted; retrained once: candidate "
            f"{candidate}, {comparison_in_words(body)}"
        )
    return candidate


def roll_out(story: Story, days: Days, candidate: str) -> tuple[str, Process]:
    """Approve, shadow, canary, champion; the version that arrived, and what runs meanwhile."""
    with story.teller.chapter("rollout", "The new version goes out step by step") as chapter:
        mistake = _begin_mistake(story)
        before = story.champion
        version = story.approve(candidate)
        stages = _follow(story, days, before, version)
        chapter.facts |= {"version": version, "stages": stages, "before": before}
        if stages[-1] != Stage.CHAMPION:
            raise unavailable("not_promoted", f"Version {version} ended as {stages[-1]}.")
        chapter.summary = f"version {version}: {' → '.join(stages)}"
    return version, mistake


def _begin_mistake(story: Story) -> Process:
    """A colleague trains beside the rollout, in a sandbox; the process."""
    story.teller.say(
        f"Meanwhile {COLLEAGUE} trains in a sandbox, on a file that calls fraud what an old "
        "rule stopped at night."
    )
    return story.start_mistake()


def roll_back(story: Story, days: Days, champion: str, mistake: Process) -> None:
    """A bad version is approved, and the judge rolls it back."""
    with story.teller.chapter("rollback", "A bad version is approved") as chapter:
        await_end(mistake)
        candidate = story.registry.candidates(XGBOOST)[-1].version
        story.teller.say(
            f"Candidate {candidate} of {COLLEAGUE} has learnt what time it is. Its test has "
            "the same mistake, so nothing shows: "
            f"{in_words(measured(story.evaluated(candidate)))}."
        )
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
            "champion": story.champion,
        }
        chapter.summary = (
            f"version {version} rolled back after {last.body['shadowed']:,} shadow scores; "
            f"it had answered {last.body['answered']:,} decisions"
        )


def explain(story: Story) -> None:
    """A stopped payment is explained, and replayed to the same bytes."""
    with story.teller.chapter("explain", "A stopped payment is explained and replayed") as chapter:
        address = story.served.address
        chapter.facts |= explain_one(story.settings, story.ledger, address, story.api_key)
        for reason in chapter.facts["reasons"]:
            story.teller.say(f"{reason['code']}: {reason['text_en']} / {reason['text_ko']}")
        codes = ", ".join(reason["code"] for reason in chapter.facts["reasons"])
        chapter.summary = (
            f"{chapter.facts['decision']} {chapter.facts['decision_id']} because of {codes}; "
            "replayed to the same bytes"
        )


def _let_the_world_change(story: Story, days: Days) -> None:
    """Weeks of changed payments come in as files, and some days of them are asked about."""
    story.teller.say(
        f"{days.company.change} For {story.config.filed_days} days the payments come in as files, "
        "as from a channel that does not ask the services; their outcomes come in days later."
    )
    night = story.start_monitor(days.now)  # looks at the last day of traffic while time goes on
    filed = days.pass_in_files(timedelta(days=story.config.filed_days))
    decisions: Counter[str] = Counter()
    for day in range(story.config.drifted_days):
        if day:
            await_end(night)
            night = story.start_monitor(days.now)
        decisions += days.pass_by(timedelta(days=1))
    await_end(night)
    story.teller.say(
        f"{filed:,} payments came in so. Then the services were asked about "
        f"{sum(decisions.values()):,}: {_counts(decisions)}. Of what they decided, "
        f"{days.outcomes:,} outcomes are known by now."
    )


def _drifted(seen: Watched) -> list[dict[str, list[str]]]:
    return [window for window in seen.windows if window["violated"]]


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
                raise _undecided(story, version)
            days.pass_by(_LOOK)
    story.await_release(story.champion)
    return stages


def _undecided(story: Story, version: str) -> FinloopError:
    """Every payment was sent, and the judge still waits."""
    found = opinion(XGBOOST, story.ledger, story.settings)
    why = " ".join(found[1].reasons) if found else "It is in flight no more."
    return unavailable(
        "traffic_over", f"The payments ended before the judge had seen enough of {version}: {why}"
    )


def _customers(company: Company) -> int:
    return len(company.asked["user_id"].unique())


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()))
