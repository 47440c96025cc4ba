"""The whole model input of one payment: what is live, what is daily, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain, pairwise
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from components.common.lags import flatten
from components.common.records import Decision
from components.fraud.features import MODEL_INPUT, live_features
from components.fraud.history import POSITION, REMEMBERED, History, K, Transaction, step_of
from serving.common.facts import UNKNOWN, KnownHistory
from serving.common.online_features import ViewRow, plain
from serving.common.recent import Lately

DAILY = ("fraud_user_daily", "fraud_merchant_daily")
HISTORY = "fraud_user_history"
"""The user's last payments as of the last batch."""
RECENT = "fraud_user_recent"
"""The user's last payments that went through this service."""
VIEWS = (*DAILY, HISTORY, RECENT)


@dataclass(frozen=True)
class Gathered:
    """Everything a model may know of a payment, and what it could not know."""

    inputs: dict[str, float | None]
    """Every model input; a null is a value."""
    ages: dict[str, float | None]
    """Age in seconds of each view at the moment of the payment; null where it is missing."""
    degraded: tuple[str, ...]
    """Stable names of what was missing."""
    history: KnownHistory = UNKNOWN
    """Which history of the user this was made from."""
    past: dict[str, list[float | None]] = field(default_factory=dict)
    """Features of the user's payments before, newest first."""

    @cached_property
    def features(self) -> dict[str, float | None]:
        """Everything that a model may ask for by name."""
        return {**self.inputs, **flatten(self.past)}


def gather(
    payment: Transaction,
    rows: Mapping[str, ViewRow],
    decided: Collection[Lately[Transaction]],
    zone: ZoneInfo,
) -> Gathered:
    """The model input of a payment from the rows of `VIEWS` and what was decided since."""
    history = recall(rows, (one.event for one in decided)).before(payment)
    known = dict(live_features(payment, history, zone))
    for view in DAILY:
        known.update(rows[view].values)
    return Gathered(
        inputs={name: plain(known.get(name)) for name in MODEL_INPUT},
        ages={view: rows[view].age_seconds for view in (*DAILY, HISTORY)},
        degraded=tuple(_troubles(rows, history)),
        history=KnownHistory(sequence(rows, decided), _age(payment, history)),
        past=history.past(),
    )


def nothing_known(rows: Mapping[str, ViewRow]) -> Gathered:
    """No input at all, where the features could not be computed."""
    ages = {view: rows[view].age_seconds for view in (*DAILY, HISTORY)}
    return Gathered(dict.fromkeys(MODEL_INPUT), ages, ("features_failed",))


def sequence(rows: Mapping[str, ViewRow], decided: Iterable[Lately[Transaction]]) -> int | None:
    """How often a payment was put into the user's history so far; None where nobody can tell.

    Each of the two writers counts what it wrote, and what no writer has taken up yet is added.
    A number that never falls, and a greater one with every payment that is remembered.
    """
    stored, served = rows[HISTORY], rows[RECENT]
    if "unavailable" in (stored.trouble, served.trouble):
        return None
    known, position = served.values.get("transaction_ids", ()), served.values.get(POSITION) or 0
    waiting = sum(
        one.event.transaction_id not in known if one.position is None else one.position > position
        for one in decided
    )
    return sum(row.values.get(REMEMBERED) or 0 for row in (stored, served)) + waiting


def _age(payment: Transaction, history: History) -> float | None:
    """Seconds since the newest payment of the history."""
    return (payment.timestamp - history.timestamps[-1]) / 1e6 if len(history) else None


def recall(rows: Mapping[str, ViewRow], decided: Iterable[Transaction]) -> History:
    """The user's last payments, whoever remembers them."""
    stored = [History.from_columns(rows[view].values) for view in (HISTORY, RECENT)]
    return merge(stored, decided)


def merge(histories: Iterable[History], payments: Iterable[Transaction]) -> History:
    """One history of histories and payments: each payment once, in order, the last K of them."""
    lately = History.of_rows(sorted(map(_row, payments), key=_place))
    parts = [part for part in (*histories, lately) if len(part)]
    if _in_a_row(parts):  # the usual case, at a tenth of the cost
        columns = zip(*map(_columns, parts), strict=True)
        return History(*(tuple(chain(*column))[-K:] for column in columns))
    known: dict[str, tuple[Any, ...]] = {}
    for row in chain.from_iterable(zip(*_columns(part), strict=True) for part in parts):
        if row[-1] is not None or row[1] not in known:  # a step is kept of the newest ones only
            known[row[1]] = row
    return History.of_rows(sorted(known.values(), key=_place)[-K:])


def _in_a_row(parts: Sequence[History]) -> bool:
    """Whether each part is whole and later than the one before, and no payment is there twice."""
    ends = [(_end(part, 0), _end(part, -1)) for part in parts]
    ordered = all(one[1] < other[0] for one, other in pairwise(ends))
    names = [name for part in parts for name in part.transaction_ids]
    whole = all(len(set(map(len, _columns(part)))) == 1 for part in parts)
    return whole and ordered and len(set(names)) == len(names)


def _end(history: History, at: int) -> tuple[int, str]:
    return history.timestamps[at], history.transaction_ids[at]


def _place(row: tuple[Any, ...]) -> tuple[int, str]:
    """Where a payment stands among others."""
    return row[:2]


_columns = attrgetter(*(field.name for field in fields(History)))
"""The columns of a history."""


def _row(payment: Transaction) -> tuple[Any, ...]:
    """A payment as one row of a history, in the order of its columns."""
    return (
        payment.timestamp,
        payment.transaction_id,
        payment.amount,
        payment.merchant_id,
        payment.device_id,
        payment.latitude,
        payment.longitude,
        payment.step,
    )


def _troubles(rows: Mapping[str, ViewRow], history: History) -> Iterable[str]:
    for view in DAILY:
        if rows[view].trouble is not None:
            yield f"{view}_{rows[view].trouble}"
    trouble = rows[HISTORY].trouble
    if trouble == "unavailable" or (trouble is not None and not len(history)):
        yield f"{HISTORY}_{trouble}"


class _Asked(msgspec.Struct):
    """What is remembered of a request."""

    merchant_id: str
    amount: float
    device_id: str | None
    latitude: float | None
    longitude: float | None


class _Known(msgspec.Struct):
    """What is remembered of the facts, which hold a hundred numbers more."""

    inputs: dict[str, float | None]


_ASKED, _KNOWN = msgspec.json.Decoder(_Asked), msgspec.json.Decoder(_Known)


def transaction_of(decision: Decision) -> Transaction:
    """The payment that a recorded decision was about, and what was known of it."""
    asked = _ASKED.decode(decision.request)
    known = _KNOWN.decode(decision.features).inputs
    return Transaction(
        transaction_id=decision.subject_id,
        event_timestamp=decision.event_timestamp,
        user_id=decision.entity_id,
        merchant_id=asked.merchant_id,
        amount=asked.amount,
        device_id=asked.device_id,
        latitude=asked.latitude,
        longitude=asked.longitude,
        step=step_of(known),
    )


def remember(
    columns: Mapping[str, Any], payments: Iterable[tuple[int, Transaction]]
) -> dict[str, Any]:
    """The columns of a row of `RECENT` with payments among them, each with its ledger position.

    A payment counts once, however often it is carried.
    """
    events = dict(payments)
    history = merge([History.from_columns(columns)], events.values())
    newest = datetime.fromtimestamp(history.timestamps[-1] / 1e6, UTC)
    before = columns.get(POSITION) or 0
    count = (columns.get(REMEMBERED) or 0) + sum(position > before for position in events)
    counted = {REMEMBERED: count, POSITION: max(before, *events)}
    return {"event_timestamp": newest, **history.to_columns(), **counted}
