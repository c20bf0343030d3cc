"""The contracts that accounts of every kind are made from."""

from pathlib import Path

from eth_abi.abi import encode

from agent.devnet.compiled import account_creation_code
from agent.devnet.deploy import Deployment
from agent.devnet.keys import DEPLOYER
from agent.domain.units import ZERO_ADDRESS, Address
from agent.erc4337.version import CANONICAL_ENTRY_POINTS, EntryPointVersion

ENTRY_POINT = CANONICAL_ENTRY_POINTS[EntryPointVersion.V07]


def account_deployments(artifacts: Path) -> tuple[Deployment, ...]:
    """Return implementations, factories and what else the accounts of each kind need."""
    return (*_nexus(artifacts), *_kernel(artifacts), *_safe7579(artifacts), *_reference(artifacts))


def reference_proxy_code(artifacts: Path) -> bytes:
    """Return the creation code of a reference account's proxy."""
    return account_creation_code(artifacts, "ERC7579", "MSAPROXY_BYTECODE")


def _nexus(artifacts: Path) -> tuple[Deployment, ...]:
    code = account_creation_code(artifacts, "Nexus", "NEXUS_BYTECODE")
    nexus = _with_addresses("Nexus", code, ENTRY_POINT)
    factory = account_creation_code(artifacts, "Nexus", "NEXUS_ACCOUNT_FACTORY_BYTECODE")
    bootstrap = account_creation_code(artifacts, "Nexus", "NEXUS_BOOTSTRAP_BYTECODE")
    return (
        nexus,
        _with_addresses("NexusAccountFactory", factory, nexus.address, DEPLOYER.address),
        Deployment("NexusBootstrap", bootstrap),
    )


def _kernel(artifacts: Path) -> tuple[Deployment, ...]:
    code = account_creation_code(artifacts, "Kernel", "KERNEL_BYTECODE")
    kernel = _with_addresses("Kernel", code, ENTRY_POINT)
    factory = account_creation_code(artifacts, "Kernel", "KERNEL_FACTORY_BYTECODE")
    return kernel, _with_addresses("KernelFactory", factory, kernel.address)


def _safe7579(artifacts: Path) -> tuple[Deployment, ...]:
    def code(part: str) -> bytes:
        return account_creation_code(artifacts, "Safe7579", f"{part}_BYTECODE")

    return (
        Deployment("Safe7579", code("SAFE7579")),
        # Without a module registry: there is none here, and asking it would fail the set-up.
        _with_addresses("Safe7579Launchpad", code("SAFE7579_LAUNCHPAD"), ENTRY_POINT, ZERO_ADDRESS),
        Deployment("SafeSingleton", code("SAFE_SINGLETON")),
        Deployment("SafeProxyFactory", code("SAFE_PROXY_FACTORY")),
    )


def _reference(artifacts: Path) -> tuple[Deployment, ...]:
    return (
        Deployment("ReferenceAccount", account_creation_code(artifacts, "ERC7579", "ERC7579_BYTECODE")),
        Deployment(
            "ReferenceBootstrap", account_creation_code(artifacts, "ERC7579", "ERC7579_BOOTSTRAP_BYTECODE")
        ),
    )


def _with_addresses(name: str, code: bytes, *arguments: Address) -> Deployment:
    return Deployment(name, code + encode(["address"] * len(arguments), arguments))
