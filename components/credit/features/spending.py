"""How a person spends: their payments of the 90 local days before a midnight.

The window is three months of thirty days each, `total_0` the newest. `oldest` is the month of the
first payment in the window: months before it are not counted as months of spending nothing, because
the person may not have been a customer yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from components.common.features import Feature, FeatureTable

SPENDING = "credit_spending"
MONTH, MONTHS = 30, 3
DAYS = MONTH * MONTHS
"""Local days that a midnight looks back."""

_OLDER = "(total_1 + total_2) / nullif(oldest, 0)"
"""Mean of the months before the newest one; null where there is none."""
_MEAN = "((total_0 + total_1 + total_2) / (oldest + 1))"
_SQUARES = "((total_0 ** 2 + total_1 ** 2 + total_2 ** 2) / (oldest + 1))"
_DEVIATION = f"sqrt(greatest({_SQUARES} - {_MEAN} ** 2, 0))"


def _features() -> Iterator[Feature]:
    money, window = "currency units", f"in the last {DAYS} days"
    for name, unit, description, offline in (
        ("count", "payments", f"Payments {window}", "coalesce(count, 0)"),
        ("mean", money, f"Mean amount of a payment {window}", "mean"),
        ("std", money, f"Sample standard deviation of the amounts {window}", "std"),
        ("max", money, f"Largest payment {window}", "max"),
        ("total", money, f"Sum of all payments {window}", "total"),
        ("daily_mean", money, f"Mean sum of a day with payments {window}", "daily_mean"),
        ("daily_max", money, f"Largest sum of a day {window}", "daily_max"),
        ("merchants", "merchants", f"Distinct merchants {window}", "merchants"),
        (
            "top_merchant_share",
            "share",
            f"Share of the payments {window} that went to the most frequent merchant",
            "top_merchant / count",
        ),
        (
            "night_share",
            "share",
            f"Share of the payments {window} made before six in the morning",
            "night / count",
        ),
        (
            "category_entropy",
            "nats",
            f"Shannon entropy -sum p ln p of the merchant categories of the payments {window}; "
            "null where no category is known",
            "category_entropy",
        ),
        (
            "monthly_stability",
            "share",
            "1 / (1 + coefficient of variation) of what was spent in each of the months since the "
            "first payment; 1 is the same every month, null in the first month",
            f"CASE WHEN oldest > 0 THEN {_MEAN} / nullif({_MEAN} + {_DEVIATION}, 0) END",
        ),
        (
            "trend",
            "share",
            "(newest month - mean of the earlier ones) / (their sum): 0 is as before, 1 is all new",
            f"(total_0 - {_OLDER}) / nullif(total_0 + {_OLDER}, 0)",
        ),
    ):
        yield Feature(f"spend_{name}", SPENDING, unit, description, offline)


CREDIT_SPENDING = FeatureTable(
    name=SPENDING,
    entity="user_id",
    description=f"How a person has spent in the {DAYS} local days before a midnight",
    features=tuple(_features()),
    cadence="midnight",
)
