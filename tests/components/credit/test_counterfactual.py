"""What would have to change is enough, the least of its kind, and something that can change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from components.credit.counterfactual import LEVERS, Lever, nearest_change
from components.credit.features import MODEL_INPUT

INPUTS = ("annual_income", "loan_amount", "loan_to_income", "existing_loans", "bureau_score")
Matrix = npt.NDArray[np.float32]
NAN = float("nan")


def asked(**values: float) -> Matrix:
    usual = {"annual_income": 100, "loan_amount": 50, "existing_loans": 2, "bureau_score": 0}
    row = usual | {"loan_to_income": 0.5} | values
    return np.array([[row[name] for name in INPUTS]], dtype=np.float32)


def score(rows: Matrix) -> npt.NDArray[np.float64]:
    """Half the loan over income and a tenth for each loan, whatever else there is."""
    return np.asarray(0.5 * rows[:, 2] + 0.1 * np.nan_to_num(rows[:, 3]), dtype=np.float64)


def test_the_smallest_step_that_suffices_is_taken() -> None:
    found = nearest_change(score, INPUTS, asked(), 0.42)
    assert found is not None
    assert found.values == {"loan_amount": 40.0}  # 0.9 of it gives 0.425, 0.8 gives 0.4
    assert found.probability == pytest.approx(0.40)


def test_what_follows_from_the_amount_follows() -> None:
    seen: list[Matrix] = []

    def watching(rows: Matrix) -> npt.NDArray[np.float64]:
        seen.append(rows.copy())
        return score(rows)

    nearest_change(watching, INPUTS, asked(), 0.42)
    (rows,) = seen
    np.testing.assert_allclose(rows[:, 2], rows[:, 1] / rows[:, 0], rtol=1e-6)


def test_two_changes_together_where_one_is_not_enough() -> None:
    found = nearest_change(score, INPUTS, asked(), 0.15)
    assert found is not None
    assert found.values == {"loan_amount": 25.0, "existing_loans": 0.0} or (
        set(found.values) == {"loan_amount", "existing_loans"}
    )
    assert found.probability < 0.15


def test_who_is_below_already_needs_no_change() -> None:
    found = nearest_change(score, INPUTS, asked(), 0.9)
    assert found is not None and found.values == {}


def test_nothing_is_told_where_nothing_suffices() -> None:
    assert nearest_change(score, INPUTS, asked(), 0.001) is None


def test_what_is_null_is_left_alone() -> None:
    vector = asked(existing_loans=NAN, loan_to_income=NAN)
    assert nearest_change(lambda rows: rows[:, 1].astype(float), INPUTS, vector, 46) is not None
    found = nearest_change(lambda rows: np.isnan(rows[:, 2]) * 0.5, INPUTS, vector, 0.4)
    assert found is None


def test_a_request_changes_nothing_of_the_vector() -> None:
    vector = asked()
    before = vector.copy()
    nearest_change(score, INPUTS, vector, 0.15)
    np.testing.assert_array_equal(vector, before)


def test_steps_stay_within_what_makes_sense() -> None:
    loans = Lever("existing_loans", moves=(-1, -2, -3), whole=True)
    assert loans.values(2.0) == [
        (2.0, 0.0),
        (1.0, pytest.approx(1 / 3)),
        (0.0, pytest.approx(2 / 3)),
    ]
    assert loans.values(0.0) == [(0.0, 0.0)]


def test_every_lever_is_a_feature_that_a_person_can_change() -> None:
    assert {lever.feature for lever in LEVERS} <= set(MODEL_INPUT) - {"education_level", "age"}


def test_the_search_is_bounded() -> None:
    rows = []
    vector = np.ones((1, len(MODEL_INPUT)), dtype=np.float32)
    vector[0, MODEL_INPUT.index("loan_amount")] = 1e6
    nearest_change(lambda x: np.ones(rows.append(len(x)) or len(x)), MODEL_INPUT, vector, 0.5)
    assert sum(rows) < 400
