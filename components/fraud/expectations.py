"""What the tables behind the fraud model must look like before a model may learn from them.

Ingestion has judged each row by itself; a suite judges the table: shares, rates and distributions
that no single row gives away. The bounds hold for every payments company, whatever its currency;
they are there to stop what is broken, not what is new, which is drift.
"""

from __future__ import annotations

from components.common.contracts import MERCHANTS, OUTCOMES, TRANSACTIONS, USERS
from components.common.suites import Expectation, Suite

_PSEUDONYM = r"^[0-9a-f]{32}$"
_BETWEEN = "expect_column_values_to_be_between"
_MEAN = "expect_column_mean_to_be_between"
_MATCHES = "expect_column_values_to_match_regex"
_NOT_NULL = "expect_column_values_to_not_be_null"
_DISTINCT = "expect_column_unique_value_count_to_be_between"


def _collected(column: str, table: str, absent: str) -> str:
    """A column that a company may not collect at all; where it does, its nulls count."""
    return (
        f"CASE WHEN (SELECT count({column}) FROM {table}) > 0 THEN {column} ELSE {absent} END "  # noqa: S608 - constants
        f"AS {column}"
    )


_TRANSACTIONS = Suite(
    name=TRANSACTIONS.name,
    tables=(TRANSACTIONS.name,),
    sample_by="user_id",
    required=True,
    sql=f"""
        SELECT transaction_id, event_timestamp, user_id, merchant_id, amount, device_id, channel,
               year(event_timestamp) AS year,
               (amount = 0)::DOUBLE AS is_zero,
               (event_timestamp = date_trunc('day', event_timestamp))::DOUBLE AS is_at_midnight,
               {_collected("category", "transactions", "'not collected'")},
               {_collected("latitude", "transactions", "0.0")},
               (latitude IS NULL) <> (longitude IS NULL) AS is_half_placed
        FROM sampled""",  # noqa: S608 - constants
    expectations=(
        Expectation(
            "expect_column_values_to_be_unique",
            {"column": "transaction_id"},
            "no transaction_id comes twice",
        ),
        Expectation(
            "expect_compound_columns_to_be_unique",
            {
                "column_list": ["user_id", "merchant_id", "event_timestamp", "amount"],
                "mostly": 0.98,
            },
            "at most 2 % of payments repeat another one under a new id (a file loaded twice)",
        ),
        Expectation(
            _MATCHES,
            {"column": "user_id", "regex": _PSEUDONYM},
            "every user_id is a pseudonym",
        ),
        Expectation(
            _MATCHES,
            {"column": "device_id", "regex": _PSEUDONYM},
            "every device_id is a pseudonym",
        ),
        Expectation(
            _DISTINCT,
            {"column": "user_id", "min_value": 2},
            "payments come from more than one user",
        ),
        Expectation(
            _DISTINCT,
            {"column": "merchant_id", "min_value": 2},
            "payments go to more than one merchant",
        ),
        Expectation(
            _BETWEEN,
            {"column": "amount", "min_value": 0, "max_value": 1e10},
            "amounts lie between 0 and ten billion",
        ),
        Expectation(
            _DISTINCT,
            {"column": "amount", "min_value": 3},
            "amounts differ between payments",
        ),
        Expectation(
            _MEAN,
            {"column": "is_zero", "max_value": 0.05},
            "at most 5 % of amounts are zero",
        ),
        Expectation(
            _BETWEEN,
            {"column": "year", "min_value": 2000},
            "no payment is older than the year 2000",
        ),
        Expectation(
            _MEAN,
            {"column": "is_at_midnight", "max_value": 0.1},
            "at most 10 % of payments happen at midnight sharp (dates without a time of day)",
        ),
        Expectation(
            _NOT_NULL,
            {"column": "category", "mostly": 0.8},
            "at most 20 % of payments lack a category, where categories are collected",
        ),
        Expectation(
            _NOT_NULL,
            {"column": "latitude", "mostly": 0.4},
            "at most 60 % of payments lack a place, where places are collected",
        ),
        Expectation(
            "expect_column_values_to_be_in_set",
            {"column": "is_half_placed", "value_set": [False], "mostly": 0.99},
            "latitude and longitude come together",
        ),
        Expectation(
            _DISTINCT,
            {"column": "category", "max_value": 500},
            "there are at most 500 categories",
        ),
        Expectation(
            _DISTINCT,
            {"column": "channel", "max_value": 20},
            "there are at most 20 channels",
        ),
    ),
)

_OUTCOMES = Suite(
    name=OUTCOMES.name,
    tables=(OUTCOMES.name, TRANSACTIONS.name),
    sample_by="transaction_id",
    sql="""
        SELECT outcome.transaction_id, outcome.outcome_timestamp, outcome.source,
               is_fraud::DOUBLE AS is_fraud, paid.event_timestamp IS NOT NULL AS is_of_a_payment,
               epoch(outcome.outcome_timestamp - paid.event_timestamp) / 86400 AS delay_days
        FROM sampled AS outcome LEFT JOIN transactions AS paid USING (transaction_id)""",
    expectations=(
        Expectation(
            _MEAN,
            {"column": "is_fraud", "min_value": 0.0001, "max_value": 0.2},
            "between 0.01 % and 20 % of outcomes are fraud",
        ),
        Expectation(
            "expect_column_values_to_be_in_set",
            {"column": "is_of_a_payment", "value_set": [True], "mostly": 0.999},
            "the payment of every outcome is known",
        ),
        Expectation(
            _BETWEEN,
            {"column": "delay_days", "min_value": 0},
            "no outcome is known before its payment",
        ),
        Expectation(
            "expect_column_median_to_be_between",
            {"column": "delay_days", "max_value": 90},
            "half of the outcomes are known within 90 days",
        ),
        Expectation(
            "expect_compound_columns_to_be_unique",
            {"column_list": ["transaction_id", "outcome_timestamp"]},
            "no outcome comes twice",
        ),
        Expectation(
            "expect_column_values_to_be_unique",
            {"column": "transaction_id", "mostly": 0.9},
            "at most 10 % of outcomes are about a payment that has another one",
        ),
        Expectation(
            _DISTINCT,
            {"column": "source", "max_value": 20},
            "there are at most 20 sources",
        ),
    ),
)

_MERCHANTS = Suite(
    name=MERCHANTS.name,
    tables=(MERCHANTS.name,),
    sample_by="merchant_id",
    sql=f"""
        SELECT merchant_id, {_collected("category", "merchants", "'not collected'")},
               (latitude IS NULL) <> (longitude IS NULL) AS is_half_placed
        FROM sampled""",  # noqa: S608 - constants
    expectations=(
        Expectation(
            "expect_column_values_to_be_unique",
            {"column": "merchant_id"},
            "no merchant_id comes twice",
        ),
        Expectation(
            _NOT_NULL,
            {"column": "category", "mostly": 0.8},
            "at most 20 % of merchants lack a category, where categories are collected",
        ),
        Expectation(
            _DISTINCT,
            {"column": "category", "max_value": 500},
            "there are at most 500 categories",
        ),
        Expectation(
            "expect_column_values_to_be_in_set",
            {"column": "is_half_placed", "value_set": [False], "mostly": 0.99},
            "latitude and longitude come together",
        ),
    ),
)

_USERS = Suite(
    name=USERS.name,
    tables=(USERS.name,),
    sample_by="user_id",
    sql="SELECT user_id, event_timestamp, birth_year, annual_income FROM sampled",
    expectations=(
        Expectation(
            _MATCHES,
            {"column": "user_id", "regex": _PSEUDONYM},
            "every user_id is a pseudonym",
        ),
        Expectation(
            "expect_compound_columns_to_be_unique",
            {"column_list": ["user_id", "event_timestamp"]},
            "no profile comes twice",
        ),
        Expectation(
            _BETWEEN,
            {"column": "birth_year", "min_value": 1900, "max_value": 2030},
            "years of birth lie between 1900 and 2030",
        ),
        Expectation(
            _BETWEEN,
            {"column": "annual_income", "min_value": 0, "max_value": 1e12},
            "incomes lie between 0 and a trillion",
        ),
    ),
)

SUITES = (_TRANSACTIONS, _OUTCOMES, _MERCHANTS, _USERS)
"""Every suite of the domain, the table that matters most first."""
