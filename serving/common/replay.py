"""Give recorded answers again: the same bytes by the same version, or what another would say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from components.common.errors import FinloopError
from components.common.records import Decision
from serving.common.domain import service_of
from serving.common.facts import Facts
from serving.common.library import Library
from serving.common.models import Model
from serving.common.scoring import ScoreError


@dataclass(frozen=True)
class Replayed:
    """A recorded answer beside the one that was made now."""

    decision_id: str
    version: str | None
    """Version that answered now; None where no model did."""
    recorded: str
    again: str | None
    """None where no answer could be made; `error` says why."""
    error: str | None = None

    @property
    def same(self) -> bool:
        """Whether the bytes are the same."""
        return self.recorded == self.again

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Field of the answer → (recorded, now), where they differ."""
        if self.again is None:
            return {}
        before, now = json.loads(self.recorded), json.loads(self.again)
        names = dict.fromkeys([*before, *now])
        pairs = {name: (before.get(name), now.get(name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def as_json(self) -> dict[str, Any]:
        """One JSON object for programs."""
        return {
            "decision_id": self.decision_id,
            "same": self.same,
            "version": self.version,
            "error": self.error,
            "changes": {
                name: {"recorded": before, "again": now}
                for name, (before, now) in self.changes.items()
            },
            "recorded": json.loads(self.recorded),
            "again": None if self.again is None else json.loads(self.again),
        }


def replay(
    decisions: Iterable[Decision], library: Library, version: str | None = None
) -> Iterator[Replayed]:
    """Answer recorded decisions again, by the version that answered or by `version`."""
    for decision in decisions:
        try:
            model = _model(decision, library, version)
            again = service_of(decision.domain).answer_again(decision, model, library).decode()
        except (FinloopError, ScoreError) as error:
            yield Replayed(decision.decision_id, version, decision.answer, None, str(error))
            continue
        answered = model.release.version if model is not None else None
        yield Replayed(decision.decision_id, answered, decision.answer, again)


def _model(decision: Decision, library: Library, version: str | None) -> Model | None:
    if version is not None:
        return library.by_version(decision.model, version)
    model = Facts.of(decision).model
    return library.by_digest(model.name, model.version, model.digest) if model else None
