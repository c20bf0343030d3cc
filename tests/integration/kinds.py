"""Every kind of account that packages bring to the local chain."""

import pytest

from agent.erc7579.accounts import KERNEL, NEXUS, REFERENCE, SAFE7579

KINDS = (NEXUS, KERNEL, SAFE7579, REFERENCE)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
