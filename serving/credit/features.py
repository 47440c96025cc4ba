"""What is known of an application: what was asked for, and what the views say of the person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from components.credit.features import MODEL_INPUT, PROTECTED
from components.credit.features.application import Application as Asked
from components.credit.features.application import application_features, local_year
from components.credit.features.background import BUREAU, PROFILE
from components.credit.features.spending import SPENDING
from serving.common.online_features import ViewRow, plain
from serving.credit.schemas import Application

VIEWS = (PROFILE, BUREAU, SPENDING)


@dataclass(frozen=True)
class Gathered:
    """Everything that a model may know of an application, and what it could not know."""

    inputs: dict[str, float | None]
    """Every model input; a null is a value."""
    ages: dict[str, float | None]
    """Age in seconds of each view at the time of the application; null where it is missing."""
    degraded: tuple[str, ...]
    """Stable names of what was missing."""


def gather(
    application: Application,
    rows: Mapping[str, ViewRow],
    zone: ZoneInfo,
    needed: Collection[str] = (),
) -> Gathered:
    """The model input of an application from the rows of `VIEWS`.

    A protected attribute is there only where `needed`, the inputs of the models, names it: what no
    model sees is not written down either.
    """
    told: dict[str, Any] = {}
    for view in VIEWS:
        told.update(rows[view].values)
    asked = Asked(
        local_year(application.event_timestamp, zone),
        application.loan_amount,
        application.term_months,
        plain(told.get("annual_income")),
        plain(told.get("birth_year")),
    )
    told |= application_features(asked)
    names = (*MODEL_INPUT, *(name for name in PROTECTED if name in needed))
    return Gathered(
        {name: plain(told.get(name)) for name in names},
        {view: rows[view].age_seconds for view in VIEWS},
        tuple(_troubles(rows)),
    )


def _troubles(rows: Mapping[str, ViewRow]) -> Iterable[str]:
    for view in VIEWS:
        if rows[view].trouble is not None:
            yield f"{view}_{rows[view].trouble}"
