"""The faults that a run may draw, by their row in the catalogue, each with its highest chance."""

from tests.simulation.dice import Fault

FAULTS = {
    fault.code: fault
    for fault in (
        Fault("F01", "crash before or after a slot is claimed", 0.05),
        Fault("F02", "crash after the plan, before signing", 0.1),
        Fault("F03", "crash after signing, before the bytes are journaled", 0.1),
        Fault("F04", "crash after the bytes are journaled, before they are sent", 0.1),
        Fault("F05", "crash between the send and the note of its answer", 0.1),
        Fault("F06", "crash between the bytes of a raised fee and their send", 0.8),
        Fault("F07", "a bundler drops what it accepted, silently", 0.5),
        Fault("F08", "the send's answer is lost, the operation is not", 0.4),
        Fault("F09", "the operation is included and reverts", 0.4),
        Fault("F10", "somebody else uses the lane", 0.01),
        Fault("F11", "the node shows an old head", 0.05),
        Fault("F13", "a reorg, no deeper than finality", 0.1),
        Fault("F15", "the chain stands still", 0.01),
        Fault("F16", "the worker's clock jumps", 0.01),
        Fault("F17", "a second worker on the same store; the first one stops and goes on", 0.01),
        Fault("F21", "the store cannot write", 0.05),
        Fault("F22", "the journal is lost", 0.004),
        Fault("F23", "an old backup of the journal is restored", 0.004),
        Fault("F24", "the store wrote, and says that it could not", 0.05),
        Fault("F25", "the session is removed on chain for a while", 0.004),
        Fault("F27", "the account cannot pay for gas for a while", 0.005),
        Fault("F28", "the paymaster refuses, or does not answer", 0.5),
        Fault("F29", "the base fee jumps for a while", 0.04),
        Fault("F34", "a job's kind breaks on its data", 0.05),
        Fault("F35", "an answer takes long", 0.05),
        Fault("F36", "an endpoint cannot be reached", 0.1),
        Fault("F37", "the worker is asked to stop and started again", 0.01),
        Fault("F38", "crash at any other await", 0.003),
        Fault("F12", "the node leaves logs out", 0.1),
        Fault("K01", "everything is killed for a while", 0.01),
        Fault("P01", "the bundler names another hash", 0.3),
        Fault("P02", "the bundler's estimate is absurd", 0.2),
        Fault("P03", "the paymaster's service names another contract", 0.3),
        Fault("P06", "the bundler answers with garbage, and took it", 0.3),
        Fault("D01", "an operation is forwarded twice", 0.3),
        Fault("D02", "an operation is held back and comes much later", 0.3),
        Fault("D04", "nobody includes operations for a while", 0.03),
        Fault("D03", "a bundler refuses with a real bundler's words", 0.3),
    )
}
