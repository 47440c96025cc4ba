"""Time passes: payments are sent, outcomes come back, and every night features are refreshed."""

from __future__ import annotations

import asyncio
import warnings
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from components.common import lake
from components.common.errors import unavailable
from components.common.feature_tables import MadeFrom, build
from components.common.intake import take_in
from components.common.provenance import code_digest
from components.common.settings import Settings
from demo.company import Company
from demo.traffic import DecisionTraffic, OutcomeTraffic, send, send_outcomes


@dataclass
class Days:
    """The clock of the story, and everybody who pays while it runs."""

    company: Company
    settings: Settings
    base: str
    api_key: str
    now: datetime
    """Time of the story; payments before it were sent, or came in as files."""
    decided: set[str] = field(default_factory=set)
    """Transactions that the services decided on."""
    outcomes: int = 0
    """Outcomes of those that have come back."""
    filed: datetime = field(init=False)
    """What happened or became known before this has come in."""

    def __post_init__(self) -> None:
        self.filed = self.now

    def pass_by(self, span: timedelta) -> Counter[str]:
        """Let a span of traffic pass and give the decisions of it by kind.

        The lake takes in every day as it ends; features are refreshed before the next one begins.
        """
        decisions: Counter[str] = Counter()
        end = min(self.now + span, self.company.end)
        while self.now < end:
            until = min(end, _next_midnight(self.now))
            refresh(self.settings)
            decisions.update(self._traffic(until).decisions)
            self.now = until
            if until == _next_midnight(until - timedelta(microseconds=1)):
                self._close()
        return decisions

    def pass_in_files(self, span: timedelta) -> int:
        """Let whole days pass in which nobody asks the services; the payments that came in."""
        until = min(self.now + span, self.company.end)
        asyncio.run(self._send_outcomes(until))
        self.now = until
        return self._close()

    @property
    def over(self) -> bool:
        """Whether everything that happened has been sent."""
        return self.now >= self.company.end

    def _traffic(self, until: datetime) -> DecisionTraffic:
        sent = asyncio.run(self._send(until))
        if sent.problems:
            raise unavailable(
                "traffic_failed", f"The services did not answer every payment: {sent.problems}."
            )
        return sent

    async def _send(self, until: datetime) -> DecisionTraffic:
        sent = await send(
            self.company.asked,
            base=self.base,
            api_key=self.api_key,
            start=self.now,
            end=until,
        )
        self.decided.update(sent.decision_ids)
        await self._send_outcomes(until)
        return sent

    async def _send_outcomes(self, until: datetime) -> OutcomeTraffic:
        """Report what became known by then of the payments that the services decided on."""
        sent = await send_outcomes(
            self.company.outcomes,
            base=self.base,
            api_key=self.api_key,
            since=self.now,
            known_by=until,
            only=self.decided,
        )
        if sent.problems:
            raise unavailable(
                "outcomes_failed", f"The services did not take every outcome: {sent.problems}."
            )
        self.outcomes += sent.sent
        return sent

    def _close(self) -> int:
        """Take in what the services were told, and the files about all that they were not."""
        folder = self.settings.home / "story" / "filed" / f"{self.now:%Y-%m-%d}"
        payments = self.company.write_news(folder, self.filed, self.now, self.decided)
        come_in(self.settings, folder if any(folder.iterdir()) else None)
        self.filed = self.now
        return payments


def come_in(settings: Settings, source: Path | None, *, ledger: bool = True) -> None:
    """Take files and the ledger into the lake."""
    with TemporaryDirectory(prefix="night-", dir=settings.home) as folder:
        take_in(settings, str(source or ""), "finloop", ledger, Path(folder) / "report.json")


def refresh(settings: Settings) -> None:
    """Bring the features up to the lake: what the data pipeline does, in this process.

    A pipeline starts a process for each step; a night of the story has no time for that. Every
    training of the story is preceded by the pipeline itself, validation included. Nothing is to be
    done where the pipeline has just run.
    """
    digest, made = lake.digest(settings.lake), MadeFrom.read(settings.feature_tables)
    if made is not None and made.data_digest == digest:
        return
    from feature_repo.publish import publish

    with (
        TemporaryDirectory(prefix="night-", dir=settings.home) as folder,
        warnings.catch_warnings(),  # parts of Feast change the filters of the process
    ):
        tables = Path(folder)
        build(
            settings.lake,
            tables,
            digest,
            code_digest(),
            settings.timezone,
            settings.refresh_hours,
        )
        publish(settings, tables)


def _next_midnight(moment: datetime) -> datetime:
    """The next local midnight after a moment that carries its time zone."""
    return (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
