"""Who asks the services: people who apply for loans, and customers who are shown merchants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count, cycle, islice
from typing import Any

from httpx import Response

from components.common.identity import pseudonymise
from components.recommendation.features import USER_DAILY
from tests.credit_artifact import make_applications
from tests.e2e.loop import Loop, moments_of_week
from tests.recommendation_company import Company
from tests.serving.credit.desk import CreditDesk
from tests.serving.recommendation.desk import USERS, report

REPORTED_AT_ONCE = 20
"""Lists of which people report together."""


class Applicants:
    """People who apply once each, of the kind that the model has learnt from."""

    def __init__(self, loop: Loop) -> None:
        self._desk = CreditDesk(loop.client, loop.runtime)
        self._numbers, self._seeds, self._weeks = count(1), count(100), count(200)
        self.newest = datetime.now(UTC) - timedelta(minutes=1)

    def ask(self, size: int = 60) -> list[Response]:
        """So many apply now."""
        return self._apply([self.newest] * size, next(self._seeds))

    def ask_all_week(self, began: datetime, changed: bool) -> None:
        """Enough apply within a week; where the world has changed, they earn 60 % as much."""
        income = 0.6 if changed else 1.0
        self._apply(moments_of_week(began, 110), next(self._weeks), income)

    def _apply(self, moments: list[datetime], seed: int, income: float = 1.0) -> list[Response]:
        rows, _ = make_applications(seed)
        rows["annual_income"] *= income
        told = rows.head(len(moments)).to_dict("records")
        people = {f"user-{next(self._numbers)}": row for row in told}
        self._desk.know_all(people)  # type: ignore[arg-type]
        return [
            self._desk.score(
                application_id=f"loan-of-{user}",
                user_id=user,
                event_timestamp=moment.isoformat(),
                loan_amount=row["loan_amount"],
                term_months=int(row["term_months"]),
            )
            for moment, (user, row) in zip(moments, people.items(), strict=True)
        ]


class Customers:
    """The customers of the company, who come again and again, and some who are new."""

    def __init__(self, loop: Loop, company: Company) -> None:
        self._loop = loop
        self.newest: datetime = company.payments["event_timestamp"].max().to_pydatetime()
        self._known, self._numbers = cycle(USERS), count(1)

    def ask(
        self, size: int = 60, follows: Callable[[dict[str, Any]], int] = lambda answer: 3
    ) -> list[Response]:
        """So many ask now, which is when the company's payments end; they see every merchant on
        their lists and follow as many of them as `follows` says."""
        new = [f"new-{next(self._numbers)}" for _ in range(size // 10)]
        users = [*islice(self._known, size - len(new)), *new]
        answers = [self._ask(user, self.newest) for user in users]
        told = [one.json() for one in answers]
        for at in range(0, len(told), REPORTED_AT_ONCE):
            self._report([(one, follows(one)) for one in told[at : at + REPORTED_AT_ONCE]])
        return answers

    def ask_all_week(self, began: datetime, changed: bool) -> None:
        """All of them ask within a week; where the world has changed, with other habits."""
        self._pay_in(more=4.0 if changed else 0.0)
        for user, moment in zip(USERS, moments_of_week(began, len(USERS)), strict=True):
            self._ask(user, moment)

    def _ask(self, user: str, moment: datetime) -> Response:
        query = {"at": moment.isoformat()}
        return self._loop.client.get(f"/v1/recommendations/{user}", params=query)

    def _report(self, followed: list[tuple[dict[str, Any], int]]) -> None:
        reports = [
            report(kind, answer, place)
            for answer, clicks in followed
            for kind, places in (("impression", len(answer["items"])), ("click", clicks))
            for place in range(places)
        ]
        sent = self._loop.client.post("/v1/outcomes", json={"outcomes": reports})
        assert sent.json() == {"accepted": len(reports), "known": 0}

    def _pay_in(self, more: float) -> None:
        """What the nightly run would write if everybody paid in so many more categories."""
        changed = [{**row, "categories": row["categories"] + more} for row in self._usual]
        self._loop.runtime.online.write(USER_DAILY.name, changed)

    @cached_property
    def _usual(self) -> list[dict[str, Any]]:
        """The profiles that the company was published with."""
        online, key = self._loop.runtime.online, self._loop.runtime.pseudonym_key
        users = [pseudonymise(user, key) for user in USERS]
        found = zip(users, online.stored(USER_DAILY.name, users), strict=True)
        known = [{**values, "user_id": user} for user, values in found if values]
        return [{**row, "event_timestamp": self.newest} for row in known]
