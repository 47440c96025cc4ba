"""Metrics agree with their definitions, intervals with theory, and gates speak in sentences."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from components.common.domain import Gate
from components.common.evaluation import (
    Metric,
    artifact_difference,
    card_precision,
    compare,
    evaluate,
    judge_gates,
    metrics,
    scored,
)


def _rows(seed: int, rows: int = 4000, separation: float = 1.5, entities: int = 400):
    random = np.random.default_rng(seed)
    label = random.random(rows) < 0.1
    score = 1 / (1 + np.exp(-(separation * label + random.normal(size=rows) - 2)))
    return scored(
        label,
        score,
        entity=random.integers(0, entities, rows),
        day=random.integers(0, 7, rows),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=3, max_size=60))
def test_ranking_metrics_are_the_field_s_own_also_under_ties(rows: list[tuple[bool, int]]) -> None:
    label, score = np.array([r[0] for r in rows]), np.array([r[1] for r in rows]) / 6
    assume(label.any() and not label.all())
    found = evaluate(scored(label, score), resamples=0)
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(label, score))
    assert found["average_precision"].value == pytest.approx(average_precision_score(label, score))
    assert found["brier"].value == pytest.approx(brier_score_loss(label, score))
    assert found["average_precision_lift"].value == pytest.approx(
        average_precision_score(label, score) / label.mean()
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=8))
def test_a_weight_is_as_good_as_a_repeated_row(rows: list[tuple[bool, int, int]]) -> None:
    label, score, times = (np.array(column) for column in zip(*rows, strict=True))
    repeated = np.repeat(label, times)
    assume(repeated.any() and not repeated.all())
    weighted = metrics(scored(label, score / 6), times[None, :].astype(float))
    plain = evaluate(scored(repeated, np.repeat(score / 6, times)), resamples=0)
    for name in ("roc_auc", "average_precision", "brier", "base_rate"):
        assert weighted[name][0] == pytest.approx(plain[name].value), name


def test_calibration_error_is_the_mean_gap() -> None:
    label = np.tile([True, False, False, False], 300)
    honest, bold = np.full(1200, 0.25), np.full(1200, 0.65)
    assert evaluate(scored(label, honest), resamples=0)["expected_calibration_error"].value < 0.02
    assert evaluate(scored(label, bold), resamples=0)[
        "expected_calibration_error"
    ].value == pytest.approx(0.4)


def _by_hand(label: list[int], score: list[float], card: list[int], day: list[int], top: int):
    caught: set[int] = set()
    shares = []
    for today in sorted(set(day)):
        best: dict[int, float] = {}
        bad: set[int] = set()
        for y, s, c, d in zip(label, score, card, day, strict=True):
            if d == today and c not in caught:
                best[c] = max(best.get(c, -1), s)
                bad |= {c} if y else set()
        first = sorted(best, key=lambda c: -best[c])[:top]
        shares.append(sum(c in bad for c in first) / top)
        caught |= bad & set(first)
    return float(np.mean(shares))


@pytest.mark.parametrize("seed", range(5))
def test_card_precision_is_the_handbook_s(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = 600
    label, score = random.random(n) < 0.1, random.permutation(n) / n
    card, day = random.integers(0, 60, n), random.integers(0, 4, n)
    rows = scored(label, score, entity=card, day=day)
    found = card_precision(rows, np.ones((1, rows.entities)), cards=10)[0]
    assert found == pytest.approx(
        _by_hand(label.tolist(), score.tolist(), card.tolist(), day.tolist(), 10)
    )


def test_card_precision_needs_days() -> None:
    rows = scored([True, False], [0.9, 0.1])
    assert "card_precision_100" not in evaluate(rows, resamples=5)
    with pytest.raises(ValueError, match="day"):
        card_precision(rows, np.ones((1, 2)))


def test_an_interval_holds_its_value_and_is_the_same_under_a_seed() -> None:
    rows = _rows(0)
    found = evaluate(rows, resamples=100, seed=3)
    assert found == evaluate(rows, resamples=100, seed=3)
    assert found["roc_auc"] != evaluate(rows, resamples=100, seed=4)["roc_auc"]
    for name in ("roc_auc", "average_precision", "brier", "card_precision_100"):
        assert found[name].low < found[name].value < found[name].high, name


def test_the_interval_of_a_share_is_as_wide_as_theory_says() -> None:
    label = np.arange(2000) % 10 == 0
    rate = evaluate(scored(label, np.full(2000, 0.1)), resamples=400)["base_rate"]
    expected = 2 * 1.96 * np.sqrt(0.1 * 0.9 / 2000)
    assert rate.high - rate.low == pytest.approx(expected, rel=0.2)


def test_rows_of_one_customer_do_not_count_as_independent() -> None:
    label, entity = np.arange(2000) % 200 < 20, np.arange(2000) % 200
    alone = evaluate(scored(label, np.full(2000, 0.1)), resamples=200)["base_rate"]
    together = evaluate(scored(label, np.full(2000, 0.1), entity=entity), resamples=200)[
        "base_rate"
    ]
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_a_comparison_sees_what_two_intervals_would_hide() -> None:
    champion = _rows(1)
    better = np.where(champion.label, champion.score * 1.05, champion.score)
    challenger = scored(champion.label, better, entity=champion.entity, day=champion.day)
    difference = compare(challenger, champion)["roc_auc"]
    apart = evaluate(challenger)["roc_auc"], evaluate(champion)["roc_auc"]
    assert 0 < difference.low < difference.value < difference.high
    assert apart[0].low < apart[1].high


def test_a_model_compared_with_itself_differs_in_nothing() -> None:
    rows = _rows(2)
    assert set(compare(rows, rows, resamples=20).values()) == {Metric(0.0, 0.0, 0.0)}


def test_a_comparison_on_other_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="same rows"):
        compare(_rows(0), _rows(1))


@pytest.mark.parametrize(
    ("label", "score"),
    [([], []), ([1, 0], [0.5]), ([1, 0], [0.5, np.nan]), ([1, 0], [0.5, np.inf])],
)
def test_rows_that_cannot_be_measured_are_refused(label: list[int], score: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        scored(label, score)


GATES = (Gate("roc_auc", at_least=0.8), Gate("brier", at_most=0.1))


def test_gates_that_hold_give_no_reason() -> None:
    verdict = judge_gates({"roc_auc": Metric(0.8, 0.7, 0.9), "brier": Metric(0.1, 0, 1)}, GATES)
    assert verdict.ok and verdict.reasons == ()
    assert verdict.details["gates"]["roc_auc"] == {"value": 0.8, "at_least": 0.8, "at_most": None}


def test_each_broken_gate_says_why() -> None:
    verdict = judge_gates({"roc_auc": Metric(0.75, 0.7, 0.8), "brier": Metric(0.2, 0, 1)}, GATES)
    assert not verdict.ok
    assert verdict.reasons == (
        "The roc auc is 0.75; at least 0.8 is required.",
        "The brier is 0.2; at most 0.1 is allowed.",
    )


def test_what_was_not_measured_does_not_pass() -> None:
    one_class = evaluate(scored([0, 0, 0], [0.1, 0.2, 0.3]), resamples=10)
    verdict = judge_gates({"roc_auc": one_class["roc_auc"]}, GATES)
    assert not verdict.ok
    assert "cannot be computed" in verdict.reasons[0]
    assert verdict.reasons[1] == "The brier was not measured."
    json.dumps(verdict.as_json(), allow_nan=False)
    json.dumps(one_class["roc_auc"].as_json(), allow_nan=False)


def test_the_difference_of_an_artifact_is_its_worst() -> None:
    found = artifact_difference(np.array([0.1, 0.5]), np.array([0.1, 0.4]))
    assert found.value == pytest.approx(0.1)
    assert artifact_difference(np.array([]), np.array([])).value == 0.0
