"""A mistake that every gate lets through: a model trained on amounts in another unit.

A colleague exports the payments in thousands of won and trains on them. Train and test have the
same mistake, so the evaluation is fine; only live traffic, in won, shows that the scores are wrong.

`python -m demo.mistake INBOX TRAINING` does that with the settings of a sandbox in its environment;
TRAINING is a JSON object of the arguments of the training.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.common.settings import Settings, load_settings
from components.fraud import XGBOOST
from demo.days import come_in, refresh
from pipelines import launch

AUTHOR = "haneul"
"""The colleague whom the story plays."""
_WON_IN_THE_UNIT = 1000.0


def train_on_wrong_units(sandbox: Settings, inbox: Path, training: Mapping[str, str]) -> None:
    """Train in a sandbox on payments in thousands of won, and register the candidate.

    The sandbox has its own lake and features; the registry and the ledger are the company's.
    """
    wrong = export_in_thousands(inbox, sandbox.home / "inbox")
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


def export_in_thousands(inbox: Path, folder: Path) -> Path:
    """Copy contract tables with the amounts of payments divided by a thousand."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(inbox.glob("*.parquet")):
        table = pq.read_table(path)
        if path.stem == "transactions":
            at = table.schema.get_field_index("amount")
            amounts = pc.call_function("divide", [table["amount"], _WON_IN_THE_UNIT])
            table = table.set_column(at, table.schema.field(at), amounts)
        pq.write_table(table, folder / path.name)
    return folder


if __name__ == "__main__":
    train_on_wrong_units(load_settings(), Path(sys.argv[1]), json.loads(sys.argv[2]))
