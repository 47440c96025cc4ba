"""A rule file: read, checked, versioned by what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.common.errors import FinloopError
from components.fraud.rules.ruleset import RuleSet

GOOD = """
lists:
  night: [betting]
rules:
  - id: dear
    action: review
    reason: DEAR_PAYMENT
    text_en: The payment is dear.
    text_ko: 금액이 큽니다.
    when: {field: amount, operator: ">", value: 1000}
  - id: at-night
    action: decline
    reason: BETTING_AT_NIGHT
    text_en: No betting at night.
    text_ko: 심야 베팅은 불가합니다.
    when:
      all:
        - {field: category, operator: in, list: night}
        - expression: hour < 6
"""


def refusal(text: str) -> str:
    with pytest.raises(FinloopError) as raised:
        RuleSet.parse(text, "rules.yaml")
    assert raised.value.code == "rules_invalid"
    assert raised.value.message.endswith(".")
    assert "\n" not in raised.value.message
    return raised.value.message


def hit(rules: RuleSet, **values: object) -> list[str]:
    return [rule.id for rule in rules.hits(values)]


def test_the_rules_that_apply_in_the_order_of_the_file() -> None:
    rules = RuleSet.parse(GOOD)
    assert hit(rules, amount=2000.0, category="betting", hour=2.0) == ["dear", "at-night"]
    assert hit(rules, amount=2000.0, category="betting", hour=12.0) == ["dear"]
    assert hit(rules, amount=1.0) == []


def test_a_rule_that_is_switched_off_is_checked_and_never_applies() -> None:
    off = GOOD.replace("id: dear", "id: dear\n    enabled: false")
    assert hit(RuleSet.parse(off), amount=2000.0) == []
    assert "did you mean amount" in refusal(off.replace("field: amount", "field: amont"))


def test_the_digest_is_of_what_the_file_says_and_not_of_how() -> None:
    rules = RuleSet.parse(GOOD)
    commented = "# why\n" + GOOD.replace("[betting]", "\n    - betting")
    assert RuleSet.parse(commented).digest == rules.digest
    assert RuleSet.parse(GOOD.replace("1000", "1000.0")).digest == rules.digest
    for before, after in (("1000", "1001"), ("dear.", "too dear."), ("[betting]", "[adult]")):
        assert RuleSet.parse(GOOD.replace(before, after)).digest != rules.digest


def test_the_content_is_the_rule_set_again() -> None:
    rules = RuleSet.parse(GOOD)
    again = RuleSet.of(rules.content)
    assert (again.digest, again.content) == (rules.digest, rules.content)
    assert hit(again, amount=2000.0, category="betting", hour=2.0) == ["dear", "at-night"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("id: dear", "id: at-night", "'at-night': 2 rules have this id; give each its own"),
        ("id: dear", "id: Dear One", "rule 'Dear One': id: it must be written like this"),
        ("  - id: dear\n    action", "  - action", "rule number 1: id: this field is required"),
        ("    text_ko: 금액이 큽니다.\n", "", "rule 'dear': text_ko: this field is required"),
        (
            "text_ko: 금액이 큽니다.",
            "text_ko: ' '",
            "rule 'dear': text_ko: it must have at least 1",
        ),
        ("text_en: The", "text: x\n    text_en: The", "'dear': text: this field is not known here"),
        ("action: review", "action: hold", "'dear': action: it must be 'decline', 'review'"),
        ("DEAR_PAYMENT", "dear payment", "rule 'dear': reason: it must be written like this"),
        ("DEAR_PAYMENT", "BETTING_AT_NIGHT", "has another text in rule 'dear'; make them alike"),
        ('operator: ">"', 'operator: "=>"', "rule 'dear': when.operator: it must be '=='"),
        ("value: 1000", "value: much", "rule 'dear': amount is compared with 'much', but is a num"),
        ("value: 1000", "value: .nan", "rule 'dear': when.value: it must be"),
        ("value: 1000", "value: 1, value: 2", "the key 'value' is there twice"),
        ("hour < 6", "hour <", "rule 'at-night': the expression 'hour <' cannot be read"),
        ("list: night", "list: day", "rule 'at-night': there is no list 'day' in the file"),
        ("night: [betting]", "night: [1]", "lists.night.0: it must be text"),
        ("night: [betting]", "amount: [betting]", "list 'amount': a field has this name"),
        ("rules:", "rule:", "rules: this field is required"),
        ("rules:", "rules: [", "this is no YAML"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_rule_and_what_to_do(
    before: str, after: str, said: str
) -> None:
    assert before in GOOD
    message = refusal(GOOD.replace(before, after))
    assert message.startswith("rules.yaml")
    assert said in message


@pytest.mark.parametrize("text", ["", "[]", "rules: 7", "rules: [7]", "just words", "a: &a [*a]"])
def test_anything_else_is_no_rule_file(text: str) -> None:
    refusal(text)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    refusal(f"rules: !!python/object/apply:os.mkdir ['{tmp_path}/made']")
    assert not (tmp_path / "made").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="cannot be read; check its name"):
        RuleSet.read(tmp_path / "rules.yaml")
