"""How good a candidate is, in numbers and in words, from what the ledger says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN = {"roc_auc": "AUC", "average_precision": "average precision"}
"""Metric → its name in words."""


def measured(body: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that the story shows, of the body of a `candidate` event."""
    return {name: float(body["metrics"][name]) for name in SHOWN}


def compared(body: Mapping[str, Any]) -> dict[str, Any]:
    """Candidate and champion on the same payments: `champion`, and by metric both values, their
    difference and its interval (95 %); empty where there was no champion to compare with."""
    found = body.get("comparison") or {}
    if "differences" not in found:
        return dict(found)
    ours, differences = measured(body), found["differences"]
    return {
        "champion": found["champion"],
        **{
            name: {
                "candidate": ours[name],
                "champion": round(ours[name] - differences[name]["value"], 6),
                "difference": differences[name],
            }
            for name in SHOWN
        },
    }


def in_words(metrics: Mapping[str, float]) -> str:
    """The metrics as a clause."""
    return ", ".join(f"{word} {metrics[name]:.3f}" for name, word in SHOWN.items())


def comparison_in_words(body: Mapping[str, Any]) -> str:
    """The comparison as a clause; the candidate alone where there was no champion."""
    found = compared(body)
    if not set(SHOWN) <= set(found):
        return in_words(measured(body))
    clauses = (
        f"{word} {found[name]['candidate']:.3f} (champion {found[name]['champion']:.3f})"
        for name, word in SHOWN.items()
    )
    return ", ".join(clauses) + " on the same payments"
