"""A synthetic payments company in Korea: people, shops, payments, fraud and loans.

The map: `config.py` sizes and dates, `draws.py` chance, `places.py` cities, `shops.py` merchants,
`people.py` users, `payments.py` what they pay; `fraud.py`, `patterns.py`, `episodes.py` what others
pay with their cards; `credit.py` what users borrow, `tables.py` the contract tables. The same
configuration gives the same bytes; a drift changes nothing before its date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.common.contracts import TABLES
from components.common.errors import unavailable
from demo.world import credit, tables
from demo.world.config import EPOCH, WorldConfig
from demo.world.draws import Ints
from demo.world.episodes import KINDS
from demo.world.fraud import commit
from demo.world.payments import pay
from demo.world.people import settle
from demo.world.shops import open_shops


@dataclass(frozen=True)
class World:
    """A company and everything that happened to it."""

    config: WorldConfig
    tables: dict[str, pa.Table]
    """Contract table → rows, with raw ids; the outcomes of later days among them."""
    kinds: Ints
    """[transactions], index in KINDS: which pattern a payment belongs to. Never written."""


def simulate(config: WorldConfig) -> World:
    """Let a company live through its days."""
    shops = open_shops(config)
    people = settle(config, shops)
    rows = commit(config, shops, people, pay(config, shops, people))
    profiles, bureau = credit.profile(config, people), credit.report(config, people)
    loans = credit.lend(config, people, bureau)
    paid, lent = tables.transactions(config, shops, rows), tables.loans(config, loans)
    made = {
        "merchants": tables.merchants(config, shops),
        "users": tables.users(config, people, profiles),
        "transactions": paid,
        "outcomes": tables.outcomes(paid["transaction_id"].combine_chunks(), rows),
        "bureau": tables.bureau(config, bureau),
        "loans": lent,
        "loan_outcomes": tables.loan_outcomes(lent["application_id"].combine_chunks(), loans),
    }
    return World(config, made, rows.kind)


def known_by(world: World, moment: datetime) -> World:
    """The world as it was known at a moment: nothing that happened or became known later."""
    past = past_of(world.tables, moment)
    return replace(world, tables=past, kinds=world.kinds[: len(past["transactions"])])


def past_of(tables: Mapping[str, pa.Table], moment: datetime) -> dict[str, pa.Table]:
    """The rows of contract tables that were known at a moment."""
    instant = (moment - EPOCH) // timedelta(microseconds=1)
    return {
        name: table
        if (time := TABLES[name].time) is None
        else table.filter(pa.array(table[time].cast(pa.int64()).to_numpy() <= instant))
        for name, table in tables.items()
    }


def write(tables: Mapping[str, pa.Table], out: Path) -> dict[str, Path]:
    """Write one parquet file per contract table; a file is there whole or not at all."""
    written = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            written[name] = out / f"{name}.parquet"
            fresh = written[name].with_suffix(".parquet.new")
            pq.write_table(table, fresh, compression="zstd")
            fresh.replace(written[name])
    except OSError as error:
        raise unavailable(
            "world_write", f"The world cannot be written to {out}: {error.strerror or error}."
        ) from None
    return written


__all__ = ["KINDS", "World", "WorldConfig", "known_by", "past_of", "simulate", "write"]
