"""A replay finds what the worker would have done, within limits and fees, and the same every time."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.commands.replay import JobRun, Replay, Replayed
from agent.commands.replay_purse import purses_of
from agent.commands.replay_report import replay_document, replay_lines
from agent.commands.session_need import Wish
from agent.definitions.records import Definitions
from agent.definitions.sessions import SessionDefinition
from agent.domain.job import FeeCaps, JobDefinition
from agent.domain.recurrence import Interval
from agent.domain.schedule import Retry, Schedule
from agent.domain.token import TokenAmount
from agent.domain.units import Gas, Timestamp, Wei
from jobs import KINDS
from jobs.limit_order import LimitOrderSpec
from jobs.top_up_spec import Keep
from jobs.trailing_stop import TrailingStopSpec
from tests.builders import ACCOUNT, NOW
from tests.unit.commands.tapes import FIRST, GWEI, reads_of, tape
from tests.unit.commands.test_session_need import START, a_draft, a_job
from tests.unit.commands.test_session_sound import definitions, made  # noqa: F401 - a fixture
from tests.unit.jobs.swaps.orders import CHAINLINK, DOLLAR, Chain, an_order, answered
from tests.unit.jobs.top_ups import ETHER, a_top_up

HIGH, LOW = 100, 10
UNTIL = Timestamp(START + 60 * 86_400)
RICH = 10**24


def a_refill(
    job_id: str = "gas", *, grace_s: int = 3_600, gwei: int | None = None, **fields: object
) -> JobDefinition:
    spec = a_top_up(Keep.BALANCE, ETHER, **{"cool_down": 0, **fields})
    fee_cap = None if gwei is None else Wei(gwei * GWEI)
    fees = FeeCaps(max_fee_per_gas_wei=fee_cap, max_cost_wei=Wei(10**18))
    return replace(
        a_job(job_id), kind="top_up", schedule=None, spec=spec, fees=fees, retry=Retry((), grace_s)
    )


def replayed(
    jobs: Sequence[JobDefinition],
    rows: Sequence[Sequence[int | None]],
    sessions: Sequence[SessionDefinition] = (),
    gas: int | None = None,
    fees: Sequence[int] = (1,),
) -> Replayed:
    header, points = tape(reads_of(*jobs), rows, START, base_fee_gwei=fees)
    purses = purses_of({item.name: item for item in sessions}, jobs)
    return Replay(jobs, KINDS, header, purses, None if gas is None else Gas(gas)).over(points)


def run_of(found: Replayed) -> JobRun:
    (run,) = found.runs
    return run


def rows(*levels: int | None, funds: int = RICH) -> list[tuple[int | None, int]]:
    return [(level, funds) for level in levels]


def test_it_fires_and_pays_when_the_level_falls() -> None:
    run = run_of(replayed([a_refill()], rows(HIGH, HIGH, LOW, HIGH, HIGH)))
    assert (run.fires, len(run.made), run.missed) == (1, 1, [])
    (paid,) = run.made
    assert (paid.block, paid.intent["amount"]) == (FIRST + 2, "190")


def test_what_was_paid_has_succeeded_by_the_next_block_and_the_balance_is_as_recorded() -> None:
    run = run_of(replayed([a_refill()], rows(LOW, LOW, LOW, HIGH)))
    assert [item.block for item in run.made] == [FIRST, FIRST + 1, FIRST + 2]
    assert run.past.succeeded == 3


def test_cool_down_is_kept() -> None:
    run = run_of(replayed([a_refill(cool_down=180)], rows(*[LOW] * 10)))
    assert [item.block - FIRST for item in run.made] == [0, 4, 8]


def test_quiet_blocks_are_not_looked_at() -> None:
    run = run_of(replayed([a_refill()], rows(*[HIGH] * 500, LOW, HIGH)))
    assert run.fires == 1
    assert run.glances < 8


def test_unknown_never_fires_and_is_told() -> None:
    run = run_of(replayed([a_refill()], rows(HIGH, None, None, HIGH)))
    assert (run.fires, run.alarms) == (0, 1)


def test_what_waits_too_long_is_missed() -> None:
    run = run_of(replayed([a_refill(grace_s=600, recheck=60)], rows(*[LOW] * 14, funds=1)))
    assert run.made == []
    assert [(item.code, item.block) for item in run.missed] == [
        ("insufficient_balance", FIRST),
        ("insufficient_balance", FIRST + 12),
    ]


def test_a_spike_of_fees_is_waited_out() -> None:
    run = run_of(replayed([a_refill(gwei=10)], rows(LOW, LOW, LOW, HIGH), fees=(50, 50, 5, 5)))
    assert [item.block for item in run.made] == [FIRST + 2]
    assert run.made[0].cost_wei == 560_000 * 5 * GWEI


def test_gas_can_be_given() -> None:
    run = run_of(replayed([a_refill()], rows(LOW, HIGH), gas=200_000))
    assert run.made[0].cost_wei == 200_000 * GWEI


def test_an_order_in_parts_is_over_once_less_than_a_part_is_left() -> None:
    parts = {"least": "0.1 WETH", "fills": "10"}
    spec = an_order(LimitOrderSpec, limit="1950 USDC per WETH", partial_fill=parts)
    order = replace(a_refill(), kind="limit_order", spec=spec)
    # What is paid for 1.95 WETH at the limit.
    run = run_of(replayed([order], [(3_802_500_000, RICH, 0)] * 30))
    assert (run.fires, len(run.made), run.missed) == (1, 1, [])


def trailed(*seen: Chain) -> JobRun:
    """Replay a trailing stop of a tenth over blocks that are a minute apart."""
    spec = an_order(TrailingStopSpec, trail_bps="1000", price=CHAINLINK)
    job = replace(a_refill(), kind="trailing_stop", account=ACCOUNT, spec=spec)
    reads = reads_of(job)
    answers = [[chain.view(KINDS["trailing_stop"], spec).values[read] for read in reads] for chain in seen]
    header, points = tape(reads, answers, NOW)
    return run_of(Replay([job], KINDS, header, {}, None).over(points))


BEST = Chain(pays=4_000 * DOLLAR, feed=answered("2000"))
FALLEN = Chain(pays=3_500 * DOLLAR, feed=answered("1750"))
SANDWICHED = replace(FALLEN, pays=3_000 * DOLLAR)
BACK = Chain(pays=3_900 * DOLLAR, feed=answered("1950"))


def test_a_kind_that_recalls_has_what_it_remembers_when_it_decides() -> None:
    fallen = trailed(BEST, FALLEN, FALLEN)
    assert (fallen.fires, [item.block for item in fallen.made]) == (1, [FIRST + 1])

    # It fires, no sale is fair just then, and by the best price it has seen the next one is back.
    back = trailed(BEST, SANDWICHED, BACK, BACK)
    assert (back.fires, back.made) == (1, [])
    assert [item.code for item in back.missed] == ["price_recovered"]


def test_a_cap_of_the_day_holds_until_midnight() -> None:
    minutes = 2 * 24 * 60
    run = run_of(replayed([a_refill(actions_per_day=2, grace_s=2 * 86_400)], rows(*[LOW] * minutes)))
    days = [item.at // 86_400 for item in run.made]
    assert [days.count(day) for day in sorted(set(days))] == [2] * len(set(days))
    assert len(set(days)) >= 2


def test_a_scheduled_job_is_paid_in_its_slots() -> None:
    hourly = Schedule(Interval(START, 3_600), start=START, count=3)
    job = replace(a_job(schedule=hourly), fees=FeeCaps(max_cost_wei=Wei(10**18)))
    run = run_of(replayed([job], [(12_000_000, None, None, None)] * 150))
    assert [item.at for item in run.made] == [START, START + 3_600, START + 7_200]


def test_session_runs_dry_where_its_limits_end(definitions: Definitions) -> None:  # noqa: F811
    job = a_refill()
    session = made(definitions, a_draft(job), Wish(uses=3, headroom=0, until=UNTIL)).definition
    found = replayed([job], rows(*[LOW] * 6), [session])
    run, purse = run_of(found), found.purses["main"]
    assert len(run.made) == 3
    assert purse.dry is not None
    assert (purse.dry.block, purse.dry.code) == (FIRST + 3, "usage_limit")
    assert {item.code for item in run.missed} == {"usage_limit"}
    document = replay_document(found, {})
    (told,) = document["sessions"]
    assert (told["ran_dry"]["block"], told["runs_dry_at"]) == (FIRST + 3, START + 180)
    assert any("ran dry" in line for line in replay_lines(found, {}))


def test_session_that_lasts_says_until_when(definitions: Definitions) -> None:  # noqa: F811
    job = a_refill()
    session = made(definitions, a_draft(job), Wish(uses=100, headroom=0, until=UNTIL)).definition
    found = replayed([job], rows(LOW, *[HIGH] * 60), [session])
    (told,) = replay_document(found, {})["sessions"]
    assert told["ran_dry"] is None
    # One use an hour of a hundred.
    assert told["runs_dry_at"] == START + 100 * 3_600


def test_two_jobs_share_what_their_session_has(definitions: Definitions) -> None:  # noqa: F811
    jobs = [a_refill("one"), a_refill("two")]
    session = made(definitions, a_draft(*jobs), Wish(uses=2, headroom=0, until=UNTIL)).definition
    found = replayed(jobs, rows(*[LOW] * 5), [session])
    assert [len(run.made) for run in found.runs] == [2, 2]
    assert found.purses["main"].dry is not None


def test_the_same_file_gives_the_same_document(definitions: Definitions) -> None:  # noqa: F811
    jobs = [a_refill("one", cool_down=120), a_refill("two", most=TokenAmount(ETHER, 60))]
    session = made(definitions, a_draft(jobs[0]), Wish(uses=4, headroom=0, until=UNTIL)).definition
    levels = rows(*[LOW, HIGH, None, LOW, LOW] * 20)
    documents = {json.dumps(replay_document(replayed(jobs, levels, [session]), {})) for _ in range(3)}
    assert len(documents) == 1


def test_nothing_to_replay_is_an_error() -> None:
    with pytest.raises(ValueError, match="no point"):
        replayed([a_refill()], [])
