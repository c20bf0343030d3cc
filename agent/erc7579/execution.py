"""`execute(bytes32 mode, bytes executionCalldata)`, single and batch, packed by hand."""

from collections.abc import Sequence

from agent.domain.call import Call
from agent.domain.units import Address, Wei

EXECUTE = bytes.fromhex("e9ae5c53")
CALL_TYPE_SINGLE = 0x00
CALL_TYPE_BATCH = 0x01
CALL_TYPE_DELEGATE = 0xFF
EXEC_TYPE_DEFAULT = 0x00

_PADDING = tuple(bytes(count) for count in range(32))
_WORD_32 = (32).to_bytes(32, "big")
_WORD_64 = (64).to_bytes(32, "big")
_WORD_96 = (96).to_bytes(32, "big")
_SINGLE_HEAD = EXECUTE + bytes(32) + _WORD_64
_BATCH_HEAD = EXECUTE + bytes([CALL_TYPE_BATCH]) + bytes(31) + _WORD_64


def encode_execute(calls: Sequence[Call]) -> bytes:
    """Encode one call as a single execution, several as a batch; raise ValueError for none."""
    if len(calls) == 1:
        return encode_single(calls[0])
    if not calls:
        raise ValueError("an operation needs at least one call")
    return encode_batch(calls)


def encode_single(call: Call) -> bytes:
    """Encode `execute` with packed target, value and data."""
    size = 52 + len(call.data)
    return b"".join(
        (
            _SINGLE_HEAD,
            size.to_bytes(32, "big"),
            call.target,
            call.value_wei.to_bytes(32, "big"),
            call.data,
            _PADDING[-size % 32],
        )
    )


def encode_batch(calls: Sequence[Call]) -> bytes:
    """Encode `execute` with `abi.encode((address,uint256,bytes)[])`."""
    offset = 32 * len(calls)
    heads = []
    tails: list[bytes] = []
    for call in calls:
        size = len(call.data)
        heads.append(offset.to_bytes(32, "big"))
        tails += (
            _PADDING[12],
            call.target,
            call.value_wei.to_bytes(32, "big"),
            _WORD_96,
            size.to_bytes(32, "big"),
            call.data,
            _PADDING[-size % 32],
        )
        offset += 128 + size + (-size % 32)
    body_size = 64 + offset
    return b"".join(
        (
            _BATCH_HEAD,
            body_size.to_bytes(32, "big"),
            _WORD_32,
            len(calls).to_bytes(32, "big"),
            *heads,
            *tails,
        )
    )


def decode_execute(call_data: bytes) -> tuple[Call, ...]:
    """Read canonical `execute` call data; raise ValueError for another function, mode or encoding."""
    if call_data[:4] != EXECUTE:
        raise ValueError(f"call data starts with 0x{call_data[:4].hex()}, not execute")
    call_type, exec_type = _byte(call_data, 4), _byte(call_data, 5)
    if exec_type != EXEC_TYPE_DEFAULT:
        raise ValueError(f"execution type {exec_type:#04x} is not supported")
    body = _dynamic_bytes(call_data, 36, base=4)
    if call_type == CALL_TYPE_SINGLE:
        calls: tuple[Call, ...] = (_single(body),)
    elif call_type == CALL_TYPE_BATCH:
        calls = _batch(body)
    else:
        raise ValueError(f"call type {call_type:#04x} is not supported")
    again = encode_single(calls[0]) if call_type == CALL_TYPE_SINGLE else encode_batch(calls)
    # One meaning, one byte string: whatever does not come back unchanged was not written by an encoder.
    if again != call_data:
        raise ValueError("call data is not canonically encoded")
    return calls


def _single(body: bytes) -> Call:
    if len(body) < 52:
        raise ValueError(f"single execution has {len(body)} bytes, at least 52 are needed")
    return Call(Address(body[:20]), Wei(int.from_bytes(body[20:52], "big")), body[52:])


def _batch(body: bytes) -> tuple[Call, ...]:
    count = _word(body, 32)
    if _word(body, 0) != 32 or count > len(body) // 32:
        raise ValueError("batch is not an array of executions")
    return tuple(_execution(body, 64 + _word(body, 64 + 32 * index)) for index in range(count))


def _execution(body: bytes, start: int) -> Call:
    target = _word(body, start)
    if target >> 160:
        raise ValueError("execution target has more than 20 bytes")
    data = _dynamic_bytes(body, start + 64, base=start)
    return Call(Address(target.to_bytes(20, "big")), Wei(_word(body, start + 32)), data)


def _dynamic_bytes(data: bytes, head: int, base: int) -> bytes:
    start = base + _word(data, head)
    size = _word(data, start)
    content = data[start + 32 : start + 32 + size]
    if len(content) != size:
        raise ValueError(f"call data ends after {len(content)} of {size} bytes")
    return content


def _word(data: bytes, start: int) -> int:
    word = data[start : start + 32]
    if len(word) != 32:
        raise ValueError(f"call data ends inside the word at {start}")
    return int.from_bytes(word, "big")


def _byte(data: bytes, index: int) -> int:
    if len(data) <= index:
        raise ValueError(f"call data has only {len(data)} bytes")
    return data[index]
