"""A model through its stages, on a real registry and ledger with rows as the service writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest

from components.common.approval import approve
from components.common.errors import Exit, FinloopError
from components.common.ledger import Ledger
from components.common.records import Decision, Event, Shadow
from components.common.registry import CHAMPION, ModelVersion, Registry
from components.common.settings import Settings
from components.common.stages import LADDER, Stage
from components.credit import SCORING
from components.fraud import XGBOOST
from monitoring.judge import Action
from monitoring.release import release, waits_for_person
from monitoring.rollout import abort, opinion, restore, step
from monitoring.rollout_state import read_state
from monitoring.status import waiting_in_shadow

from .conftest import MODEL, NOW

Trained = Callable[..., ModelVersion]
Decided = Callable[..., Decision]
Shadowed = Callable[..., Shadow]


class Company:
    """The service, the clock and the controller around one registry and ledger."""

    def __init__(
        self, registry: Registry, ledger: Ledger, decided: Decided, shadowed: Shadowed
    ) -> None:
        self.registry, self.ledger = registry, ledger
        self._decided, self._shadowed = decided, shadowed
        self._numbers, self._rng = count(1), np.random.default_rng(2)
        self.now = NOW

    def step(self) -> list[Event]:
        self.now += timedelta(minutes=10)
        return step(XGBOOST, self.registry, self.ledger, self.now)

    def stages(self) -> dict[str, Stage]:
        """Version → stage, as the registry shows it."""
        return {found.version: found.stage for found in self.registry.versions(MODEL)}

    def shadow(self, challenger: str, size: int = 1_000, inverted: bool = False) -> None:
        """Decisions of version 1, scored by a challenger beside it."""
        scores = self._rng.beta(0.2, 8, size)
        decisions = [self._decide(float(score)) for score in scores]
        theirs = 1 - scores if inverted else np.clip(scores * 1.02, 0, 1)
        shadows = [
            self._shadowed(
                0,
                decision_id=made.decision_id,
                version=challenger,
                score=float(score),
                decision=_decision(float(score)),
                recorded_at=self._later(),
            )
            for made, score in zip(decisions, theirs, strict=True)
        ]
        self.ledger.append([*decisions, *shadows])

    def canary(self, challenger: str, size: int, declines: int = 0) -> None:
        """As many decisions of version 1 as of a challenger, which declines some."""
        ours = [
            self._decide(0.9 if n < declines else 0.01, version=challenger, arm="challenger")
            for n in range(size)
        ]
        self.ledger.append([*ours, *(self._decide(0.01) for _ in range(size))])

    def _decide(self, score: float, **changes: object) -> Decision:
        return self._decided(
            next(self._numbers),
            score=score,
            decision=_decision(score),
            recorded_at=self._later(),
            **changes,
        )

    def _later(self) -> datetime:
        return self.now + timedelta(seconds=1)


def _decision(score: float) -> str:
    return "DECLINE" if score >= 0.7 else "REVIEW" if score >= 0.3 else "APPROVE"


@pytest.fixture
def company(registry: Registry, ledger: Ledger, decided: Decided, shadowed: Shadowed) -> Company:
    return Company(registry, ledger, decided, shadowed)


@pytest.fixture
def approved(company: Company, trained: Trained) -> Callable[[], str]:
    """Train a candidate and approve it; gives its production version."""

    def make() -> str:
        candidate = trained()
        return approve(XGBOOST, candidate.version, "jun", company.registry.settings).version

    return make


@pytest.fixture
def in_shadow(company: Company, approved: Callable[[], str]) -> Company:
    """Version 1 is champion and version 2 in shadow."""
    approved()
    company.step()
    approved()
    company.step()
    return company


def _facts(events: list[Event]) -> list[tuple[str, str | None, str | None]]:
    return [(event.kind, event.version, event.body.get("to")) for event in events]


def test_without_any_version_there_is_nothing_to_do(company: Company) -> None:
    assert company.step() == []


def test_the_first_approved_version_is_champion_at_once(
    company: Company, approved: Callable[[], str]
) -> None:
    approved()

    events = company.step()

    assert _facts(events) == [("rollout", "1", "waiting"), ("rollout", "1", "champion")]
    assert company.registry.aliases(MODEL) == {CHAMPION: "1"}
    assert company.stages() == {"1": Stage.CHAMPION}
    assert company.step() == []


def test_a_good_challenger_climbs_one_stage_at_a_time(in_shadow: Company) -> None:
    company = in_shadow
    assert company.registry.aliases(MODEL) == {"champion": "1", "challenger": "2"}
    climbed = [company.stages()["2"]]
    company.shadow("2")
    for size in (100, 300, 500, 1):
        (event,) = company.step()
        assert event.body["reasons"]
        assert event.body["observations"]["challenger"]["answers"] >= 100
        climbed.append(company.stages()["2"])
        company.canary("2", size)

    assert tuple(climbed) == LADDER
    assert company.registry.aliases(MODEL) == {CHAMPION: "2"}
    assert company.stages() == {"1": Stage.RETIRED, "2": Stage.CHAMPION}
    assert company.step() == []


def test_without_enough_evidence_nothing_moves_and_the_judge_says_why(in_shadow: Company) -> None:
    in_shadow.shadow("2", 400)

    assert in_shadow.step() == []
    assert in_shadow.stages()["2"] is Stage.SHADOW
    judged = opinion(XGBOOST, in_shadow.ledger, in_shadow.registry.settings)
    assert judged is not None
    assert "Not enough evidence: 400 of 1,000 paired scores." in judged[1].reasons


def test_evidence_of_an_earlier_stage_does_not_count(in_shadow: Company) -> None:
    in_shadow.shadow("2")
    in_shadow.canary("2", 200)

    in_shadow.step()

    assert in_shadow.stages()["2"] is Stage.CANARY_5
    assert in_shadow.step() == []


def test_an_inverted_model_is_rolled_back_in_shadow_before_anybody_met_it(
    in_shadow: Company,
) -> None:
    in_shadow.shadow("2", 250, inverted=True)

    (event,) = in_shadow.step()

    assert (event.body["from"], event.body["to"]) == ("shadow", "rolled-back")
    assert (event.body["answered"], event.body["shadowed"]) == (0, 250)
    assert any("PSI" in reason for reason in event.body["reasons"])
    assert in_shadow.registry.aliases(MODEL) == {CHAMPION: "1"}
    (version,) = [v for v in in_shadow.registry.versions(MODEL) if v.version == "2"]
    assert version.stage is Stage.ROLLED_BACK
    assert list(version.reasons) == event.body["reasons"]
    assert in_shadow.step() == []


def test_a_canary_that_declines_too_much_is_rolled_back_and_counted(in_shadow: Company) -> None:
    in_shadow.shadow("2")
    in_shadow.step()
    in_shadow.canary("2", 80, declines=30)

    (event,) = in_shadow.step()

    assert event.body["to"] == "rolled-back"
    assert event.body["answered"] == 80
    assert "Declines: 37.50%" in event.body["reasons"][0]


def test_a_newer_version_waits_while_one_is_in_flight(
    in_shadow: Company, approved: Callable[[], str]
) -> None:
    approved()

    assert _facts(in_shadow.step()) == [("rollout", "3", "waiting")]
    assert in_shadow.step() == []
    in_shadow.shadow("2", 250, inverted=True)
    assert _facts(in_shadow.step()) == [("rollout", "2", "rolled-back")]
    assert _facts(in_shadow.step()) == [("rollout", "3", "shadow")]
    assert in_shadow.registry.aliases(MODEL)["challenger"] == "3"


def test_a_promotion_in_the_mlflow_ui_is_noted_and_admitted(
    company: Company, trained: Trained
) -> None:
    company.registry.promote(XGBOOST, trained())

    events = company.step()

    assert _facts(events)[0] == ("approval", "1", None)
    assert company.stages() == {"1": Stage.CHAMPION}


def test_a_version_that_is_no_copy_of_a_candidate_is_refused(
    in_shadow: Company, tmp_path: Path
) -> None:
    in_shadow.registry.client.create_model_version(MODEL, source=tmp_path.as_uri())
    in_shadow.registry.set_champion(MODEL, "3")

    events = in_shadow.step()

    kinds = {event.kind: event for event in events}
    assert "not a copy" in kinds["refusal"].body["reasons"][0]
    assert kinds["alias_restored"].body == {"alias": "champion", "found": "3", "restored": "1"}
    assert in_shadow.stages()["3"] is Stage.REFUSED
    assert in_shadow.registry.aliases(MODEL) == {"champion": "1", "challenger": "2"}
    assert in_shadow.step() == []


def test_a_refusal_that_sync_wrote_first_is_followed_and_the_alias_still_noted(
    in_shadow: Company, tmp_path: Path
) -> None:
    in_shadow.registry.client.create_model_version(MODEL, source=tmp_path.as_uri())
    in_shadow.registry.set_champion(MODEL, "3")
    refusal = Event("refusal", MODEL, "3:none", "sync", NOW, "3", {"reasons": ["No copy."]})
    in_shadow.ledger.append([refusal])

    events = in_shadow.step()

    assert ("alias_restored", "1", None) in _facts(events)
    assert in_shadow.stages()["3"] is Stage.REFUSED


def test_a_candidate_whose_gate_failed_is_refused_though_somebody_promoted_it(
    company: Company, trained: Trained
) -> None:
    company.registry.promote(XGBOOST, trained(ok=False))

    events = company.step()

    assert ("refusal", "1", None) in _facts(events)
    assert company.registry.aliases(MODEL) == {}


def _alter(registry: Registry, version: str) -> None:
    uri = registry.client.get_model_version_download_uri(MODEL, version)
    folder = Path(url2pathname(urlsplit(uri).path))
    (model,) = folder.rglob("model.onnx")
    model.write_bytes(model.read_bytes() + b" ")


def test_altered_files_are_refused_before_they_serve(
    company: Company, approved: Callable[[], str]
) -> None:
    _alter(company.registry, approved())

    (event,) = company.step()

    assert event.kind == "refusal"
    assert "model.onnx was changed" in " ".join(event.body["reasons"])
    assert company.stages() == {"1": Stage.REFUSED}


def test_files_altered_while_waiting_are_refused_at_the_start(
    in_shadow: Company, approved: Callable[[], str]
) -> None:
    version = approved()
    in_shadow.step()
    _alter(in_shadow.registry, version)
    in_shadow.shadow("2", 250, inverted=True)
    in_shadow.step()

    (event,) = in_shadow.step()

    assert (event.version, event.body["to"]) == ("3", "refused")
    assert in_shadow.stages()["3"] is Stage.REFUSED


def test_files_altered_in_flight_are_rolled_back_instead_of_promoted(in_shadow: Company) -> None:
    in_shadow.shadow("2")
    _alter(in_shadow.registry, "2")

    (event,) = in_shadow.step()

    assert event.body["to"] == "rolled-back"
    assert "model.onnx was changed" in " ".join(event.body["reasons"])


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (lambda registry: registry.set_champion(MODEL, "2"), ("champion", "2", "1")),
        (lambda registry: registry.clear_champion(MODEL), ("champion", None, "1")),
        (lambda registry: registry.set_challenger(MODEL, "1"), ("challenger", "1", "2")),
        (lambda registry: registry.clear_challenger(MODEL), ("challenger", None, "2")),
    ],
)
def test_an_alias_moved_by_hand_is_put_back_and_noted(
    in_shadow: Company,
    tamper: Callable[[Registry], None],
    found: tuple[str, str | None, str],
) -> None:
    tamper(in_shadow.registry)

    (event,) = in_shadow.step()

    assert event.kind == "alias_restored"
    assert (event.body["alias"], event.body["found"], event.body["restored"]) == found
    assert in_shadow.registry.aliases(MODEL) == {"champion": "1", "challenger": "2"}


def test_a_stage_set_by_hand_is_put_back(in_shadow: Company) -> None:
    in_shadow.registry.set_stage(MODEL, "2", Stage.CANARY_50, ("Hurry.",))

    in_shadow.step()

    assert in_shadow.stages()["2"] is Stage.SHADOW


class CrashError(Exception):
    """The controller died."""


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_step_that_crashes_between_ledger_and_registry_repeats_safely(
    in_shadow: Company, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The move to champion writes two aliases and two stages; it dies after so many of them."""
    company = in_shadow
    company.shadow("2")
    for size in (100, 300, 500):
        company.step()
        company.canary("2", size)
    writes = count()

    def dies(write: Callable[..., None]) -> Callable[..., None]:
        def wrapped(*arguments: object) -> None:
            if next(writes) >= after:
                raise CrashError
            write(*arguments)

        return wrapped

    with monkeypatch.context() as patched:
        for name in ("set_champion", "clear_challenger", "set_stage"):
            patched.setattr(company.registry, name, dies(getattr(company.registry, name)))
        with pytest.raises(CrashError):
            company.step()

    assert company.step() == []
    assert company.registry.aliases(MODEL) == {CHAMPION: "2"}
    assert company.stages() == {"1": Stage.RETIRED, "2": Stage.CHAMPION}


def test_of_two_controllers_only_one_makes_a_move(
    in_shadow: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = in_shadow
    company.shadow("2")
    append = company.ledger.append

    def overtaken(records: list[Event]) -> list[bool]:
        monkeypatch.setattr(company.ledger, "append", append)
        abort(XGBOOST, company.registry, company.ledger, "sora", "", company.now)
        return append(records)

    def when_it_moves(records: list[Event]) -> list[bool]:
        moving = any(record.kind == "rollout" for record in records)
        return overtaken(records) if moving else append(records)

    monkeypatch.setattr(company.ledger, "append", when_it_moves)

    assert company.step() == []
    assert company.stages()["2"] is Stage.ROLLED_BACK


def test_a_named_human_aborts_what_is_in_flight(in_shadow: Company) -> None:
    in_shadow.shadow("2", 30)

    event = abort(
        XGBOOST, in_shadow.registry, in_shadow.ledger, "sora", "Wrong data.", in_shadow.now
    )

    assert event.actor == "sora"
    assert event.body["reasons"] == ["Aborted by sora: Wrong data."]
    assert event.body["shadowed"] == 30
    assert in_shadow.registry.aliases(MODEL) == {CHAMPION: "1"}
    assert in_shadow.stages()["2"] is Stage.ROLLED_BACK


def test_aborting_nothing_is_one_sentence(company: Company) -> None:
    with pytest.raises(FinloopError, match="nothing to abort") as raised:
        abort(XGBOOST, company.registry, company.ledger, "sora", "", company.now)

    assert raised.value.exit_status is Exit.REFUSED


def _replace_champion(company: Company) -> None:
    company.shadow("2")
    for size in (100, 300, 500, 1):
        company.step()
        company.canary("2", size)


def test_the_former_champion_is_brought_back_at_once(in_shadow: Company) -> None:
    _replace_champion(in_shadow)

    event = restore(
        XGBOOST, in_shadow.registry, in_shadow.ledger, "sora", "Complaints.", in_shadow.now
    )

    assert (event.version, event.body["replaced"]) == ("1", "2")
    assert event.body["answered"] == 901
    assert in_shadow.registry.aliases(MODEL) == {CHAMPION: "1"}
    assert in_shadow.stages() == {"1": Stage.CHAMPION, "2": Stage.ROLLED_BACK}
    assert in_shadow.step() == []


def test_what_cannot_be_brought_back_says_why(in_shadow: Company, company: Company) -> None:
    arguments = (XGBOOST, company.registry, company.ledger, "sora", "", company.now)
    with pytest.raises(FinloopError, match="abort it first"):
        restore(*arguments)
    abort(*arguments)
    with pytest.raises(FinloopError, match="no champion to go back to"):
        restore(*arguments)


def test_a_former_champion_whose_files_were_altered_does_not_come_back(
    in_shadow: Company,
) -> None:
    _replace_champion(in_shadow)
    _alter(in_shadow.registry, "1")

    with pytest.raises(FinloopError, match=r"model\.onnx was changed"):
        restore(XGBOOST, in_shadow.registry, in_shadow.ledger, "sora", "", in_shadow.now)
    assert read_state(in_shadow.ledger, MODEL).standings["1"].stage is Stage.RETIRED


@pytest.fixture
def held(in_shadow: Company) -> Company:
    """The same where a person has to let a version out of the shadow."""
    settings = in_shadow.registry.settings
    in_shadow.registry.settings = settings.model_copy(update={"released_by_people": ("fraud",)})
    in_shadow.shadow("2")
    return in_shadow


def test_a_version_stays_in_shadow_until_a_person_says_otherwise(held: Company) -> None:
    assert held.step() == []
    judged = opinion(XGBOOST, held.ledger, held.registry.settings)
    assert judged is not None
    assert judged[1].action is Action.HOLD
    assert "`finloop rollout release fraud-xgboost --by NAME`" in judged[1].reasons[0]
    (waits,) = waiting_in_shadow(XGBOOST, held.ledger, held.registry.settings)
    assert (waits["version"], waits["do"].split()[2]) == ("2", "release")

    event = release(XGBOOST, held.ledger, "jia", "Looked at both.", held.now)

    assert (event.actor, event.version, event.body) == ("jia", "2", {"reason": "Looked at both."})
    assert waiting_in_shadow(XGBOOST, held.ledger, held.registry.settings) == []
    assert _facts(held.step()) == [("rollout", "2", "canary-5")]


def test_a_release_speaks_for_no_version_that_the_judge_is_against(held: Company) -> None:
    release(XGBOOST, held.ledger, "jia", "", held.now)
    held.shadow("2", 1_500, inverted=True)
    assert _facts(held.step()) == [("rollout", "2", "rolled-back")]


def test_a_second_release_changes_nothing_and_one_of_nothing_is_refused(held: Company) -> None:
    first = release(XGBOOST, held.ledger, "jia", "", held.now)
    assert release(XGBOOST, held.ledger, "mina", "", held.now) == first
    held.step()
    with pytest.raises(FinloopError, match="No version of fraud-xgboost is in shadow") as caught:
        release(XGBOOST, held.ledger, "jia", "", held.now)
    assert caught.value.code == "not_in_shadow"
    with pytest.raises(FinloopError, match="give --by NAME"):
        release(XGBOOST, held.ledger, " ", "", held.now)


def test_credit_is_released_by_people_unless_a_setting_says_otherwise(settings: Settings) -> None:
    assert waits_for_person(SCORING, settings)
    assert not waits_for_person(XGBOOST, settings)
    assert not waits_for_person(
        SCORING, settings.model_copy(update={"released_by_people": ("fraud",)})
    )
