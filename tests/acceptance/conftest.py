"""Tests of this folder run real workers on the local chain."""

from tests.devnet import devnet

__all__ = ["devnet"]
