"""Random Startale accounts: what their SDK makes of them without a chain."""

from random import Random

from eth_abi.abi import encode

from agent.devnet.accounts import address_of, sign_digest
from agent.domain.call import Call
from agent.domain.units import UINT256_MAX, ZERO_ADDRESS, Address, ChainId, Hash32, Wei
from agent.erc7579.accounts import STARTALE, enable_owner_signature, nonce_key
from agent.erc7579.enable_digest import AccountDomain
from agent.erc7579.execution import encode_execute
from agent.erc7579.module_enable import module_enable_key
from agent.erc7579.modules import Module
from agent.erc7579.startale import RELEASES, startale_creation
from agent.erc7579.typed_data_sign import (
    TypedContents,
    typed_data_sign_digest,
    typed_data_sign_signature,
)
from agent.smart_sessions.signature import SignatureFlavour, signed_hash
from tests.parity import dice
from tests.parity.cases import Cases, case
from tests.parity.forms import Form, big, text
from tests.parity.sdks import STARTALE as STARTALE_SDK

CHAIN = ChainId(1)
LANES = 2**24 - 1
"""The SDK counts lanes modulo one less than there are."""
CONTENTS = "Contents(bytes32 stuff)"
"""The one type that the SDK can nest."""


def accounts(random: Random) -> Cases:
    """An account's init code, the keys of its lanes in both modes, its calls, its owner's signature."""
    argument, creation = _account(random)
    lanes = [(random.randrange(LANES), dice.an_address(random)) for _ in range(3)]
    calls = [_call(random) for _ in range(random.randint(1, 3))]
    argument |= {
        "lanes": [_lane(*lane, mode) for lane in lanes for mode in ("0x00", "0x01")],
        "calls": [{"to": text(i.target), "value": big(i.value_wei), "data": text(i.data)} for i in calls],
    }
    keys = [
        key(STARTALE, validator, lane) for lane, validator in lanes for key in (nonce_key, module_enable_key)
    ]
    ours = [text(creation), [text(key.to_bytes(24, "big")) for key in keys], text(encode_execute(calls))]
    yield case("toStartaleSmartAccount", [argument], ours, ["initCode", "keys", "calls"], STARTALE_SDK)


def owner_signatures(random: Random) -> Cases:
    """The built-in validator's key signs an application's typed data, nested for its account."""
    key, here, stuff = random.randbytes(32), dice.an_address(random), dice.a_hash(random)
    application = {"name": "App", "version": "1", "chainId": 1, "verifyingContract": text(here[::-1])}
    separator = AccountDomain("App", "1", CHAIN, Address(here[::-1])).separator
    # The SDK takes the message's only field for the hash of the message.
    contents = TypedContents(separator, stuff, CONTENTS)
    digest = typed_data_sign_digest(contents, AccountDomain("Startale", "1.0.0", CHAIN, here))
    signature = sign_digest(key, signed_hash(digest, SignatureFlavour.PERSONAL))
    ours = enable_owner_signature(STARTALE, ZERO_ADDRESS, typed_data_sign_signature(contents, signature))
    typed = {
        "domain": application,
        "primaryType": "Contents",
        "types": {"Contents": [{"name": "stuff", "type": "bytes32"}]},
        "message": {"stuff": text(stuff)},
    }
    argument = {"owner": {"$signer": text(key)}, "accountAddress": text(here), "domain": _domain(here)}
    yield case("toStartaleSmartAccount", [{**argument, "typed": typed}], ours, "typed", STARTALE_SDK)


def _account(random: Random) -> tuple[Form, bytes]:
    key, index = random.randbytes(32), random.getrandbits(random.randint(1, 64))
    modules = [Module(dice.an_address(random), _data(random)) for _ in range(random.randint(0, 2))]
    version, release = random.choice(list(RELEASES.items()))
    salt = Hash32(index.to_bytes(32, "big"))
    creation = startale_creation(release.factory, address_of(key), salt, modules)
    argument: Form = {
        "owner": {"$signer": text(key)},
        "accountVersion": version,
        "accountAddress": text(dice.an_address(random)),
        "index": big(index),
        "validators": [{"module": text(item.address), "data": text(item.init_data)} for item in modules],
    }
    return argument, creation.init_code


def _lane(lane: int, validator: Address, mode: str) -> Form:
    return {"key": big(lane), "validationMode": mode, "moduleAddress": text(validator)}


def _call(random: Random) -> Call:
    value = Wei(dice.a_number(random, UINT256_MAX))
    return Call(dice.an_address(random), value, random.randbytes(random.choice((0, 4, 68))))


def _data(random: Random) -> bytes:
    return random.randbytes(random.choice((1, 31, 32, 33, 200)))


def _domain(account: Address) -> str:
    """Answer `eip712Domain()` as the account does."""
    types = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
    return text(encode(types, [b"\x0f", "Startale", "1.0.0", CHAIN, account, bytes(32), []]))


MAKERS = {accounts: 80, owner_signatures: 40}
