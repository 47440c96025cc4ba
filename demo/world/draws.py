"""Drawing at random in bulk: named streams, personal constants, and row-wise choices."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def stream(seed: int, name: str) -> np.random.Generator:
    """An independent generator per purpose, so that one more draw here moves nothing there."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def scrambled(seed: int, *keys: Ints) -> NDArray[np.uint64]:
    """64 well-mixed bits of whole numbers (splitmix64); the same keys give the same bits."""
    with np.errstate(over="ignore"):
        bits = np.full(1, zlib.crc32(str(seed).encode()), np.uint64)
        for key in keys:
            bits = (bits ^ key.astype(np.uint64)) * _ODD[0] + _ODD[2]
            bits = (bits ^ (bits >> np.uint64(30))) * _ODD[1]
            bits = (bits ^ (bits >> np.uint64(27))) * _ODD[2]
            bits ^= bits >> np.uint64(31)
    return bits


def habitual(seed: int, *keys: Ints) -> Floats:
    """A uniform number in [0, 1) that belongs to its keys for good: a habit, not a draw."""
    return (scrambled(seed, *keys) >> np.uint64(11)) * 2.0**-53


def choose(cumulative: Floats, row: Ints, u: Floats) -> Ints:
    """Choose one column per element.

    Args:
        cumulative: [rows, columns], cumulative probabilities that end in 1.
        row: [n], the distribution of each element.
        u: [n], uniform numbers in [0, 1).

    Returns:
        [n], columns.
    """
    columns = cumulative.shape[1]
    stacked = (cumulative + np.arange(len(cumulative))[:, None]).ravel()
    found = np.searchsorted(stacked, row + u, side="right") - row * columns
    return np.clip(found, 0, columns - 1)


def cumulate(weights: Floats) -> Floats:
    """Cumulative probabilities along the last axis, from weights that need not sum to 1."""
    sums = np.cumsum(weights, axis=-1)
    return sums / sums[..., -1:]


def expand(counts: Ints) -> tuple[Ints, Ints]:
    """Repeat each element `counts` times: (which element, its how-manieth repetition)."""
    element = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return element, np.arange(len(element)) - first[element]
