"""Which logs are news, and what counters tell of a user who hides."""

import pytest

from agent.domain.budget import LimitKey, LimitUse
from agent.domain.hold import SessionScope
from agent.domain.units import Address, Timestamp, Wei
from agent.ports import Block
from agent.smart_sessions.drift import ForeignUse
from agent.smart_sessions.events import ModuleEvent
from agent.smart_sessions.events import Told as Says
from agent.worker.log_scan import Scan
from agent.worker.reading import Told
from agent.worker.suspicion import counter_fell, unexplained_uses
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash

SCOPE = SessionScope(CHAIN_ID, ACCOUNT, a_hash(4))
OTHER = SessionScope(CHAIN_ID, ACCOUNT, a_hash(5))
KEY = LimitKey(CHAIN_ID, a_hash(4), a_hash(6), Address(bytes(20)), "uses")
THEFT = ForeignUse(a_hash(7), 95)


def told(used: int, block: int = 90) -> Told:
    at = Block(block, a_hash(block), Timestamp(NOW), Wei(1))
    return Told(at, (), None, (LimitUse(KEY, 10, used, "use"),), installed=True)


def a_scan(*blocks: int, start: int = 80, fork: int = 0) -> Scan:
    return Scan(start, traces={SCOPE: {(block, a_hash(block + fork), 0) for block in blocks}})


class TestNews:
    def test_every_log_is_news_the_first_time_and_no_more(self) -> None:
        assert a_scan(90).moved(None) == {SCOPE}
        assert a_scan(90).moved(a_scan(90)) == frozenset()
        assert a_scan(90, 85).moved(a_scan(90)) == {SCOPE}

    def test_a_log_that_a_reorg_took_or_moved_is_news(self) -> None:
        assert Scan(80).moved(a_scan(90)) == {SCOPE}
        assert a_scan(90, fork=1_000).moved(a_scan(90)) == {SCOPE}

    def test_a_log_that_is_final_may_be_left_out(self) -> None:
        assert a_scan(95, start=90).moved(a_scan(85, 95)) == frozenset()


def test_a_counter_that_stands_lower_fell() -> None:
    assert counter_fell(told(2), told(3))
    assert not counter_fell(told(3), told(3))


class TestHiddenUses:
    def test_a_rise_that_nothing_of_ours_explains_is_foreign(self) -> None:
        scan = Scan(80, nameless={SCOPE: [THEFT]})
        assert unexplained_uses(SCOPE, told(4, 96), told(3), scan) == (THEFT,)

    @pytest.mark.parametrize(
        ("scan", "used"),
        [
            (Scan(80), 4),
            (Scan(80, nameless={OTHER: [THEFT]}), 4),
            (Scan(80, nameless={SCOPE: [THEFT]}), 3),
            (Scan(80, nameless={SCOPE: [ForeignUse(a_hash(7), 90)]}), 4),
            (Scan(80, nameless={SCOPE: [THEFT]}, own={SCOPE: [96]}), 4),
            (
                Scan(
                    80,
                    nameless={SCOPE: [THEFT]},
                    events={SCOPE: [ModuleEvent(Says.CREATED, a_hash(4), ACCOUNT, block=94)]},
                ),
                4,
            ),
        ],
        ids=["nobody", "another's", "no rise", "before the last look", "ours too", "enabled anew"],
    )
    def test_anything_else_is_none(self, scan: Scan, used: int) -> None:
        assert unexplained_uses(SCOPE, told(used, 96), told(3), scan) == ()

    def test_ours_of_before_the_last_look_explains_nothing(self) -> None:
        scan = Scan(80, nameless={SCOPE: [THEFT]}, own={SCOPE: [90]})
        assert unexplained_uses(SCOPE, told(4, 96), told(3), scan) == (THEFT,)
