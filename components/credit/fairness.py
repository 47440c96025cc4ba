"""Whom a model approves, group by group: what a gate and a card say of fairness."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import nan, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from components.common.evaluation import Metric
from components.common.section import Section

FOUR_FIFTHS = 0.8
"""Least ratio of two groups' selection rates: Uniform Guidelines on Employee Selection, § 4 D."""
LEAST_ROWS = 30
"""Rows of a group below which its rates are told but not held against the model."""
ALPHA = 0.01
"""Chance that a fair model is held to be unfair to some group of an attribute."""
TITLE = "Fairness"
RATIO, DIFFERENCE = "four_fifths_ratio", "equal_opportunity_difference"
_HEAD = ("group", "rows", "selection rate", "good ones selected", "share of bad ones")


@dataclass(frozen=True)
class Group:
    """How one group fares."""

    name: str
    rows: int
    selection_rate: float
    """Share that is approved."""
    true_positive_rate: float
    """Share of those who repay that is approved; NaN where nobody does."""
    bad_rate: float
    """Share that does not repay."""


@dataclass(frozen=True)
class Attribute:
    """How the groups of one protected attribute fare."""

    name: str
    groups: tuple[Group, ...]

    @property
    def four_fifths_ratio(self) -> float:
        """Smallest selection rate over the largest; NaN with fewer than two groups."""
        rates = [group.selection_rate for group in self.counted]
        return min(rates) / max(rates) if len(rates) > 1 and max(rates) > 0 else nan

    @property
    def equal_opportunity_difference(self) -> float:
        """Largest less smallest share of good applicants approved; NaN with fewer than two."""
        rates = [group.true_positive_rate for group in self.counted]
        known = [rate for rate in rates if not np.isnan(rate)]
        return max(known) - min(known) if len(known) > 1 else nan

    @property
    def counted(self) -> list[Group]:
        """Groups that are large enough to be compared."""
        return [group for group in self.groups if group.rows >= LEAST_ROWS]


def fairness(
    bad: npt.ArrayLike, approved: npt.ArrayLike, attributes: Mapping[str, npt.ArrayLike]
) -> tuple[Attribute, ...]:
    """How each group of each attribute fares [n rows each], in the order of the names.

    bad: whether the applicant did not repay; approved: whether the model would have approved.
    """
    from fairlearn.metrics import MetricFrame, count, selection_rate, true_positive_rate

    good = 1 - np.asarray(bad).astype(int)
    chosen = np.asarray(approved).astype(int)
    measures = {"rows": count, "selection": selection_rate, "opportunity": true_positive_rate}
    found = []
    for name, groups in attributes.items():
        members = np.array([str(group) for group in np.asarray(groups, dtype=object)])
        table = MetricFrame(
            metrics=measures, y_true=good, y_pred=chosen, sensitive_features=members
        ).by_group
        groups_of = tuple(
            _group(str(row["index"]), row, good[members == row["index"]])
            for row in table.rename_axis("index").reset_index().to_dict("records")
        )
        found.append(Attribute(name, groups_of))
    return tuple(found)


def fairness_metrics(attributes: tuple[Attribute, ...]) -> dict[str, Metric]:
    """The worst ratio and the worst difference of all attributes, and those of each.

    An attribute of which fewer than two groups can be compared has none.
    """
    told: dict[str, float] = {}
    for one in attributes:
        told[f"{RATIO}_{one.name}"] = one.four_fifths_ratio
        told[f"{DIFFERENCE}_{one.name}"] = one.equal_opportunity_difference
    known = {name: value for name, value in told.items() if not np.isnan(value)}
    for metric, worst in ((RATIO, min), (DIFFERENCE, max)):
        values = [value for name, value in known.items() if name.startswith(metric)]
        if values:
            known[metric] = worst(values)
    return {name: Metric(value, value, value) for name, value in known.items()}


def disadvantaged(attributes: tuple[Attribute, ...], alpha: float = ALPHA) -> list[str]:
    """Groups whose selection rate is below four fifths of the best one's, and not by chance.

    `attribute: group` of each. A pooled two-proportion z-test at `alpha` over all pairs of an
    attribute (Bonferroni): of few rows every rule on a ratio is broken by luck, and the Guidelines
    (§ 4 D) do not count a difference that is not statistically significant.
    """
    return [f"{one.name}: {group.name}" for one in attributes for group in _worse(one, alpha)]


def _worse(one: Attribute, alpha: float) -> list[Group]:
    counted = one.counted
    if len(counted) < 2:
        return []
    best = max(counted, key=lambda group: group.selection_rate)
    pairs = len(counted) * (len(counted) - 1) / 2
    least = NormalDist().inv_cdf(1 - alpha / (2 * pairs))
    return [
        group
        for group in counted
        if group.selection_rate < FOUR_FIFTHS * best.selection_rate and _apart(best, group) > least
    ]


def _apart(best: Group, other: Group) -> float:
    """Standard errors between two selection rates."""
    rows = best.rows + other.rows
    pooled = (best.selection_rate * best.rows + other.selection_rate * other.rows) / rows
    error = sqrt(pooled * (1 - pooled) * (1 / best.rows + 1 / other.rows))
    return (best.selection_rate - other.selection_rate) / error if error else 0.0


def fairness_section(attributes: tuple[Attribute, ...]) -> Section:
    """What the card says: every group, and in a sentence whether the four-fifths rule holds."""
    text = [
        "Nothing here is an input of the model unless a setting says so. Selected means approved "
        f"by the model's own threshold; groups of fewer than {LEAST_ROWS} rows are not compared."
    ]
    text += [_judged(one) for one in attributes]
    rows = [
        (
            f"{one.name}: {group.name}",
            group.rows,
            group.selection_rate,
            None if np.isnan(group.true_positive_rate) else group.true_positive_rate,
            group.bad_rate,
        )
        for one in attributes
        for group in one.groups
    ]
    return Section(TITLE, tuple(text), _HEAD, tuple(rows))


def _group(name: str, row: Mapping[Hashable, Any], good: npt.NDArray[np.int_]) -> Group:
    opportunity = float(row["opportunity"]) if good.any() else nan
    return Group(
        name, int(row["rows"]), float(row["selection"]), opportunity, float(1 - good.mean())
    )


def _judged(one: Attribute) -> str:
    ratio, difference = one.four_fifths_ratio, one.equal_opportunity_difference
    if np.isnan(ratio):
        return f"By {one.name} there are no two groups large enough to compare."
    holds = "holds" if ratio >= FOUR_FIFTHS else "does not hold"
    told = f"By {one.name} the four-fifths rule {holds}: the smallest selection rate is {ratio:.2f}"
    if np.isnan(difference):
        return f"{told} of the largest."
    return f"{told} of the largest; equal opportunity differs by {difference:.2f}."
