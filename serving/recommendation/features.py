"""What is known of a customer when a list is asked for: profile, history, and what is popular."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from components.recommendation.catalogue import History
from components.recommendation.features import USER_DAILY, USER_PROFILE
from components.recommendation.features.states import (
    EVERYBODY,
    LISTS,
    SEGMENT,
    SEGMENT_POPULAR,
    USER_HISTORY,
)
from serving.common.online_features import OnlineFeatures, ViewRow, plain

VIEWS = (USER_DAILY.name, USER_HISTORY)
USUAL = ("usual_latitude", "usual_longitude")


@dataclass(frozen=True)
class Known:
    """Everything that a list is made from besides the request and a model."""

    profile: dict[str, float | None]
    """Features of the customer; a null is a value."""
    history: History
    popular: tuple[str, ...] = ()
    """Merchants that are popular in the segment; looked up only without a history."""
    segment: str | None = None
    """The segment that `popular` is of."""
    stored: tuple[tuple[str, float], ...] = ()
    """The list of the last batch, with probabilities; looked up only without a model."""

    @property
    def usual(self) -> tuple[float, float] | None:
        """Where the customer usually pays (degrees)."""
        latitude, longitude = (self.profile.get(name) for name in USUAL)
        return None if latitude is None or longitude is None else (latitude, longitude)

    def as_json(self) -> dict[str, Any]:
        """What the ledger keeps beside the profile."""
        return {
            "history": asdict(self.history),
            "popular": list(self.popular),
            "segment": self.segment,
            **({"stored": [list(pair) for pair in self.stored]} if self.stored else {}),
        }

    @classmethod
    def of(cls, profile: dict[str, float | None], kept: Mapping[str, Any]) -> Known:
        """What `as_json` gave, again."""
        popular = tuple(kept.get("popular", ()))
        stored = tuple((name, chance) for name, chance in kept.get("stored", ()))
        history = History.of(kept.get("history", {}))
        return cls(profile, history, popular, kept.get("segment"), stored)


@dataclass(frozen=True)
class Gathered:
    """What is known, how old it is, and what is missing."""

    known: Known
    ages: dict[str, float | None]
    degraded: tuple[str, ...]


def gather(online: OnlineFeatures, user: str, now: datetime) -> Gathered:
    """What the online store knows of a customer (a pseudonym) at a moment; never raises.

    A customer without a history is nothing that is missing: everybody is new once.
    """
    rows = online.read(VIEWS, {"user_id": user}, now)
    values = rows[USER_DAILY.name].values
    profile = {name: plain(values.get(name)) for name in USER_PROFILE}
    known = Known(profile, History.of(rows[USER_HISTORY].values))
    if not len(known.history):
        segment = _segment(profile)
        rows |= _popular(online, segment, now)
        found = rows[SEGMENT_POPULAR].values.get("merchants") or ()
        known = Known(profile, known.history, tuple(found), segment)
    ages = {name: row.age_seconds for name, row in sorted(rows.items())}
    return Gathered(known, ages, tuple(_troubles(rows)))


def recall(online: OnlineFeatures, known: Known, user: str, now: datetime) -> Known:
    """The same with the customer's list of the last batch, where there is one."""
    values = online.read([LISTS], {"user_id": user}, now)[LISTS].values
    pairs = zip(values.get("merchants") or (), values.get("probabilities") or (), strict=True)
    return replace(known, stored=tuple(pairs))


def _segment(profile: Mapping[str, float | None]) -> str:
    """The segment of a customer; everybody's where it is not known."""
    return str(int(profile["segment"])) if profile["segment"] else EVERYBODY


def _popular(online: OnlineFeatures, segment: str, now: datetime) -> dict[str, ViewRow]:
    found = online.read([SEGMENT_POPULAR], {SEGMENT: segment}, now)
    if found[SEGMENT_POPULAR].values or segment == EVERYBODY:
        return found
    return online.read([SEGMENT_POPULAR], {SEGMENT: EVERYBODY}, now)


def _troubles(rows: Mapping[str, ViewRow]) -> Iterator[str]:
    for name, row in rows.items():
        new = row.trouble == "missing" and name in VIEWS  # everybody is new once
        if row.trouble is not None and not new:
            yield f"{name}_{row.trouble}"
