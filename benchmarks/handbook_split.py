"""Protocol P2 on the payments of the Fraud Detection Handbook: who is trained on, who is tested.

A week of training, a week in which labels arrive, a week of test; a customer who is known to be
compromised is not tested any more. Days are numbers since 1970 (UTC).
Source: Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning for Credit Card
Fraud Detection – Practical Handbook", chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

WEEK = 7
STARTS = tuple(date(2018, 7, 25) + timedelta(days=WEEK * fold) for fold in range(4))
"""First days of the training weeks whose tests are reported."""
HISTORY_FROM = date(2018, 6, 11)
"""First day of "all history"."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Payments:
    """What the split needs to know of each payment."""

    customer: npt.NDArray[np.int64]
    day: npt.NDArray[np.int64]
    fraud: Mask


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - date(1970, 1, 1)).days


def week_from(payments: Payments, start: date, weeks_later: int = 0) -> Mask:
    """Payments of the week that begins so many weeks after `start`."""
    first = day_number(start) + WEEK * weeks_later
    return (payments.day >= first) & (payments.day < first + WEEK)


def trained_on(payments: Payments, start: date, history_from: date | None = None) -> Mask:
    """Payments of the training week, or of all days from `history_from` to its end."""
    first = day_number(history_from or start)
    return (payments.day >= first) & (payments.day < day_number(start) + WEEK)


def tested_on(payments: Payments, start: date) -> Mask:
    """Payments of the test week by customers not known to be compromised on that day.

    On test day k those are known who had a fraud in the training week or on the first k days of
    the week after it.
    """
    known = set(payments.customer[week_from(payments, start) & payments.fraud])
    chosen = np.zeros(len(payments.day), dtype=bool)
    for k in range(WEEK):
        if k:
            reported = payments.day == day_number(start) + WEEK + k - 1
            known |= set(payments.customer[reported & payments.fraud])
        today = payments.day == day_number(start) + 2 * WEEK + k
        chosen |= today & ~np.isin(payments.customer, list(known))
    return chosen
