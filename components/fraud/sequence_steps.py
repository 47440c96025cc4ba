"""The steps of a sequence: what is kept of each payment for the payments after it."""

from __future__ import annotations

from components.common.lags import lag_names
from components.fraud import LSTM

STEPS = LSTM.lags
"""Payments before the current one that a sequence holds."""

STEP = (
    "amount",
    "amount_log",
    "amount_zscore_last_64",
    "amount_to_median_last_64",
    "hour",
    "day_of_week",
    "seconds_since_last",
    "new_merchant",
    "distance_km",
    "merchant_risk_1d",
    "merchant_risk_7d",
    "merchant_risk_30d",
    "merchant_risk_last_5",
    "merchant_risk_last_10",
    "merchant_frauds_3d",
    "merchant_frauds_14d",
    "merchant_frauds_28d",
    "merchant_known_7d",
    "merchant_days_since_fraud",
    "merchant_days_since_first_fraud",
)
"""Features of a payment as they were when it was made, in the order in which they are kept."""

SEQUENCE_INPUT = lag_names(STEP, STEPS)
"""Inputs of a model of sequences: the payment's own, then those of the payments before it."""
