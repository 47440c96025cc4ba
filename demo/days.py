"""Time passes: payments are sent, outcomes come back, and every night features are refreshed."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from components.common.errors import unavailable
from components.common.feature_tables import build
from components.common.intake import take_in
from components.common.provenance import code_digest
from components.common.settings import Settings
from demo.company import Company
from demo.traffic import DecisionTraffic, send, send_outcomes


@dataclass
class Days:
    """The clock of the story, and everybody who pays while it runs."""

    company: Company
    settings: Settings
    base: str
    api_key: str
    now: datetime
    """Time of the story; payments before it were sent."""
    decided: set[str] = field(default_factory=set)
    """Transactions that the services decided on."""
    nights: int = 0

    def pass_by(self, span: timedelta) -> Counter[str]:
        """Let a span pass and give the decisions of it by kind; nights are worked through."""
        decisions: Counter[str] = Counter()
        end = min(self.now + span, self.company.end)
        while self.now < end:
            until = min(end, _next_midnight(self.now))
            decisions.update(self._traffic(until).decisions)
            self.now = until
            if until == _next_midnight(until - timedelta(microseconds=1)):
                self._night()
        return decisions

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
            self.company.transactions,
            base=self.base,
            api_key=self.api_key,
            start=self.now,
            end=until,
        )
        self.decided.update(sent.decision_ids)
        await send_outcomes(
            self.company.outcomes,
            base=self.base,
            api_key=self.api_key,
            since=self.now,
            known_by=until,
            only=self.decided,
        )
        return sent

    def _night(self) -> None:
        refresh(self.settings)
        self.nights += 1


def refresh(settings: Settings, source: Path | None = None, *, ledger: bool = True) -> None:
    """Bring lake and features up to now: what the data pipeline does, in this process.

    A pipeline starts a process for each step; a night of the story has no time for that. Every
    training of the story is preceded by the pipeline itself, validation included.
    """
    from feature_repo.publish import publish

    with TemporaryDirectory(prefix="night-", dir=settings.home) as folder:
        report, tables = Path(folder) / "report.json", Path(folder) / "tables"
        digest = take_in(settings, str(source or ""), "finloop", ledger, report)
        build(settings.lake, tables, digest, code_digest(), settings.timezone)
        publish(settings, tables)


def _next_midnight(moment: datetime) -> datetime:
    """The next local midnight after a moment that carries its time zone."""
    return (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
