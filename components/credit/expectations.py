"""What the tables behind the credit model must look like before a model may learn from them.

Ingestion has judged each row by itself; a suite judges the table. The bounds hold for every lender,
whatever its currency; they are there to stop what is broken, not what is new, which is drift.
"""

from __future__ import annotations

from typing import Any

from components.common.contracts import BUREAU, LOAN_OUTCOMES, LOANS, USERS
from components.common.suites import Expectation, Suite

_PSEUDONYM = r"^[0-9a-f]{32}$"


def _mean(column: str, holds: str, **bounds: float) -> Expectation:
    kwargs: dict[str, Any] = {"column": column, **bounds}
    return Expectation("expect_column_mean_to_be_between", kwargs, holds)


def _between(column: str, holds: str, **bounds: float) -> Expectation:
    kwargs: dict[str, Any] = {"column": column, **bounds}
    return Expectation("expect_column_values_to_be_between", kwargs, holds)


def _unique(column: str) -> Expectation:
    return Expectation(
        "expect_column_values_to_be_unique", {"column": column}, f"no {column} comes twice"
    )


def _pseudonymous() -> Expectation:
    return Expectation(
        "expect_column_values_to_match_regex",
        {"column": "user_id", "regex": _PSEUDONYM},
        "every user_id is a pseudonym",
    )


_LOANS = Suite(
    name=LOANS.name,
    tables=(LOANS.name,),
    sample_by="user_id",
    sql="""
        SELECT application_id, user_id, amount, term_months, (amount = 0)::DOUBLE AS is_zero
        FROM sampled""",
    expectations=(
        _unique("application_id"),
        _pseudonymous(),
        _between("amount", "amounts lie between 0 and ten billion", min_value=0, max_value=1e10),
        _mean("is_zero", "at most 1 % of the applications ask for nothing", max_value=0.01),
        _between("term_months", "terms lie between 1 and 600 months", min_value=1, max_value=600),
    ),
)

_LOAN_OUTCOMES = Suite(
    name=LOAN_OUTCOMES.name,
    tables=(LOAN_OUTCOMES.name, LOANS.name),
    sample_by="application_id",
    sql="""
        SELECT outcome.application_id, defaulted::DOUBLE AS defaulted,
               (asked.event_timestamp IS NOT NULL)::DOUBLE AS is_of_a_loan,
               epoch(outcome.outcome_timestamp - asked.event_timestamp) / 86400 AS delay_days
        FROM sampled AS outcome LEFT JOIN loans AS asked USING (application_id)""",
    expectations=(
        _mean(
            "defaulted",
            "between 0.1 % and 60 % of the outcomes are defaults",
            min_value=0.001,
            max_value=0.6,
        ),
        _mean("is_of_a_loan", "the application of nearly every outcome is known", min_value=0.999),
        _between("delay_days", "no outcome is known before its application", min_value=0),
    ),
)

_PROFILES = Suite(
    name=USERS.name,
    tables=(USERS.name,),
    sample_by="user_id",
    sql="""
        SELECT user_id, annual_income, employment_months,
               year(event_timestamp) - birth_year AS age,
               (annual_income = 0)::DOUBLE AS earns_nothing
        FROM sampled""",
    expectations=(
        _pseudonymous(),
        _between("annual_income", "incomes are below a trillion a year", max_value=1e12),
        _mean("earns_nothing", "at most 30 % earn nothing, where incomes are told", max_value=0.3),
        Expectation(
            "expect_column_values_to_be_between",
            {"column": "age", "min_value": 14, "max_value": 110, "mostly": 0.99},
            "people are between 14 and 110 years old",
        ),
        _between("employment_months", "nobody is employed for more than 80 years", max_value=960),
    ),
)

_BUREAU = Suite(
    name=BUREAU.name,
    tables=(BUREAU.name,),
    sample_by="user_id",
    sql="SELECT user_id, bureau_score, existing_loans, debt_to_income FROM sampled",
    expectations=(
        _pseudonymous(),
        _between("bureau_score", "scores lie between 0 and 2,000", min_value=0, max_value=2000),
        _between("existing_loans", "nobody has more than 500 loans", min_value=0, max_value=500),
        Expectation(
            "expect_column_values_to_be_between",
            {"column": "debt_to_income", "max_value": 50, "mostly": 0.99},
            "debts are at most fifty incomes, as ratios and not as percentages",
        ),
    ),
)

SUITES = (_PROFILES, _BUREAU, _LOANS, _LOAN_OUTCOMES)
"""Every suite of credit; none is required, because a company may not lend."""
