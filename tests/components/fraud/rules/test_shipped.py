"""The rules that come with the product: each of them applies where it should, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.common.errors import FinloopError
from components.fraud.features import MODEL_INPUT
from components.fraud.reason_codes import TEXTS
from components.fraud.rules import FILE, SHIPPED, rules_in_force
from components.fraud.rules.fields import fields, values_of
from components.fraud.rules.ruleset import RuleSet

DEVICE = "0123456789abcdef" * 2
ORDINARY = values_of(
    {
        "user_id": "f" * 32,
        "merchant_id": "m1",
        "amount": 12_000.0,
        "category": "cafe",
        "channel": "card",
        "device_id": DEVICE,
        "latitude": 37.5,
        "longitude": 127.0,
        "card_number_valid": True,
    },
    {**dict.fromkeys(MODEL_INPUT, 1.0), "is_night": 0.0, "amount_mean_last_64": 50_000.0},
    0.01,
    "LOW",
)


def applied(rules: RuleSet | None = None, **values: Any) -> list[str]:
    return [rule.id for rule in (rules or rules_in_force()).hits({**ORDINARY, **values})]


def test_an_ordinary_payment_is_touched_by_none() -> None:
    assert applied() == []


def test_a_payment_of_which_nothing_is_known_is_touched_by_none() -> None:
    assert rules_in_force().hits(dict.fromkeys(fields())) == ()


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"card_number_valid": False}, "card-number"),
        ({"category": "gambling", "is_night": 1.0}, "blocked-category-at-night"),
        ({"count_last_1h": 6.0}, "velocity"),
        ({"count_last_24h": 25.0}, "velocity"),
        ({"distance_km": 325.0, "speed_kmh": 950.0}, "impossible-travel"),
        (
            {
                "history_count": 20.0,
                "amount": 900_000.0,
                "amount_to_max_last_64": 9.0,
                "amount_mean_last_64": 30_000.0,
            },
            "far-above-own-maximum",
        ),
    ],
)
def test_a_rule_applies_where_everything_it_asks_for_is_so(
    values: dict[str, Any], rule: str
) -> None:
    assert applied(**values) == [rule]
    if len(values) > 1:  # and not where one of it is as on any day
        for name in values:
            assert applied(**{**values, name: ORDINARY[name]}) == []


@pytest.mark.parametrize(
    ("rule", "name", "value"),
    [
        ("blocked-device", "blocked_devices", DEVICE),
        ("sanctioned-counterparty", "sanctioned_counterparties", "m1"),
    ],
)
def test_what_a_company_puts_on_a_list_is_declined(rule: str, name: str, value: str) -> None:
    content = rules_in_force().content
    own = RuleSet.of({**content, "lists": {**content["lists"], name: [value]}})
    assert applied(own) == [rule]
    assert next(one for one in own.file.rules if one.id == rule).action == "decline"


def test_a_reason_of_a_rule_is_none_of_the_model() -> None:
    assert not {rule.reason for rule in rules_in_force().file.rules} & set(TEXTS)


def test_an_artifact_with_a_rule_file_brings_its_own(tmp_path: Path) -> None:
    assert rules_in_force(tmp_path / "none").digest == RuleSet.read(SHIPPED).digest
    own = SHIPPED.read_text().replace("value: 6", "value: 7")
    (tmp_path / FILE).write_text(own)
    assert rules_in_force(tmp_path).digest == RuleSet.parse(own).digest != rules_in_force().digest


def test_an_artifact_whose_rule_file_is_broken_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("rules: [")
    with pytest.raises(FinloopError, match="no YAML"):
        rules_in_force(tmp_path)
