"""Where contracts are on every chain."""

from types import MappingProxyType

from agent.domain.units import Address, Hash32
from agent.erc4337.version import EntryPointVersion

CREATE2_FACTORY = Address.from_hex("0x4e59b44847b379578588920ca78fbf26c0b4956c")
"""Arachnid's deployer: call data is salt and creation code; anvil has it from the start."""

SAFE_SINGLETON_FACTORY = Address.from_hex("0x914d7fec6aac8cd542e72bca78b30650d45643d7")
"""Same code as Arachnid's deployer, which anvil does not have here."""

MULTICALL3 = Address.from_hex("0xca11bde05977b3631167028862be2a173976ca11")

ENTRY_POINT_SALTS = MappingProxyType(
    {
        EntryPointVersion.V06: Hash32(bytes(32)),
        EntryPointVersion.V07: Hash32.from_hex(
            "0x90d8084deab30c2a37c45e8d47f49f2f7965183cb6990a98943ef94940681de3"
        ),
        EntryPointVersion.V08: Hash32.from_hex(
            "0x0a59dbff790c23c976a548690c27297883cc66b4c67024f9117b0238995e35e9"
        ),
    }
)

SESSION_CONTRACTS = MappingProxyType(
    {
        name: Address.from_hex(address.lower())
        for name, address in {
            "SmartSession": "0x00000000008bDABA73cD9815d79069c247Eb4bDA",
            "OwnableValidator": "0x000000000013fdB5234E4E3162a810F54d9f7E98",
            "SudoPolicy": "0x0000000000FEEc8D74e3143fBaBbca515358d869",
            "ERC20SpendingLimitPolicy": "0x000000000033212E272655D8a22402Db819477A6",
            "TimeFramePolicy": "0x0000000000D30f611fA3bf652ac6879428586930",
            "UniActionPolicy": "0x0000000000714Cf48FcF88A0bFBa70d313415032",
            "UsageLimitPolicy": "0x00000000001d4479FA2A947026204d0283ceDe4B",
            "ValueLimitPolicy": "0x000000000021dC45451291BCDfc9f0B46d6f0278",
            "SimpleGasPolicy": "0x0000000000d14A6F771494592218d8F9c2ddEbB6",
            "ContractWhitelistPolicy": "0x0000000000d79359D85e62796104D7AE863fFAcb",
            "ArgPolicy": "0x0000000000167edE64D8751daACDdC0312565a73",
            "WebAuthnValidator": "0x0000000000578c4cB0e472a5462da43C495C3F33",
        }.items()
    }
)
"""Smart Sessions, its policies and its session validators; no package ships them."""
