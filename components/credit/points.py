"""The score that a probability of default is told as, and its grade."""

from __future__ import annotations

from math import log2

LOWEST, HIGHEST = 300, 850
ANCHOR, ODDS, DOUBLING = 600, 15.0, 40.0
"""Points at these odds of repaying, and the points that double the odds."""
GRADES = (
    ("AAA", 750),
    ("AA", 700),
    ("A", 650),
    ("BBB", 600),
    ("BB", 550),
    ("B", 500),
    ("C", LOWEST),
)
"""Grade → the least score that it takes, best first."""


def points(probability: float) -> int:
    """The score of a calibrated probability of default in [0, 1].

    score = 600 + 40 · log2(((1 − p) / p) / 15), rounded and kept within 300 to 850: 600 points are
    fifteen that repay for one that does not, and 40 points more are twice as many (points to double
    the odds; Siddiqi, Credit Risk Scorecards, 2006).
    """
    if probability <= 0 or probability >= 1:
        return HIGHEST if probability <= 0 else LOWEST
    score = ANCHOR + DOUBLING * log2((1 - probability) / probability / ODDS)
    return min(max(round(score), LOWEST), HIGHEST)


def grade(score: int) -> str:
    """The grade of a score."""
    return next(name for name, least in GRADES if score >= least)
