"""The card says everything an approver asks, and nothing that was not measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from components.common.domain import ModelSpec
from components.common.model_card import CardFacts, draw_importance, render
from components.common.section import Section
from components.common.verdict import Verdict


@pytest.fixture
def facts(spec: ModelSpec) -> CardFacts:
    return CardFacts(
        spec=spec,
        purpose="Is this payment the customer's own?",
        author="mina",
        inputs=("amount", "hour"),
        windows={"train_from": "2026-01-01T00:00:00+00:00"},
        rows={"train": {"rows": 120_000, "positives": 900}},
        metrics={
            "roc_auc": {"value": 0.91234, "low": 0.9, "high": 0.92},
            "brier": {"value": 0.004, "low": None, "high": None},
        },
        verdict=Verdict(True),
        comparison={},
        data_digest="d" * 64,
        code_digest="c" * 64,
        pictures={"Calibration": "evaluation.png"},
        parameters={"max_depth": 6},
        sections=[
            Section("Fairness", ("By age.",), ("group", "n", "rate"), (("old", 1234, 0.25),))
        ],
        limits=["Not for companies."],
    )


@pytest.mark.parametrize(
    "said",
    [
        "Is this payment the customer's own?",
        "| owner | fraud-risk |",
        "| author | mina |",
        "| features | 2, from the feature service `fraud_v1` |",
        "| data | digest `dddddddddddddddd` |",
        "| roc auc | 0.9123 | 0.9 to 0.92 |",
        "| brier | 0.004 | — |",
        "| roc auc | 0.9123 | at least 0.8 |",
        "| train | 120,000 | 900 |",
        "| train from | 2026-01-01T00:00:00+00:00 |",
        "![Calibration](evaluation.png)",
        "Outcomes are usually known after 7 days",
        "finloop rollout abort fraud-xgboost",
        "finloop rollout restore fraud-xgboost",
        "## Fairness\n\nBy age.\n",
        "| group | n | rate |",
        "| old | 1,234 | 0.25 |",
        "- Not for companies.",
        "| max_depth | 6 |",
        "| predicts | `is_fraud` |",
    ],
)
def test_the_card_says(facts: CardFacts, said: str) -> None:
    assert said in render(facts)


def test_a_model_that_listens_to_others_names_them(facts: CardFacts) -> None:
    card = render(replace(facts, spec=replace(facts.spec, members=("trees", "network"))))
    assert "| decides by | what trees and network say |" in card
    assert "Where a member does not answer" in card
    assert "feature" not in card


def test_a_gate_that_was_not_measured_is_shown_as_such(facts: CardFacts) -> None:
    assert "| artifact max difference | — | at most 0.0001 |" in render(facts)


def test_a_failed_gate_stands_out_with_its_reasons(facts: CardFacts) -> None:
    card = render(replace(facts, verdict=Verdict(False, ("The roc auc is too low.",))))
    assert "**Failed; this candidate cannot be approved.**" in card
    assert "- The roc auc is too low." in card
    assert "Passed" not in card


def test_without_a_champion_it_says_so(facts: CardFacts) -> None:
    assert "it would be the first" in render(facts)


def test_the_comparison_shows_signs_and_intervals(facts: CardFacts) -> None:
    difference = {"roc_auc": {"value": 0.0123, "low": -0.001, "high": 0.02}}
    card = render(replace(facts, comparison={"champion": "3", "differences": difference}))
    assert "Candidate minus version 3" in card
    assert "| roc auc | +0.0123 | -0.001 to 0.02 |" in card


def test_a_comparison_that_failed_gives_its_reason(facts: CardFacts) -> None:
    card = render(replace(facts, comparison={"champion": "3", "reason": "It reads other inputs."}))
    assert "could not be compared with version 3: It reads other inputs." in card


def test_calibration_is_only_claimed_where_it_was_measured(facts: CardFacts) -> None:
    claim = "Probabilities are calibrated"
    assert claim not in render(facts)
    measured = {"expected_calibration_error": {"value": 0.01, "low": 0.0, "high": 0.02}}
    assert claim in render(replace(facts, metrics=measured))


def test_a_cell_cannot_break_the_table(facts: CardFacts) -> None:
    card = render(replace(facts, parameters={"note": "a|b\nc"}))
    assert "| note | a\\|b c |" in card


def test_the_same_facts_give_the_same_bytes(facts: CardFacts, tmp_path: Path) -> None:
    assert render(facts) == render(facts)
    importance = {f"feature_{number}": float(number) for number in range(40)}
    draw_importance(importance, tmp_path / "a.png")
    draw_importance(dict(reversed(importance.items())), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
