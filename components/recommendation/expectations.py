"""What payments must look like before a model may learn tastes from them.

What holds of single rows is judged elsewhere; here is what no row gives away: that customers
choose between merchants at all. The bounds stop what is broken (every payment under one merchant,
customers that were mixed up), not what is new.
"""

from __future__ import annotations

from typing import get_args

from components.common.contracts import FEEDBACK, TRANSACTIONS
from components.common.records import FeedbackKind
from components.common.suites import Expectation, Suite

_MEAN = "expect_column_mean_to_be_between"

_INTERACTIONS = Suite(
    name="interactions",
    tables=(TRANSACTIONS.name,),
    sample_by="user_id",
    sql="""
        SELECT user_id, sum(count)::BIGINT AS payments, count(*) AS merchants,
               (sum(count) > 9 AND count(*) = 1)::DOUBLE AS is_loyal_to_one,
               (count(*) > 20 AND count(*) = sum(count))::DOUBLE AS never_returns
        FROM (SELECT user_id, merchant_id, count(*) AS count FROM sampled GROUP BY ALL)
        GROUP BY user_id""",
    expectations=(
        Expectation(
            "expect_column_values_to_not_be_null", {"column": "user_id"}, "every payment has a user"
        ),
        Expectation(
            _MEAN,
            {"column": "is_loyal_to_one", "max_value": 0.9},
            "at most 90 % of customers with ten payments pay at one merchant only",
        ),
        Expectation(
            _MEAN,
            {"column": "never_returns", "max_value": 0.95},
            "at most 95 % of customers of twenty merchants never return to one",
        ),
        Expectation(
            "expect_column_values_to_be_between",
            {"column": "payments", "max_value": 1_000_000},
            "no customer has more than a million payments",
        ),
    ),
)

_FEEDBACK = Suite(
    name=FEEDBACK.name,
    tables=(FEEDBACK.name,),
    sample_by="user_id",
    sql="SELECT kind, user_id FROM sampled",
    expectations=(
        Expectation(
            "expect_column_values_to_be_in_set",
            {"column": "kind", "value_set": list(get_args(FeedbackKind))},
            "feedback is an impression or a click",
        ),
        Expectation(
            "expect_column_values_to_match_regex",
            {"column": "user_id", "regex": r"^[0-9a-f]{32}$"},
            "every user_id is a pseudonym",
        ),
    ),
)

SUITES = (_INTERACTIONS, _FEEDBACK)
