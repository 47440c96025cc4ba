"""A pseudonym hides the id, stays the same under one key, and costs one hash per distinct id."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa

from components.common.identity import pseudonymise, pseudonymise_column


def test_pseudonym_is_the_first_half_of_the_keyed_hash() -> None:
    expected = hmac.new(b"key", b"alice", hashlib.sha256).hexdigest()[:32]
    assert pseudonymise("alice", b"key") == expected


def test_pseudonym_depends_on_id_and_key() -> None:
    three = {pseudonymise("a", b"k"), pseudonymise("b", b"k"), pseudonymise("a", b"other")}
    assert len(three) == 3


def test_ids_of_any_script_have_a_pseudonym() -> None:
    assert len(pseudonymise("김철수", b"key")) == 32


def test_column_has_the_same_pseudonyms_as_single_ids_and_keeps_nulls() -> None:
    column = pa.array(["a", None, "b", "a"])
    told = pseudonymise_column(column, b"key", {}).to_pylist()
    assert told == [pseudonymise("a", b"key"), None, pseudonymise("b", b"key"), told[0]]


def test_column_hashes_each_distinct_id_once_over_batches() -> None:
    known = {"a": "kept"}
    assert pseudonymise_column(pa.array(["a", "a", "b"]), b"key", known).to_pylist()[:2] == [
        "kept",
        "kept",
    ]
    assert set(known) == {"a", "b"}


def test_column_of_no_rows_or_only_nulls() -> None:
    assert len(pseudonymise_column(pa.array([], pa.string()), b"key", {})) == 0
    assert pseudonymise_column(pa.array([None], pa.string()), b"key", {}).to_pylist() == [None]
