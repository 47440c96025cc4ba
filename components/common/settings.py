"""The one `Settings`: everything that differs between machines. Nothing is read at import."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from components.common.errors import bad_input, in_words

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "FEAST_USAGE": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "BENTOML_DO_NOT_TRACK": "True",
    "SCARF_NO_ANALYTICS": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "MPLBACKEND": "Agg",
}
"""Environment under which every component stays silent about its use."""


Port = Annotated[int, Field(ge=1, le=65535)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]


class Settings(BaseSettings):
    """Settings of one installation, from the environment (`FINLOOP_…`)."""

    model_config = SettingsConfigDict(env_prefix="FINLOOP_", frozen=True, extra="ignore")

    home: Path = Path(".finloop")
    """Folder under which the embedded profile writes everything."""
    timezone: str = "Asia/Seoul"
    """Calendar of hours, nights and midnights."""
    refresh_hours: int = Field(default=24, ge=1, le=24)
    """How often the data pipeline runs. Features know of an outcome from the first run after it:
    training assumes it, so that serving, which sees the last run, knows no less."""
    ledger_file: Path | None = None
    """The ledger, where it is not the one under `home`: a sandbox shares the company's."""
    ledger_url: SecretStr | None = None
    """PostgreSQL that holds the ledger, as `postgresql://user:password@host:port/database`; one
    file under `home` where not given."""
    ledger_durability: Literal["disk", "process"] = "disk"
    """What an acknowledged decision survives: a power cut (`disk`), or only the end of the process
    (`process`), which spares the wait for the disk."""
    retention_days: int | None = Field(default=None, ge=1)
    """How long records and rows about people are kept; for ever where not given. `finloop privacy
    expire` removes what is older."""
    pseudonym_key: SecretStr | None = None
    """Key of the user and device pseudonyms; made and kept under `home` where not given."""
    api_keys: dict[str, Digest] = Field(default_factory=dict)
    """Caller → SHA-256 (hex) of its API key, as a JSON object."""

    online_store: SecretStr | None = None
    """Redis that holds the online features, as `redis://[user:password@]host:port/db` (`rediss` for
    TLS), one database per installation; SQLite under `home` where not given."""
    model_budget_ms: float | None = Field(default=None, gt=0)
    """How long a decision waits for a model, in milliseconds; it is decided without one that takes
    longer. No limit where not given."""
    mlflow_uri: str | None = None
    """Tracking server and registry of one's own; the embedded SQLite store where not given."""
    mlflow_port: Port = 5000
    evidently_port: Port = 8001
    serving_port: Port = 3000
    """Ports on loopback; the next free one is taken where one is in use."""

    released_by_people: tuple[str, ...] | None = None
    """Domains whose challengers stay in shadow until a person releases them, as a JSON array; those
    that declare it where not given."""
    keep_runs: int = Field(default=20, ge=2)
    """Local pipeline runs whose files are kept; what newer ones use of older ones is kept, too."""
    kfp_host: str | None = None
    kfp_token: SecretStr | None = None
    kfp_namespace: str | None = None
    """Kubeflow endpoint for `finloop run --on kubeflow`."""
    image: str = "finloop:latest"
    """Container image of the pipeline steps on Kubeflow."""

    @field_validator("home", "ledger_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().resolve()

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (LookupError, ValueError, OSError):
            raise ValueError(f"there is no time zone {name!r}; write one as Asia/Seoul") from None
        return name

    @field_validator("ledger_url")
    @classmethod
    def _postgresql(cls, address: SecretStr | None) -> SecretStr | None:
        """The address never appears in what is said: it may hold a password."""
        if address is not None and not _names_postgresql(address.get_secret_value()):
            raise ValueError("it must be written as postgresql://user:password@host:5432/database")
        return address

    @field_validator("online_store")
    @classmethod
    def _redis(cls, address: SecretStr | None) -> SecretStr | None:
        """The address never appears in what is said: it may hold a password."""
        if address is not None and not _names_redis(address.get_secret_value()):
            raise ValueError("it must be written as redis://host:port/0")
        return address

    @property
    def lake(self) -> Path:
        """Contract tables: `lake/<table>/day=YYYY-MM-DD/*.parquet`."""
        return self.home / "lake"

    @property
    def quarantine(self) -> Path:
        """Rows that were not let in, with their reasons."""
        return self.home / "quarantine"

    @property
    def feature_tables(self) -> Path:
        """Feature tables, one parquet file or folder per feature view."""
        return self.home / "features"

    @property
    def feast(self) -> Path:
        """Feast registry and online store."""
        return self.home / "feast"

    @property
    def ledger(self) -> Path:
        """The append-only record."""
        return self.ledger_file or self.home / "ledger.db"

    @property
    def mlflow(self) -> Path:
        """Embedded MLflow store and artifacts."""
        return self.home / "mlflow"

    @property
    def mlflow_address(self) -> str:
        """Tracking and registry address that clients use."""
        return self.mlflow_uri or f"sqlite:///{self.mlflow / 'mlflow.db'}"

    @property
    def kfp(self) -> Path:
        """Outputs, cache and logs of local pipeline runs."""
        return self.home / "kfp"

    @property
    def serving(self) -> Path:
        """Local model files and the manifest that the service follows."""
        return self.home / "serving"

    @property
    def evidently(self) -> Path:
        """Evidently workspace and HTML reports."""
        return self.home / "evidently"

    @property
    def running(self) -> Path:
        """Notices of the processes that answer now."""
        return self.home / "running"

    @property
    def logs(self) -> Path:
        """Output of the processes that Finloop starts."""
        return self.home / "logs"

    def pseudonym_secret(self) -> bytes:
        """The key of the pseudonyms; drawn once and kept (mode 0600) where none is set."""
        if self.pseudonym_key is not None:
            return self.pseudonym_key.get_secret_value().encode()
        path = self.home / "secrets" / "pseudonym.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_hex(32))
            try:
                os.link(fresh, path)  # the first of two concurrent starts wins, atomically
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text().strip().encode()


def load_settings() -> Settings:
    """Settings from the environment, and telemetry switched off for this process tree."""
    os.environ.update(TELEMETRY_OFF)
    try:
        return Settings()
    except ValidationError as error:
        raise bad_input("settings", _first_problem(error)) from None
    except SettingsError as error:
        name = re.search(r'field "(\w+)"', str(error))
        which = f"FINLOOP_{name[1].upper()}" if name else "A FINLOOP_ setting"
        raise bad_input("settings", f"{which} cannot be used: it must be JSON.") from None


def _names_postgresql(address: str) -> bool:
    try:
        parts = urlsplit(address)
        whole = parts.scheme == "postgresql" and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        return False
    rest = f"{parts.query}{parts.fragment}"
    return bool(whole and re.fullmatch(r"/[^/]+", parts.path) and not rest)


def _names_redis(address: str) -> bool:
    try:
        parts = urlsplit(address)
        whole = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        return False
    rest = f"{parts.query}{parts.fragment}"
    return bool(whole and re.fullmatch(r"/?\d*", parts.path) and not rest)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    setting, *inside = (str(part) for part in problem["loc"])
    name = f"FINLOOP_{setting.upper()}" + "".join(f"[{part}]" for part in inside)
    if problem["type"] == "string_pattern_mismatch":
        return f"{name} cannot be used: it must be the SHA-256 of the key, in 64 hex digits."
    return f"{name} cannot be used: {in_words(problem['msg'])}."
