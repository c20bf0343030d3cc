"""The attack runs on the local chain."""

from tests.devnet import devnet

__all__ = ["devnet"]
