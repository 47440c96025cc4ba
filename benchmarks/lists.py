"""Lists of a recommender: one customer in the service, and everybody in a batch step.

The claim: the ten best of 10,000 merchants for one customer within 5 ms, by what the service does
for a request (inputs from a history, the graph, who may be on a list, the order of it); and the
lists of 100,000 customers into the online store at once. Beside it, in the same run, `implicit`
recommends as many by a factorisation of as many factors, without any order or diversity.

The weights are drawn at random: what an answer costs does not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from benchmarks.report import Row, Say
from components.common import lake
from components.common.artifact import Scorer, vector
from components.common.feature_tables import build
from components.common.ingest import ingest
from components.common.settings import Settings
from components.recommendation.catalogue import SEEN, Catalogue, History, write_merchants
from components.recommendation.ncf import Ncf, NcfConfig
from components.recommendation.ncf_network import Network
from components.recommendation.neighbours import NEAREST
from components.recommendation.pairs import Pairs
from components.recommendation.ranking import best, eligible
from components.recommendation.shallow import Shallow
from demo.world import WorldConfig, simulate, write
from feature_repo.publish import publish
from feature_repo.recommendation_lists import LENGTH, store_lists

MERCHANTS, FEW_MERCHANTS, CUSTOMERS = 10_000, 300, 100_000
_ASKED = 300
"""Customers who are asked about one after the other."""
_MICRO = 1_000_000
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def run(data: Path | None, say: Say) -> tuple[Row, ...]:
    """Measure; it reads no data."""
    with TemporaryDirectory(prefix="finloop-lists-") as folder:
        return measure(Path(folder), say, MERCHANTS, FEW_MERCHANTS, CUSTOMERS)


def measure(folder: Path, say: Say, merchants: int, few: int, customers: int) -> tuple[Row, ...]:
    """One customer beside `merchants`, and `customers` beside `few`."""
    draw = np.random.default_rng(0)
    say(f"an artifact of {merchants:,} merchants, asked about {_ASKED} customers")
    large = _artifact(folder / "large", draw, merchants)
    histories = [_history(draw, merchants) for _ in range(_ASKED)]
    ours = _each(_service(large), histories)
    theirs = _each(_peer(draw, merchants), histories)
    case = f"one customer of {merchants:,} merchants"
    say(f"the lists of {customers:,} customers of {few:,} merchants into the online store")
    seconds, spent = _batch(folder, draw, few, customers)
    batch = f"{customers:,} customers of {few:,} merchants"
    return (
        Row(case, "median_ms", float(np.median(ours)), "ms", float(np.median(theirs))),
        Row(case, "p99_ms", float(np.quantile(ours, 0.99)), "ms", float(np.quantile(theirs, 0.99))),
        Row(batch, "seconds", seconds, "s"),
        Row(batch, "cpu_seconds", spent, "s"),
        Row(batch, "customers_per_second", customers / seconds, "1/s"),
    )


def _each(answer: Callable[[History], object], asked: list[History]) -> list[float]:
    """Milliseconds of CPU that each answer takes, after some to warm up."""
    for one in asked[:20]:
        answer(one)
    spent = []
    for one in asked:
        began = process_time()
        answer(one)
        spent.append((process_time() - began) * 1000)
    return spent


def _service(folder: Path) -> Callable[[History], object]:
    """What the service does between a history and the rows of a list."""
    scorer, catalogue = Scorer.load(folder), Catalogue.read(folder)

    def answer(history: History) -> object:
        inputs = vector(catalogue.inputs(history, _NOW), scorer.inputs)
        allowed = eligible(catalogue, history.merchants)
        return best(scorer.score(inputs)[0], allowed, catalogue, LENGTH)

    return answer


def _peer(draw: np.random.Generator, merchants: int) -> Callable[[History], object]:
    """The first of a factorisation by `implicit`, with a vector for each customer."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(NcfConfig().factors, iterations=1, num_threads=1)
    model.fit(_pairs(draw, merchants).matrix(), show_progress=False)

    def answer(history: History) -> object:
        chosen = [int(one) for one in history.merchants]
        paid = csr_matrix((np.ones(SEEN), ([0] * SEEN, chosen)), shape=(1, merchants))
        return model.recommend(0, paid, N=LENGTH, filter_already_liked_items=True)

    return answer


def _artifact(folder: Path, draw: np.random.Generator, merchants: int) -> Path:
    """A network with random weights, of the usual shape."""
    pairs = _pairs(draw, merchants)
    config = NcfConfig(history=SEEN)
    shallow = Shallow.of(pairs, config.ridge, 1.0)
    Ncf(config, (Network(config, pairs, None).read(),), shallow=shallow).export(folder)
    content = pd.DataFrame(
        {
            "merchant_id": [str(one) for one in range(merchants)],
            "name": "a merchant",
            "category": [f"category {one}" for one in draw.integers(0, 15, merchants)],
            "latitude": draw.uniform(33, 38, merchants),
            "longitude": draw.uniform(126, 130, merchants),
            "users": draw.integers(1, 1000, merchants),
        }
    )
    write_merchants(folder, content, draw.integers(0, merchants, (merchants, NEAREST)))
    return folder


def _pairs(draw: np.random.Generator, merchants: int) -> Pairs:
    return Pairs.of(
        draw.integers(0, merchants, 10 * merchants),
        draw.integers(0, merchants, 10 * merchants),
        users=merchants,
        items=merchants,
        day=draw.random(10 * merchants),
    )


def _history(draw: np.random.Generator, merchants: int) -> History:
    chosen = draw.choice(merchants, SEEN, replace=False)
    days = np.sort(draw.uniform(0, 90, SEEN))
    last = ((_NOW.timestamp() - days * 86_400) * _MICRO).astype(int)
    return History([str(one) for one in chosen], [1] * SEEN, last.tolist())


def _batch(
    folder: Path, draw: np.random.Generator, merchants: int, customers: int
) -> tuple[float, float]:
    """Seconds, and CPU-seconds, until everybody's list is in an online store of SQLite."""
    artifact, table = _artifact(folder / "few", draw, merchants), folder / "histories.parquet"
    some = [_history(draw, merchants) for _ in range(min(customers, 1_000))]
    told = [some[at % len(some)] for at in range(customers)]
    pd.DataFrame(
        {
            "user_id": [f"{at:032x}" for at in range(customers)],
            "merchants": [one.merchants for one in told],
            "counts": [one.counts for one in told],
            "last_paid": [one.last_paid for one in told],
        }
    ).to_parquet(table)
    settings = _store(folder)
    began, worked = perf_counter(), process_time()
    made = store_lists(settings, artifact, "1", table, _NOW)
    assert made == customers  # noqa: S101 - a claim about fewer would be another one
    return perf_counter() - began, process_time() - worked


def _store(folder: Path) -> Settings:
    """A feature store that was told of lists, as the data pipeline leaves it."""
    settings = Settings(home=folder / "home")
    write(simulate(WorldConfig(users=30, merchants=20, days=20)).tables, folder / "world")
    ingest(folder / "world", "finloop", settings, datetime.now(UTC))
    digest = lake.digest(settings.lake)
    build(settings.lake, folder / "tables", digest, "code", settings.timezone)
    publish(settings, folder / "tables")
    return settings
