"""Whose operation it was: the journal knows what it signed, under which session."""

from dataclasses import replace

from agent.domain.operation import SignedOperation
from agent.domain.states import Event
from agent.ports import Journal
from tests.builders import NOW, a_hash
from tests.contract.journals import a_change, a_job, a_signed, claimed, plan, sent, tell

UNDER = a_hash(9)
"""The permission id that `a_signed` signs under."""
OTHER = a_hash(8)
BEYOND_ONE_QUERY = 2_500


def under_another(signed: SignedOperation) -> SignedOperation:
    draft = replace(signed.priced.draft, permission_id=OTHER)
    return replace(signed, priced=replace(signed.priced, draft=draft))


async def test_nothing_is_signed_before_something_was(journal: Journal) -> None:
    assert await journal.signed([]) == {}
    assert await journal.signed([a_hash(1)]) == {}


async def test_each_operation_has_its_session_and_strangers_are_left_out(journal: Journal) -> None:
    gym, rent = await claimed(journal, a_job("gym"), a_job("rent"))
    await sent(journal, gym, 1)
    planned = await plan(journal, rent)
    await journal.append(under_another(a_signed(planned, 2)), a_change(planned, Event.SIGN))
    assert await journal.signed([a_hash(3), a_hash(2), a_hash(1)]) == {a_hash(1): UNDER, a_hash(2): OTHER}
    assert await journal.signed([a_hash(2), a_hash(2)]) == {a_hash(2): OTHER}


async def test_an_operation_is_ours_from_its_signature_on_and_when_another_took_its_place(
    journal: Journal,
) -> None:
    (row,) = await claimed(journal)
    planned = await plan(journal, row)
    assert await journal.signed([a_hash(1)]) == {}
    row, _ = await journal.append(a_signed(planned, 1), a_change(planned, Event.SIGN))
    assert await journal.signed([a_hash(1)]) == {a_hash(1): UNDER}
    row = await tell(journal, row, Event.SEND)
    await journal.append(a_signed(row, 2), a_change(row, Event.RAISE))
    assert await journal.signed([a_hash(1), a_hash(2)]) == {a_hash(1): UNDER, a_hash(2): UNDER}


async def test_any_number_may_be_asked(journal: Journal) -> None:
    (row,) = await claimed(journal)
    await sent(journal, row, 1)
    many = [a_hash(number) for number in range(2, BEYOND_ONE_QUERY)]
    assert await journal.signed([*many, a_hash(1)]) == {a_hash(1): UNDER}


async def test_until_when_its_calls_are_of_use_is_kept(journal: Journal) -> None:
    (row,) = await claimed(journal)
    planned = await plan(journal, row)
    signed = a_signed(planned, 1)
    bounded = replace(signed.priced.draft.plan, useful_until=NOW)
    draft = replace(signed.priced.draft, plan=bounded)
    signed = replace(signed, priced=replace(signed.priced, draft=draft))
    row, _ = await journal.append(signed, a_change(planned, Event.SIGN))
    row = await tell(journal, row, Event.SEND)
    await journal.append(a_signed(row, 2), a_change(row, Event.RAISE))

    assert [item.useful_until for item in await journal.operations(row.id)] == [NOW, None]
