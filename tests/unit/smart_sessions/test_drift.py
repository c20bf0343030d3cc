"""The decision about one session at one look, as a table."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from agent.domain.hold import Epoch, Hold, SessionScope
from agent.domain.session import Session
from agent.domain.units import Address, Hash32, Timestamp
from agent.smart_sessions.drift import Drift, DriftCode, Fall, ForeignUse, Sight, is_new, look, undated
from agent.smart_sessions.events import TOPICS, ModuleEvent, Told, decode_module_event
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.on_chain import Location, OnChainSession
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash

MODULE = Address(bytes(19) + b"\x55")
VALIDATOR = Address(bytes(19) + b"\x66")
SESSION = Session(VALIDATOR, b"\x01", a_hash(4))
PERMISSION = permission_id(SESSION)
SCOPE = SessionScope(CHAIN_ID, ACCOUNT, PERMISSION)
FOUND = OnChainSession(
    Location(MODULE, ACCOUNT, PERMISSION),
    enabled=True,
    session_validator=VALIDATOR,
    session_validator_init_data=b"\x01",
    enable_nonce=0,
)
GONE = OnChainSession(FOUND.location, enabled=False, enable_nonce=0)
FIRST = Epoch(SCOPE, 1, 50, 0)


def a_sight(**parts: object) -> Sight:
    fields: dict[str, Any] = {
        "scope": SCOPE,
        "granted": SESSION,
        "expires_at": Timestamp(NOW + 100),
        "block": 100,
        "block_time": NOW,
        "scanned_from": 90,
        "found": FOUND,
        "installed": True,
    }
    return Sight(**(fields | parts))


def an_event(told: Told, *, block: int = 95, value: int = 0) -> ModuleEvent:
    return ModuleEvent(told, PERMISSION, ACCOUNT, value, block)


CREATED = an_event(Told.CREATED)
CASES: list[tuple[str, Sight, set[DriftCode]]] = [
    ("as granted", a_sight(), set()),
    ("removed", a_sight(found=GONE), {DriftCode.REMOVED}),
    ("uninstalled", a_sight(found=GONE, installed=False), {DriftCode.UNINSTALLED}),
    ("removed, the account is silent", a_sight(found=GONE, installed=None), {DriftCode.REMOVED}),
    ("the module is silent", a_sight(found=None), set()),
    ("a view is silent", a_sight(found=replace(FOUND, unreadable=("getEnabledActions",))), set()),
    ("its last second", a_sight(block_time=Timestamp(NOW + 99)), set()),
    ("ended", a_sight(block_time=Timestamp(NOW + 100)), {DriftCode.EXPIRED}),
    ("enabled again", a_sight(events=(CREATED,)), {DriftCode.RE_ENABLED}),
    ("a policy enabled again", a_sight(events=(an_event(Told.POLICY_ENABLED),)), {DriftCode.RE_ENABLED}),
    ("enabled before it was known", a_sight(events=(an_event(Told.CREATED, block=50),)), set()),
    ("a counter fell", a_sight(falls=(Fall(98, 99),)), {DriftCode.RE_ENABLED}),
    ("nonce moved", a_sight(found=replace(FOUND, enable_nonce=1)), {DriftCode.REVOKED}),
    (
        "enabled again by a signature, which uses its nonce up",
        a_sight(found=replace(FOUND, enable_nonce=1), events=(an_event(Told.POLICY_ENABLED),)),
        {DriftCode.RE_ENABLED},
    ),
    (
        "enabled again, and revoked",
        a_sight(found=replace(FOUND, enable_nonce=1), events=(CREATED, an_event(Told.NONCE_MOVED, value=1))),
        {DriftCode.RE_ENABLED, DriftCode.REVOKED},
    ),
    ("another key", a_sight(found=replace(FOUND, session_validator_init_data=b"\x02")), {DriftCode.CHANGED}),
    ("paymaster", a_sight(events=(an_event(Told.PAYMASTER, value=1),)), {DriftCode.PAYMASTER_CHANGED}),
    ("no paymaster, as granted", a_sight(events=(an_event(Told.PAYMASTER, value=0),)), set()),
    ("foreign", a_sight(foreign=(ForeignUse(a_hash(7), 96),)), {DriftCode.FOREIGN_USE}),
    ("foreign, before it was known", a_sight(foreign=(ForeignUse(a_hash(7), 50),)), set()),
]


@pytest.mark.parametrize(("sight", "codes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_one_look_says_what_changed(sight: Sight, codes: set[DriftCode]) -> None:
    assert {drift.code for drift in look(sight, [FIRST]).drifts} == codes


def test_a_session_nobody_ever_saw_enabled_has_not_drifted() -> None:
    assert look(a_sight(found=GONE, installed=False, events=(CREATED,)), []) == look(a_sight(found=GONE), [])
    assert look(a_sight(found=GONE), []).epochs == ()


def test_the_first_sight_begins_the_first_epoch_and_its_past_is_history() -> None:
    finding = look(a_sight(events=(CREATED,), foreign=(ForeignUse(a_hash(7), 96),)), [])
    assert (finding.drifts, finding.epochs) == ((), (Epoch(SCOPE, 1, 100, 0),))


def test_what_is_unknown_is_named() -> None:
    assert look(a_sight(found=None), [FIRST]).unknown
    assert not look(a_sight(), [FIRST]).unknown


class TestEpochs:
    def test_each_block_that_enables_it_begins_one(self) -> None:
        events = (CREATED, an_event(Told.POLICY_ENABLED), an_event(Told.CREATED, block=97))
        found = look(a_sight(events=events), [FIRST]).epochs
        assert found == (Epoch(SCOPE, 2, 95, 0), Epoch(SCOPE, 3, 97, 0))

    def test_the_same_block_is_not_counted_twice(self) -> None:
        assert look(a_sight(events=(CREATED,)), [FIRST, Epoch(SCOPE, 2, 95, 0)]).epochs == ()

    def test_one_that_a_reorg_undid_goes(self) -> None:
        assert look(a_sight(), [FIRST, Epoch(SCOPE, 2, 95, 0)]).epochs == (FIRST,)

    def test_one_that_a_reorg_moved_moves(self) -> None:
        found = look(a_sight(events=(an_event(Told.CREATED, block=96),)), [FIRST, Epoch(SCOPE, 2, 95, 0)])
        assert found.epochs == (Epoch(SCOPE, 2, 96, 0),)

    def test_one_behind_the_blocks_that_were_scanned_stands(self) -> None:
        assert look(a_sight(), [FIRST, Epoch(SCOPE, 2, 90, 0)]).epochs == ()

    def test_a_nonce_that_moved_is_kept(self) -> None:
        assert look(a_sight(found=replace(FOUND, enable_nonce=3)), [FIRST]).epochs == (
            Epoch(SCOPE, 1, 50, 3),
        )


class TestAnEdit:
    """The owner grants an edited session anew, and a thief may do the like."""

    later = replace(CREATED, block=97)
    times = MappingProxyType({50: NOW, 95: Timestamp(NOW + 60), 97: Timestamp(NOW + 90)})

    def codes(self, **parts: object) -> set[DriftCode]:
        fields = {"events": (CREATED,), "made_at": Timestamp(NOW + 30), "block_times": self.times} | parts
        return {drift.code for drift in look(a_sight(**fields), [FIRST]).drifts}

    def test_the_first_grant_since_the_file_was_written_is_meant(self) -> None:
        assert self.codes() == set()
        assert self.codes(made_at=self.times[95]) == set()
        found = look(a_sight(events=(CREATED,), made_at=Timestamp(NOW + 30), block_times=self.times), [FIRST])
        assert found.epochs == (Epoch(SCOPE, 2, 95, 0),)

    def test_the_times_of_its_blocks_are_asked_for(self) -> None:
        assert undated(a_sight(events=(CREATED,), made_at=NOW), [FIRST]) == (50, 95)
        assert undated(a_sight(events=(CREATED,)), [FIRST]) == ()
        assert undated(a_sight(made_at=NOW), [FIRST]) == ()
        assert self.codes(block_times={}) == {DriftCode.RE_ENABLED}

    def test_one_that_a_reorg_undid_is_not_the_one_before(self) -> None:
        known = [FIRST, Epoch(SCOPE, 2, 94, 0)]
        assert undated(a_sight(events=(CREATED,), made_at=NOW), known) == (50, 95)

    @pytest.mark.parametrize(
        "parts",
        [
            {"made_at": None},
            {"made_at": NOW},
            {"made_at": Timestamp(NOW + 61)},
            {"events": (CREATED, later)},
        ],
        ids=["no time", "as old as the grant before", "granted before it was written", "twice"],
    )
    def test_any_other_is_reported(self, parts: dict[str, object]) -> None:
        assert self.codes(**parts) == {DriftCode.RE_ENABLED}

    def test_so_is_what_is_not_as_in_the_file(self) -> None:
        wider = replace(FOUND, session_validator_init_data=b"\x02")
        assert self.codes(found=wider) == {DriftCode.RE_ENABLED, DriftCode.CHANGED}

    def test_what_the_edit_voids_is_meant_and_what_comes_behind_is_not(self) -> None:
        moved = replace(FOUND, enable_nonce=1)
        void = an_event(Told.NONCE_MOVED, value=1, block=94)
        assert self.codes(found=moved, events=(void, CREATED)) == set()
        after = replace(void, block=96)
        assert self.codes(found=moved, events=(CREATED, after)) == {DriftCode.RE_ENABLED, DriftCode.REVOKED}


def a_hold(drift: Drift, *, released: bool = False, accepted: bool = False) -> Hold:
    hold = Hold(SCOPE, drift.code.value, drift.sentence, NOW, drift.subject)
    return hold.released("looked", NOW, accepted=accepted) if released else hold


class TestWhatIsHeld:
    widened = Drift(DriftCode.WIDENED, "wider", "0xaa")
    again = Drift(DriftCode.RE_ENABLED, "again", "95")
    foreign = Drift(DriftCode.FOREIGN_USE, "stolen", "95 0x01")

    def test_what_is_held_is_not_held_again(self) -> None:
        assert is_new(self.widened, None)
        assert not is_new(self.widened, a_hold(self.widened))

    def test_what_is_still_so_is_held_again_unless_it_was_accepted(self) -> None:
        assert is_new(self.widened, a_hold(self.widened, released=True))
        assert not is_new(self.widened, a_hold(self.widened, released=True, accepted=True))
        another = replace(self.widened, subject="0xbb")
        assert is_new(another, a_hold(self.widened, released=True, accepted=True))

    def test_what_happened_once_is_over_once_it_is_cleared(self) -> None:
        for drift in (self.again, self.foreign):
            assert not is_new(drift, a_hold(drift, released=True))
        assert is_new(replace(self.again, subject="97"), a_hold(self.again, released=True))

    def test_only_a_later_foreign_operation_holds_anew(self) -> None:
        cleared = a_hold(self.foreign, released=True)
        assert not is_new(replace(self.foreign, subject="94 0x02"), cleared)
        assert is_new(replace(self.foreign, subject="96 0x02"), cleared)


class TestEvents:
    def test_topics_are_those_of_the_module(self) -> None:
        prefixes = ["c5c98ce9", "1ff4377b", "1c5ea73e", "b21cd806", "2c479309"]
        assert [topic.hex()[:8] for topic in TOPICS] == prefixes

    def test_who_it_is_about_stands_last_in_a_policys_log(self) -> None:
        data = PERMISSION + bytes(63) + b"\x01" + bytes(12) + ACCOUNT
        assert decode_module_event([Told.POLICY_ENABLED.topic], data, 7) == ModuleEvent(
            Told.POLICY_ENABLED, PERMISSION, ACCOUNT, 0, 7
        )

    def test_other_logs_and_short_ones_are_left_alone(self) -> None:
        assert decode_module_event([Hash32(bytes(32))], bytes(128), 7) is None
        assert decode_module_event([Told.CREATED.topic], bytes(63), 7) is None
        assert decode_module_event([], b"", 7) is None
