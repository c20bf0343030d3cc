"""The command line. One file per command group; every group is imported when it is asked for."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from agent.cli.root import run

    sys.exit(run(sys.argv[1:]))
