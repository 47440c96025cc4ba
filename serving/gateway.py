"""The BentoML service: every domain's endpoints on one application.

BentoML answers `/healthz` and `/readyz`; its request metrics are replaced by our own, because
they keep one time series for each path, and a path with an id in it has no end.
"""

from __future__ import annotations

import bentoml

from components.common.settings import load_settings
from feature_repo.store import open_store
from serving.common.app import make_app
from serving.common.domain import services
from serving.common.log import log_plainly
from serving.common.runtime import Runtime

log_plainly()
_runtime = Runtime(load_settings(), services(), open_store)


@bentoml.service(
    name="finloop",
    workers=1,
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    traffic={"timeout": 30},
)
@bentoml.asgi_app(make_app(_runtime))
class Gateway:
    """Decisions over HTTP."""

    def __is_ready__(self) -> bool:
        """Ready once the ledger is open and a manifest was read; a missing model only degrades."""
        return _runtime.ready
