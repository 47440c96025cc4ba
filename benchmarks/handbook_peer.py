"""The peer: the Fraud Detection Handbook's own 15 features and its tuned XGBoost."""

from __future__ import annotations

from components.fraud.boosting import BoostingConfig

DAYS = (1, 7, 30)
DELAY_DAYS = 7

PEER_INPUT = (
    "peer_amount",
    "peer_weekend",
    "peer_night",
    *(f"peer_{what}_{days}d" for days in DAYS for what in ("count", "mean")),
    *(f"peer_{what}_{days}d" for days in DAYS for what in ("terminal_count", "terminal_risk")),
)
PEER_CONFIG = BoostingConfig(
    rounds=100,
    learning_rate=0.1,
    max_depth=3,
    min_child_weight=1,
    subsample=1,
    colsample=1,
    reg_lambda=1,
    isolation_trees=0,
)
"""Chosen from the handbook's grid (chapter 5: depth 3, 6, 9; 25, 50, 100 trees; rate 0.1, 0.3)."""


def peer_sql(transactions: str, outcomes: str) -> str:
    """SQL of the 15 features per `transaction_id`, from two FROM items of the contract tables.

    Customer windows hold the payment itself; terminal windows end a week before it.
    """
    customer = ", ".join(
        f"count(*) OVER c{d} AS peer_count_{d}d, avg(amount) OVER c{d} AS peer_mean_{d}d"
        for d in DAYS
    )
    terminal = ", ".join(
        f"count(*) OVER t{d} - count(*) OVER late AS peer_terminal_count_{d}d, "
        f"sum(fraud) OVER t{d} - sum(fraud) OVER late AS frauds_{d}"
        for d in DAYS
    )
    risk = ", ".join(
        f"coalesce(frauds_{d} / nullif(peer_terminal_count_{d}d, 0), 0) AS peer_terminal_risk_{d}d"
        for d in DAYS
    )
    return f"""
        SELECT *, amount AS peer_amount, {risk},
            (isodow(event_timestamp) > 5)::INTEGER AS peer_weekend,
            (hour(event_timestamp) <= 6)::INTEGER AS peer_night
        FROM (SELECT transaction_id, event_timestamp, amount, {customer}, {terminal}
              FROM (SELECT *, epoch_us(event_timestamp) // 1000000 AS second,
                        is_fraud::INTEGER AS fraud
                    FROM {transactions} AS t JOIN {outcomes} AS o USING (transaction_id))
              WINDOW {", ".join(_window("c", "user_id", d, d) for d in DAYS)},
                {", ".join(_window("t", "merchant_id", d, d + DELAY_DAYS) for d in DAYS)},
                {_window("late", "merchant_id", "", DELAY_DAYS)})"""  # noqa: S608 - names of ours


def _window(prefix: str, entity: str, name: int | str, days: int) -> str:
    return (
        f"{prefix}{name} AS (PARTITION BY {entity} ORDER BY second "
        f"RANGE BETWEEN {days * 86_400 - 1} PRECEDING AND CURRENT ROW)"
    )
