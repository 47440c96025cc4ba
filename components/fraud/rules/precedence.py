"""Who overrides whom: block rules, then the model, then review rules, then allow rules.

Each speaks or is silent, and the first that speaks decides:

1. a **block rule** that applies declines, whatever the model says;
2. the **model** declines from its upper threshold on;
3. a **review rule** that applies has a person look (`review`) or the customer authenticate again
   (`step_up`); where both apply, or the model itself asks for a person, a person looks;
4. an **allow rule** that applies approves: it lifts a review that only the model asks for;
5. otherwise the model's lower threshold decides, and without a model a person looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.fraud.decision import Answer, Ruling
from components.fraud.rules.schema import Action, Rule

_ASKED = {
    Action.DECLINE: Answer.DECLINE,
    Action.REVIEW: Answer.REVIEW,
    Action.STEP_UP: Answer.STEP_UP,
    Action.APPROVE: Answer.APPROVE,
}


@dataclass(frozen=True)
class Verdict:
    """What happens with a payment, and the rules that speak for it."""

    decision: Answer
    because: tuple[Rule, ...]
    """Rules that would have stopped the payment where it was stopped, strictest first; the allow
    rules where they let it through; none where the model decided alone."""
    applied: tuple[Rule, ...]
    """Every rule that applies, in the order of the file."""


def overrule(model: Ruling, hits: Iterable[Rule]) -> Verdict:
    """The verdict on a payment from the ruling of the model and the rules that apply."""
    found = tuple(hits)
    decision = _decide(model, {rule.action for rule in found})
    return Verdict(decision, _speaking_for(decision, model, found), found)


def _decide(model: Ruling, asked: set[Action]) -> Answer:
    if Action.DECLINE in asked or model.decision is Answer.DECLINE:
        return Answer.DECLINE
    if Action.REVIEW in asked:
        return Answer.REVIEW
    if Action.STEP_UP in asked:
        wants_a_person = model.decision is Answer.REVIEW and not model.degraded
        return Answer.REVIEW if wants_a_person else Answer.STEP_UP
    return Answer.APPROVE if Action.APPROVE in asked else model.decision


def _speaking_for(decision: Answer, model: Ruling, found: Sequence[Rule]) -> tuple[Rule, ...]:
    if decision is Answer.APPROVE:
        lifted = model.decision is not Answer.APPROVE
        return tuple(rule for rule in found if lifted)
    order = tuple(_ASKED)
    stopping = [rule for rule in found if rule.action is not Action.APPROVE]
    return tuple(sorted(stopping, key=lambda rule: order.index(rule.action)))
