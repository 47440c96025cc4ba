"""What we know at the time of an application, strictly before it.

The map: `application.py` what is asked for (two engines, as it comes with the request),
`background.py` what the person and the bureau say, `spending.py` how the person spends, both as of
the last midnight and made in batch alone; `build.py` makes the tables from the lake.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from components.credit.features.application import CREDIT_APPLICATION
from components.credit.features.background import CREDIT_BUREAU, CREDIT_PROFILE
from components.credit.features.spending import CREDIT_SPENDING

TABLES = (CREDIT_PROFILE, CREDIT_APPLICATION, CREDIT_BUREAU, CREDIT_SPENDING)
"""Every feature table of credit."""

FEATURES = tuple(feature for table in TABLES for feature in table.features)

AGE = "age"
"""The one protected attribute that a setting may let in."""
PROTECTED = (AGE, "birth_year")
"""Features that are there for the fairness report; no model sees them unless a setting says so."""

MODEL_INPUT = tuple(feature.name for feature in FEATURES if feature.name not in PROTECTED)
"""Names of the model's inputs, in order."""


def build_feature_tables(
    lake: Path,
    out: Path,
    timezone: str,
    as_of: datetime | None = None,
    refresh_hours: int = 24,
) -> dict[str, Path]:
    """Build every feature table from the lake; see `build.build_feature_tables`."""
    from components.credit.features import build

    return build.build_feature_tables(lake, out, timezone, as_of)
