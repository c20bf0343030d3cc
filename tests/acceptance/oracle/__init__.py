"""Judges a run by the chain alone: written apart from the agent, it imports nothing of `agent` or `jobs`.

It reads the operator's files, works out the periods by its own calendar, reads every operation and transfer
of the accounts from the node, opens the journal's file by itself, and compares the three. What left the
process it takes from a proxy before the bundler, what was printed or stored from the files of the run.
"""

from tests.acceptance.oracle.finding import Finding
from tests.acceptance.oracle.meters import examine_calls, examine_ticks
from tests.acceptance.oracle.outputs import examine_outputs
from tests.acceptance.oracle.rules import examine
from tests.acceptance.oracle.sends import Sent, examine_sends

__all__ = ["Finding", "Sent", "examine", "examine_calls", "examine_outputs", "examine_sends", "examine_ticks"]
