"""Endpoints from the operator's URLs, each under a name of its own."""

from collections.abc import Sequence

from pydantic import SecretStr

from agent.adapters.json_rpc import MAX_ANSWER_BYTES, JsonRpc
from agent.telemetry.secrets import mask_url


def endpoints(urls: Sequence[SecretStr], *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> list[JsonRpc]:
    """Return them in order; two at one host differ only in their keys, so they are numbered."""
    plain = [mask_url(url.get_secret_value()) for url in urls]
    earlier = [plain[:place].count(name) for place, name in enumerate(plain)]
    names = [f"{name} #{count + 1}" if count else name for name, count in zip(plain, earlier, strict=True)]
    return [
        JsonRpc(url.get_secret_value(), name=name, max_answer_bytes=max_answer_bytes)
        for url, name in zip(urls, names, strict=True)
    ]
