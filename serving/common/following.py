"""The process beside the services: registry to manifest, ledger to online store, log to file."""

from __future__ import annotations

import asyncio
import signal

import components
from components.common.ledger import open_ledger
from components.common.settings import Settings
from serving.common.carrying import Carrier
from serving.common.domain import services
from serving.common.online_features import OnlineFeatures
from serving.common.position import Position
from serving.common.sync import Sync
from serving.common.tidying import Tidier
from serving.common.watching import repeat

_REGISTRY_SECONDS = 1.0
_LEDGER_SECONDS = 0.5
_TIDY_SECONDS = 0.25


async def follow(settings: Settings) -> None:
    """Keep manifest and online store up to date until SIGTERM or Ctrl-C.

    They do not wait for each other: with MLflow down, histories stay fresh all the same.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    models = [model for domain in components.domains() for model in domain.models]
    await asyncio.gather(
        repeat(Sync(settings, models).step, _REGISTRY_SECONDS, stop),
        repeat(make_carrier(settings).step, _LEDGER_SECONDS, stop),
        repeat(Tidier(lambda: open_ledger(settings)).step, _TIDY_SECONDS, stop),
    )


def make_carrier(settings: Settings) -> Carrier:
    """What carries the ledger of an installation into its online store."""
    return Carrier(
        lambda: open_ledger(settings),
        OnlineFeatures(settings),
        Position(settings.serving),
        services(),
    )
