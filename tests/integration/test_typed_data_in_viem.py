"""viem, which wallets are built on, reads the documents that owners sign and hashes them alike."""

import json
import subprocess

import pytest

from agent.devnet.devnet import Devnet
from agent.devnet.node import find_node
from agent.devnet.paths import devnet_dir
from agent.domain.keccak import keccak256
from agent.domain.typed_data import Document
from agent.erc7579.accounts import KERNEL, STARTALE
from agent.erc7579.enable_digest import owner_digest
from agent.erc7579.owner_document import nested_document
from agent.smart_sessions.digest import multichain_preimage
from agent.smart_sessions.typed_data import multichain_document
from tests.unit.erc7579.test_startale import DOMAIN
from tests.unit.smart_sessions.test_typed_data import ELSEWHERE, HERE, VECTORS, entry

pytestmark = pytest.mark.devnet

SCRIPT = """\
import { readFileSync } from "node:fs"
import { hashTypedData } from "viem"
for (const line of readFileSync(0, "utf8").trim().split("\\n")) console.log(hashTypedData(JSON.parse(line)))
"""


def hashes(documents: list[Document]) -> list[str]:
    answer = subprocess.run(
        [find_node().node, "--input-type=module", "-e", SCRIPT],
        # Where the bundler's packages are, viem among them.
        cwd=devnet_dir() / "npm",
        input="\n".join(map(json.dumps, documents)),
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.split()


def test_viem_hashes_the_documents_alike(devnet: Devnet) -> None:
    entries = [entry(vector, chain) for vector in VECTORS["sessions"] for chain in (HERE, ELSEWHERE)]
    preimage = multichain_preimage([item.chain_digest for item in entries])
    digest = keccak256(preimage)
    documents = [
        multichain_document(entries),
        *(nested_document(kind, DOMAIN, preimage) for kind in (KERNEL, STARTALE)),
    ]
    nested = [str(owner_digest(kind, type(DOMAIN.separator)(digest), DOMAIN)) for kind in (KERNEL, STARTALE)]
    assert devnet.chain_id == HERE
    assert hashes(documents) == ["0x" + digest.hex(), *nested]
