"""Appends operations and prints each one's number once the journal said that it is on disk."""

import asyncio
import sys

from agent.adapters.sql import open_journal
from agent.domain.errors import StoreUnavailable
from agent.domain.occurrence import Occurrence
from agent.ports import Journal
from tests.contract.journals import a_job, claimed, plan, sign

JOBS = 400
AT_ONCE = 8
LINE = 512
"""Characters of a line: a test that is slow to listen finds the pipe full, long before the end."""


async def main(url: str) -> None:
    """Run until somebody kills this process or its database; there is more to do than it can."""
    journal = open_journal(url, exclusive=True)
    try:
        waiting = list(await claimed(journal, *(a_job(f"job-{number}") for number in range(JOBS))))
        print("ready", flush=True)
        await asyncio.gather(*(append_all(journal, waiting) for _ in range(AT_ONCE)))
    except StoreUnavailable as error:
        print(f"unavailable: {error}", file=sys.stderr)


async def append_all(journal: Journal, waiting: list[Occurrence]) -> None:
    """Take occurrences off the list until it is empty."""
    while waiting:
        row = waiting.pop()
        await sign(journal, await plan(journal, row), seed=row.id)
        print(f"{row.id:<{LINE}}", flush=True)


asyncio.run(main(sys.argv[1]))
