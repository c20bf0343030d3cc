"""When an owner's signature enables a session, with what counters, and in which bytes."""

from dataclasses import replace

import pytest

from agent.domain.budget import Violation
from agent.domain.units import ChainId, Hash32
from agent.smart_sessions.digest import ChainDigest, Mode
from agent.smart_sessions.enable_json import enable_grant_from_json, enable_grant_to_json
from agent.smart_sessions.enabling import (
    EnableGrant,
    Readiness,
    enabling_use,
    fresh_counters,
    mode_for,
    readiness,
    readiness_reads,
)
from agent.smart_sessions.grant import Grant
from agent.smart_sessions.lint import lint
from agent.smart_sessions.signature import first_use_signature, mode_of
from agent.smart_sessions.signature_decoding import decode_signature
from tests.unit.smart_sessions import lint_cases
from tests.unit.smart_sessions.chain_answers import answers_of
from tests.unit.smart_sessions.grants import (
    AMOUNT_RULES,
    GAS,
    SPENDING,
    SUDO,
    TIME,
    USES,
    VALUE,
    a_grant,
    an_action,
    on_chain,
    seen,
)

DIGESTS = (ChainDigest(ChainId(31337), Hash32(b"\x11" * 32)), ChainDigest(ChainId(1), Hash32(b"\x22" * 32)))
SIGNED = EnableGrant(Mode.ENABLE, 4, 0, DIGESTS, b"\x33" * 85)
WAITING = Readiness(is_enabled=False, nonce=4, is_installed=True, was_enabled=False)
NONE = (0).to_bytes(32, "big")
YES = (1).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (WAITING, Mode.ENABLE),
        (replace(WAITING, is_enabled=True), Mode.USE),
        (replace(WAITING, is_enabled=True, nonce=5), Mode.USE),
        (replace(WAITING, nonce=5), "enable_nonce_moved"),
        (replace(WAITING, nonce=None), "enable_nonce_moved"),
        (replace(WAITING, is_installed=False), "module_not_installed"),
        (replace(WAITING, was_enabled=True), "session_removed"),
    ],
)
def test_first_operation_enables_what_is_not_enabled(found: Readiness, expected: Mode | str) -> None:
    answer = mode_for(SIGNED, found)
    assert (answer.code if isinstance(answer, Violation) else answer) == expected
    assert not isinstance(answer, Violation) or answer.remedy


def test_owner_may_bring_back_what_was_removed_by_a_signature_made_after() -> None:
    found = replace(WAITING, was_enabled=True)
    assert mode_for(replace(SIGNED, after_removal=True), found) is Mode.ENABLE


@pytest.mark.parametrize(
    "grant",
    [
        a_grant(),
        a_grant(
            an_action(SPENDING, AMOUNT_RULES),
            an_action(SUDO, selector=b"\1\2\3\4"),
            on_operations=(TIME, USES),
        ),
        a_grant(on_operations=(GAS, VALUE), permit_paymaster=True),
    ],
)
def test_counters_foreseen_are_those_the_contracts_start_with(grant: Grant) -> None:
    assert fresh_counters(grant) == seen(grant)


def test_what_a_removed_session_leaves_shows_that_it_was_enabled() -> None:
    grant = a_grant(on_operations=(TIME, USES))
    model = on_chain(grant)
    with model.manage() as sessions:
        sessions.remove_session(grant.permission_id)
    removed = readiness(grant, [NONE, YES, *answers_of(model, grant)])
    never = readiness(grant, [NONE, YES, *[None] * (len(readiness_reads(grant)) - 2)])
    assert (removed.is_enabled, removed.was_enabled, removed.nonce) == (False, True, 0)
    assert (never.is_enabled, never.was_enabled, never.is_installed) == (False, False, True)


def test_one_enabling_operation_at_a_time() -> None:
    use = enabling_use(a_grant())
    assert (use.amount, use.limit, use.used) == (1, 1, 0)


@pytest.mark.parametrize("inner", [b"\0" * 65, bytes(range(65)), b"\xff" * 65])
def test_field_is_as_long_whatever_the_key_signs(inner: bytes) -> None:
    grant = a_grant(on_operations=(TIME, USES))
    enable = SIGNED.enable(grant.session)
    field = first_use_signature(enable, inner)
    decoded = decode_signature(field)
    assert len(field) == len(first_use_signature(enable, b"\x5a" * 65))
    assert mode_of(field) is Mode.ENABLE
    assert decoded.inner == inner
    assert getattr(decoded, "enable") == enable  # noqa: B009 - a union, and only one has it
    with pytest.raises(ValueError, match="use_signature"):
        first_use_signature(enable, inner, Mode.USE)


def test_document_comes_back_as_it_was() -> None:
    assert enable_grant_from_json(enable_grant_to_json(SIGNED)) == SIGNED


@pytest.mark.parametrize(
    "change",
    [{"nonce": "four"}, {"chain_digest_index": 2}, {"mode": "use"}, {"permission_enable_signature": "33"}],
)
def test_broken_document_is_refused_without_being_quoted(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"is not there|another kind") as caught:
        enable_grant_from_json(enable_grant_to_json(SIGNED) | change)
    assert caught.value.__cause__ is None
    assert "3333" not in str(caught.value)


def test_signature_is_in_no_repr() -> None:
    enable = SIGNED.enable(a_grant().session)
    assert "3333" not in (repr(SIGNED) + repr(enable)).replace("\\x", "")


def test_signature_for_the_chains_of_the_files_is_no_reason_to_refuse() -> None:
    both = replace(lint_cases.SIGNED, chain_ids=(lint_cases.BASE, ChainId(10)))
    alone = lint_cases.about(lint_cases.a_session(), signatures=(both,))
    known = replace(both, explained=frozenset(both.chain_ids))
    assert "L26" in {finding.rule for finding in lint(alone)}
    assert "L26" not in {finding.rule for finding in lint(replace(alone, signatures=(known,)))}


def test_signature_that_enabled_its_session_may_be_used_up() -> None:
    live = lint_cases.on_chain_as_granted(lint_cases.a_session())
    used = replace(live, enable_nonce=lint_cases.SIGNED.nonce + 1)
    subject = lint_cases.about(lint_cases.a_session(), signatures=(lint_cases.SIGNED,), on_chain=used)
    assert "L26" not in {finding.rule for finding in lint(subject)}
