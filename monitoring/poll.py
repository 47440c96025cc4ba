"""Look again and again, and go on when what is looked at does not answer for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from components.common.errors import FinloopError


def poll(
    look: Callable[[], None],
    seconds: float,
    notice: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Look every so many seconds, until interrupted; an outage is told once, when it begins."""
    told = None
    while True:
        try:
            look()
            told = None
        except FinloopError as error:
            if error.message != told:
                notice(error.message)
            told = error.message
        pause(seconds)
