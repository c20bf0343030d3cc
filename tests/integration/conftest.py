"""Tests of this folder run on the local chain."""

from tests.devnet import devnet, devnet_snapshot, owner_key

__all__ = ["devnet", "devnet_snapshot", "owner_key"]
