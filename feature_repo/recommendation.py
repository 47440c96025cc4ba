"""Recommendation in Feast: its views, and the service that training and serving share."""

from __future__ import annotations

from pathlib import Path

from feast import FeatureService, FeatureView

from components.recommendation import NCF
from components.recommendation.features import TABLES
from components.recommendation.features.states import (
    HISTORY_COLUMNS,
    LIST_COLUMNS,
    LISTS,
    POPULAR_COLUMNS,
    SEGMENT,
    SEGMENT_POPULAR,
    USER_HISTORY,
)
from feature_repo.views import state_view, table_view


def views(folder: Path) -> list[FeatureView]:
    """Every view of recommendation over the feature tables in a folder."""
    return [
        *(table_view(table, folder) for table in TABLES),
        state_view(
            USER_HISTORY, "user_id", HISTORY_COLUMNS, folder, "Where a customer paid, how often"
        ),
        state_view(
            SEGMENT_POPULAR, SEGMENT, POPULAR_COLUMNS, folder, "Where most of a segment pays"
        ),
        state_view(
            LISTS, "user_id", LIST_COLUMNS, folder, "What a champion recommended", by_service=True
        ),
    ]


def services(folder: Path) -> list[FeatureService]:
    """What is known of customers and merchants, in the order of the declarations."""
    inputs = [table_view(table, folder) for table in TABLES]
    description = "What is known of customers and merchants"
    return [
        FeatureService(name=NCF.feature_service, features=inputs, description=description)  # type: ignore[arg-type]
    ]
