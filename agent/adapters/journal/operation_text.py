"""A signed operation as canonical JSON, with a digest that is checked whenever it is read."""

from hashlib import sha256
from typing import Any

import orjson

from agent.domain.errors import StoreDamaged
from agent.domain.keccak import keccak256
from agent.domain.occurrence import Nonce
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.erc4337.json_form import user_operation_from_json, user_operation_to_json
from agent.erc4337.version import EntryPointVersion

# The unpacked form of 0.7 keeps every field of ours whole, for every EntryPoint.
_FORM = EntryPointVersion.V07


def operation_text(signed: SignedOperation, at: Timestamp, facts: dict[str, str]) -> str:
    """Write everything that was decided about the operation, its full bytes included."""
    priced, draft = signed.priced, signed.priced.draft
    form = {
        "occurrence": draft.occurrence_id,
        "attempt": draft.attempt,
        "chain_id": str(draft.chain_id),
        "entry_point": str(draft.entry_point),
        "permission_id": str(draft.permission_id),
        "nonce": {"key": hex(draft.nonce.key), "sequence": str(draft.nonce.sequence)},
        "operation": user_operation_to_json(signed.operation, _FORM),
        "user_op_hash": str(signed.user_op_hash),
        "call_data_digest": "0x" + keccak256(signed.operation.call_data).hex(),
        "valid_until": signed.valid_until,
        "intent": dict(draft.plan.intent),
        "planned_at_block": draft.plan.block_number,
        "worst_case_wei": str(priced.worst_case_wei),
        "journaled_at": at,
        "facts": facts,
    }
    if draft.cancels:
        form["cancels"] = True
    if draft.plan.useful_until is not None:
        form["useful_until"] = draft.plan.useful_until
    return orjson.dumps(form, option=orjson.OPT_SORT_KEYS).decode()


def signed_under(text: str) -> Hash32:
    """Return the permission id of the session that signed the operation."""
    return Hash32.from_hex(orjson.loads(text)["permission_id"])


def text_digest(text: str) -> str:
    """Return the digest that the operation's row and its entry in the hash chain both carry."""
    return sha256(text.encode()).hexdigest()


def operation_from_text(text: str, digest: str) -> JournaledOperation:
    """Read an operation back; raise StoreDamaged when a byte of it changed."""
    if text_digest(text) != digest:
        raise StoreDamaged("the journal is damaged: a signed operation does not match its digest")
    form: dict[str, Any] = orjson.loads(text)
    return JournaledOperation(
        occurrence_id=form["occurrence"],
        attempt=form["attempt"],
        chain_id=ChainId(int(form["chain_id"])),
        entry_point=Address.from_hex(form["entry_point"]),
        nonce=Nonce(int(form["nonce"]["key"], 16), int(form["nonce"]["sequence"])),
        operation=user_operation_from_json(form["operation"], _FORM),
        user_op_hash=Hash32.from_hex(form["user_op_hash"]),
        valid_until=form["valid_until"],
        journaled_at=form["journaled_at"],
        planned_at_block=form["planned_at_block"],
        cancels=form.get("cancels", False),
        intent=form["intent"],
        useful_until=form.get("useful_until"),
    )
