"""`python -m agent` is `sessionkeeper`."""

from agent.cli import main

main()
