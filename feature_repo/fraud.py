"""Fraud in Feast: its views, and the service that training and serving share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

from feast import FeatureService, FeatureView

from components.fraud import XGBOOST
from components.fraud.features import TABLES
from components.fraud.history import POSITION, REMEMBERED, History, K
from feature_repo.views import state_view, table_view

HISTORY = "fraud_user_history"
RECENT = "fraud_user_recent"
"""The same columns, of what the service decided: two writers never share a row."""


def views(folder: Path) -> list[FeatureView]:
    """Every view of fraud over the feature tables in a folder."""
    return [*(table_view(table, folder) for table in TABLES), *_histories(folder)]


def services(folder: Path) -> list[FeatureService]:
    """The model's inputs, in the order of the declarations."""
    inputs = [table_view(table, folder) for table in TABLES]
    description = "Everything that the fraud models see of a payment"
    return [
        FeatureService(name=XGBOOST.feature_service, features=inputs, description=description)  # type: ignore[arg-type]
    ]


def _histories(folder: Path) -> list[FeatureView]:
    """`History` as columns; `tuple[float | None, ...]` is kept as a list of floats."""
    items = {name: _innermost(hint) for name, hint in get_type_hints(History).items()}
    known, served = (
        f"A user's last {K} payments",
        f"A user's last {K} payments that were decided here",
    )
    return [
        state_view(HISTORY, "user_id", items, folder, known, counts=(REMEMBERED,)),
        state_view(
            RECENT,
            "user_id",
            items,
            folder,
            served,
            counts=(REMEMBERED, POSITION),
            by_service=True,
        ),
    ]


def _innermost(hint: Any) -> type:
    """What a column holds, under tuples and options: `tuple[tuple[float | None, ...], ...]` is a
    flat list of floats."""
    inner = get_args(hint)
    return _innermost(inner[0]) if inner else hint
