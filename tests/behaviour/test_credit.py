"""What a credit score must never do, asked of served artifacts of two kinds of model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.common.artifact import Scorer, matrix
from components.credit.decision import Answer, Policy, decide
from components.credit.features import PROTECTED
from components.credit.points import points
from components.credit.reasons import explain
from tests.credit_artifact import make_applications, write_credit_artifact

ROWS = 300
ORDER = [Answer.APPROVE, Answer.REVIEW, Answer.DECLINE]
Change = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Served:
    """An artifact, and applications that it has never seen."""

    folder: Path
    scorer: Scorer
    applications: pd.DataFrame

    def probabilities(self, rows: pd.DataFrame) -> np.ndarray:
        return self.scorer.score(matrix(rows, self.scorer.inputs))

    def scores(self, rows: pd.DataFrame) -> np.ndarray:
        return np.array([points(one) for one in self.probabilities(rows)])


@pytest.fixture(scope="module", params=["scorecard", "lightgbm"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = write_credit_artifact(tmp_path_factory.mktemp("artifact") / "one", 3, request.param)
    rows = make_applications(seed=11)[0].head(ROWS)
    holes = np.random.default_rng(1).random(rows.shape) < 0.1
    holes[:, rows.columns.isin(["loan_amount", "annual_income"])] = False
    return Served(folder, Scorer.load(folder), rows.mask(holes))


def _more_debt(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(debt_to_income=rows["debt_to_income"] * 1.5 + 0.1)


def _more_loans(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(existing_loans=rows["existing_loans"] + 2)


def _worse_bureau(rows: pd.DataFrame) -> pd.DataFrame:
    """What missed payments do."""
    return rows.assign(bureau_score=rows["bureau_score"] - 80)


def _less_income(rows: pd.DataFrame) -> pd.DataFrame:
    income = rows["annual_income"] * 0.6
    return rows.assign(annual_income=income, loan_to_income=rows["loan_amount"] / income)


def _asks_for_more(rows: pd.DataFrame) -> pd.DataFrame:
    amount = rows["loan_amount"] * 1.6
    return rows.assign(loan_amount=amount, loan_to_income=amount / rows["annual_income"])


def _just_employed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(employment_months=rows["employment_months"] * 0.3)


@pytest.mark.parametrize(
    "worsen",
    [_more_debt, _more_loans, _worse_bureau, _less_income, _asks_for_more, _just_employed],
    ids=lambda change: change.__name__.strip("_"),
)
def test_what_is_worse_never_raises_a_score(served: Served, worsen: Change) -> None:
    rows = served.applications.assign(
        loan_to_income=served.applications["loan_amount"] / served.applications["annual_income"]
    )
    before, after = served.scores(rows), served.scores(worsen(rows))
    assert (after <= before).all()


@pytest.mark.parametrize("worsen", [_more_debt, _worse_bureau, _less_income])
def test_what_matters_lowers_some_scores(served: Served, worsen: Change) -> None:
    """The direction above is not kept by looking away."""
    rows = served.applications
    assert (served.scores(worsen(rows)) < served.scores(rows)).mean() > 0.2


def test_no_protected_attribute_is_an_input(served: Served) -> None:
    assert not set(PROTECTED) & set(served.scorer.inputs)
    assert not set(PROTECTED) & set(json.loads((served.folder / "inputs.json").read_text()))


def test_whoever_is_protected_gets_the_same_score(served: Served) -> None:
    young = served.applications.assign(age=19.0, birth_year=2006.0)
    old = served.applications.assign(age=80.0, birth_year=1945.0)
    np.testing.assert_array_equal(served.probabilities(young), served.probabilities(old))


def test_a_better_score_never_gets_a_worse_decision(served: Served) -> None:
    said = np.sort(served.probabilities(served.applications))
    places = [ORDER.index(decide(float(one), Policy())) for one in said]
    assert places == sorted(places)


def test_a_reason_names_what_was_made_worse(served: Served) -> None:
    rows = served.applications.head(40).assign(debt_to_income=4.0)
    vectors = (matrix(rows.iloc[[place]], served.scorer.inputs) for place in range(len(rows)))
    codes = [[one.code for one in explain(served.folder, vector)] for vector in vectors]
    assert np.mean(["DEBT_TO_INCOME" in found for found in codes]) > 0.9
