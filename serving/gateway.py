"""The BentoML service: every domain's endpoints on one application.

BentoML's own process imports this module, too, and never answers a request: what answers them is
made in the worker. BentoML answers `/healthz` and `/readyz`; its request metrics are replaced by
our own, because they keep one time series for each path, and a path with an id in it has no end.
"""

from __future__ import annotations

import gc
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import bentoml
from _bentoml_sdk import Service

from serving.common.front_door import FrontDoor

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from serving.common.runtime import Runtime


_SWITCH_SECONDS = 0.0005
"""How long a thread may go on while another one waits: a decision gives way to the recorder at each
call of Redis, a model or the ledger, and would wait ten times as long for its turn by default."""


class _Served(Service[Any]):
    """The application of a worker, with our endpoints in front of BentoML's middleware."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        from serving.common.app import make_app
        from serving.common.log import log_plainly

        log_plainly()
        sys.setswitchinterval(_SWITCH_SECONDS)
        app = make_app(_runtime())
        self.mount_asgi_app(app)  # BentoML starts and stops it, and answers for what it lacks
        return FrontDoor(app, super().to_asgi(is_main))


@cache
def _runtime() -> Runtime:
    """What this worker holds."""
    from components.common.settings import load_settings
    from serving.common.domain import services
    from serving.common.runtime import Runtime

    return Runtime(load_settings(), services())


@cache
def _settle() -> None:
    """What is loaded by now stays: the collector need not look at it again under load."""
    gc.collect()
    gc.freeze()


@bentoml.service(
    name="finloop",
    service_class=_Served,
    workers=1,
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    traffic={"timeout": 30},
)
class Gateway:
    """Decisions over HTTP."""

    def __is_ready__(self) -> bool:
        """Ready once the ledger is open and a manifest was read; a missing model only degrades."""
        ready = _runtime().ready
        if ready:
            _settle()
        return ready
