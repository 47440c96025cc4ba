"""Click-through by version and arm, what a judge makes of it, and what a status says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.common.ledger import Ledger
from components.common.records import Decision, Feedback
from components.common.settings import Settings
from components.common.stages import Stage
from components.recommendation import DOMAIN, NCF
from monitoring.click_through import ClickRules, click_through
from monitoring.judge import Action, judge
from monitoring.observations import observe
from monitoring.recommendation import MONITORING
from monitoring.status import status

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
NOW = BEGAN + timedelta(days=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.db", durability="process")
    yield opened
    opened.close()


def show(ledger: Ledger, version: str, arm: Any, lists: int, seen: int, clicks: int) -> None:
    """Lists of a version of which so many things were seen, and the first of these followed."""
    decisions = [decision(f"{version}-{number}", version, arm) for number in range(lists)]
    told = [feedback(f"{version}-{number % lists}", f"m{number}") for number in range(seen)]
    followed = [feedback(f"{version}-{n % lists}", f"m{n}", "click") for n in range(clicks)]
    ledger.append([*decisions, *told, *followed])


def decision(name: str, version: str, arm: Any, **changes: Any) -> Decision:
    values: dict[str, Any] = {
        "decision_id": name,
        "domain": DOMAIN.name,
        "subject_id": name,
        "entity_id": f"user of {name}",
        "event_timestamp": BEGAN,
        "recorded_at": BEGAN,
        "model": NCF.name,
        "version": version,
        "digest": "d",
        "arm": arm,
        "score": 0.1,
        "decision": "PERSONAL",
        "latency_ms": 2.0,
        "error": None,
        "request": "{}",
        "features": "{}",
        "answer": "{}",
    }
    return Decision(**{**values, **changes})


def feedback(name: str, item: str, kind: Any = "impression") -> Feedback:
    return Feedback(DOMAIN.name, name, f"user of {name}", item, kind, BEGAN, "app", BEGAN)


def test_each_arm_has_its_own_rate(ledger: Ledger) -> None:
    show(ledger, "1", "champion", lists=40, seen=400, clicks=20)
    show(ledger, "2", "challenger", lists=10, seen=100, clicks=9)
    ledger.append([decision("failed", "2", "challenger", error="model_failed: x")])
    first, second = click_through(ledger, DOMAIN.name, NCF.name, NOW)
    assert (first.version, first.lists, first.shown, first.clicks) == ("1", 40, 400, 20)
    assert (second.arm, second.lists, second.rate) == ("challenger", 10, 0.09)
    assert first.low is not None and first.high is not None
    assert first.low < 0.05 < first.high
    assert "20 clicks on 400 seen, 5.00%" in first.sentence


def test_a_click_without_an_impression_was_seen_all_the_same(ledger: Ledger) -> None:
    ledger.append([decision("a", "1", "champion"), feedback("a", "m1", "click")])
    (one,) = click_through(ledger, DOMAIN.name, NCF.name, NOW)
    assert (one.shown, one.clicks, one.rate) == (1, 1, 1.0)


def test_lists_nobody_saw_have_no_rate(ledger: Ledger) -> None:
    ledger.append([decision("a", "1", "champion")])
    rules = ClickRules(minimum_shown=10, declined=("EMPTY",))
    (one,) = rules.measure(ledger, DOMAIN, NCF, NOW)
    assert (one.lists, one.shown, one.rate, one.enough) == (1, 0, None, False)
    assert one.sentence == "Version 1 (champion): 0 clicks on 0 seen, of 1 lists."


def test_what_comes_later_does_not_count(ledger: Ledger) -> None:
    show(ledger, "1", "champion", lists=4, seen=8, clicks=2)
    assert click_through(ledger, DOMAIN.name, NCF.name, BEGAN - timedelta(days=1)) == ()
    assert click_through(ledger, DOMAIN.name, NCF.name, NOW, since=NOW) == ()


@pytest.mark.parametrize(
    ("clicks", "action"), [(40, Action.PROMOTE), (10, Action.ROLL_BACK)], ids=["as many", "fewer"]
)
def test_a_canary_whose_lists_are_followed_less_is_rolled_back(
    ledger: Ledger, clicks: int, action: Action
) -> None:
    show(ledger, "1", "champion", lists=400, seen=4000, clicks=400)
    show(ledger, "2", "challenger", lists=400, seen=4000, clicks=clicks * 10)
    rules, stage = MONITORING.judge, Stage.CANARY_25
    seen = observe(ledger, NCF.name, "2", "1", stage, BEGAN, rules, ("EMPTY",))
    assert (seen.challenger.shown, seen.challenger.clicks) == (4000, clicks * 10)
    verdict = judge(seen, rules)
    assert verdict.action is action
    assert any("Seen and not followed" in reason for reason in verdict.reasons)


def test_a_status_tells_it(ledger: Ledger, tmp_path: Path) -> None:
    show(ledger, "1", "champion", lists=4, seen=8, clicks=2)
    found = status([DOMAIN], Settings(home=tmp_path), ledger)
    (model,) = found["models"]
    (one,) = model["click_through"]
    assert (one["arm"], one["shown"], one["clicks"]) == ("champion", 8, 2)
    assert one["sentence"].startswith("Version 1 (champion): 2 clicks on 8 seen, 25.00%")
