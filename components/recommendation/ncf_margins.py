"""What a network says of merchants, in numpy: the formula of `Ncf` over its weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from components.recommendation.pairs import Float32, History

Weights = dict[str, Float32]
Floats = npt.NDArray[np.float64]
_TINY = 1e-6
_AT_ONCE = 8_000_000
"""Units of the first layer that are held at once (32 MB)."""


def chunks(rows: int, width: int) -> Iterator[slice]:
    """Slices over rows, each of about `_AT_ONCE` numbers where a row has `width` of them."""
    size = max(1, _AT_ONCE // max(width, 1))
    return (slice(begin, begin + size) for begin in range(0, rows, size))


def margins_of(w: Weights, history: History, items: npt.NDArray[np.integer] | None) -> Floats:
    """Log-odds of candidates [n, c] or of all merchants by one network."""
    told = _pooled(w, history)
    product, deep = told @ w["to_product"], told @ w["to_deep"]
    if history.user is not None:
        known = (history.user >= 0)[:, None]
        product = product + w["user_product"][history.user] * known
        deep = deep + w["user_deep"][history.user] * known
    return _met(w, product * w["product"], deep @ w["deep_user"] + w["deep_bias_0"], items)


def _met(
    w: Weights,
    product: npt.NDArray[np.floating],
    deep: npt.NDArray[np.floating],
    items: npt.NDArray[np.integer] | None,
) -> Floats:
    """Both paths together: what customers are in each [n, ·], against merchants."""
    of_items = w["item_deep"] @ w["deep_item"]
    if items is None:
        met, units, bias = product @ w["item_product"].T, of_items[None], w["bias"]
    else:
        met = np.matmul(w["item_product"][items], product[:, :, None])[..., 0]
        units, bias = of_items[items], w["bias"][items]
    units = np.maximum(deep[:, None] + units, 0)
    for place in range(1, depth(w)):
        units = np.maximum(units @ w[f"deep_{place}"] + w[f"deep_bias_{place}"], 0)
    return (met + (units @ w["deep_out"])[..., 0] + bias).astype(np.float64)


def depth(w: Weights) -> int:
    """Layers of the deep path."""
    return sum(name.startswith("deep_bias_") for name in w)


def _pooled(w: Weights, history: History) -> Float32:
    """The means of histories [n, heads · factors]; 0 of an empty one."""
    known = history.item >= 0
    weight = np.where(known, history.weight, 0) * np.exp(w["importance"][history.item])
    recency = w["recency"][:, : weight.shape[1]]
    share = (weight[:, None] * np.exp(recency)).astype(np.float32)
    share /= share.sum(axis=2, keepdims=True) + np.float32(_TINY)
    return np.matmul(share, w["item_history"][history.item]).reshape(len(history), -1)
