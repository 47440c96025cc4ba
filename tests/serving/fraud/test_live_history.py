"""A user's next payment sees every payment before it: across workers, carrying and batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from components.common.identity import pseudonymise
from components.common.ledger import Ledger
from components.common.settings import Settings
from components.fraud.history import REMEMBERED, History, K, Transaction
from serving.common.app import make_app
from serving.common.carrying import Carrier
from serving.common.domain import services
from serving.common.manifest import Deployment, Manifest, Release, write_manifest
from serving.common.online_features import OnlineFeatures
from serving.common.position import Position
from serving.common.runtime import Runtime
from tests.serving.conftest import KEY
from tests.serving.desk import Desk, payment

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
USER = "kim"


@dataclass
class Office:
    """Two workers of one installation, the follower of their ledger, and a batch pipeline."""

    settings: Settings
    workers: list[Desk]
    online: OnlineFeatures
    eventually: Callable[..., None]

    def pay(self, number: int, worker: int, seconds: int | None = None) -> dict[str, Any]:
        """What a worker knows of payment `number`, which happens so many seconds after the start.

        Returns the inputs and the history that its decision was made from.
        """
        when = BEGAN + timedelta(seconds=number if seconds is None else seconds)
        asked = payment(transaction_id=f"t{number}", event_timestamp=when.isoformat(), user_id=USER)
        answer = self.workers[worker].client.post("/v1/fraud/decisions", json=asked).json()
        with closing(Ledger(self.settings.ledger)) as ledger:
            found = ledger.decision(answer["decision_id"])
        assert found is not None
        facts = json.loads(found.features)
        assert facts["history"] == answer["history"]
        return {**facts["inputs"], **facts["history"]}

    def wait_until_seen(self, number: int) -> None:
        """Until every worker has read the payment in the ledger, or in the online store."""
        for worker in self.workers:
            reader = worker.runtime
            self.eventually(lambda reader=reader: number in self._seen(reader), "seeing a payment")

    def _seen(self, runtime: Runtime) -> set[int]:
        user = self.pseudonym
        row = runtime.online.read(["fraud_user_recent"], {"user_id": user}, datetime.now(UTC))
        stored = row["fraud_user_recent"].values.get("transaction_ids", [])
        lately = [one.event.transaction_id for one in runtime.recent["fraud"].of(user)]
        return {int(name[1:]) for name in (*stored, *lately)}

    @property
    def pseudonym(self) -> str:
        return pseudonymise(USER, self.settings.pseudonym_secret())

    def carry(self) -> None:
        """One step of a follower that was started just now."""
        with closing(Ledger(self.settings.ledger)) as ledger:
            position = Position(self.settings.serving)
            Carrier(lambda: ledger, self.online, position, services()).step()

    def publish(self, numbers: range) -> None:
        """What the pipeline writes when its lake holds these payments of the ledger."""
        history = History()
        for number in numbers:
            when = BEGAN + timedelta(seconds=number)
            history = history.append(Transaction(f"t{number}", when, self.pseudonym, "shop", 100.0))
        newest = BEGAN + timedelta(seconds=numbers[-1])
        row = {"user_id": self.pseudonym, "event_timestamp": newest, REMEMBERED: len(numbers)}
        self.online.write("fraud_user_history", [{**row, **history.to_columns()}])


@pytest.fixture
def office(
    store_settings: Settings,
    online: OnlineFeatures,
    releases: dict[str, Release],
    eventually: Callable[..., None],
) -> Iterator[Office]:
    write_manifest(
        store_settings.serving, Manifest(1, {"fraud-xgboost": Deployment(releases["1"])})
    )
    runtimes = [Runtime(store_settings, services()) for _ in range(2)]
    clients = [TestClient(make_app(one), headers={"X-API-Key": KEY}) for one in runtimes]
    with clients[0], clients[1]:
        for one in runtimes:
            eventually(lambda one=one: one.ready and one.online.open, "becoming ready")
        desks = [Desk(*pair) for pair in zip(clients, runtimes, strict=True)]
        yield Office(store_settings, desks, online, eventually)


def test_a_payment_one_second_later_sees_the_one_before_at_any_worker(office: Office) -> None:
    """More payments than a history keeps, asked by turns, carried now and then."""
    sequence = -1
    for number in range(K + 6):
        known = office.pay(number, worker=number % 2)
        assert known["history_count"] == min(number, K)
        assert known["seconds_since_last"] == (1.0 if number else None)
        assert known["age_seconds"] == known["seconds_since_last"]
        assert known["sequence"] == sequence + 1
        sequence = known["sequence"]
        office.wait_until_seen(number)
        if number % 9 == 4:
            office.carry()


def test_no_payment_is_lost_when_a_batch_brings_a_new_history_meanwhile(office: Office) -> None:
    """The lake is always behind: it never holds what was decided while the batch was made."""
    sequence = -1
    for number in range(30):
        if number in (10, 20):
            office.publish(range(number - 3))
        if number % 4 == 3:
            office.carry()
        known = office.pay(number, worker=number % 2)
        assert (known["history_count"], known["count_last_1h"]) == (number, number)
        assert known["sequence"] > sequence
        sequence = known["sequence"]
        office.wait_until_seen(number)
    assert sequence == 29 + 17, "what both writers counted, and what neither has yet"


def test_a_late_payment_counts_as_well(office: Office) -> None:
    for number in range(3):
        office.pay(number, worker=0)
    office.carry()
    late = office.pay(3, worker=0, seconds=-60)
    assert (late["history_count"], late["sequence"], late["age_seconds"]) == (0, 3, None)
    office.carry()
    assert office.pay(4, worker=0)["sequence"] == 4


def test_a_follower_that_starts_anew_counts_nothing_twice(office: Office) -> None:
    for number in range(K + 3):
        office.pay(number, worker=0)
    office.carry()
    (office.settings.serving / "carried.json").unlink()
    office.carry()
    assert office.pay(K + 3, worker=0)["sequence"] == K + 3


def test_without_the_store_nobody_can_tell_the_sequence(office: Office) -> None:
    office.pay(0, worker=0)
    office.workers[0].runtime.online._down = True
    known = office.pay(1, worker=0)
    assert (known["sequence"], known["age_seconds"]) == (None, 1.0)
