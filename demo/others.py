"""The other models take the same way as the first: trained, approved, served, and asked."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow.compute as pc

from components.common.domain import ModelSpec
from components.common.errors import FinloopError
from components.credit import SCORING
from components.fraud import LSTM
from components.recommendation import NCF
from demo.company import Company
from demo.scene import HUMAN, Story

REFUSED = "verdict_no"
"""Code of a run that stopped because a gate said no."""
ASKED = 25
"""Applications that are scored, and customers who are shown merchants."""


def release_others(story: Story, company: Company, now: datetime) -> None:
    """Every other model learns, is approved by a human and answers; what it says is counted.

    One that its own gate refuses is named with the reasons, and the services answer without it. A
    company without loans has no credit model. now: the time of the story.
    """
    with story.teller.chapter("others", "The other models take the same way") as chapter:
        story.run("data", {"include_ledger": "true"}).raise_failure()
        specs = [spec for spec in (LSTM, SCORING, NCF) if spec != SCORING or _lends(company)]
        models = {spec.name: _release(story, spec) for spec in specs}
        scores = Counter(str(answer["grade"]) for answer in _scores(story, company, now))
        lists = Counter(answer["decision"] for answer in _lists(story, company, now))
        chapter.facts |= {"models": models, "grades": dict(scores), "lists": dict(lists)}
        served = [name for name, one in models.items() if "version" in one]
        refused = [f"{name} refused by its gate" for name in models if name not in served]
        chapter.summary = "; ".join(
            (
                f"{', '.join(served) or 'nothing'} approved by {HUMAN} and served",
                *refused,
                _told(scores, "credit scores"),
                _told(lists, "lists of merchants"),
            )
        )


def _release(story: Story, spec: ModelSpec) -> dict[str, str]:
    """Train, approve, serve: the candidate and the version; the reasons where a gate says no."""
    try:
        candidate = story.learn(spec)
    except FinloopError as error:
        if error.code != REFUSED:
            raise
        story.teller.say(f"Nobody may approve this one: {error.message}")
        return {"refused": error.message}
    version = story.crown(spec, candidate)
    story.await_release(version, spec=spec)
    return {"candidate": candidate, "version": version}


def _lends(company: Company) -> bool:
    return "loans" in company.tables and company.tables["loans"].num_rows > 0


def _scores(story: Story, company: Company, now: datetime) -> Iterator[dict[str, Any]]:
    """What the services say of the newest applications."""
    if not _lends(company):
        return
    loans = company.tables["loans"]
    past = loans.filter(pc.field("event_timestamp") < pc.scalar(now))
    for row in past.slice(max(0, past.num_rows - ASKED)).to_pylist():
        body = {
            "application_id": row["application_id"],
            "event_timestamp": row["event_timestamp"].isoformat(),
            "user_id": row["user_id"],
            "loan_amount": row["amount"],
            "term_months": row["term_months"],
        }
        yield _ask(story, "/v1/credit/scores", body)


def _lists(story: Story, company: Company, now: datetime) -> Iterator[dict[str, Any]]:
    """What the services recommend to some customers."""
    customers = pc.call_function("unique", [company.asked["user_id"]]).sort().to_pylist()
    at = urlencode({"at": now.astimezone(UTC).isoformat()})
    for customer in customers[:ASKED]:
        yield _ask(story, f"/v1/recommendations/{quote(customer)}?{at}")


def _ask(story: Story, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the address is ours
        story.served.address + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-API-Key": story.api_key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - ours
        return json.load(response)


def _told(counts: Counter[str], what: str) -> str:
    told = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    return f"{counts.total()} {what} ({told})" if told else f"no {what}"
