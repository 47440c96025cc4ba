"""Reasons are what lowered the score, in stable codes and two languages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.errors import FinloopError
from components.credit.choosing import ChoosingConfig, choose
from components.credit.explaining import read_explainer
from components.credit.features import AGE, MODEL_INPUT
from components.credit.reason_codes import CODES, MONOTONE, TEXTS, spoken
from components.credit.reasons import explain, rank_reasons, warm
from components.credit.tuning import TuningConfig

NAN = float("nan")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three features of an application."""
    random = np.random.default_rng(0)
    names = ["debt_to_income", "bureau_score", "spend_night_share"]
    rows = pd.DataFrame(random.normal(size=(1500, 3)), columns=names)
    bad = rows["debt_to_income"] - rows["bureau_score"] + random.normal(size=1500) > 1
    config = ChoosingConfig(
        kinds=("lightgbm",),
        monotone=dict(MONOTONE),
        derived=None,
        tuning=TuningConfig(trials=0, folds=2),
    )
    chosen = choose((rows[:1000], bad[:1000]), (rows[1000:], bad[1000:]), config)
    directory = tmp_path_factory.mktemp("artifact")
    chosen.fitted.export(directory)
    return directory


def test_what_lowers_the_score_is_told_strongest_first(folder: Path) -> None:
    told = explain(folder, np.array([[1.5, -2.5, 0.0]], dtype=np.float32))
    assert [one.code for one in told][:2] == ["BUREAU_SCORE", "DEBT_TO_INCOME"]
    assert told[0].contribution > told[1].contribution > 0
    assert (told[0].text, told[0].text_ko) == TEXTS["BUREAU_SCORE"]


def test_what_raises_the_score_is_no_reason(folder: Path) -> None:
    told = explain(folder, np.array([[1.5, 2.5, 0.0]], dtype=np.float32))
    assert "BUREAU_SCORE" not in {one.code for one in told}


def test_contributions_of_the_artifact_add_up_to_its_own_margin(folder: Path) -> None:
    explainer = read_explainer(folder)
    asked = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    from components.credit.fitted import Fitted

    margin = Fitted.load(folder).margin(pd.DataFrame(asked, columns=list(explainer.inputs)))
    told = [explainer.contributions(row[None]).sum() + explainer.shap.expected for row in asked]
    np.testing.assert_allclose(told, margin, atol=1e-5)


def test_inputs_of_one_code_are_one_reason_and_a_null_speaks_for_little_known() -> None:
    told = rank_reasons(
        ["spend_mean", "spend_max", "age", "annual_income"], [1, 2, NAN, 3], [0.3, 0.4, 0.5, -1]
    )
    assert [(one.code, pytest.approx(one.contribution)) for one in told] == [
        ("SPENDING_LEVEL", 0.7),
        ("LITTLE_KNOWN", 0.5),
    ]


def test_what_hardly_matters_is_left_out_and_four_are_enough() -> None:
    names = ["annual_income", "loan_amount", "term_months", "bureau_score", "existing_loans"]
    assert len(rank_reasons(names, [1] * 5, [5, 4, 3, 2, 1])) == 4
    assert len(rank_reasons(names, [1] * 5, [5, 0.01, -3, -2, -1])) == 1
    assert rank_reasons(names, [1] * 5, [-1] * 5) == ()


def test_every_feature_of_an_application_has_a_code_with_texts() -> None:
    assert {*MODEL_INPUT, AGE} == set(CODES)
    assert set(CODES.values()) | {"LITTLE_KNOWN", "OTHER"} == set(TEXTS)
    assert set(MONOTONE) <= set(CODES)
    assert all(english.endswith(".") and korean.endswith(".") for english, korean in TEXTS.values())
    assert spoken("a new one", 1.0) == "OTHER"


def test_a_folder_without_an_explanation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="cannot be loaded") as refusal:
        warm(tmp_path)
    assert refusal.value.code == "artifact_unreadable"


def test_explaining_loads_no_library_of_models(folder: Path) -> None:
    heavy = {"lightgbm", "sklearn", "shap", "scipy", "optuna", "pandas", "onnx", "fairlearn"}
    code = (
        "import sys; from pathlib import Path; from components.credit.reasons import warm; "
        f"warm(Path({str(folder)!r})); print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
