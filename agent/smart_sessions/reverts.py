"""Reverts of the contracts, as the model raises them."""

from agent.domain.units import Address, Hash32

PANIC = bytes.fromhex("4e487b71")
ARITHMETIC_PANIC = PANIC + (0x11).to_bytes(32, "big")
ENUM_PANIC = PANIC + (0x21).to_bytes(32, "big")
INDEX_PANIC = PANIC + (0x32).to_bytes(32, "big")


class Revert(Exception):
    """The contract reverts with exactly this data."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__("0x" + data.hex())
        self.data = data


def with_id(selector: str, identifier: Hash32) -> Revert:
    """Revert with an error that names a permission."""
    return Revert(bytes.fromhex(selector) + identifier)


def with_address(selector: str, address: Address) -> Revert:
    """Revert with an error that names an address."""
    return Revert(bytes.fromhex(selector) + bytes(12) + address)


def policy_violation(permission: Hash32, policy: Address) -> Revert:
    """Refuse what a policy answers no to."""
    return Revert(bytes.fromhex("3b577361") + permission + bytes(12) + policy)


def policy_check_reverted(data: bytes) -> Revert:
    """Refuse where a policy reverts; only the first 32 bytes of its revert data travel."""
    return Revert(bytes.fromhex("f4270752") + data[:32].ljust(32, b"\0"))


def invalid_permission_id(permission: Hash32) -> Revert:
    """Refuse a session that is not enabled."""
    return with_id("526d0da5", permission)


def no_policies_set(permission: Hash32) -> Revert:
    """Refuse what no policy guards: an action, or an operation with a paymaster."""
    return with_id("1c792c05", permission)


def paymaster_not_enabled(permission: Hash32) -> Revert:
    """Refuse a paymaster the session does not permit."""
    return with_id("d5dc9fa4", permission)


def invalid_session(permission: Hash32) -> Revert:
    """Refuse the permission id zero."""
    return with_id("92d69f9c", permission)


def invalid_user_op_sender(sender: Address) -> Revert:
    """Refuse an operation of somebody else."""
    return with_address("04a4ab94", sender)


def unsupported_policy(policy: Address) -> Revert:
    """Refuse a policy that cannot stand in this list."""
    return with_address("6a01dd01", policy)


def invalid_session_validator(validator: Address) -> Revert:
    """Refuse a contract that is no session validator."""
    return with_address("a7eae112", validator)


INVALID_DATA = bytes.fromhex("5cb045db")
INVALID_ACTION_ID = bytes.fromhex("e068d3a2")
INVALID_SIGNATURE = bytes.fromhex("8baa579f")
INVALID_SELF_CALL = bytes.fromhex("540733ea")
INVALID_TARGET = bytes.fromhex("82d5d76a")
NO_EXECUTIONS_IN_BATCH = bytes.fromhex("56d93c1a")
UNSUPPORTED_EXECUTION_TYPE = bytes.fromhex("6c4872f9")
