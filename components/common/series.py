"""Windows over ordered rows, as a few passes over arrays.

A window of row i is given by its first row and its end (exclusive); where that is empty or reaches
out of a group, the caller says so through the bounds. No function here loops over rows or groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STRIP = 1 << 12
"""Rows at a time where a pass is made many times: they stay in the nearest cache."""
MOST_GROUPS = 1 << 13
"""Groups of a piece; as many spans of thirty years, in microseconds, fit 63 bits."""
_HALF = 16
"""Bits that numpy sorts by counting instead of comparing."""


def grouped(numbers: NDArray[np.int32]) -> Ints:
    """Rows in the order of small non-negative numbers; equal ones stay in the order they had."""
    order = np.argsort((numbers & 0xFFFF).astype(np.uint16), kind="stable")
    high = (numbers >> _HALF).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")] if high.any() else order


def firsts(groups: NDArray[np.integer]) -> Ints:
    """For each row the first row of its group, where groups lie together."""
    change = np.flatnonzero(np.diff(groups, prepend=groups[:1] - 1))
    return np.repeat(change, np.diff(change, append=len(groups)))


def offsets(groups: NDArray[np.integer], count: int) -> Ints:
    """Where each of `count` groups begins in rows sorted by group, and where the last one ends."""
    return np.searchsorted(groups, np.arange(count + 1))


def before(values: NDArray, rows: int) -> NDArray:
    """Each row sees the value so many rows above it; the first rows see the first value."""
    seen, rows = np.empty_like(values), min(rows, len(values))
    seen[rows:] = values[: len(values) - rows]
    seen[:rows] = values[:1]
    return seen


def running(values: NDArray) -> NDArray:
    """Running total with a zero in front: a window's sum is `total[end] - total[first]`.

    Whole numbers wrap around; a difference is exact all the same as long as it fits itself.
    """
    total = np.zeros(len(values) + 1, dtype=np.int64 if values.dtype == bool else values.dtype)
    np.cumsum(values, out=total[1:])
    return total


def last_where(flags: Flags) -> Ints:
    """For each end (0 to the number of rows) the last row before it with the flag; -1 for none."""
    rows = np.where(flags, np.arange(len(flags)), -1)
    return np.maximum.accumulate(np.concatenate([[-1], rows]))


def next_where(flags: Flags) -> Ints:
    """For each row, and the end, the first row from it on with the flag; the end for none."""
    rows = np.where(flags, np.arange(len(flags)), len(flags))
    return np.minimum.accumulate(np.append(rows, len(flags))[::-1])[::-1]


def largest(values: Floats, windows: list[tuple[Ints, Ints]]) -> list[Floats]:
    """The largest value of each (first, end) window; NaN where the window is empty.

    Two overlapping blocks of a power of two cover a window of any length.
    """
    longest = max((int((end - first).max(initial=0)) for first, end in windows), default=0)
    blocks = [np.append(values, np.nan)]
    while 2 ** len(blocks) <= longest:
        half = 2 ** (len(blocks) - 1)
        blocks.append(np.maximum(blocks[-1], before(blocks[-1], half)))
    flat, rows = np.concatenate(blocks), len(values) + 1
    return [_of_blocks(flat, rows, first, end) for first, end in windows]


def _of_blocks(blocks: Floats, rows: int, first: Ints, end: Ints) -> Floats:
    length = end - first
    level = np.frexp(np.maximum(length, 1).astype(np.float64))[1] - 1
    begin = level * rows
    found = np.maximum(blocks[begin + end - 1], blocks[begin + first + (1 << level) - 1])
    return np.where(length > 0, found, np.nan)


def spread(values: Floats, middle: Floats, count: Ints, most: int) -> Floats:
    """Sum of (value - middle)^2 over the `count` rows before each row; `count` is `most` at most.

    Summed afresh for each row and not as a difference of totals, so that nothing cancels.
    """
    total = np.empty(len(values))
    padded = np.concatenate([np.zeros(most), values])
    for first in range(0, len(values), STRIP):
        rows = slice(first, first + STRIP)
        total[rows] = _spread_of_most(padded[first : first + STRIP + most], middle[rows], most)
    windows = sliding_window_view(padded, most)
    for rows in _strips(np.flatnonzero(count < most)):
        away = windows[rows] - middle[rows, None]
        away[_foreign(count[rows], most)] = 0.0
        total[rows] = np.einsum("rw,rw->r", away, away)
    return total


def _spread_of_most(padded: Floats, middle: Floats, most: int) -> Floats:
    """The same where every window is full; `padded` begins `most` rows before the first."""
    total, away = np.zeros(len(middle)), np.empty(len(middle))
    for lag in range(1, most + 1):
        np.subtract(padded[most - lag : most - lag + len(middle)], middle, out=away)
        np.multiply(away, away, out=away)
        total += away
    return total


def medians(values: Floats, count: Ints, most: int) -> Floats:
    """Median of the `count` rows before each row, at most `most`; NaN where there are none."""
    windows = sliding_window_view(np.concatenate([np.zeros(most), values]), most)
    found = np.full(len(values), np.nan)
    full, short = np.flatnonzero(count == most), np.flatnonzero((count < most) & (count > 0))
    for rows in _strips(full):
        ordered = np.sort(windows[rows], axis=1)
        found[rows] = (ordered[:, (most - 1) // 2] + ordered[:, most // 2]) / 2
    for rows in _strips(short):
        held = count[rows]
        ordered = windows[rows]
        ordered[_foreign(held, most)] = np.inf
        ordered.sort(axis=1)
        row = np.arange(len(rows))
        found[rows] = (ordered[row, (held - 1) // 2] + ordered[row, held // 2]) / 2
    return found


def _foreign(count: Ints, most: int) -> Flags:
    """Which of the `most` places before each row are outside its window [n, most]."""
    return np.arange(most) < most - count[:, None]


def _strips(rows: Ints) -> Iterator[Ints]:
    for first in range(0, len(rows), STRIP):
        yield rows[first : first + STRIP]


def within(groups: NDArray[np.integer], times: Ints, spans: Sequence[int]) -> list[Ints]:
    """How many rows before each row, of its group, are younger than each span.

    Groups lie together, times ascend within them; a row exactly as old as the span is outside.
    """
    reach = int(times.max(initial=0)) - int(times.min(initial=0)) + max(spans) + 1
    place = np.cumsum(np.diff(groups, prepend=groups[:1]) != 0) * reach + times
    row = np.arange(len(times))
    return [row - np.searchsorted(place, place - span, side="right") for span in spans]


def pieces(sizes: Ints, rows: int) -> Iterator[tuple[int, int]]:
    """Cut groups of these sizes into (first, end) pieces of about so many rows, groups whole.

    A piece holds few enough groups for `within`: their spans of time fit one whole number.
    """
    piece = np.maximum(np.cumsum(sizes) // rows, 0)
    fresh = (np.diff(piece, prepend=0) > 0) | (np.arange(len(sizes)) % MOST_GROUPS == 0)
    cuts = np.append(np.flatnonzero(fresh), len(sizes))
    first = 0
    for end in cuts.tolist():
        if end > first:
            yield first, end
        first = end
