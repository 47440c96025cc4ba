"""The split is the handbook's protocol, told on a few payments by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from benchmarks import handbook_split
from benchmarks.handbook_split import (
    HISTORY_FROM,
    STARTS,
    Payments,
    day_number,
    trained_on,
)

START = STARTS[0]


def _payments(*rows: tuple[int, int, bool]) -> Payments:
    """Payments of (customer, days after the start, fraud)."""
    customer, day, fraud = zip(*rows, strict=True)
    return Payments(
        np.array(customer), np.array(day) + day_number(START), np.array(fraud, dtype=bool)
    )


def _tested(payments: Payments) -> list[tuple[int, int]]:
    days = payments.day - day_number(START)
    chosen = handbook_split.tested_on(payments, START)
    return list(zip(payments.customer[chosen].tolist(), days[chosen].tolist(), strict=True))


def test_there_are_four_weeks_a_week_apart() -> None:
    assert tuple(date(2018, 7, 25) + timedelta(days=7 * i) for i in range(4)) == STARTS


def test_training_takes_the_week_or_everything_until_its_end() -> None:
    before = day_number(HISTORY_FROM) - day_number(START)
    payments = _payments(*((1, day, False) for day in (before - 1, before, -1, 0, 6, 7)))
    assert trained_on(payments, START).tolist() == [False, False, False, True, True, False]
    everything = trained_on(payments, START, HISTORY_FROM)
    assert everything.tolist() == [False, True, True, True, True, False]


def test_the_test_week_comes_two_weeks_later() -> None:
    payments = _payments(*((1, day, False) for day in (13, 14, 20, 21)))
    assert _tested(payments) == [(1, 14), (1, 20)]


def test_a_fraud_in_the_training_week_takes_a_customer_out() -> None:
    payments = _payments((1, 3, True), (1, 14, False), (2, 3, False), (2, 14, True))
    assert _tested(payments) == [(2, 14)]


def test_a_fraud_is_known_a_week_after_it_happened() -> None:
    payments = _payments((1, 9, True), *((1, day, False) for day in range(14, 21)))
    assert _tested(payments) == [(1, 14), (1, 15), (1, 16)]


def test_an_earlier_fraud_takes_nobody_out() -> None:
    payments = _payments((1, -1, True), (1, 14, False))
    assert _tested(payments) == [(1, 14)]


def test_a_fraud_of_the_test_week_is_not_known_in_it() -> None:
    payments = _payments((1, 14, True), (1, 20, False))
    assert _tested(payments) == [(1, 14), (1, 20)]
