"""The file `sessionkeeper.yaml`: chains, store, keys, fee caps, web."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from agent.definitions.fields import (
    BooleanField,
    ContextField,
    FinalityField,
    HashField,
    IdField,
    NamesField,
    PasswordField,
    PointField,
    StoreField,
    StreamUrlField,
    SymbolField,
    UrlField,
    UrlsField,
)
from agent.definitions.validation import Fields
from agent.domain.job import GiveUp
from agent.erc4337.bundler_actions import SENDER_CAP
from agent.erc4337.version import EntryPointVersion
from jobs.fields import AddressField, DurationField, IntegerField, WeiField

# Without quotes an editor sees a number, where the loader sees text.
_VERSIONS = {"enum": ["0.6", "0.7", "0.8", 0.6, 0.7, 0.8]}


class Mode(StrEnum):
    """Whether operations are sent."""

    LIVE = "live"
    DRY_RUN = "dry-run"


class ClockKind(StrEnum):
    """Whose time makes jobs due."""

    WALL = "wall"
    CHAIN = "chain"


class FeeFields(Fields):
    """The most an operation may cost, and what is done about one that does not land for it."""

    max_fee_per_gas: WeiField | None = Field(None, description="Cap on maxFeePerGas: '50 gwei'.")
    max_priority_fee_per_gas: WeiField | None = Field(None, description="Cap on the tip: '2 gwei'.")
    max_cost: WeiField | None = Field(
        None, description="Cap on gas times fee of one operation, worst case: '0.01 ether'."
    )
    max_gas: IntegerField | None = Field(None, description="Cap on all gas limits of one operation together.")
    raise_after: DurationField | None = Field(
        None, description="How long an operation waits out of sight before its fees are raised: 1m."
    )
    give_up: GiveUp | None = Field(
        None, description="When its grace ends and it has not landed: wait for it, or cancel it."
    )


class TokenFields(Fields):
    """A token that amounts may name."""

    address: AddressField = Field(description="The token contract, quoted, with its checksum.")
    decimals: IntegerField = Field(description="Its decimals, compared with the chain at start.")


class EntryPointFields(Fields):
    """The EntryPoint that runs the operations."""

    version: Annotated[EntryPointVersion, WithJsonSchema(_VERSIONS)] = Field(
        EntryPointVersion.V07, description="Its release: 0.7 unless the account says otherwise."
    )
    address: AddressField | None = Field(None, description="Its address; the canonical one when left out.")


class TokenFeeFields(Fields):
    """What an ERC-20 paymaster may take from the account, all in one token."""

    max_rate: str = Field(description="The most one ether of gas may cost: '5000 USDC'.")
    max_fee: str = Field(description="The most one operation may cost: '0.5 USDC'.")
    max_fee_per_day: str = Field(
        description="The most an account may pay in a UTC day, and may allow the paymaster to take."
    )


class PaymasterFields(Fields):
    """A paymaster's service (ERC-7677), and what it may do."""

    url: UrlField = Field(description="Its URL; ${NAME} and file:PATH keep keys out of here.")
    addresses: tuple[AddressField, ...] = Field(description="The only paymaster contracts it may name.")
    context: ContextField = Field(
        default="{}", validate_default=True, description="A JSON object it wants; it may hold ${NAME}."
    )
    max_cost: WeiField = Field(description="Cap on what it pays for one operation, worst case.")
    max_cost_per_day: WeiField = Field(description="Cap on what it pays in a UTC day, for all jobs.")
    max_verification_gas: IntegerField = Field(
        "500000", validate_default=True, description="Cap on its verification gas limit."
    )
    max_post_op_gas: IntegerField = Field(
        "200000", validate_default=True, description="Cap on its post-op gas limit."
    )
    timeout: DurationField = Field(
        "5s", validate_default=True, description="How long it may take to answer; then the next one pays."
    )
    token_fee: TokenFeeFields | None = Field(
        None, description="For a paymaster that takes tokens from the account: how much, at most."
    )


class BreakerFields(Fields):
    """What is unusual enough to stop for, until a person lets it go; 0 turns a breaker off."""

    spend: tuple[str, ...] = Field(
        (), description="The most one account signs away within spend_within: ['500 USDC', '0.1 ether']."
    )
    operations: IntegerField = Field(
        "120", validate_default=True, description="The most operations one job signs within spend_within."
    )
    spend_within: DurationField = Field("1h", validate_default=True, description="Of both of these.")
    reverts: IntegerField = Field(
        "5", validate_default=True, description="So many reverted operations of a job, half of all or more."
    )
    reverts_within: DurationField = Field("6h", validate_default=True, description="In so much time.")
    errors: IntegerField = Field(
        "20", validate_default=True, description="So many refusals of a job, an account or on the chain."
    )
    errors_within: DurationField = Field("10m", validate_default=True, description="In so much time.")
    fee_factor: IntegerField = Field(
        "10", validate_default=True, description="A base fee above so many times its median of late."
    )
    fee_floor: WeiField = Field(
        "1 gwei", validate_default=True, description="A base fee below this is never a spike."
    )
    clock_skew: DurationField = Field(
        "10m", validate_default=True, description="Between new blocks and this machine; 0s turns it off."
    )


class ChainFields(Fields):
    """One chain the agent works on."""

    id: IntegerField = Field(description="The chain id, compared with the node at each connection.")
    rpc: UrlsField = Field(description="One node or a list; ${NAME} and file:PATH keep keys out of here.")
    rpc_ws: StreamUrlField | None = Field(
        None, description="A node's websocket, which tells of new heads at once; without it they are polled."
    )
    bundler: UrlsField = Field(description="One ERC-4337 bundler or a list, in order of preference.")
    private_bundler: UrlsField | None = Field(
        None,
        description="Bundlers that show nobody what they hold; they alone get jobs with send_by: private.",
    )
    finality: FinalityField | None = Field(
        None, description="finalized, or {depth: n} blocks; the registry's rule when left out."
    )
    quorum: IntegerField | None = Field(
        None,
        description="So many nodes must say the same before it counts for money: 2, of a single node 1.",
    )
    block_time: DurationField | None = Field(None, description="Time between blocks; from the registry.")
    max_head_age: DurationField | None = Field(
        None, description="Nothing is sent on an older head; 30 blocks, at least 1m, when left out."
    )
    entry_point: EntryPointFields = Field(default=EntryPointFields(), description="The EntryPoint in use.")
    multicall: AddressField | None = Field(None, description="Multicall3; from the registry.")
    sender_cap: IntegerField = Field(
        str(SENDER_CAP),
        validate_default=True,
        description="Operations of one account on their way at once; more is refused by some bundlers.",
    )
    call_gas: IntegerField | None = Field(
        None, description="Gas that the nodes give one eth_call; from the registry."
    )
    tokens: dict[SymbolField, TokenFields] = Field(
        default_factory=dict, description="Tokens by the symbol that amounts name."
    )
    code_hashes: dict[AddressField, HashField] = Field(
        default_factory=dict,
        description="Keccak-256 of the code of policies, validators and modules that you have looked at.",
    )
    fees: FeeFields = Field(default=FeeFields(), description="Caps for every job of the chain.")
    breakers: BreakerFields = Field(
        default=BreakerFields(), description="What stops jobs, accounts or the chain by itself."
    )
    paymasters: dict[IdField, PaymasterFields] = Field(
        default_factory=dict, description="Paymasters by the name that pay_gas_by gives."
    )
    pay_gas_by: NamesField = Field(
        (), description="Who pays for gas, the first that can: paymasters, and self for the account."
    )


class KeyFields(Fields):
    """A session key, by reference: no secret stands in this file."""

    address: AddressField = Field(
        description="The address the key must have; a passkey has the one its public key would give."
    )
    keystore: str | None = Field(None, description="A geth keystore v3 file.")
    password: PasswordField | None = Field(None, description="file:PATH or fd:N; needed with a keystore.")
    raw: str | None = Field(None, description="A file with the bare key; on chain 31337 only.")
    passkey: str | None = Field(
        None, description="A P-256 key in a PEM file; without a password on chain 31337 only."
    )
    public_key: PointField | None = Field(None, description="A passkey's x and y; needed with it.")

    @property
    def unprotected(self) -> bool:
        """Whether the file alone, without a password, gives the key away."""
        return self.raw is not None or (self.passkey is not None and self.password is None)


class WebFields(Fields):
    """Where health, metrics and status are served."""

    host: str = Field("127.0.0.1", description="Address to listen on; keep it local.")
    port: IntegerField = Field("9464", validate_default=True, description="Port; 0 turns the server off.")
    allow_remote: BooleanField = Field(
        default="false", validate_default=True, description="Needed to listen beyond this machine."
    )


class AgentFields(Fields):
    """The file but for its chains."""

    schema_version: Annotated[Literal["1"], WithJsonSchema({"enum": [1, "1"]})] = Field(
        description="Version of this file's form: 1."
    )
    mode: Mode = Field(description="live sends operations, dry-run shows them.")
    keys: dict[IdField, KeyFields] = Field(default_factory=dict, description="Session keys by name.")
    store: StoreField = Field(
        default="sqlite:///state/journal.db",
        validate_default=True,
        description="The journal; a relative sqlite path starts at this folder.",
    )
    kill_file: str | None = Field(
        None, description="The kill switch's file; beside the journal when left out."
    )
    clock: ClockKind = Field(ClockKind.WALL, description="wall, or chain on the devnet (31337) alone.")
    web: WebFields = Field(default=WebFields(), description="Health, metrics and status.")


class ConfigFields(AgentFields):
    """The whole file."""

    chains: tuple[ChainFields, ...] = Field(min_length=1, description="The chains to work on.")
