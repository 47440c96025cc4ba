"""A rule file that was read and checked: versioned by the digest of what it says."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from components.common.errors import in_words
from components.common.ledger import canonical_json
from components.fraud.rules.conditions import ConditionError, Predicate, invalid, predicate
from components.fraud.rules.fields import Values, fields
from components.fraud.rules.schema import Rule, RuleFile


@dataclass(frozen=True)
class RuleSet:
    """Checked rules in the order of their file."""

    file: RuleFile
    digest: str
    """SHA-256 (hex) of the canonical content: comments, layout and order of keys do not count."""
    content: dict[str, Any]
    """What the digest is of, as JSON objects; `of` reads it again."""
    active: tuple[tuple[Rule, Predicate], ...]
    """The enabled rules, each with the function that says whether it applies."""

    @classmethod
    def read(cls, path: Path) -> RuleSet:
        """The rules of a YAML file.

        Raises `FinloopError("rules_invalid")` with the rule and what to do.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise invalid(str(path), "the rule file cannot be read; check its name") from error
        return cls.parse(text, path.name)

    @classmethod
    def parse(cls, text: str, name: str = "The rule file") -> RuleSet:
        """The rules of YAML text; `name` is what an error calls it."""
        try:
            content = yaml.load(text, _OnceEach)  # noqa: S506 - a safe loader that is stricter
        except yaml.YAMLError as error:
            said = " ".join(str(error).split())
            raise invalid(name, f"this is no YAML ({said}); mend it there") from error
        return cls.of(content, name)

    @classmethod
    def of(cls, content: Any, name: str = "The rule set") -> RuleSet:
        """The rules of parsed content."""
        try:
            file = RuleFile.model_validate(content)
        except ValidationError as error:
            raise _mistake(name, content, error) from None
        _check_names(name, file)
        whole = file.model_dump(mode="json")
        digest = hashlib.sha256(canonical_json(whole).encode()).hexdigest()
        return cls(file, digest, whole, _compiled(name, file))

    def hits(self, values: Values) -> tuple[Rule, ...]:
        """The enabled rules that apply to a payment, in the order of the file."""
        return tuple([rule for rule, applies in self.active if applies(values)])


class _OnceEach(yaml.SafeLoader):
    """YAML in which no key comes twice: the second would silence the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = Counter(self.construct_object(key, deep=True) for key, _ in node.value)
        twice = [key for key, count in keys.items() if count > 1]
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {twice[0]!r} is there twice", node.start_mark
            )
        return super().construct_mapping(node, deep)


def _compiled(name: str, file: RuleFile) -> tuple[tuple[Rule, Predicate], ...]:
    """Every rule is checked, and those that are enabled are kept."""
    lists = {key: frozenset(values) for key, values in file.lists.items()}
    found = []
    for rule in file.rules:
        try:
            found.append((rule, predicate(rule.when, lists)))
        except ConditionError as mistake:
            raise invalid(f"{name}, rule {rule.id!r}", str(mistake)) from None
    return tuple((rule, applies) for rule, applies in found if rule.enabled)


def _check_names(name: str, file: RuleFile) -> None:
    ids = Counter(rule.id for rule in file.rules)
    for rule, count in ids.items():
        if count > 1:
            raise invalid(
                f"{name}, rule {rule!r}", f"{count} rules have this id; give each its own"
            )
    for taken in set(file.lists) & set(fields()):
        raise invalid(f"{name}, list {taken!r}", "a field has this name; choose another")
    texts: dict[str, Rule] = {}
    for rule in file.rules:
        first = texts.setdefault(rule.reason, rule)
        if (first.text_en, first.text_ko) != (rule.text_en, rule.text_ko):
            raise invalid(
                f"{name}, rule {rule.id!r}",
                f"the reason {rule.reason} has another text in rule {first.id!r}; make them alike",
            )


def _mistake(name: str, content: Any, error: ValidationError) -> Exception:
    first = error.errors(include_url=False, include_input=False)[0]
    loc = list(first["loc"])
    where = name
    if loc[:1] == ["rules"] and len(loc) > 1 and isinstance(loc[1], int):
        where = f"{name}, {_rule_name(content, loc[1])}"
        loc = loc[2:]
    path = ".".join(str(part) for part in dict.fromkeys(loc) if part not in _TAGS)
    return invalid(where, f"{path}: {_said(first)}" if path else _said(first))


def _rule_name(content: Mapping[str, Any], place: int) -> str:
    rule = content["rules"][place]
    known = rule.get("id") if isinstance(rule, dict) else None
    return f"rule {known!r}" if isinstance(known, str) else f"rule number {place + 1}"


_TAGS = frozenset({"comparison", "bool", "float", "str"})
"""What pydantic adds to the path of a value that may have several forms."""


def _said(first: Any) -> str:
    if first["type"] == "string_pattern_mismatch":
        return f"it must be written like this: {first['ctx']['pattern']}"
    return in_words(str(first["msg"]))
