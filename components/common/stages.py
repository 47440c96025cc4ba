"""The stages of a production version, from waiting to champion or back."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where a version of the production model stands in its rollout."""

    WAITING = "waiting"
    """Approved; the rollout controller has not started it."""
    SHADOW = "shadow"
    """Scores the champion's requests off the hot path; answers none."""
    CANARY_5 = "canary-5"
    CANARY_25 = "canary-25"
    CANARY_50 = "canary-50"
    CHAMPION = "champion"
    RETIRED = "retired"
    """Was champion until another version took its place."""
    ROLLED_BACK = "rolled-back"
    REFUSED = "refused"
    """Not a copy of a passing candidate, or not the files that were evaluated."""

    @property
    def share(self) -> float:
        """Share of traffic that a version of this stage answers, 0 to 1."""
        return _SHARES.get(self, 0.0)

    @property
    def challenging(self) -> bool:
        """Whether a version of this stage is being compared with the champion."""
        return self in LADDER[:-1]

    @property
    def next(self) -> Stage | None:
        """The stage after a promotion; None where there is none."""
        if self is Stage.WAITING:
            return LADDER[0]
        return LADDER[LADDER.index(self) + 1] if self.challenging else None


LADDER = (Stage.SHADOW, Stage.CANARY_5, Stage.CANARY_25, Stage.CANARY_50, Stage.CHAMPION)
"""The steps that a challenger climbs, one at a time."""

_SHARES = {Stage.CANARY_5: 0.05, Stage.CANARY_25: 0.25, Stage.CANARY_50: 0.5, Stage.CHAMPION: 1.0}
