"""What the chapters of the story share: people, running services, the ledger, the registry."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.common.approval import approve
from components.common.domain import ModelSpec
from components.common.environment import as_environment
from components.common.errors import unavailable
from components.common.ledger import Ledger
from components.common.processes import Process, Supervisor
from components.common.records import Event
from components.common.registry import Registry
from components.common.settings import Settings
from components.common.stages import Stage
from components.fraud import DOMAIN, XGBOOST
from demo.company import StoryConfig
from demo.mistake import sandbox_of
from demo.platform import await_release
from demo.telling import Teller
from monitoring import rollout
from pipelines import launch
from pipelines.common.results import RunResult
from pipelines.common.run_log import Step
from serving.processes import Served, begin_services

HUMAN = "jiwoo"
"""The approver whom the story plays."""
AUTHOR = "minseo"
"""The data scientist whom the story plays."""

FINLOOP = (sys.executable, "-m", "finloop")


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
    services: Served | None = None

    @property
    def champion(self) -> str:
        """Version of the champion; raises `FinloopError` where there is none."""
        standing = rollout.read_state(self.ledger, XGBOOST.name).champion
        if standing is None:
            raise unavailable("no_champion", f"{XGBOOST.name} has no champion.")
        return standing.version

    def begin_services(self) -> None:
        """Start the services; they can answer once there is a champion."""
        self.services = begin_services(self.supervisor, self.settings)

    @property
    def served(self) -> Served:
        """The services, which were begun."""
        assert self.services is not None  # noqa: S101 - the chapters are told in order
        return self.services

    def start_monitor(self, until: datetime) -> Process:
        """Start `finloop monitor` on the days until then, as every night, without retraining."""
        moment = f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
        return self.supervisor.start(
            "monitor",
            (*FINLOOP, "monitor", DOMAIN.name, "--no-retrain", "--until", moment),
            env=as_environment(self.settings),
            log=self.settings.logs / "monitor.log",
        )

    def start_mistake(self) -> Process:
        """Start a colleague's training in a sandbox (see `mistake.py`)."""
        sandbox = sandbox_of(self.settings)
        training = json.dumps(dict(self.config.trainings[XGBOOST.name]))
        return self.supervisor.start(
            "sandbox",
            (sys.executable, "-m", "demo.mistake", str(inbox_of(self.settings)), training),
            env=as_environment(sandbox),
            log=self.settings.logs / "sandbox.log",
        )

    def run(self, pipeline: str, arguments: Mapping[str, str]) -> RunResult:
        """Run a pipeline here, a training with the story's arguments, and tell each step."""
        told = self.config.trainings.get(pipeline, {})
        return launch.run(pipeline, {**told, **arguments}, self.settings, notice=self.tell_step)

    def learn(self, spec: ModelSpec) -> str:
        """Run the pipeline of a model; the version of its candidate."""
        result = self.run(spec.name, {"author": AUTHOR})
        result.raise_failure()
        (candidate,) = map(str, result.outputs.values())
        return candidate

    def crown(self, spec: ModelSpec, candidate: str) -> str:
        """The human says yes to the first version of a model; the version.

        Raises `FinloopError` where it does not become champion at once.
        """
        version = self.approve(candidate, spec)
        moved = [event.body["to"] for event in self.step(spec) if event.kind == "rollout"]
        if self.step(spec) or Stage.CHAMPION.value not in moved:
            raise unavailable(
                "no_champion", f"{spec.name} {version} did not become champion: {moved}."
            )
        return version

    def tell_step(self, step: Step) -> None:
        """One line for a step of a pipeline."""
        state = "cached" if step.cached else "ok" if step.ok else "failed"
        self.teller.say(f"  {step.name}: {state}, {step.seconds:.0f} s")

    def approve(self, candidate: str, spec: ModelSpec = XGBOOST) -> str:
        """The human approves; the version of the production model."""
        self.teller.say(
            f"{HUMAN} (played by this story) approves candidate {candidate} of {spec.name}."
        )
        return approve(spec, candidate, HUMAN, self.settings).version

    def step(self, spec: ModelSpec = XGBOOST) -> list[Event]:
        """Let the rollout controller look once."""
        return rollout.step(spec, self.registry, self.ledger, datetime.now(UTC))

    def await_release(
        self, champion: str, stage: Stage | None = None, spec: ModelSpec = XGBOOST
    ) -> None:
        """Wait until the services answer with what the registry says."""
        stage_name = stage.value if stage else ""
        served = self.served
        await_release(
            served.processes, self.settings, served.address, spec.name, champion, stage_name
        )

    def evaluated(self, candidate: str, spec: ModelSpec = XGBOOST) -> dict[str, Any]:
        """What the ledger says of a candidate: its metrics, and how it compares."""
        events = self.ledger.events("candidate", spec.name)
        return next(event.body for event in events if event.version == candidate)


def inbox_of(settings: Settings) -> Path:
    """The folder with the files of the company's history."""
    return settings.home / "story" / "inbox"
