"""From numbers to the contract tables."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.common.contracts import TABLES, ColumnType
from demo.world.config import WorldConfig
from demo.world.credit import Bureau, Loans, Profiles
from demo.world.draws import Floats, Ints, habitual, scrambled, stream
from demo.world.payments import CHANNELS, NO_DEVICE, Payments
from demo.world.people import EDUCATION, People
from demo.world.shops import CATEGORIES, Shops, names

ARROW: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_LEAST = 100.0
"""Smallest amount, KRW; every amount is a multiple of ten."""


def schema(table: str) -> pa.Schema:
    """The Arrow schema of a contract table."""
    return pa.schema(
        [
            pa.field(column.name, ARROW[column.type], nullable=not column.required)
            for column in TABLES[table].columns
        ]
    )


def transactions(config: WorldConfig, shops: Shops, rows: Payments) -> pa.Table:
    """The transactions table, in order of time; its ids count up."""
    chance = habitual(config.seed, rows.user, rows.when)
    place = np.where(rows.placed, rows.merchant, config.merchants)
    category = np.where(chance < 0.015, len(CATEGORIES), shops.category[rows.merchant])
    return _table(
        "transactions",
        transaction_id=_numbered("t", np.arange(1, len(rows) + 1), 9),
        event_timestamp=rows.when,
        user_id=user_ids(config.users).take(pa.array(rows.user)),
        merchant_id=merchant_ids(config.merchants).take(pa.array(rows.merchant)),
        amount=np.maximum(np.round(rows.amount, -1), _LEAST),
        category=_words([category.name for category in CATEGORIES], category),
        channel=_words(CHANNELS, rows.channel),
        device_id=_devices(config.seed, rows.device),
        latitude=_numbers(np.append(shops.latitude, np.nan)[place]),
        longitude=_numbers(np.append(shops.longitude, np.nan)[place]),
    )


def outcomes(ids: pa.Array, rows: Payments) -> pa.Table:
    """What became known of every payment, in order of when."""
    known = rows.when + rows.delay
    order = np.argsort(known, kind="stable")
    fraud = (rows.kind > 0)[order]
    return _table(
        "outcomes",
        transaction_id=ids.take(pa.array(order)),
        is_fraud=fraud,
        outcome_timestamp=known[order],
        source=_words(("settlement", "chargeback"), fraud.astype(np.int64)),
    )


def merchants(config: WorldConfig, shops: Shops) -> pa.Table:
    """The merchants table."""
    return _table(
        "merchants",
        merchant_id=merchant_ids(config.merchants),
        name=names(shops),
        category=_words([category.name for category in CATEGORIES], shops.category),
        latitude=_numbers(shops.latitude),
        longitude=_numbers(shops.longitude),
    )


def users(config: WorldConfig, people: People, rows: Profiles) -> pa.Table:
    """The users table; some people do not say everything of themselves."""
    silent = stream(config.seed, "silence").random((4, config.users)) < np.array(
        [[0.01], [0.06], [0.04], [0.05]]
    )
    order = np.lexsort((rows.user, rows.when))
    user = rows.user[order]
    return _table(
        "users",
        user_id=user_ids(config.users).take(pa.array(user)),
        event_timestamp=rows.when[order],
        birth_year=_unless(silent[0, user], config.start.year - people.age[user]),
        annual_income=_unless(silent[1, user], rows.income[order]),
        employment_months=_unless(silent[2, user], rows.employed[order]),
        education_level=_words(
            EDUCATION, np.where(silent[3, user], len(EDUCATION), people.education[user])
        ),
    )


def bureau(config: WorldConfig, rows: Bureau) -> pa.Table:
    """The bureau table."""
    order = np.lexsort((rows.user, rows.when))
    return _table(
        "bureau",
        user_id=user_ids(config.users).take(pa.array(rows.user[order])),
        event_timestamp=rows.when[order],
        bureau_score=_numbers(rows.score[order]),
        existing_loans=_unless(np.isnan(rows.score[order]), rows.loans[order]),
        debt_to_income=_numbers(rows.debt[order]),
    )


def loans(config: WorldConfig, rows: Loans) -> pa.Table:
    """The loans table."""
    return _table(
        "loans",
        application_id=_numbered("a", np.arange(1, len(rows.user) + 1), 8),
        user_id=user_ids(config.users).take(pa.array(rows.user)),
        event_timestamp=rows.when,
        amount=rows.amount,
        term_months=rows.term,
    )


def loan_outcomes(ids: pa.Array, rows: Loans) -> pa.Table:
    """How the loans ended, in order of when it became known."""
    order = np.argsort(rows.known, kind="stable")
    return _table(
        "loan_outcomes",
        application_id=ids.take(pa.array(order)),
        defaulted=rows.defaulted[order],
        outcome_timestamp=rows.known[order],
    )


def user_ids(count: int) -> pa.Array:
    """[users], u000001 …"""
    return _numbered("u", np.arange(1, count + 1), 6)


def merchant_ids(count: int) -> pa.Array:
    """[merchants], m00001 …"""
    return _numbered("m", np.arange(1, count + 1), 5)


def _table(contract: str, /, **columns: object) -> pa.Table:
    wanted = schema(contract)
    return pa.table(
        [pa.array(columns[field.name]).cast(field.type) for field in wanted], schema=wanted
    )


def _numbered(prefix: str, numbers: Ints, digits: int) -> pa.Array:
    return pa.array([f"{prefix}{number:0{digits}d}" for number in numbers.tolist()], pa.string())


def _devices(seed: int, device: Ints) -> pa.Array:
    """Names of devices: scrambled, so that nothing tells the devices of criminals from others."""
    known, index = np.unique(device, return_inverse=True)
    bits = scrambled(seed, known)
    words = [f"d{value:016x}" for value in bits.tolist()]
    return _words(words, np.where(device == NO_DEVICE, len(words), index))


def _words(words: list[str] | tuple[str, ...], index: Ints) -> pa.Array:
    """[n], the word of each index; an index beyond the last word is null."""
    return pa.array(list(words), pa.string()).take(pa.array(index, mask=index == len(words)))


def _numbers(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _unless(missing: NDArray[np.bool_], values: NDArray[np.generic]) -> pa.Array:
    return pa.array(values, mask=missing)
