"""Merchants by implicit matrix factorisation and by neighbours; a customer is what they paid.

With the unit vectors v_m of the merchants from weighted alternating least squares (Hu, Koren and
Volinsky 2008, as `implicit` has it), a history of merchants h with weights w_h has the direction
u = Σ w_h·v_h / |Σ w_h·v_h|, and its mean similarity to a merchant is s_m = Σ w_h·cos(h, m) / Σ w_h
over the customers that two merchants share. Then

    P(pays at m next) = σ(a·(u·v_m) + b·ln(ε + s_m) + c·ln(1 + customers of m) + d)

where a to d are fitted to the first payments of the calibration window. A customer without a
history has u = 0 and s = 0, so that only what is popular counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.artifact import GRAPH, write_inputs
from components.common.graph import INPUT, OUTPUT, as_model, constant, nodes_of
from components.recommendation.catalogue import INPUTS, SEEN
from components.recommendation.neighbours import customers, similarity

if TYPE_CHECKING:
    import onnx
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float64]


class FactorsConfig(BaseModel):
    """What can be tuned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: int = Field(default=50, ge=2)
    """Length of the vectors."""
    iterations: int = Field(default=15, ge=1)
    """Rounds of alternating least squares."""
    regularization: float = Field(default=5.0, ge=0)
    alpha: float = Field(default=1.0, gt=0)
    """How much more a payment counts than none."""
    seed: int = 0


@dataclass(frozen=True)
class Factors:
    """A fitted model."""

    vectors: Floats
    """[merchants, factors], of length one; zero where nobody paid."""
    similar: Floats
    """[merchants, merchants], cosine of their customers; zero on the diagonal."""
    popularity: Floats
    """[merchants], ln(1 + customers)."""
    coefficients: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    """a to d."""

    @classmethod
    def fit(
        cls, config: FactorsConfig, paid: csr_matrix, before: Floats, new: npt.NDArray[np.bool_]
    ) -> Factors:
        """Fit to weights of payments.

        paid: [customers, merchants] weights of the training window. before: [n, 2·SEEN] inputs of
        customers of the calibration window. new: [n, merchants] where they first paid in it.
        """
        vectors = _vectors(config, paid)
        users = customers(paid)
        similar = similarity(paid, _NEAREST).toarray()
        np.fill_diagonal(similar, 0.0)
        return _calibrated(cls(vectors, similar, np.log1p(users)), before, new)

    def probability(self, inputs: Floats) -> Floats:
        """[n, merchants] probability of a first payment, from rows [n, 2·SEEN]; NaN is none."""
        told = self.told(inputs)
        margin = sum(by * one for by, one in zip(self.coefficients, (*told, 1.0), strict=True))
        return 1 / (1 + np.exp(-np.asarray(margin)))

    def told(self, inputs: Floats) -> tuple[Floats, Floats, Floats]:
        """[n, merchants] direction, similarity and popularity, as the formula has them."""
        rows, weight = inputs[:, :SEEN], np.nan_to_num(inputs[:, SEEN:])
        known = np.where(np.isnan(rows), len(self.vectors), rows).astype(int)
        summed = np.einsum("nk,nkd->nd", weight, _padded(self.vectors)[known])
        length = np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), _TINY)
        alike = np.einsum("nk,nkm->nm", weight, _padded(self.similar)[known])
        mean = alike / np.maximum(weight.sum(axis=1, keepdims=True), _TINY)
        popularity = np.broadcast_to(self.popularity, mean.shape)
        return summed / length @ self.vectors.T, np.log(_LEAST + mean), popularity

    def export(self, folder: Path) -> None:
        """Write the graph and the names of its inputs into a folder."""
        from onnx import save_model

        folder.mkdir(parents=True, exist_ok=True)
        save_model(as_model(_graph(self)), str(folder / GRAPH))
        write_inputs(folder, INPUTS)


_TINY = 1e-9
_LEAST = 1e-3
"""ε: less similar than that is not similar at all."""
_NEAREST = 100


def _padded(rows: Floats) -> Floats:
    """With a row of zeros at the end, for what is not known."""
    return np.vstack([rows, np.zeros(rows.shape[1])])


def _vectors(config: FactorsConfig, paid: csr_matrix) -> Floats:
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=config.factors,
        regularization=config.regularization,
        alpha=config.alpha,
        iterations=config.iterations,
        random_state=config.seed,
        num_threads=1,
    )
    model.fit(paid, show_progress=False)
    found = np.asarray(model.item_factors, dtype=float)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), _TINY)


def _calibrated(model: Factors, before: Floats, new: npt.NDArray[np.bool_]) -> Factors:
    """a to d by logistic regression on merchants not paid before."""
    from sklearn.linear_model import LogisticRegression

    candidate = np.ones_like(new)
    for row, rows in enumerate(before[:, :SEEN]):
        candidate[row, rows[~np.isnan(rows)].astype(int)] = False
    told = np.column_stack([one[candidate] for one in model.told(before)])
    fitted = LogisticRegression(C=1e3, max_iter=500).fit(told, new[candidate])
    a, b, c = map(float, fitted.coef_[0])
    return replace(model, coefficients=(a, b, c, float(fitted.intercept_[0])))


def _graph(model: Factors) -> onnx.GraphProto:
    """`features` float32 [n, 2·SEEN] → `probability` float32 [n, merchants]."""
    from onnx import TensorProto, helper

    merchants, (a, b, c, d) = len(model.vectors), model.coefficients
    constants = {
        "vectors": _padded(model.vectors).astype(np.float32),
        "similar": _padded(model.similar).astype(np.float32),
        "directions": (a * model.vectors.T).astype(np.float32),
        "base": (c * model.popularity + d).astype(np.float32),
        "by_similarity": np.float32(b),
        "halves": np.array([SEEN, SEEN], dtype=np.int64),
        "nobody": np.float32(merchants),
        "nothing": np.float32(0),
        "column": np.array([2], dtype=np.int64),
        "along": np.array([1], dtype=np.int64),
        "tiny": np.float32(_TINY),
        "least": np.float32(_LEAST),
    }
    nodes = [
        helper.make_node("Split", [INPUT, "halves"], ["numbers", "raw"], axis=1),
        *nodes_of(
            ("IsNaN", ["numbers"], "absent", {}),
            ("Where", ["absent", "nobody", "numbers"], "present", {}),
            ("Cast", ["present"], "rows", {"to": TensorProto.INT64}),
            ("IsNaN", ["raw"], "weightless", {}),
            ("Where", ["weightless", "nothing", "raw"], "weight", {}),
            ("Unsqueeze", ["weight", "column"], "weights", {}),
            ("Gather", ["vectors", "rows"], "paid", {"axis": 0}),
            ("Mul", ["paid", "weights"], "weighted", {}),
            ("ReduceSum", ["weighted", "along"], "summed", {"keepdims": 0}),
            ("ReduceL2", ["summed"], "length", {"axes": [1], "keepdims": 1}),
            ("Max", ["length", "tiny"], "divisor", {}),
            ("Div", ["summed", "divisor"], "direction", {}),
            ("MatMul", ["direction", "directions"], "leaning", {}),
            ("Gather", ["similar", "rows"], "near", {"axis": 0}),
            ("Mul", ["near", "weights"], "near_weighted", {}),
            ("ReduceSum", ["near_weighted", "along"], "near_summed", {"keepdims": 0}),
            ("ReduceSum", ["weight", "along"], "whole", {"keepdims": 1}),
            ("Max", ["whole", "tiny"], "some", {}),
            ("Div", ["near_summed", "some"], "mean", {}),
            ("Add", ["mean", "least"], "above", {}),
            ("Log", ["above"], "alike", {}),
            ("Mul", ["alike", "by_similarity"], "likeness", {}),
            ("Add", ["leaning", "likeness"], "both", {}),
            ("Add", ["both", "base"], "margin", {}),
            ("Sigmoid", ["margin"], OUTPUT, {}),
        ),
    ]
    return helper.make_graph(
        nodes,
        "recommendation",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 2 * SEEN])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", merchants])],
        initializer=[constant(name, value) for name, value in constants.items()],
    )
