"""Bounds on a rate that hold however often one looks.

A judge that looks after every batch with a fixed-sample test calls a harmless version harmful
sooner or later. A confidence sequence holds at every sample size at once.
"""

from __future__ import annotations

from math import inf, lgamma, log

PRIOR = 0.5
"""Both parameters of the mixing Beta distribution (Jeffreys): sharp for rates near zero."""


def rate_bounds(events: int, trials: int, alpha: float) -> tuple[float, float]:
    """Lower and upper bound of a rate; both hold at every `trials` with probability 1 - alpha.

    The set of rates p with M(p) < 1 / alpha, where M(p) is the Beta mixture of the likelihood over
    the likelihood at p:  M(p) = B(a + k, a + n - k) / B(a, a) / (p^k (1 - p)^(n - k)).
    M is a non-negative martingale under p, so Ville's inequality bounds the chance that it ever
    reaches 1 / alpha (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021, Annals of
    Statistics 49(2), 1055-1080).
    """
    if not 0 <= events <= trials:
        raise ValueError(f"{events} events among {trials} trials is impossible.")
    if trials == 0:
        return 0.0, 1.0
    observed, limit = events / trials, log(1 / alpha)
    lower = 0.0 if events == 0 else _crossing(events, trials, 0.0, observed, limit)
    upper = 1.0 if events == trials else _crossing(events, trials, 1.0, observed, limit)
    return lower, upper


def difference_bounds(
    events: int, trials: int, base_events: int, base_trials: int, alpha: float
) -> tuple[float, float]:
    """Bounds of (rate - base rate) at every pair of sample sizes, with probability 1 - alpha.

    Each rate gets half of alpha (union bound), so the two samples need not be independent.
    """
    low, high = rate_bounds(events, trials, alpha / 2)
    base_low, base_high = rate_bounds(base_events, base_trials, alpha / 2)
    return low - base_high, high - base_low


def log_mixture(events: int, trials: int, rate: float) -> float:
    """ln M(rate): evidence against `rate` after so many events."""
    misses = trials - events
    if (rate <= 0 and events) or (rate >= 1 and misses):
        return inf
    likelihood = (events * log(rate) if events else 0.0) + (
        misses * log(1 - rate) if misses else 0.0
    )
    return _log_beta(PRIOR + events, PRIOR + misses) - _log_beta(PRIOR, PRIOR) - likelihood


def _crossing(events: int, trials: int, outside: float, inside: float, limit: float) -> float:
    for _ in range(60):
        middle = (outside + inside) / 2
        if log_mixture(events, trials, middle) >= limit:
            outside = middle
        else:
            inside = middle
    return outside


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
