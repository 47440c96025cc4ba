"""Columns made of others: the ones that matter are found, and the graph makes the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from components.common.artifact import session_of
from components.credit.derived import (
    CHANGE,
    LARGEST,
    MEAN,
    RATIO,
    SERIES,
    SMALLEST,
    Derived,
    DerivedConfig,
    Made,
    learn_derived,
)

Matrix = npt.NDArray[np.float32]
NAN = float("nan")


def rows(*values: list[float]) -> Matrix:
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Made(RATIO, (0, 1)), [0.5, NAN, NAN, NAN]),
        (Made(MEAN, (0, 1, 2)), [2.0, 2.0, 5.0, NAN]),
        (Made(LARGEST, (0, 1, 2)), [3.0, 4.0, 5.0, NAN]),
        (Made(SMALLEST, (0, 1, 2)), [1.0, 0.0, 5.0, NAN]),
        (Made(CHANGE, (0, 1, 2)), [-2.0, 2.0, NAN, NAN]),
    ],
    ids=lambda one: one.operation if isinstance(one, Made) else "",
)
def test_each_operation_takes_what_is_known(made: Made, expected: list[float]) -> None:
    asked = rows([1, 2, 3], [4, 0, 2], [NAN, NAN, 5], [NAN, NAN, NAN])
    np.testing.assert_array_equal(
        Derived((made,)).widen(asked)[:, 3], np.array(expected, dtype=np.float32)
    )


def test_the_graph_makes_the_same_bytes() -> None:
    from onnx import TensorProto, helper

    from components.common.graph import as_model

    made = tuple(Made(operation, (3, 0, 4)) for operation in SERIES)
    derived = Derived((*made, Made(RATIO, (1, 2)), Made(RATIO, (2, 1))))
    random = np.random.default_rng(0)
    asked = (random.normal(size=(500, 5)) * 10.0 ** random.integers(-3, 20, (500, 5))).astype("f4")
    asked[random.random(asked.shape) < 0.3] = np.nan
    asked[random.random(asked.shape) < 0.1] = 0
    nodes, constants = derived.nodes("rows", "widened")
    told = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 5])
    out = helper.make_tensor_value_info("widened", TensorProto.FLOAT, ["n", 11])
    graph = helper.make_graph(nodes, "derived", [told], [out], initializer=constants)
    (found,) = session_of(as_model(graph).SerializeToString()).run(None, {"rows": asked})
    np.testing.assert_array_equal(found, derived.widen(asked))


@pytest.fixture(scope="module")
def drawn() -> tuple[Matrix, npt.NDArray[np.float64], tuple[str, ...]]:
    random = np.random.default_rng(0)
    values = random.lognormal(size=(4000, 5)).astype(np.float32)
    bad = (values[:, 0] / values[:, 1] + 0.5 * random.normal(size=4000) > 2).astype(float)
    return values, bad, ("debt", "income", "late_1", "late_2", "late_10")


def test_the_ratio_that_matters_is_found(
    drawn: tuple[Matrix, npt.NDArray[np.float64], tuple[str, ...]],
) -> None:
    values, bad, names = drawn
    found = learn_derived(values, bad, names, [0] * 5, DerivedConfig(ratios=1))
    assert found.named(names)[-1] in ("debt / income", "income / debt")


def test_numbered_columns_are_a_series_in_the_order_of_their_numbers(
    drawn: tuple[Matrix, npt.NDArray[np.float64], tuple[str, ...]],
) -> None:
    values, bad, names = drawn
    found = learn_derived(values, bad, names, [0] * 5, DerivedConfig(ratios=0))
    assert found.made == tuple(Made(operation, (2, 3, 4)) for operation in SERIES)
    assert found.named(names)[5] == "mean(late_1 … late_10)"


def test_what_is_demanded_of_a_column_holds_for_what_is_made_of_it(
    drawn: tuple[Matrix, npt.NDArray[np.float64], tuple[str, ...]],
) -> None:
    values, bad, names = drawn
    signs = [1, 0, 1, 1, 1]
    found = learn_derived(values, bad, names, signs, DerivedConfig())
    assert {one.operation for one in found.made} == {MEAN, LARGEST, SMALLEST}
    assert found.signs(signs) == (*signs, 1, 1, 1)
    mixed = learn_derived(values, bad, names, [0, 0, 1, 1, 0], DerivedConfig(ratios=0))
    assert mixed.made == ()


def test_contributions_are_told_of_the_columns_that_there_are() -> None:
    derived = Derived((Made(RATIO, (0, 1)), Made(MEAN, (0, 1, 2))))
    told = derived.back(np.array([1.0, 2.0, 3.0, 4.0, 6.0]), 3)
    np.testing.assert_allclose(told, [1 + 2 + 2, 2 + 2 + 2, 3 + 2])


def test_it_comes_back_from_json() -> None:
    derived = Derived((Made(RATIO, (0, 1)), Made(MEAN, (0, 1, 2))))
    assert Derived.from_json(derived.as_json()) == derived
