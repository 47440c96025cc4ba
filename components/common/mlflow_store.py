"""Reach the MLflow store: the embedded one on SQLite, or a server of one's own."""

from __future__ import annotations

import functools
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar
from urllib.parse import urlsplit

from components.common.errors import FinloopError, refused, unavailable
from components.common.feast_import import skip_argument_checks
from components.common.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

STORE = "mlflow.db"
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""How long MLflow's client waits for a server; its own default is minutes. The environment wins."""
_FORBIDDEN = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")
_FORBIDDEN_STATUS = re.compile(r"error code 40[13]\b")
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_PORTS = {"http": 80, "https": 443}
_KNOCK_SECONDS = 3.0
_REASON_LENGTH = 200


class _HasSettings(Protocol):
    @property
    def settings(self) -> Settings: ...


Owner = TypeVar("Owner", bound=_HasSettings)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def open_client(settings: Settings) -> MlflowClient:
    """A client of the tracking server and registry; makes the embedded store on first use.

    Imports MLflow (2 s of CPU), so keep the client. Raises `FinloopError("mlflow_unavailable")`.
    """
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    knock(settings)
    with translated(settings):
        _quiet()
        if settings.mlflow_uri is None:
            _make_embedded(settings)
        skip_argument_checks()  # MLflow's HTTP client imports Feast, whose plugin it finds
        from mlflow import MlflowClient

        address = settings.mlflow_address
        return MlflowClient(tracking_uri=address, registry_uri=address)


def prepare(settings: Settings) -> None:
    """Make the embedded store where it is missing, before a server or many clients open it."""
    if not (settings.mlflow / STORE).exists():
        with translated(settings):
            _quiet()
            _make_embedded(settings)


def _quiet() -> None:
    """Keep MLflow's and Alembic's notes about their own work off standard error."""
    import mlflow  # configures its loggers at import; ours comes after

    for name in (mlflow.__name__, "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def uses_account(settings: Settings) -> bool:
    """Whether MLflow's client names itself to the server, which then keeps permissions."""
    from mlflow.utils.credentials import get_default_host_creds

    if settings.mlflow_uri is None:
        return False
    credentials = get_default_host_creds(settings.mlflow_uri)
    return bool(credentials.username or credentials.token)


def absent(error: Exception) -> bool:
    """Whether an MLflow error says that what was asked for does not exist."""
    return getattr(error, "error_code", None) == _ABSENT


@contextmanager
def translated(settings: Settings) -> Iterator[None]:
    """Turn what MLflow, its server or its database raises into one clear sentence.

    Raises `FinloopError("mlflow_forbidden")` where the server does not allow it, and
    `FinloopError("mlflow_unavailable")` where it does not answer.
    """
    try:
        yield
    except FinloopError:
        raise
    except Exception as error:
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        if not isinstance(error, MlflowException | RequestException | SQLAlchemyError | OSError):
            raise
        raise _sentence(error, settings.mlflow_address) from error


def answered(
    method: Callable[Concatenate[Owner, Arguments], Result],
) -> Callable[Concatenate[Owner, Arguments], Result]:
    """A method whose MLflow errors are sentences (see `translated`)."""

    @functools.wraps(method)
    def wrapper(self: Owner, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with translated(self.settings):
            return method(self, *args, **kwargs)

    return wrapper


def knock(settings: Settings) -> None:
    """Ask whether a server is there at all, before the seconds that MLflow's imports take.

    Raises `FinloopError("mlflow_unavailable")`. An embedded store needs no server.
    """
    address = settings.mlflow_address
    url = urlsplit(address)
    if url.scheme not in _PORTS or url.hostname is None:
        return
    try:
        place = (url.hostname, url.port or _PORTS[url.scheme])
        socket.create_connection(place, timeout=_KNOCK_SECONDS).close()
    except OSError as error:
        raise _sentence(error, address) from error


def _sentence(error: Exception, address: str) -> FinloopError:
    text = " ".join(str(error).split()) or type(error).__name__
    why = text if len(text) <= _REASON_LENGTH else f"{text[:_REASON_LENGTH]}…"
    why = f"{why.rstrip('.')}."
    if getattr(error, "error_code", None) in _FORBIDDEN or _FORBIDDEN_STATUS.search(text):
        return refused(
            "mlflow_forbidden",
            f"MLflow at {address} does not allow this; use an account that may "
            f"(MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD): {why}",
        )
    return unavailable(
        "mlflow_unavailable",
        f"MLflow at {address} does not answer; start it or correct FINLOOP_MLFLOW_URI: {why}",
    )


def _make_embedded(settings: Settings) -> None:
    """Make the SQLite store once, whole or not at all.

    MLflow migrates an empty file step by step; a second process that opens it meanwhile fails. So
    it is made beside its place and linked there when complete: the first of two makers wins.
    """
    path = settings.mlflow / STORE
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        _migrate(f"sqlite:///{fresh}", f"{settings.mlflow / 'artifacts'}")
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)


def _migrate(uri: str, artifacts: str) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(uri, artifacts).engine.dispose()
