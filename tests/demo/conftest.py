"""One small company that the tests of the demo share, told with and without a drift."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from demo.world import KINDS, World, WorldConfig, simulate

START, DRIFT = date(2025, 1, 1), date(2025, 2, 10)
_SMALL = {"users": 700, "merchants": 150, "days": 60, "seed": 11, "start": START}


@pytest.fixture(scope="session")
def calm() -> World:
    return simulate(WorldConfig(**_SMALL))


@pytest.fixture(scope="session")
def drifted() -> World:
    return simulate(WorldConfig(**_SMALL, drift_from=DRIFT))


@pytest.fixture(scope="session")
def payments(drifted: World) -> pd.DataFrame:
    """Every payment with the name of its pattern, its merchant's place and its local time."""
    rows = drifted.tables["transactions"].to_pandas()
    rows["kind"] = np.array(KINDS)[drifted.kinds]
    rows["local"] = rows["event_timestamp"].dt.tz_convert("Asia/Seoul")
    shops = drifted.tables["merchants"].to_pandas().add_prefix("shop_")
    return rows.merge(shops, left_on="merchant_id", right_on="shop_merchant_id")
