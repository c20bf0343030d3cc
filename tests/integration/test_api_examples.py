"""Every block of docs/api.md runs, in its order, on the local chain."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from agent.devnet import chain
from agent.devnet.accounts import address_of, handle_op, install_smart_sessions, send_as_owner, sign_digest
from agent.devnet.devnet import Devnet
from agent.devnet.errors import DevnetError
from agent.devnet.transactions import read
from agent.domain.call import Call
from agent.domain.units import Address
from agent.domain.user_operation import UserOperation
from tests.devnet import a_key, a_nexus_account
from tests.integration.scenes import PAYEE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
_FENCES = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.devnet
async def test_every_block_of_the_page_runs(devnet: Devnet) -> None:
    names = await _what_the_reader_has(devnet)
    text = PAGE.read_text()
    for match in _FENCES.finditer(text):
        assert match[1] == "python"
        line = text.count("\n", 0, match.start()) + 1
        await _run("\n" * line + match[2], names)
    assert "state" in names


async def _run(code: str, names: dict[str, Any]) -> None:
    compiled = compile(code, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    answer = eval(compiled, names)  # noqa: S307 - our own page
    if inspect.isawaitable(answer):
        await answer


async def _what_the_reader_has(devnet: Devnet) -> dict[str, Any]:
    owner, key = await a_nexus_account(devnet, usdc=100_000_000), a_key()
    await install_smart_sessions(devnet, owner)

    async def eth_call(to: Address, data: bytes) -> bytes | None:
        try:
            return await read(devnet.rpc_url, to, data)
        except DevnetError:
            return None

    async def as_owner(*calls: Call) -> None:
        await send_as_owner(devnet, owner, calls)

    async def send(op: UserOperation) -> None:
        await handle_op(devnet, op)

    return {
        "account": owner.address,
        "chain_id": devnet.chain_id,
        "entry_point": devnet.entry_point,
        "eth_call": eth_call,
        "now": await chain.block_time(devnet),
        "payee": PAYEE,
        "send": send,
        "send_as_owner": as_owner,
        "session_key": address_of(key),
        "sign": lambda digest: sign_digest(key, digest),
        "token": devnet.usdc,
    }
