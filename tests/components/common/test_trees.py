"""Trees as arrays: scored as the table they are, joined, scaled, written and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.common.errors import FinloopError
from components.common.trees import Trees, joined, rounded_down

NAN = float("nan")


def stump(feature: int, threshold: float, low: float, high: float, *, null_left: bool) -> Trees:
    """One question: `low` for x ≤ threshold, `high` above; three rows in four went left."""
    return Trees(
        np.zeros(1, np.int32),
        np.array([1, 1, 2], np.int32),
        np.array([2, 1, 2], np.int32),
        np.array([feature, 0, 0], np.int32),
        np.array([threshold, 0, 0], np.float32),
        np.array([null_left, False, False]),
        np.array([0, low, high], np.float32),
        np.array([4, 3, 1], np.float32),
        base=0.5,
    )


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_a_value_on_the_threshold_goes_left_and_null_where_it_is_told() -> None:
    asked = rows([1.0, 0], [np.nextafter(np.float32(1), np.float32(2)), 0], [NAN, 0])
    left, right = (stump(0, 1.0, -1, 1, null_left=one).margin(asked) for one in (True, False))
    np.testing.assert_allclose(left, [-0.5, 1.5, -0.5])
    np.testing.assert_allclose(right, [-0.5, 1.5, 1.5])


def test_joined_ensembles_add_up() -> None:
    one, other = stump(0, 0, -1, 1, null_left=True), stump(1, 5, 10, 20, null_left=False)
    asked = rows([-1, 4], [1, 6], [NAN, NAN])
    both = joined([one, other, one], base=100)
    np.testing.assert_allclose(
        both.margin(asked), 2 * one.margin(asked) + other.margin(asked) + 100
    )
    assert both.leaves == 6


def test_a_scaled_ensemble_gives_as_much_more() -> None:
    one, asked = stump(0, 0, -1, 1, null_left=True), rows([-1, 0], [1, 0])
    np.testing.assert_allclose(one.scaled(3).margin(asked), 3 * one.margin(asked))


def test_it_comes_back_from_disk_with_the_same_bytes(tmp_path: Path) -> None:
    one = joined([stump(0, 0, -1, 1, null_left=True), stump(1, 5, 10, 20, null_left=False)])
    one.write(tmp_path / "one.npz")
    back = Trees.read(tmp_path / "one.npz")
    back.write(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    asked = rows([-1, 4], [1, 6], [NAN, NAN])
    np.testing.assert_array_equal(back.margin(asked), one.margin(asked))


@pytest.mark.parametrize("content", [b"", b"no arrays"])
def test_a_file_without_trees_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trees.npz").write_bytes(content)
    with pytest.raises(FinloopError, match="cannot be loaded") as refusal:
        Trees.read(tmp_path / "trees.npz")
    assert refusal.value.code == "artifact_unreadable"


def test_a_threshold_is_rounded_so_that_every_float32_goes_the_same_way() -> None:
    random = np.random.default_rng(0)
    exact = random.normal(size=1000)
    near = rounded_down(exact)
    above = np.nextafter(near, np.float32(np.inf))
    assert (near.astype(np.float64) <= exact).all()
    assert (above.astype(np.float64) > exact).all()
    assert rounded_down([np.inf])[0] == np.inf
