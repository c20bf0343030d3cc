"""The file `sessionkeeper.yaml`: chains, store, keys, fee caps, web."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from agent.definitions.fields import (
    BooleanField,
    FinalityField,
    IdField,
    PasswordField,
    PointField,
    StoreField,
    SymbolField,
    UrlsField,
)
from agent.definitions.validation import Fields
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
    """The most an operation may cost."""

    max_fee_per_gas: WeiField | None = Field(None, description="Cap on maxFeePerGas: '50 gwei'.")
    max_priority_fee_per_gas: WeiField | None = Field(None, description="Cap on the tip: '2 gwei'.")
    max_cost: WeiField | None = Field(
        None, description="Cap on gas times fee of one operation, worst case: '0.01 ether'."
    )
    max_gas: IntegerField | None = Field(None, description="Cap on all gas limits of one operation together.")


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


class ChainFields(Fields):
    """One chain the agent works on."""

    id: IntegerField = Field(description="The chain id, compared with the node at each connection.")
    rpc: UrlsField = Field(description="One node or a list; ${NAME} and file:PATH keep keys out of here.")
    bundler: UrlsField = Field(description="One ERC-4337 bundler or a list, in order of preference.")
    finality: FinalityField | None = Field(
        None, description="finalized, or {depth: n} blocks; the registry's rule when left out."
    )
    block_time: DurationField | None = Field(None, description="Time between blocks; from the registry.")
    entry_point: EntryPointFields = Field(default=EntryPointFields(), description="The EntryPoint in use.")
    multicall: AddressField | None = Field(None, description="Multicall3; from the registry.")
    tokens: dict[SymbolField, TokenFields] = Field(
        default_factory=dict, description="Tokens by the symbol that amounts name."
    )
    fees: FeeFields = Field(default=FeeFields(), description="Caps for every job of the chain.")


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
    clock: ClockKind = Field(ClockKind.WALL, description="wall, or chain on the devnet (31337) alone.")
    web: WebFields = Field(default=WebFields(), description="Health, metrics and status.")


class ConfigFields(AgentFields):
    """The whole file."""

    chains: tuple[ChainFields, ...] = Field(min_length=1, description="The chains to work on.")
