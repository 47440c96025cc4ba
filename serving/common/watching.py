"""Do something again and again beside the requests, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from components.common.errors import FinloopError

_log = logging.getLogger("finloop.serving")


async def repeat(step: Callable[[], object], seconds: float, stop: asyncio.Event) -> None:
    """Call a blocking step in a thread, again `seconds` after it ended, until `stop` is set.

    A failure is logged once, not every time, and the next call follows all the same.
    """
    told: str | None = None
    while not stop.is_set():
        told = await _once(step, told)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


async def _once(step: Callable[[], object], told: str | None) -> str | None:
    try:
        await asyncio.to_thread(step)
    except FinloopError as error:
        if error.message != told:
            _log.error("%s", error.message)
        return error.message
    except Exception as error:  # noqa: BLE001 - a watcher that dies leaves the service blind
        if repr(error) != told:
            _log.exception("a watcher failed")
        return repr(error)
    return None
