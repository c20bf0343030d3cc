"""Judges a run by the chain alone: written apart from the agent, it imports nothing of `agent` or `jobs`.

It reads the operator's files, works out the periods by its own calendar, reads every operation and transfer
of the accounts from the node, opens the journal's file by itself, and compares the three.
"""

from tests.acceptance.oracle.rules import Finding, examine

__all__ = ["Finding", "examine"]
