"""Fairness by group, against the definitions."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from components.credit.fairness import (
    DIFFERENCE,
    RATIO,
    TITLE,
    fairness,
    fairness_metrics,
    fairness_section,
)

AGE = np.array(["young"] * 40 + ["old"] * 60 + ["rare"] * 5, dtype=object)
BAD = np.array([0] * 30 + [1] * 10 + [0] * 50 + [1] * 10 + [0] * 5)
APPROVED = np.array([1] * 15 + [0] * 15 + [1] * 3 + [0] * 7 + [1] * 40 + [0] * 20 + [0] * 5)


def test_rates_are_those_of_the_definitions() -> None:
    (age,) = fairness(BAD, APPROVED, {"age": AGE})
    groups = {group.name: group for group in age.groups}
    assert groups["young"].rows == 40
    assert groups["young"].selection_rate == pytest.approx(18 / 40)
    assert groups["young"].true_positive_rate == pytest.approx(15 / 30)
    assert groups["young"].bad_rate == pytest.approx(10 / 40)
    assert groups["old"].selection_rate == pytest.approx(40 / 60)
    assert groups["old"].true_positive_rate == pytest.approx(40 / 50)


def test_a_small_group_is_told_but_not_compared() -> None:
    (age,) = fairness(BAD, APPROVED, {"age": AGE})
    assert {group.name for group in age.groups} == {"young", "old", "rare"}
    assert age.four_fifths_ratio == pytest.approx((18 / 40) / (40 / 60))
    assert age.equal_opportunity_difference == pytest.approx(40 / 50 - 15 / 30)


def test_the_worst_attribute_is_what_a_gate_reads() -> None:
    sex = np.array(["f", "m"] * 52 + ["f"], dtype=object)
    found = fairness(BAD, APPROVED, {"age": AGE, "sex": sex})
    told = fairness_metrics(found)
    assert told[RATIO].value == min(one.four_fifths_ratio for one in found)
    assert told[DIFFERENCE].value == max(one.equal_opportunity_difference for one in found)
    assert told[f"{RATIO}_sex"].value == found[1].four_fifths_ratio


def test_without_two_groups_there_is_nothing_to_compare() -> None:
    alone = fairness(BAD, APPROVED, {"age": ["all"] * len(BAD)})
    assert isnan(alone[0].four_fifths_ratio)
    assert fairness_metrics(alone) == {}
    assert "no two groups" in fairness_section(alone).text[1]


def test_nobody_approved_is_no_ratio() -> None:
    (age,) = fairness(BAD, np.zeros(len(BAD)), {"age": AGE})
    assert isnan(age.four_fifths_ratio)
    assert age.equal_opportunity_difference == 0


def test_a_group_of_which_nobody_repays_has_no_equal_opportunity() -> None:
    bad = np.where(AGE == "rare", 1, BAD)
    (age,) = fairness(bad, APPROVED, {"age": AGE})
    assert isnan(next(one for one in age.groups if one.name == "rare").true_positive_rate)
    rows = fairness_section((age,)).rows
    assert next(row for row in rows if row[0] == "age: rare")[3] is None


def test_the_card_says_in_a_sentence_whether_the_rule_holds() -> None:
    section = fairness_section(fairness(BAD, APPROVED, {"age": AGE}))
    assert section.title == TITLE
    assert "does not hold: the smallest selection rate is 0.68" in section.text[1]
    fair = fairness_section(fairness(BAD, np.ones(len(BAD)), {"age": AGE}))
    assert "four-fifths rule holds" in fair.text[1]
