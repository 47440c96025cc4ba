"""The recommender as one ONNX graph: a history in, a probability for every merchant out.

What the first layer of the deep path makes of a merchant does not depend on the customer, so it is
a constant of the graph; so is the product path's weight, inside the vectors of merchants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.common.graph import INPUT, OUTPUT, as_model, constant, nodes_of
from components.recommendation.ncf_margins import Weights, depth

if TYPE_CHECKING:
    import onnx

    from components.recommendation.ncf import Ncf

_TINY = np.float32(1e-6)
Step = tuple[str, list[str], str, dict[str, Any]]


def ncf_graph(model: Ncf, *, users: bool = False) -> onnx.ModelProto:
    """`features` float32 [n, 2·history (+ 1)] in the order of `inputs_of` → `probability` float32
    [n, items]."""
    from onnx import TensorProto, helper

    length = model.config.history
    sizes = [length, length, 1] if users else [length, length]
    split = helper.make_node(
        "Split", [INPUT, "sizes"], ["merchants", "weights", "user"][: len(sizes)], axis=1
    )
    constants: dict[str, Any] = {
        "sizes": np.array(sizes, np.int64),
        "zero": np.float32(0),
        "one": np.float32(1),
        "tiny": _TINY,
        "last": np.array([-1], np.int64),
        "second": np.array([1], np.int64),
        "flat": np.array([0, -1], np.int64),
        "slope": np.float32(model.slope),
        "offset": np.float32(model.offset),
        "count": np.float32(len(model.members)),
    }
    steps = [*_history(), *(_customer() if users else [])]
    for at, weights in enumerate(model.members):
        more, named = _member(f"m{at}_", weights, users=users)
        steps += more
        constants |= named
    if model.shallow is not None and model.shallow.share:
        constants["shallow"] = model.shallow.table * np.float32(model.shallow.share)
    steps += _joined(len(model.members), shallow="shallow" in constants)
    graph = helper.make_graph(
        [split, *nodes_of(*steps)],
        "finloop-ncf",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", sum(sizes)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", model.items])],
        initializer=[constant(name, value) for name, value in constants.items()],
    )
    return as_model(graph)


def _history() -> list[Step]:
    """Rows of merchants [n, k], and what they weigh, 0 where there is none."""
    from onnx import TensorProto

    return [
        ("IsNaN", ["merchants"], "absent", {}),
        ("Where", ["absent", "zero", "merchants"], "present", {}),
        ("Cast", ["present"], "rows", {"to": TensorProto.INT64}),
        ("IsNaN", ["weights"], "weightless", {}),
        ("Or", ["absent", "weightless"], "silent", {}),
        ("Where", ["silent", "zero", "weights"], "sure", {}),
    ]


def _customer() -> list[Step]:
    """Row of the customer's own vectors [n], and 1 where there is one [n, 1]."""
    from onnx import TensorProto

    return [
        ("IsNaN", ["user"], "new", {}),
        ("Where", ["new", "zero", "user"], "user_known", {}),
        ("Cast", ["user_known"], "user_column", {"to": TensorProto.INT64}),
        ("Squeeze", ["user_column", "second"], "user_row", {}),
        ("Not", ["new"], "old", {}),
        ("Cast", ["old"], "user_there", {"to": TensorProto.FLOAT}),
    ]


def _member(p: str, w: Weights, *, users: bool) -> tuple[list[Step], dict[str, Any]]:
    """One network: the log-odds `{p}margin` [n, items]."""
    steps, named = _told(p, w)
    paths = {"product": ("to_product", "user_product"), "deep": ("to_deep", "user_deep")}
    for path, (through, own) in paths.items():
        named[f"{p}{through}"] = w[through]
        steps.append(("MatMul", [f"{p}told", f"{p}{through}"], f"{p}{path}_told", {}))
        if not users:
            steps.append(("Identity", [f"{p}{path}_told"], f"{p}{path}", {}))
            continue
        named[f"{p}{own}"] = w[own]
        steps += [
            ("Gather", [f"{p}{own}", "user_row"], f"{p}{own}_any", {"axis": 0}),
            ("Mul", [f"{p}{own}_any", "user_there"], f"{p}{own}_own", {}),
            ("Add", [f"{p}{path}_told", f"{p}{own}_own"], f"{p}{path}", {}),
        ]
    more, others = _met(p, w)
    return steps + more, named | others


def _told(p: str, w: Weights) -> tuple[list[Step], dict[str, Any]]:
    """The means of the history, one for each head, side by side: `{p}told` [n, heads·factors]."""
    named = {
        f"{p}worth": np.exp(w["importance"]),
        f"{p}recency": np.exp(w["recency"])[None],
        f"{p}past": w["item_history"],
    }
    steps: list[Step] = [
        ("Gather", [f"{p}worth", "rows"], f"{p}worths", {"axis": 0}),
        ("Mul", [f"{p}worths", "sure"], f"{p}weight", {}),
        ("Unsqueeze", [f"{p}weight", "second"], f"{p}weight_3", {}),
        ("Mul", [f"{p}weight_3", f"{p}recency"], f"{p}faded", {}),
        ("ReduceSum", [f"{p}faded", "last"], f"{p}sum", {"keepdims": 1}),
        ("Add", [f"{p}sum", "tiny"], f"{p}total", {}),
        ("Div", [f"{p}faded", f"{p}total"], f"{p}share", {}),
        ("Gather", [f"{p}past", "rows"], f"{p}vectors", {"axis": 0}),
        ("MatMul", [f"{p}share", f"{p}vectors"], f"{p}means", {}),
        ("Reshape", [f"{p}means", "flat"], f"{p}told", {}),
    ]
    return steps, named


def _met(p: str, w: Weights) -> tuple[list[Step], dict[str, Any]]:
    """Both paths over all merchants."""
    first = w["deep_bias_0"].shape[0]
    named = {
        f"{p}directions": (w["item_product"] * w["product"]).T.copy(),
        f"{p}deep_user": w["deep_user"],
        f"{p}deep_items": w["item_deep"] @ w["deep_item"] + w["deep_bias_0"],
        f"{p}bias": w["bias"],
        f"{p}units": np.array([-1, first], np.int64),
        f"{p}out": w["deep_out"],
        f"{p}items": np.array([-1, len(w["bias"])], np.int64),
    }
    steps: list[Step] = [
        ("MatMul", [f"{p}product", f"{p}directions"], f"{p}met", {}),
        ("MatMul", [f"{p}deep", f"{p}deep_user"], f"{p}user_units", {}),
        ("Unsqueeze", [f"{p}user_units", "second"], f"{p}user_units_3", {}),
        ("Add", [f"{p}user_units_3", f"{p}deep_items"], f"{p}sum_0", {}),
        ("Relu", [f"{p}sum_0"], f"{p}units_3", {}),
        ("Reshape", [f"{p}units_3", f"{p}units"], f"{p}layer_0", {}),
    ]
    for at in range(1, depth(w)):
        named |= {f"{p}deep_{at}": w[f"deep_{at}"], f"{p}bias_{at}": w[f"deep_bias_{at}"]}
        gemm = [f"{p}layer_{at - 1}", f"{p}deep_{at}", f"{p}bias_{at}"]
        steps += [
            ("Gemm", gemm, f"{p}sum_{at}", {}),
            ("Relu", [f"{p}sum_{at}"], f"{p}layer_{at}", {}),
        ]
    steps += [
        ("MatMul", [f"{p}layer_{depth(w) - 1}", f"{p}out"], f"{p}column", {}),
        ("Reshape", [f"{p}column", f"{p}items"], f"{p}high", {}),
        ("Add", [f"{p}met", f"{p}high"], f"{p}paths", {}),
        ("Add", [f"{p}paths", f"{p}bias"], f"{p}margin", {}),
    ]
    return steps, named


def _joined(members: int, *, shallow: bool) -> list[Step]:
    """σ(a·ln softmax(mean margin + d·l) + c), through exp, which keeps small probabilities apart;
    the runtime's own Sigmoid does not."""
    return [
        ("Sum", [f"m{at}_margin" for at in range(members)], "summed", {}),
        ("Div", ["summed", "count"], "mean_margin", {}),
        *(_shallow() if shallow else [("Identity", ["mean_margin"], "both", {})]),
        ("LogSoftmax", ["both"], "log_share", {"axis": 1}),
        ("Mul", ["log_share", "slope"], "sloped", {}),
        ("Add", ["sloped", "offset"], "log_odds", {}),
        ("Neg", ["log_odds"], "log_odds_against", {}),
        ("Exp", ["log_odds_against"], "odds_against", {}),
        ("Add", ["odds_against", "one"], "total", {}),
        ("Div", ["one", "total"], OUTPUT, {}),
    ]


def _shallow() -> list[Step]:
    """What the networks say plus what the chosen merchants say linearly: `both` [n, items]."""
    return [
        ("Mul", ["mean_margin", "zero"], "nowhere", {}),
        ("Where", ["silent", "zero", "one"], "there", {}),
        (
            "ScatterElements",
            ["nowhere", "rows", "there"],
            "chosen",
            {"axis": 1, "reduction": "max"},
        ),
        ("MatMul", ["chosen", "shallow"], "linear", {}),
        ("Add", ["mean_margin", "linear"], "both", {}),
    ]
