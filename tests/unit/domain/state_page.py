"""The state table as the documents print it: `python -m tests.unit.domain.state_page` writes it to stdout."""

import sys

from agent.domain.states import TABLE


def state_table() -> str:
    """Return one line for each event and target, the states it may happen in together."""
    sources: dict[tuple[str, str, str], list[str]] = {}
    for row in TABLE:
        sources.setdefault((row.event.value, row.to.name, row.note), []).append(row.state.name)
    lines = ["| From | Event | To | Note |", "|---|---|---|---|"]
    lines += [
        f"| {', '.join(states)} | {event} | {to} | {note} |" for (event, to, note), states in sources.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(state_table())
