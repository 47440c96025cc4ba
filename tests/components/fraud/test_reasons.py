"""Reasons are true, stable, and cover every input of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.artifact import matrix
from components.common.tree_paths import TreePaths
from components.fraud.boosting import BOOSTER, Boosting, BoostingConfig, load_booster
from components.fraud.features import MODEL_INPUT
from components.fraud.isolation_forest import ANOMALY
from components.fraud.reason_codes import TEXTS, reason_code
from components.fraud.reasons import LIMIT, explain, rank_reasons, warm

CODES = {
    "AMOUNT_LEVEL",
    "AMOUNT_UNUSUAL",
    "PAYMENT_PACE",
    "PAYMENT_TIME",
    "NEW_MERCHANT",
    "NEW_DEVICE",
    "FAR_AWAY",
    "CUSTOMER_FRAUD",
    "MERCHANT_FRAUD",
    "MERCHANT_PROFILE",
    "RECENT_PAYMENTS",
    "UNLIKE_OTHERS",
    "LITTLE_KNOWN",
}


@pytest.mark.parametrize("name", MODEL_INPUT)
def test_every_model_input_has_a_reason(name: str) -> None:
    assert reason_code(name) in TEXTS


def test_codes_are_an_interface_and_all_in_use() -> None:
    assert set(TEXTS) == CODES
    by_input = {reason_code(name) for name in (*MODEL_INPUT, ANOMALY)}
    assert by_input | {"RECENT_PAYMENTS"} == CODES, "and one for the payments before"


@pytest.mark.parametrize("code", sorted(CODES))
def test_texts_are_short_and_in_both_languages(code: str) -> None:
    english, korean = TEXTS[code]
    assert english.isascii() and english.endswith(".") and len(english) <= 80
    assert any("가" <= letter <= "힣" for letter in korean) and len(korean) <= 60


def _codes(**features: tuple[float, float]) -> list[str]:
    values, pushes = zip(*features.values(), strict=True)
    return [reason.code for reason in rank_reasons(list(features), values, pushes)]


def test_the_strongest_comes_first_and_features_of_one_code_add_up() -> None:
    found = _codes(
        amount=(900.0, 1.0), hour=(3.0, 0.7), is_night=(1.0, 0.6), merchant_frauds_7d=(2.0, 2.0)
    )
    assert found == ["MERCHANT_FRAUD", "PAYMENT_TIME", "AMOUNT_LEVEL"]


def test_what_speaks_for_the_customer_is_no_reason() -> None:
    assert _codes(amount=(5.0, -2.0), hour=(3.0, 1.0)) == ["PAYMENT_TIME"]
    assert _codes(hour=(3.0, 1.0), day_of_week=(0.0, -1.5), amount=(5.0, 0.1)) == ["AMOUNT_LEVEL"]


def test_a_text_that_would_be_untrue_is_not_said() -> None:
    untrue = {
        "new_device": (0.0, 3.0),
        "new_merchant": (0.0, 3.0),
        "merchant_visits": (4.0, 3.0),
        "distance_km": (0.0, 3.0),
        "merchant_frauds_7d": (0.0, 3.0),
        "user_frauds_30d": (0.0, 3.0),
    }
    assert _codes(amount=(9.0, 1.0), **untrue) == ["AMOUNT_LEVEL"]


def test_a_null_says_that_little_is_known() -> None:
    assert _codes(amount_mean_last_5=(np.nan, 1.0)) == ["LITTLE_KNOWN"]
    assert _codes(distance_km=(np.nan, 1.0), merchant_days_since_fraud=(np.nan, 1.0)) == []


def test_faint_pushes_and_more_than_the_limit_are_left_out() -> None:
    assert _codes(amount=(9.0, 1.0), hour=(3.0, 0.2)) == ["AMOUNT_LEVEL"]
    assert _codes(amount=(9.0, 1.0), hour=(3.0, 0.3)) == ["AMOUNT_LEVEL", "PAYMENT_TIME"]
    alike = ("amount", "hour", "new_merchant", "new_device", "merchant_frauds_7d")
    assert len(_codes(**dict.fromkeys(alike, (1.0, 1.0)))) == LIMIT


def test_the_strongest_is_told_where_all_of_them_are_faint() -> None:
    pushes = {"amount_zscore_last_64": (1.0, 1.1)} | dict.fromkeys(
        ("amount", "hour", "new_merchant", "new_device", "merchant_frauds_7d", "speed_kmh"),
        (1.0, 1.0),
    )
    assert _codes(**pushes) == ["AMOUNT_UNUSUAL"]


def test_an_input_without_a_reason_is_passed_over() -> None:
    assert _codes(something_new=(1.0, 9.0), hour=(3.0, 1.0)) == ["PAYMENT_TIME"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    x = pd.DataFrame(random.normal(size=(2000, len(MODEL_INPUT))), columns=list(MODEL_INPUT))
    x["new_device"] = random.integers(0, 2, len(x)).astype(float)
    y = ((x["new_device"] == 1) & (x["amount"] > 0.5)).to_numpy()
    model = Boosting(BoostingConfig(rounds=20, learning_rate=0.3, max_bin=64)).fit(x, y)
    directory = tmp_path_factory.mktemp("artifact")
    model.export(directory)
    return directory


def test_a_trained_model_names_what_it_saw(folder: Path) -> None:
    stolen = pd.DataFrame({name: [0.0] for name in MODEL_INPUT}).assign(new_device=1.0, amount=2.0)
    reasons = explain(folder, matrix(stolen, MODEL_INPUT))
    assert {"NEW_DEVICE", "AMOUNT_LEVEL"} == {reason.code for reason in reasons[:2]}
    assert (reasons[0].text, reasons[0].text_ko) == TEXTS[reasons[0].code]
    assert reasons[0].contribution >= reasons[-1].contribution > 0


def test_contributions_add_up_to_the_margin(folder: Path) -> None:
    booster, paths = load_booster(folder), TreePaths.read(folder / BOOSTER)
    rows = np.random.default_rng(1).normal(size=(20, len(MODEL_INPUT) + 1)).astype(np.float32)
    margin = booster.inplace_predict(rows, predict_type="margin")
    rest = margin - np.array([paths.contributions(row).sum() for row in rows])
    np.testing.assert_allclose(rest, rest[0], atol=1e-4)


def test_only_what_is_easy_to_isolate_is_called_unlike_others() -> None:
    assert _codes(anomaly=(0.7, 1.0)) == ["UNLIKE_OTHERS"]
    assert _codes(anomaly=(0.4, 1.0)) == []


def test_warming_leaves_the_answer_as_it_is(folder: Path) -> None:
    row = np.ones((1, len(MODEL_INPUT)), dtype=np.float32)
    before = explain(folder, row)
    warm(folder)
    assert explain(folder, row) == before
