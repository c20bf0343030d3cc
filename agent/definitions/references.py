"""What a job may refer to, as far as the other files could be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent.definitions.mistakes import did_you_mean
from agent.definitions.paymaster_files import PayersOfChain
from agent.definitions.sessions import SessionDefinition
from agent.definitions.source import Path, Report, Source
from agent.definitions.succession import in_use
from agent.domain.job import SELF, FeeCaps
from agent.domain.requirement import ActionRequirement
from agent.domain.schedule import Schedule, next_slot
from agent.domain.token import Token
from agent.domain.units import Address, Timestamp
from agent.erc7579.accounts import ACCOUNT_KINDS
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, PSEUDO_TARGET
from jobs.kind import AnyKind


@dataclass(frozen=True, slots=True)
class References:
    """Chains, sessions and kinds by name; a name without a value stands for something with mistakes."""

    kinds: Mapping[str, AnyKind]
    tokens: Mapping[int, Mapping[str, Token] | None] = field(default_factory=dict)
    """By chain id; None while the chain's tokens hold mistakes."""
    fees: Mapping[int, FeeCaps | None] = field(default_factory=dict)
    payers: Mapping[int, PayersOfChain | None] = field(default_factory=dict)
    sessions: Mapping[str, SessionDefinition | None] = field(default_factory=dict)
    private: frozenset[int] = frozenset()
    """Chains with bundlers that keep operations to themselves."""
    complete: bool = True
    """False when the configuration could not be read: then nothing is said about its chains."""


@dataclass(frozen=True, slots=True)
class JobChecker:
    """Holds one job against what it refers to."""

    references: References
    source: Source
    report: Report

    def refuse(self, path: Path, code: str, message: str, fix: str) -> None:
        """Note a mistake at one of the job's fields."""
        self.report.add(self.source.place(path), code, message, fix)

    def chain(self, chain_id: int | None) -> None:
        """Check that the configuration has the chain."""
        known = self.references.tokens
        if self.references.complete and chain_id is not None and chain_id not in known:
            fix = did_you_mean(str(chain_id), map(str, known))
            self.refuse(("chain",), "unknown_chain", f"sessionkeeper.yaml has no chain {chain_id}", fix)

    def session(
        self, name: str, at: Path, chain_id: int | None, account: Address | None
    ) -> SessionDefinition | None:
        """Return the session named at `at`, checked to be for this chain and account."""
        if name not in self.references.sessions:
            fix = did_you_mean(name, self.references.sessions)
            self.refuse(at, "unknown_session", f"no file in sessions/ has the name {name!r}", fix)
            return None
        session = self.references.sessions[name]
        if session is None:
            return None
        if chain_id is not None and session.chain_id != chain_id:
            message = f"the session {name} is on chain {session.chain_id}, the job on chain {chain_id}"
            self.refuse(at, "wrong_chain", message, "name a session of the job's chain")
        if account is not None and session.account != account:
            message = f"the session {name} is of the account {session.account}"
            self.refuse(at, "wrong_account", message, "name a session of the job's account")
        if session.revoked_at is not None and not in_use(self.references.sessions, [name])[name]:
            message = f"the session {name} was revoked"
            self.refuse(at, "session_revoked", message, "ask the owner for a new one: sessions new")
        return session

    def payers(self, order: Sequence[str], session: SessionDefinition, at: Path) -> None:
        """Check that the session permits what is left when the account itself is not to pay."""
        if SELF not in order and not session.session.permit_erc4337_paymaster:
            message = f"the session {session.name} permits no paymaster, and nobody else is to pay for gas"
            fix = f"ask the owner for another session: sessions new; or add {SELF} to pay_gas_by"
            self.refuse(at, "session_forbids_paymaster", message, fix)

    def lane(self, lane: int | None, session: SessionDefinition) -> None:
        """Check that a lane given in the file fits into the account's nonce."""
        bits = ACCOUNT_KINDS[session.account_kind].lane_bits
        if lane is not None and lane >= 1 << bits:
            message = f"lane {lane} does not fit into the {bits} free bits of {session.account_kind}"
            self.refuse(("lane",), "lane_too_large", message, f"write at most {(1 << bits) - 1}")

    def same_module(self, first: SessionDefinition, other: SessionDefinition, at: Path) -> None:
        """Check that both sessions live on one module: the lane's nonce names it."""
        if first.smart_session != other.smart_session:
            message = f"the session {other.name} is on another SmartSession module than {first.name}"
            fix = "name sessions of one module, and give the others a job of their own"
            self.refuse(at, "wrong_module", message, fix)

    def actions(self, needed: tuple[ActionRequirement, ...], session: SessionDefinition, at: Path) -> None:
        """Check that the session has an action for every call the job makes."""
        granted = {
            (action.action_target, action.action_target_selector) for action in session.session.actions
        }
        for need in needed:
            if (PSEUDO_TARGET, FALLBACK_SELECTOR) in granted or (need.target, need.selector) in granted:
                continue
            message = f"the session {session.name} may not call 0x{need.selector.hex()} on {need.target}"
            self.refuse(at, "session_lacks_action", message, "ask the owner: sessions new --for-job")

    def expiry(self, schedule: Schedule, session: SessionDefinition, at: Path) -> None:
        """Check that a schedule with a start begins before the session ends."""
        ends = session.expires_at
        if ends is None or schedule.start is None:
            return
        first = next_slot(schedule, Timestamp(0))
        if first is not None and first.due_at >= ends:
            message = (
                f"the session {session.name} ends at {_date(ends)}, the first run is at {_date(first.due_at)}"
            )
            self.refuse(at, "session_ends_first", message, "ask the owner for a longer one: sessions new")


def _date(at: Timestamp) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
