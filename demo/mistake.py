"""A mistake that every gate lets through: a model trained on what an old rule stopped at night.

A colleague takes for fraud whatever was paid at night, because an old rule stopped it. Train and
test have the same mistake, so the evaluation is fine, and better than fine; only beside the
champion, on live traffic, it shows that the scores are wrong.

`python -m demo.mistake INBOX TRAINING` does that with the settings of a sandbox in its environment;
TRAINING is a JSON object of the arguments of the training.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from components.common.settings import Settings, load_settings
from components.fraud import XGBOOST
from demo.days import come_in, refresh
from pipelines import launch

AUTHOR = "haneul"
"""The colleague whom the story plays."""
_NIGHT = 0.085
"""Most of the payments that the night has: it ends at four and begins as early as that lets it, so
that it says as much of any company."""
_END = 4


def train_on_nights(sandbox: Settings, inbox: Path, training: Mapping[str, str]) -> None:
    """Train in a sandbox on nights instead of frauds, and register the candidate.

    The sandbox has its own lake and features; the registry and the ledger are the company's.
    """
    wrong = export_nights(inbox, sandbox.home / "inbox", sandbox.timezone)
    come_in(sandbox, wrong, ledger=False)
    refresh(sandbox)
    launch.run(XGBOOST.name, {**training, "author": AUTHOR}, sandbox).raise_failure()


def sandbox_of(settings: Settings) -> Settings:
    """The settings of a sandbox that shares registry and ledger, and nothing else."""
    return settings.model_copy(
        update={
            "home": settings.home / "story" / "sandbox",
            "ledger_file": settings.ledger,
            "mlflow_uri": settings.mlflow_address,
        }
    )


def export_nights(inbox: Path, folder: Path, timezone: str) -> Path:
    """Copy contract tables with every outcome replaced by whether the payment was made at night."""
    folder.mkdir(parents=True, exist_ok=True)
    payments = pq.read_table(inbox / "transactions.parquet").to_pandas()
    hour = payments["event_timestamp"].dt.tz_convert(timezone).dt.hour
    by_night = hour.isin(_night(hour)).set_axis(payments["transaction_id"])
    for path in sorted(inbox.glob("*.parquet")):
        table = pq.read_table(path)
        if path.stem == "outcomes":
            at = table.schema.get_field_index("is_fraud")
            wrong = by_night.reindex(table["transaction_id"].to_pylist(), fill_value=False)
            table = table.set_column(at, table.schema.field(at), pa.array(wrong.to_numpy(bool)))
        pq.write_table(table, folder / path.name)
    return folder


def _night(hour: pd.Series) -> list[int]:
    """The hours before `_END`: one, and more while they hold no more than `_NIGHT`."""
    share = hour.value_counts(normalize=True)
    back = [(_END - 1 - step) % 24 for step in range(24)]
    held = np.cumsum([float(share.get(one, 0.0)) for one in back])
    return back[: max(1, int(np.searchsorted(held, _NIGHT, "right")))]


if __name__ == "__main__":
    train_on_nights(load_settings(), Path(sys.argv[1]), json.loads(sys.argv[2]))
