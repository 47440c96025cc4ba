"""The loop of one model with real parts: registry, ledger, sync, controller and application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from httpx import Response
from starlette.testclient import TestClient

from components.common.approval import approve
from components.common.domain import ModelSpec
from components.common.ledger import Ledger, open_ledger
from components.common.records import Decision, Event
from components.common.registration import RunFacts
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.stages import LADDER, Stage
from components.common.verdict import Verdict
from monitoring.judge import JudgeRules
from monitoring.rollout import opinion, step
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.runtime import Runtime
from serving.common.sync import Sync
from tests.serving.conftest import KEY, await_true

PERSON, AUTHOR = "jia", "mina"
"""Who says yes, and who trained."""
PAIRS = 200
"""Requests that two versions are compared on in shadow: the rules ask for no fewer."""
ROUNDS = 40
"""Most turns of asking and looking until a version is champion; by chance fewer are enough."""


@dataclass
class Loop:
    """One model from its candidates to its answers; every part is the one of production."""

    spec: ModelSpec
    settings: Settings
    registry: Registry
    ledger: Ledger
    sync: Sync
    runtime: Runtime
    client: TestClient

    def approve(self, artifact: Path) -> str:
        """Register what was trained and let a person approve it; its production version."""
        facts = RunFacts({}, {}, Verdict(True), "data", "code")
        trained = self.registry.register_candidate(self.spec, artifact, run=facts, actor=AUTHOR)
        return approve(self.spec, trained.version, PERSON, self.settings).version

    def step(self) -> list[Event]:
        """One look of the controller; the services have followed when this returns."""
        events = step(self.spec, self.registry, self.ledger, datetime.now(UTC))
        if self.sync.step():
            self.runtime.models.refresh()
        return events

    def begin(self, artifact: Path) -> str:
        """Approve a version and let the controller begin with it; its number."""
        version = self.approve(artifact)
        moves = [event.body["to"] for event in self.step() if event.kind == "rollout"]
        assert moves in ([Stage.WAITING, Stage.SHADOW], [Stage.WAITING, Stage.CHAMPION])
        return version

    def stage(self, version: str) -> Stage:
        """Where the registry says that a version stands."""
        found = self.registry.version(self.spec.name, version)
        assert found is not None
        return found.stage

    def stages(self, version: str) -> list[str]:
        """Every stage that a version came to, by the ledger."""
        moves = self.ledger.events("rollout", self.spec.name)
        return [move.body["to"] for move in moves if move.version == version]

    def answered(self, version: str) -> list[Decision]:
        """The decisions that a version was drawn for."""
        return list(self.ledger.decisions("model = ? AND version = ?", self.spec.name, version))

    def await_shadows(self, version: str, decisions: set[str]) -> None:
        """Wait until a version in shadow has scored these decisions."""
        await_true(lambda: decisions <= self.shadowed(version), "scoring in shadow")

    def shadowed(self, version: str) -> set[str]:
        """The decisions that a version has scored beside another one."""
        rows = self.ledger.shadows("model = ? AND version = ?", self.spec.name, version)
        return {row.decision_id for row in rows if row.error is None}


@contextmanager
def running(spec: ModelSpec, settings: Settings) -> Iterator[Loop]:
    """The loop of a model in an installation whose registry and feature store are there."""
    registry, sync = Registry(settings), Sync(settings, [spec])
    sync.step()  # an empty manifest: the services wait for one
    runtime = Runtime(settings, services())
    with (
        closing(open_ledger(settings)) as ledger,
        TestClient(make_app(runtime), headers={"X-API-Key": KEY}) as client,
    ):
        await_true(lambda: runtime.ready and runtime.online.open, "becoming ready")
        yield Loop(spec, settings, registry, ledger, sync, runtime, client)


def arm_of(answer: Response) -> tuple[str, str]:
    """The arm and the version that an answer names."""
    assert answer.status_code == 200, answer.text
    model = answer.json()["model"]
    return model["arm"], model["version"]


@dataclass(frozen=True)
class Climb:
    """How a version came from shadow to champion."""

    version: str
    answers: dict[str, list[Response]]
    """Stage → what was answered while the version was in it."""

    @property
    def canary(self) -> list[Response]:
        """What was answered while two versions did."""
        return [
            one for stage, some in self.answers.items() if stage != Stage.SHADOW for one in some
        ]


def climb(loop: Loop, version: str, ask: Callable[[], list[Response]]) -> Climb:
    """Ask and let the controller look, in turns, until a version is champion."""
    answers: dict[str, list[Response]] = {}
    for _ in range(ROUNDS):
        stage = loop.stage(version)
        if stage is Stage.CHAMPION:
            return Climb(version, answers)
        assert stage.challenging, loop.ledger.events("rollout", loop.spec.name)[-1].body
        found = ask()
        answers.setdefault(stage, []).extend(found)
        if stage is Stage.SHADOW:
            loop.await_shadows(version, {one.json()["decision_id"] for one in found})
        loop.step()
    judged = opinion(loop.spec, loop.ledger, loop.settings)
    raise AssertionError(f"{loop.stage(version)} after {ROUNDS} rounds: {judged}")


def few(rules: JudgeRules) -> JudgeRules:
    """The rules of a domain with samples of a test, and whatever the pace of this machine."""
    minimum = dict(zip(LADDER[:-1], (PAIRS, 3, 10, 20), strict=True))
    return replace(rules, minimum=minimum, p99_ms=10_000.0)


@dataclass(frozen=True)
class Weeks:
    """Three weeks that are over, as the windows of drift divide them."""

    first: datetime
    second: datetime
    third: datetime
    until: datetime

    @classmethod
    def before(cls, moment: datetime, timezone: str) -> Weeks:
        """The last three that ended by a moment, at midnight."""
        ended = moment.astimezone(ZoneInfo(timezone)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        return cls(*(ended - timedelta(days=7 * back) for back in (3, 2, 1, 0)))


def moments_of_week(began: datetime, size: int) -> list[datetime]:
    """So many moments, evenly over a week."""
    return [began + number * timedelta(days=7) / size for number in range(size)]
