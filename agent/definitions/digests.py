"""Digests by which the journal tells an edited job from the same one."""

from collections.abc import Mapping
from dataclasses import asdict

import orjson

from agent.domain.job import FeeCaps
from agent.domain.keccak import keccak256
from agent.domain.schedule import CatchUp, Retry, Schedule
from agent.domain.units import Hash32


def digest_of(values: Mapping[str, object]) -> Hash32:
    """Return the keccak-256 of canonical JSON: sorted keys, no blanks; values are JSON's own or text."""
    return Hash32(keccak256(orjson.dumps(values, default=str, option=orjson.OPT_SORT_KEYS)))


def terms_text(
    schedule: Schedule | None, fees: FeeCaps, retry: Retry, catch_up: CatchUp
) -> dict[str, object]:
    """Return what the jobs of one template share, for their digests."""
    return {
        "schedule": _schedule(schedule),
        "fees": _fees(fees),
        "retry": asdict(retry),
        "catch_up": catch_up.value,
    }


def _fees(fees: FeeCaps) -> dict[str, str]:
    # Text: wei may be larger than the integers of JSON. What the file does not say is left out, but for
    # caps, which always stood here: a release with more fields makes no other job of the same file.
    return {
        name: str(value)
        for name, value in asdict(fees).items()
        if value is not None or name.startswith("max_")
    }


def _schedule(schedule: Schedule | None) -> dict[str, object] | None:
    if schedule is None:
        return None
    return {"kind": type(schedule.rule).__name__, **asdict(schedule)}
