"""The paths of a row are those that XGBoost takes, and its document is read as it was written."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from components.common.errors import FinloopError
from components.common.tree_paths import TreePaths
from components.common.ubjson import read_ubjson


def rows(seed: int, count: int = 400) -> np.ndarray:
    random = np.random.default_rng(seed)
    found = random.normal(size=(count, 7)).astype(np.float32)
    found[random.random(found.shape) < 0.2] = np.nan
    return found


@pytest.fixture(scope="module", params=[1, 3, 6])
def booster(request: pytest.FixtureRequest) -> xgboost.Booster:
    x = rows(0)
    label = np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1]) ** 2 > 0.7
    parameters = {"objective": "binary:logistic", "max_depth": request.param, "nthread": 1}
    return xgboost.train(parameters, xgboost.DMatrix(x, label=label), num_boost_round=25)


def paths_of(booster: xgboost.Booster, folder: Path) -> TreePaths:
    booster.save_model(folder / "model.ubj")
    return TreePaths.read(folder / "model.ubj")


def test_contributions_are_those_of_xgboost(booster: xgboost.Booster, tmp_path: Path) -> None:
    paths = paths_of(booster, tmp_path)
    unseen = rows(1)
    data = xgboost.DMatrix(unseen)
    theirs = booster.predict(data, pred_contribs=True, approx_contribs=True)[:, :-1]
    ours = np.array([paths.contributions(row) for row in unseen])
    assert np.abs(theirs).max() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_tree_that_never_asks_moves_nothing(tmp_path: Path) -> None:
    x = rows(2, 20)
    stump = xgboost.train({"max_depth": 2}, xgboost.DMatrix(x, label=np.ones(20)), 3)
    assert paths_of(stump, tmp_path).contributions(x[0]).tolist() == [0.0] * 7


@pytest.mark.parametrize("content", [b"", b"{", b"no model", b"[]", b"{}"])
def test_what_holds_no_trees_is_told_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.ubj").write_bytes(content)
    with pytest.raises(FinloopError, match="cannot be loaded"):
        TreePaths.read(tmp_path / "model.ubj")


def test_a_document_says_the_same_as_json(booster: xgboost.Booster) -> None:
    binary = read_ubjson(bytes(booster.save_raw("ubj")))
    text = json.loads(bytes(booster.save_raw("json")))
    found = binary["learner"]["gradient_booster"]["model"]["trees"]
    wanted = text["learner"]["gradient_booster"]["model"]["trees"]
    assert len(found) == len(wanted) == 25
    for name in ("left_children", "split_indices", "sum_hessian", "split_conditions"):
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one[name], other[name], rtol=1e-6)
    assert binary["learner"]["objective"] == text["learner"]["objective"]


@given(st.binary(max_size=40))
def test_any_other_content_is_a_value_error(content: bytes) -> None:
    try:
        read_ubjson(content)
    except ValueError:
        return
    assert content[0] in b"{[SZTFiUIlLdD"


def test_arrays_and_words_of_every_kind() -> None:
    long = struct.pack(">q", 3)
    assert read_ubjson(b"[" + b"Si\x01aTFZ" + b"]") == ["a", True, False, None]
    assert read_ubjson(b"[$U#L" + long + b"\x01\x02\xff").tolist() == [1, 2, 255]
    assert read_ubjson(b"[#i\x02i\x05D" + struct.pack(">d", 0.5)) == [5, 0.5]
    assert read_ubjson(b"{i\x01ki\xff}") == {"k": -1}
