"""The inputs of past applications, made once more by the online engine.

What comes with a request is worked out here from the loans of the lake and the profile of their
time; what is made in batch alone has one engine and nothing to be compared with.
"""
# ruff: noqa: S608 - SQL is put together from names of our own

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from components.common import lake
from components.common.parity import Floats
from components.common.settings import Settings
from components.credit.features.application import Application, application_features, local_year

if TYPE_CHECKING:
    import pandas as pd


def recompute(settings: Settings, rows: pd.DataFrame, lags: int = 0) -> dict[str, Floats]:
    """Feature → its values [n] for applications, NaN for null.

    rows: `application_id` of applications in the lake, with the profile that Feast found for them
    (`annual_income`, `birth_year`). No model of credit looks at earlier applications.
    """
    with closing(lake.connect()) as connection:
        connection.register("wanted", rows[["application_id"]].reset_index(names="place"))
        found = connection.execute(
            "SELECT event_timestamp, amount, term_months FROM wanted JOIN "
            f"{lake.scan(settings.lake, 'loans')} USING (application_id) ORDER BY place"
        ).fetchall()
    zone = ZoneInfo(settings.timezone)
    profiles = zip(rows["annual_income"], rows["birth_year"], strict=True)
    made = [
        application_features(Application(local_year(moment, zone), *loan, *map(_known, profile)))
        for (moment, *loan), profile in zip(found, profiles, strict=True)
    ]
    return {name: np.array([one[name] for one in made], dtype=float) for name in made[0]}


def _known(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
