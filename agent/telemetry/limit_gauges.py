"""The limits of all sessions as Prometheus text, exact to the last unit.

Label sets are rendered once and values are written as integers: a scrape of 10,000 limits costs
milliseconds, and no amount is rounded before Prometheus itself makes a 64-bit float of it.
"""

from dataclasses import dataclass

_HELP = {
    "limit": "What the session allows in all, in the unit of the label",
    "used": "What the chain has counted against the limit",
    "reserved": "What operations in flight may still use of the limit",
    "burned": "Of used, what operations that were included and reverted may have used",
    "epoch": "How often the session was enabled: its counters begin anew with each",
    "remaining": "limit - used - reserved, never below zero",
}


@dataclass(frozen=True, slots=True)
class LimitLabels:
    """Which limit: of which session, by which policy, counted in what."""

    session: str
    policy: str
    limit: str
    unit: str


class LimitGauges:
    """`sessionkeeper_limit_*`, one sample per limit."""

    def __init__(self) -> None:
        self._prefixes: dict[LimitLabels, tuple[str, ...]] = {}
        self._values: dict[LimitLabels, tuple[int, ...]] = {}

    def set(
        self, labels: LimitLabels, *, limit: int, used: int, reserved: int, burned: int = 0, epoch: int = 1
    ) -> None:
        """Note the newest values, in base units."""
        if labels not in self._prefixes:
            self._prefixes[labels] = tuple(f"{metric_name(what)}{{{_labels(labels)}}} " for what in _HELP)
        self._values[labels] = (
            limit,
            used,
            reserved,
            burned,
            epoch,
            max(0, limit - used - reserved),
        )

    def forget_session(self, session: str) -> None:
        """Drop the samples of a session that is no longer configured."""
        for labels in [labels for labels in self._values if labels.session == session]:
            del self._values[labels], self._prefixes[labels]

    def render(self) -> bytes:
        """Return the samples in the text format 0.0.4."""
        lines: list[str] = []
        for index, (what, text) in enumerate(_HELP.items()):
            lines += (f"# HELP {metric_name(what)} {text}", f"# TYPE {metric_name(what)} gauge")
            lines += [
                f"{self._prefixes[labels][index]}{values[index]}" for labels, values in self._values.items()
            ]
        return ("\n".join(lines) + "\n").encode()


def metric_name(what: str) -> str:
    """Return the metric of `limit`, `used`, `reserved`, `remaining`, `burned` or `epoch`."""
    return "sessionkeeper_limit" if what == "limit" else f"sessionkeeper_limit_{what}"


def _labels(labels: LimitLabels) -> str:
    pairs = (
        ("session", labels.session),
        ("policy", labels.policy),
        ("limit", labels.limit),
        ("unit", labels.unit),
    )
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
