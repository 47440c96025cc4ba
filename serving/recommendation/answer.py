"""From what is known of a customer to the bytes of their list: pure, so that it can be replayed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.common.artifact import read_inputs
from components.common.errors import FinloopError, refused
from components.common.records import Decision
from components.recommendation.catalogue import INPUTS, Catalogue
from components.recommendation.features.states import EVERYBODY
from components.recommendation.ranking import Place, because, best, distance_km, eligible
from serving.common.bodies import Answerer, Reason
from serving.common.facts import AnsweredBy, Facts
from serving.common.models import Model
from serving.common.scoring import DIGITS, ScoreError
from serving.recommendation.features import Known
from serving.recommendation.reasons import (
    YOUR_TASTE,
    also_paid,
    fits_taste,
    near_you,
    popular_with,
)
from serving.recommendation.schemas import Asked, Item, Kind, Recommendations

if TYPE_CHECKING:
    from serving.common.library import Library

PLACE_UNKNOWN = "place_unknown"
Floats = npt.NDArray[np.float64]

catalogue_of = cache(Catalogue.read)
"""The catalogue of an artifact folder, which never changes: its name is its digest."""


@dataclass(frozen=True)
class Listed:
    """What a version makes of a request."""

    kind: Kind
    items: tuple[Item, ...]

    @property
    def score(self) -> float:
        """Mean probability of what is on the list, 0 of an empty one: what arms are compared by."""
        chances = [item.probability for item in self.items if item.probability is not None]
        return round(sum(chances) / len(chances), DIGITS) if chances else 0.0

    @property
    def merchants(self) -> frozenset[str]:
        """What is on the list."""
        return frozenset(item.merchant_id for item in self.items)


def prepare(directory: Path) -> None:
    """Make an artifact ready to answer; refuses one with inputs that no history has."""
    unknown = sorted(set(read_inputs(directory)) - set(INPUTS))
    if unknown:
        raise refused(
            "inputs_unknown", f"Its inputs {', '.join(unknown)} are nothing of a history here."
        )
    catalogue_of(directory)


def list_by(model: Model, asked: Asked, known: Known) -> Listed:
    """The list that a version makes; raises `ScoreError` where it gives no probabilities.

    Raises a 422 `FinloopError("unknown_category")` for a category that no merchant has.
    """
    catalogue = catalogue_of(model.directory)
    if asked.category is not None and asked.category not in catalogue.known_categories:
        raise FinloopError(
            "unknown_category",
            f"There is no category {asked.category!r}; use one of: "
            f"{', '.join(catalogue.known_categories)}.",
            http_status=422,
        )
    probability = _probabilities(model, catalogue, asked, known)
    near = asked.near(known.usual)
    used = () if asked.include_used else known.history.merchants
    allowed = eligible(catalogue, used, asked.category, near)
    kind, order = _order(catalogue, known, probability)
    rows = best(order, allowed, catalogue, asked.n)
    items = (_item(catalogue, int(row), probability, known, kind, near) for row in rows)
    return Listed(kind if len(rows) else "EMPTY", tuple(items))


def list_without(asked: Asked, known: Known) -> Listed:
    """What can be shown without any model: the list of the last batch, or what is popular.

    Nothing, where something of merchants would have to be known.
    """
    if asked.category is not None or asked.near(known.usual) is not None:
        return Listed("EMPTY", ())
    used = set() if asked.include_used else set(known.history.merchants)
    if known.stored:
        shown = [pair for pair in known.stored if pair[0] not in used][: asked.n]
        items = tuple(_bare(one, [YOUR_TASTE], chance) for one, chance in shown)
        return Listed("STORED" if items else "EMPTY", items)
    kind: Kind = "POPULAR" if known.segment in (EVERYBODY, None) else "SEGMENT"
    popular = [one for one in known.popular if one not in used][: asked.n]
    reason = popular_with(known.segment)
    items = tuple(_bare(one, [reason], None) for one in popular)
    return Listed(kind if items else "EMPTY", items)


def _bare(merchant_id: str, reasons: list[Reason], probability: float | None) -> Item:
    """A merchant of whom nothing else is known here."""
    return Item(
        merchant_id=merchant_id,
        name=None,
        category=None,
        distance_km=None,
        probability=None if probability is None else round(probability, DIGITS),
        reasons=reasons,
    )


def _probabilities(model: Model, catalogue: Catalogue, asked: Asked, known: Known) -> Floats:
    """[merchants]; raises `ScoreError` as `scoring.probability` does."""
    try:
        inputs = catalogue.inputs(known.history, asked.event_timestamp)
        found = model.scorer.score(model.scorer.vector(inputs))[0]
    except Exception as error:  # whatever a runtime raises is a failure of that model
        raise ScoreError(f"model_failed: {type(error).__name__}") from error
    if found.shape != (len(catalogue),):
        raise ScoreError(f"invalid_score: {found.shape} for {len(catalogue)} merchants")
    if not np.isfinite(found).all() or found.min() < 0 or found.max() > 1:
        raise ScoreError("invalid_score: not every one is a probability")
    return found


def _order(catalogue: Catalogue, known: Known, probability: Floats) -> tuple[Kind, Floats]:
    """By what merchants are ordered, and how that is called."""
    if len(known.history):
        return "PERSONAL", probability
    popular = catalogue.rows(known.popular)
    if not len(popular):
        return "POPULAR", probability
    order = np.zeros(len(catalogue))
    order[popular] = np.linspace(1.0, 0.5, len(popular))  # in their order, alike enough to mix
    return ("POPULAR" if known.segment == EVERYBODY else "SEGMENT"), order


def _item(
    catalogue: Catalogue,
    row: int,
    probability: Floats,
    known: Known,
    kind: Kind,
    near: Place | None,
) -> Item:
    merchant = catalogue.merchant(row)
    here = (near.latitude, near.longitude) if near else known.usual
    away = _away(catalogue, row, here)
    return Item(
        merchant_id=merchant.merchant_id,
        name=merchant.name,
        category=merchant.category,
        distance_km=away,
        probability=round(float(probability[row]), DIGITS),
        reasons=_reasons(catalogue, row, known, kind, away if near else None),
    )


def _away(catalogue: Catalogue, row: int, here: tuple[float, float] | None) -> float | None:
    if here is None:
        return None
    away = float(distance_km(catalogue.only(row), *here)[0])
    return None if np.isnan(away) else round(away, 3)


def _reasons(
    catalogue: Catalogue, row: int, known: Known, kind: Kind, away: float | None
) -> list[Reason]:
    """Why a merchant is there, the strongest first."""
    found = [near_you(away)] if away is not None else []
    if kind != "PERSONAL":
        return [popular_with(known.segment), *found]
    paid = because(catalogue, row, known.history.merchants)
    if paid is None:
        return [fits_taste(catalogue.categories[row]), *found]
    return [also_paid(catalogue.names[catalogue.row_of[paid]]), *found]


def compose(decision_id: str, asked: Asked, facts: Facts, listed: Listed) -> Recommendations:
    """The answer: a list with what it was made from."""
    return Recommendations(
        decision_id=decision_id,
        event_timestamp=asked.event_timestamp,
        decision=listed.kind,
        items=list(listed.items),
        model=Answerer(**vars(facts.model)) if facts.model is not None else None,
        feature_age_seconds=dict(sorted(facts.ages.items())),
        degraded=list(facts.degraded),
    )


def answer_again(decision: Decision, model: Model | None, library: Library) -> bytes:
    """The answer to a recorded request, made anew by `model`."""
    facts = Facts.of(decision)
    asked = Asked.model_validate_json(decision.request)
    known = Known.of(facts.inputs, facts.known)
    if model is None:
        return encode(compose(decision.decision_id, asked, facts, list_without(asked, known)))
    arm = facts.model.arm if facts.model is not None else "champion"
    facts = replace(facts, model=AnsweredBy.of(arm, model))
    return encode(compose(decision.decision_id, asked, facts, list_by(model, asked, known)))


def merchants_of(decision: Decision) -> frozenset[str]:
    """What a recorded list showed."""
    return frozenset(item["merchant_id"] for item in json.loads(decision.answer)["items"])


def encode(answer: Recommendations) -> bytes:
    """The bytes of an answer, as they are kept and sent."""
    return answer.model_dump_json().encode()
