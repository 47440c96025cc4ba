"""Where our own words go: standard error, a line each."""

from __future__ import annotations

import logging


def log_plainly() -> None:
    """Write what Finloop logs to standard error, whatever BentoML does with the root logger."""
    logger = logging.getLogger("finloop")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(
            logging.Formatter("%(asctime)s [%(levelname)s] [%(name)s] %(message)s")
        )
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
