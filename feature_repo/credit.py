"""Credit in Feast: its views, and the service that training and serving share."""

from __future__ import annotations

from pathlib import Path

from feast import FeatureService, FeatureView

from components.credit import SCORING
from components.credit.features import TABLES
from feature_repo.views import table_view


def views(folder: Path) -> list[FeatureView]:
    """Every view of credit over the feature tables in a folder."""
    return [table_view(table, folder) for table in TABLES]


def services(folder: Path) -> list[FeatureService]:
    """The inputs of the model and what its fairness report needs, in the order declared."""
    return [
        FeatureService(
            name=SCORING.feature_service,
            features=views(folder),  # type: ignore[arg-type]
            description="Everything that is known of an application at its time",
        )
    ]
