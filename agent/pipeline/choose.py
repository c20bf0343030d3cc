"""Pick who pays for gas and under which session: the job's first payer that can, its cheapest session."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from agent.domain.budget import Violation
from agent.domain.errors import AgentError, BundlerRejected, Held, PaymasterUnavailable, Refused, Rejected
from agent.domain.hold import Hold, SessionScope
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import DraftOperation, GasLimits, Plan, PricedOperation
from agent.domain.user_operation import UserOperation
from agent.erc4337.gas import worst_case_cost_wei
from agent.erc4337.user_op_hash import user_op_hash
from agent.pipeline.build import build
from agent.pipeline.context import JobContext, Payer, Services
from agent.pipeline.preflight import Look, cleared, look
from agent.pipeline.price import (
    Offered,
    check_caps,
    estimated,
    known_limits,
    offered_fees,
    with_gas_limits,
)
from agent.pipeline.refusal import PreflightError
from agent.pipeline.sponsor import Quote, in_turn, paid_by_any, with_final, with_stub
from agent.pipeline.validate import validate
from agent.ports import Block
from agent.smart_sessions.digest import Mode


class Choice(Protocol):
    """A session one may sign under."""

    @property
    def name(self) -> str: ...

    @property
    def usable(self) -> bool:
        """Whether the account takes an operation under it at all."""
        ...


REFUSALS = (Refused, Rejected, PaymasterUnavailable)
"""After which another session, or the next payer, is tried."""
ChoiceT = TypeVar("ChoiceT", bound=Choice)


@dataclass(frozen=True, slots=True)
class Offer:
    """The operation that one session would pay with."""

    job: JobContext
    priced: PricedOperation
    seen: Look
    payer: Payer | None = None
    """None where the account pays for gas itself."""
    stub_is_final: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be done, whichever session signs it."""

    occurrence: Occurrence
    plan: Plan
    nonce: Nonce
    is_signed_next: bool = False
    """Whether `sign` follows, which asks the module about the signed operation before it may be sent."""


async def choose(services: Services, job: JobContext, attempt: Attempt, block: Block) -> Offer:
    """Return the offer that costs least at worst, of equal ones the first of the file.

    Sessions without room, not enabled or held are passed over, and so are paymasters that do not pay: the
    account pays only in its place among the job's payers. Raises the refusal of the only session, or
    PreflightError with the violations of each; BundlerUnavailable, ChainUnavailable, StoreUnavailable.
    """
    by_name = {seen.name: seen for seen in await look(services, job, block)}
    looks = preferred([by_name[session.name] for session in line] for line in job.lines or ((job.session,),))
    held = {str(hold.scope): hold for hold in await services.journal.holds()}
    choosing = _Choosing(services, job, attempt, block, looks, held)
    for payer in in_turn(job):
        offer = await choosing.with_payer(payer)
        if offer is not None:
            return offer
    raise _refusal(job, choosing.refused)


def preferred(lines: Iterable[Sequence[ChoiceT]]) -> list[ChoiceT]:
    """Return one session of each line (oldest first): the newest that is usable, or all when none is."""
    chosen: dict[str, ChoiceT] = {}
    for line in lines:
        newest_first = list(reversed(line))
        usable = [choice for choice in newest_first if choice.usable][:1]
        chosen |= {choice.name: choice for choice in usable or newest_first}
    return list(chosen.values())


@dataclass(slots=True)
class _Choosing:
    services: Services
    job: JobContext
    attempt: Attempt
    block: Block
    looks: Sequence[Look]
    held: Mapping[str, Hold]
    refused: list[tuple[str, AgentError]] = field(default_factory=list)

    async def with_payer(self, payer: Payer | None) -> Offer | None:
        """Return the cheapest offer that this payer pays for; None where it pays none, its refusals noted."""
        offers: list[Offer] = []
        for seen in self.looks:
            try:
                _refuse_held(seen, self.held)
                offers.append(await self._offer(seen, payer))
            except REFUSALS as error:
                self.refused.append((seen.session.name, error))
        for offer in sorted(offers, key=lambda offer: offer.priced.worst_case_wei):
            try:
                return await self._confirmed(offer)
            except REFUSALS as error:
                self.refused.append((offer.job.session.name, error))
        return None

    async def _offer(self, seen: Look, payer: Payer | None) -> Offer:
        job, attempt, block = self.job.under(seen.session), self.attempt, self.block
        draft = build(job, attempt.occurrence, attempt.plan, attempt.nonce, seen.mode)
        # Before anybody is asked: a bundler's estimate fails on a full limit too, and names none.
        cleared(seen, paid_by_any(payer, draft), block)
        offered = await offered_fees(job, block, attempt.plan.priority_percent)
        quote = Quote(draft) if payer is None else await with_stub(payer, draft, offered.hurried)
        priced = await self._with_known_limits(job, seen, quote.draft, offered)
        if priced is None:
            limits = await self._estimated(job, quote.draft)
            operation = with_gas_limits(job, quote.draft, offered, limits)
            priced = _priced(job, seen, quote.draft, operation, block)
        return Offer(job, priced, seen, payer, quote.is_final)

    async def _with_known_limits(
        self, job: JobContext, seen: Look, draft: DraftOperation, offered: Offered
    ) -> PricedOperation | None:
        """Return the operation with limits that were kept; None without any, or where they do not fit."""
        known = await known_limits(job, draft, self.block)
        if known is None:
            return None
        try:
            operation = with_gas_limits(job, draft, offered, known)
            return _priced(job, seen, draft, operation, self.block)
        except Refused:
            # Their margin may be what is above a cap or a gas policy: an estimate decides.
            return None

    async def _estimated(self, job: JobContext, draft: DraftOperation) -> GasLimits:
        try:
            return await estimated(job, draft)
        except BundlerRejected:
            await _look_again(self.services, job, draft, self.block)
            raise

    async def _confirmed(self, offer: Offer) -> Offer:
        job, draft = offer.job, offer.priced.draft
        if offer.payer is not None:
            offer = await self._paid(offer, offer.payer)
        if self._is_asked_once(offer):
            return offer
        # With the stub a failed signature is the expected answer; anything else was raised.
        operation = offer.priced.operation
        stub_hash = user_op_hash(operation, draft.entry_point, draft.chain_id, job.chain.version)
        await validate(job, operation, stub_hash, self.block)
        return offer

    def _is_asked_once(self, offer: Offer) -> bool:
        """Say whether asking the module about the stub would choose nothing: `sign` asks it the same.

        With another session or payer left, its refusal makes room for them; a first use is asked twice.
        """
        is_alone = len(self.looks) == 1 and in_turn(self.job) == (None,)
        return self.attempt.is_signed_next and is_alone and offer.seen.mode is Mode.USE

    async def _paid(self, offer: Offer, payer: Payer) -> Offer:
        job, priced = offer.job, offer.priced
        bill = await with_final(
            self.services, job, payer, priced.operation, self.block, is_final=offer.stub_is_final
        )
        check_caps(bill.operation, job.caps)
        # Its gas limits may be others than the stub's, and the session's gas policy counts them.
        final = _priced(job, offer.seen, priced.draft, bill.operation, self.block)
        return replace(offer, priced=bill.of(final))


def _priced(
    job: JobContext, seen: Look, draft: DraftOperation, operation: UserOperation, block: Block
) -> PricedOperation:
    cost_wei = worst_case_cost_wei(operation, job.chain.version)
    return PricedOperation(draft, operation, cost_wei, cleared(seen, operation, block))


def _refuse_held(seen: Look, held: Mapping[str, Hold]) -> None:
    grant = seen.grant
    scope = str(SessionScope(grant.chain_id, grant.account, grant.permission_id))
    if scope in held:
        raise Held(scope, held[scope].code, held[scope].reason)


async def _look_again(services: Services, job: JobContext, draft: DraftOperation, block: Block) -> None:
    """Raise PreflightError when the bundler, asked a block later, was right: others took the room."""
    now = await job.chain.reader.block("latest")
    if now.number > block.number:
        (seen,) = await look(services, replace(job, lines=()), now)
        cleared(seen, draft.operation, now)


def _refusal(job: JobContext, refused: Sequence[tuple[str, AgentError]]) -> AgentError:
    if len(refused) == 1 and not isinstance(refused[0][1], PreflightError):
        return refused[0][1]
    told = tuple(item for name, error in refused for item in _named(name if len(refused) > 1 else "", error))
    return PreflightError(told, job.chain.tokens)


def _named(session: str, error: AgentError) -> tuple[Violation, ...]:
    if isinstance(error, PreflightError):
        return tuple(replace(violation, session=session) for violation in error.violations)
    return (Violation(error.code, str(error), session=session),)
