"""Files of `sessions/`: the session exactly as it was granted, and whose it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict, Field

from agent.definitions.fields import (
    BooleanField,
    BytesField,
    HashField,
    IdField,
    ReasonField,
    RuleField,
    SelectorField,
)
from agent.definitions.source import Document, Report, Within
from agent.definitions.validation import Fields, validate
from agent.domain.job import Place
from agent.domain.session import (
    ActionData,
    ERC7739Context,
    ERC7739Data,
    PolicyData,
    Session,
)
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.enabling import EnableGrant
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies import time_frame
from jobs.fields import AddressField, IntegerField


@dataclass(frozen=True, slots=True)
class SessionDefinition:
    """A granted session under the name that jobs use."""

    name: str
    chain_id: ChainId
    account: Address
    account_kind: str
    key: str
    smart_session: Address
    session: Session
    permission_id: Hash32
    place: Place
    cosigners: tuple[str, ...] = ()
    """Keys that sign beside `key`, where the owner of the session is several."""
    made_at: Timestamp | None = None
    """From when its limits were counted; None where nobody noted it."""
    headroom: int | None = None
    """Spare operations per job that the operator asked for; None takes them from the retries."""
    uses: int | None = None
    """How often each job without a schedule was to act, as the operator said; None: as the jobs say."""
    allow_lint: tuple[str, ...] = ()
    """Lint rules the operator lets pass."""
    allow_lint_reason: str = ""
    """Why, in the operator's words."""
    succeeds: str | None = None
    """The session this one takes over from, under another key."""
    revoked_at: Timestamp | None = None
    """When its owner took it back; nothing is signed under it any more."""

    enable: EnableGrant | None = field(default=None, repr=False)
    """The owner's signature that lets the first operation enable it; kept in a file of its own."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key named, in the order of the file: the first ones sign, up to the owner's threshold."""
        return (self.key, *self.cosigners)

    @property
    def expires_at(self) -> Timestamp | None:
        """The first second at which some policy of the session no longer allows anything."""
        ends = [frame.valid_until for frame in _time_frames(self.session) if frame.valid_until]
        return Timestamp(min(ends) + 1) if ends else None


class _Granted(Fields):
    # The names are those of the contract, so that the same document serves every tool.
    model_config = ConfigDict(populate_by_name=False)


class PolicyFields(_Granted):
    """One policy contract and its init data."""

    policy: AddressField = Field(description="The policy contract.")
    init_data: BytesField = Field(alias="initData", description="The bytes it was initialised with.")

    def value(self) -> PolicyData:
        """Return the policy as the contract takes it."""
        return PolicyData(self.policy, self.init_data)


class ActionFields(_Granted):
    """One function of one contract, and the policies that guard it."""

    selector: SelectorField = Field(alias="actionTargetSelector", description="The function's selector.")
    target: AddressField = Field(alias="actionTarget", description="The contract that is called.")
    policies: tuple[PolicyFields, ...] = Field(alias="actionPolicies", description="What limits the calls.")


class ContentFields(_Granted):
    """Off-chain content the session may sign for one application."""

    separator: HashField = Field(alias="appDomainSeparator", description="The application's domain.")
    names: tuple[str, ...] = Field(alias="contentNames", description="Names of the content types.")


class SigningFields(_Granted):
    """ERC-1271 rights; empty in every session this agent makes."""

    contents: tuple[ContentFields, ...] = Field(
        default=(), alias="allowedERC7739Content", description="Content that may be signed."
    )
    policies: tuple[PolicyFields, ...] = Field(
        default=(), alias="erc1271Policies", description="What limits the signing."
    )


class GrantedFields(_Granted):
    """The session as encoded when it was granted; even the order of policies counts."""

    validator: AddressField = Field(alias="sessionValidator", description="Checks the key's signature.")
    validator_data: BytesField = Field(
        alias="sessionValidatorInitData", description="The key, as the validator takes it."
    )
    salt: HashField = Field(description="Makes the permission id unique.")
    user_op_policies: tuple[PolicyFields, ...] = Field(
        alias="userOpPolicies", description="Limits on every operation."
    )
    signing: SigningFields = Field(
        default=SigningFields(), alias="erc7739Policies", description="ERC-1271 rights."
    )
    actions: tuple[ActionFields, ...] = Field(description="What may be called.")
    permit_paymaster: BooleanField = Field(
        alias="permitERC4337Paymaster", description="Whether a paymaster may pay."
    )

    def value(self) -> Session:
        """Return the session as the contract takes it."""
        return Session(
            session_validator=self.validator,
            session_validator_init_data=self.validator_data,
            salt=self.salt,
            user_op_policies=_values(self.user_op_policies),
            erc7739_policies=ERC7739Data(
                tuple(ERC7739Context(item.separator, item.names) for item in self.signing.contents),
                _values(self.signing.policies),
            ),
            actions=tuple(
                ActionData(item.selector, item.target, _values(item.policies)) for item in self.actions
            ),
            permit_erc4337_paymaster=self.permit_paymaster,
        )


class AccountFields(Fields):
    """The account that granted the session."""

    address: AddressField = Field(description="The account.")
    kind: Literal["nexus", "startale", "kernel", "safe7579", "reference"] = Field(
        description="Its implementation, which decides the layout of the nonce."
    )


class SessionFields(Fields):
    """One session file; `sessionkeeper sessions new` writes it."""

    name: IdField = Field(description="What jobs call the session.")
    chain: IntegerField = Field(description="Id of the chain it was granted on.")
    account: AccountFields = Field(description="Who granted it.")
    key: IdField | None = Field(None, description="Name of the session key in sessionkeeper.yaml.")
    keys: tuple[IdField, ...] = Field(
        default=(), description="In place of key: those that sign together, as many as the threshold first."
    )
    smart_session: AddressField = Field(
        default=str(SMART_SESSION),
        validate_default=True,
        description="The SmartSession module it was granted on.",
    )
    permission_id: HashField = Field(description="Its id; checked against the session below.")
    made_at: IntegerField | None = Field(None, description="Second from which its limits were counted.")
    headroom: IntegerField | None = Field(None, description="Spare operations per job in its limits.")
    uses: IntegerField | None = Field(
        None, description="How often each job without a schedule may act by its limits."
    )
    allow_lint: tuple[RuleField, ...] = Field(
        default=(),
        description="Lint rules that may refuse nothing here, such as [L12].",
    )
    allow_lint_reason: ReasonField | None = Field(None, description="Why these rules may be broken here.")
    succeeds: IdField | None = Field(None, description="The session this one takes over from.")
    revoked_at: IntegerField | None = Field(
        None, description="Second at which its owner took it back; no job may use it since."
    )
    session: GrantedFields = Field(description="The exact session, never encoded anew.")


def session_from(document: Document, report: Report) -> SessionDefinition | None:
    """Return the session of a file; None after a mistake."""
    fields = validate(SessionFields, document.root, Within(document, ()), report)
    if len(fields) < len(SessionFields.model_fields):
        return None
    if (fields["key"] is None) == (not fields["keys"]):
        report.add(document.place(()), "session_key", "the session names not one key", "give key: or keys:")
        return None
    definition = _definition(fields, document)
    computed = permission_id(definition.session)
    if computed != definition.permission_id:
        message = f"the session below has the id {computed}"
        fix = "restore the session as granted, or correct the id"
        report.add(document.place(("permission_id",)), "permission_id_differs", message, fix)
        return None
    return definition


def _definition(fields: Mapping[str, Any], document: Document) -> SessionDefinition:
    account: AccountFields = fields["account"]
    first, *others = fields["keys"] or (fields["key"],)
    return SessionDefinition(
        name=fields["name"],
        chain_id=ChainId(fields["chain"]),
        account=account.address,
        account_kind=account.kind,
        key=first,
        cosigners=tuple(others),
        made_at=fields["made_at"],
        headroom=fields["headroom"],
        uses=fields["uses"],
        allow_lint=fields["allow_lint"],
        allow_lint_reason=fields["allow_lint_reason"] or "",
        succeeds=fields["succeeds"],
        revoked_at=fields["revoked_at"],
        smart_session=fields["smart_session"],
        session=fields["session"].value(),
        permission_id=fields["permission_id"],
        place=document.place(()),
    )


def _values(policies: tuple[PolicyFields, ...]) -> tuple[PolicyData, ...]:
    return tuple(item.value() for item in policies)


def _time_frames(session: Session) -> Iterator[time_frame.TimeFrame]:
    guards = [
        *session.user_op_policies,
        *(item for action in session.actions for item in action.action_policies),
    ]
    for guard in guards:
        # Init data that cannot be read is for preflight to refuse.
        if guard.policy == time_frame.ADDRESS and len(guard.init_data) >= 12:
            yield time_frame.decode(guard.init_data)
        elif guard.policy == time_frame.LEGACY_ADDRESS and len(guard.init_data) == 32:
            yield time_frame.decode_legacy(guard.init_data)
