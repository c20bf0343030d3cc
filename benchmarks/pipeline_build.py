"""The agent's own path from a plan to a signed operation, step by step as the pipeline takes it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.adapters.session_key import SessionKey
from agent.adapters.signer_local import LocalSigner
from agent.domain.job import FeeCaps, JobDefinition, Place
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import Plan, PricedOperation, SignedOperation, with_gas, with_paymaster
from agent.domain.session import Session
from agent.domain.states import State
from agent.domain.units import Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.gas import worst_case_cost_wei
from agent.erc4337.json_form import user_operation_to_json
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import NEXUS
from agent.pipeline.build import build
from agent.pipeline.context import ChainContext, JobContext, SessionContext
from agent.pipeline.price import check_caps
from agent.pipeline.sign import prove, unproven_operation
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.owners.threshold import ThresholdOwner
from agent.smart_sessions.signature import INNER_OFFSET, SignatureFlavour
from benchmarks.orders import ENTRY_POINT, Order
from jobs import KINDS
from jobs.erc20 import transfer

NOT_USED: Any = None
"""Building reads neither chain nor bundler."""
CAPS = FeeCaps(max_cost_wei=Wei(10**30), max_fee_per_gas_wei=Wei(10**30), max_gas=Gas(10**9))
ZERO_HASH = Hash32(bytes(32))


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order, and the job whose occurrence it is."""

    order: Order
    job: JobContext
    occurrence: Occurrence


class Ours:
    """Builds orders with the pipeline's functions, records and checks."""

    def __init__(self, key: bytes) -> None:
        self._signer = LocalSigner(SessionKey(key))

    def prepared(self, orders: Sequence[Order]) -> list[Prepared]:
        """Make what the worker holds before an occurrence is due."""
        return [self._prepared(order) for order in orders]

    async def build_all(self, jobs: Sequence[Prepared]) -> list[SignedOperation]:
        """Build, hash and sign all."""
        return [await _signed(prepared) for prepared in jobs]

    async def build_all_cpu_us(self, jobs: Sequence[Prepared]) -> float:
        """Build all once; return the CPU time in microseconds."""
        start = time.process_time_ns()
        for prepared in jobs:
            await _signed(prepared)
        return (time.process_time_ns() - start) / 1_000

    def prove_all(self, jobs: Sequence[Prepared], built: Sequence[SignedOperation]) -> None:
        """Recover the signer of all."""
        for prepared, signed in zip(jobs, built, strict=True):
            prove(prepared.job.session, signed.user_op_hash, signed.operation.signature[INNER_OFFSET:])

    def unsigned(self, orders: Sequence[Order]) -> list[UserOperation]:
        """Return the operations as they are hashed."""
        return [_priced(prepared).operation for prepared in self.prepared(orders)]

    async def documents(self, orders: Sequence[Order]) -> list[dict[str, str]]:
        """Return hash and JSON-RPC form of every order, in lower case."""
        built = await self.build_all(self.prepared(orders))
        return [_document(signed) for signed in built]

    def _prepared(self, order: Order) -> Prepared:
        definition = JobDefinition(
            id="bench",
            kind="subscription",
            chain_id=order.chain_id,
            account=order.sender,
            account_kind=NEXUS.name,
            session="bench",
            schedule=None,
            spec=None,
            identity_digest=ZERO_HASH,
            digest=ZERO_HASH,
            place=Place("bench"),
        )
        session = SessionContext(
            "bench",
            Session(OWNABLE_VALIDATOR, b"", ZERO_HASH),
            order.permission_id,
            SMART_SESSION,
            ThresholdOwner(1, (self._signer.address,), SignatureFlavour.RAW),
            (self._signer,),
            NOT_USED,
        )
        chain = ChainContext(NOT_USED, (), ENTRY_POINT, EntryPointVersion.V07)
        job = JobContext(definition, KINDS["subscription"], chain, session, NEXUS, order.nonce_key, CAPS)
        return Prepared(order, job, _occurrence(order))


def _occurrence(order: Order) -> Occurrence:
    return Occurrence(
        id=1,
        job_id="bench",
        slot="2026-03",
        ordinal=1,
        due_at=Timestamp(0),
        state=State.CLAIMED,
        attempt=0,
        version=1,
        chain_id=order.chain_id,
        account=order.sender,
    )


async def _signed(prepared: Prepared) -> SignedOperation:
    priced = _priced(prepared)
    operation, op_hash = await unproven_operation(prepared.job, priced)
    return SignedOperation(priced, operation, op_hash, None)


def _priced(prepared: Prepared) -> PricedOperation:
    order, job = prepared.order, prepared.job
    calls = tuple(transfer(item.token, item.to, item.amount) for item in order.transfers) or order.calls
    plan = Plan(calls, {}, 1)
    draft = build(job, prepared.occurrence, plan, Nonce(order.nonce_key, order.sequence))
    operation = with_gas(draft.operation, order.gas, order.fees)
    if order.payer is not None:
        operation = with_paymaster(operation, order.payer)
    if order.deployment is not None:
        factory, data = order.deployment
        operation = replace(operation, factory=factory, factory_data=data)
    check_caps(operation, job.caps)
    return PricedOperation(draft, operation, worst_case_cost_wei(operation), ())


def _document(signed: SignedOperation) -> dict[str, str]:
    form = user_operation_to_json(signed.operation, EntryPointVersion.V07)
    return {"hash": str(signed.user_op_hash), **{name: text.lower() for name, text in form.items()}}
