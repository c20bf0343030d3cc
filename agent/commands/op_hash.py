"""The hash of a UserOperation in a file."""

from agent.commands.json_document import DocumentError, json_object
from agent.domain.units import Address, ChainId, Hash32
from agent.erc4337.json_form import user_operation_from_json
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion


def op_hash(
    text: str, source: str, version: EntryPointVersion, entry_point: Address, chain_id: ChainId
) -> Hash32:
    """Return the hash of an operation in JSON-RPC form; raise DocumentError naming what is wrong."""
    form = json_object(text, source)
    try:
        return user_op_hash(user_operation_from_json(form, version), entry_point, chain_id, version)
    except (ValueError, OverflowError) as error:
        raise DocumentError(source, str(error)) from error
