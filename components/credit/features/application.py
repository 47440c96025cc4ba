"""Features of an application itself: they come with the request, and from it and the profile.

Both engines stand side by side: offline over the loans of the lake with the profile of their time,
online over one `Application`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from components.common.features import Feature, FeatureTable

_GROUP = "credit_application"


@dataclass(frozen=True)
class Application:
    """What somebody asks for, and what was known of them at the midnight before."""

    year: int
    """Local year of the application."""
    loan_amount: float
    """Currency units."""
    term_months: int
    annual_income: float | None
    """Currency units per year."""
    birth_year: float | None


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


CREDIT_APPLICATION = FeatureTable(
    name=_GROUP,
    entity="application_id",
    description="What is asked for, against what is known of who asks",
    features=(
        Feature(
            "loan_amount",
            _GROUP,
            "currency units",
            "Amount asked for",
            "loan_amount",
            lambda asked: asked.loan_amount,
        ),
        Feature(
            "term_months",
            _GROUP,
            "months",
            "Time to repay",
            "term_months",
            lambda asked: asked.term_months,
        ),
        Feature(
            "loan_to_income",
            _GROUP,
            "ratio",
            "Amount asked for over annual income; null where no income is known, or none is earned",
            "loan_amount / nullif(annual_income, 0)",
            lambda asked: _ratio(asked.loan_amount, asked.annual_income),
        ),
        Feature(
            "age",
            _GROUP,
            "years",
            "Local year of the application less the year of birth",
            "year - birth_year",
            lambda asked: None if asked.birth_year is None else asked.year - asked.birth_year,
        ),
    ),
    cadence="event",
)


def local_year(moment: datetime, timezone: ZoneInfo) -> int:
    """The year of a moment by the calendar of a time zone."""
    return moment.astimezone(timezone).year


def application_features(asked: Application) -> dict[str, float | None]:
    """Features of an application by name; none is a value."""
    values = ((one.name, one.online(asked)) for one in CREDIT_APPLICATION.features if one.online)
    return {name: None if value is None else float(value) for name, value in values}
