"""How the contracts read `execute` call data: more leniently than an encoder writes it, and exactly so.

Odd call data is read past its end into the message around it, so a frame keeps that message.
"""

from dataclasses import dataclass

from agent.domain.units import Address, Hash32
from agent.erc4337.calldata import validate_user_op_call
from agent.erc4337.packing import PackedUserOperation
from agent.erc7579.execution import CALL_TYPE_BATCH, CALL_TYPE_SINGLE, EXECUTE
from agent.smart_sessions.reverts import Revert

DECODING_ERROR = bytes.fromhex("ba597e7e")
UNSUPPORTED_CALL_TYPE = bytes.fromhex("b96fcfe4")
_MODULUS = 1 << 256
_FIRST_FIELD = 4 + 64 + 9 * 32


@dataclass(frozen=True, slots=True)
class Frame:
    """Call data at its place in the message that carries it."""

    message: bytes
    start: int
    length: int

    @classmethod
    def of(cls, call_data: bytes) -> "Frame":
        """Frame call data that has nothing around it."""
        return cls(call_data, 0, len(call_data))

    def word(self, position: int) -> int:
        """Read a word as the machine does: relative to the call data, zeros after the message."""
        absolute = (self.start + position) % _MODULUS
        return int.from_bytes(self.message[absolute : absolute + 32].ljust(32, b"\0"), "big")

    def bytes_at(self, position: int, length: int) -> bytes:
        """Read bytes as the machine does."""
        absolute = (self.start + position) % _MODULUS
        return self.message[absolute : absolute + length].ljust(length, b"\0")

    @property
    def selector(self) -> bytes:
        """First four bytes; raise Revert when there are fewer."""
        if self.length < 4:
            raise Revert
        return self.message[self.start : self.start + 4]


@dataclass(frozen=True, slots=True)
class Execution:
    """One call as the contract decodes it."""

    target_word: int
    value: int
    data: bytes

    @property
    def target(self) -> Address:
        """Its address; raise Revert for a word that holds more, once the calls before it were asked about."""
        if self.target_word >> 160:
            raise Revert
        return Address(self.target_word.to_bytes(20, "big"))


def framed(op: PackedUserOperation) -> Frame:
    """Frame an operation's call data in the message `validateUserOp(op, hash)`."""
    message = validate_user_op_call(op, Hash32(bytes(32)))
    size = len(op.init_code)
    start = _FIRST_FIELD + 32 + size + (-size % 32) + 32
    return Frame(message, start, len(op.call_data))


def executions(frame: Frame) -> tuple[Execution, ...]:
    """Decode `execute` in default mode; raise Revert for another call type or a broken encoding."""
    start, length = _execution_calldata(frame)
    call_type = frame.message[frame.start + 4]
    if call_type == CALL_TYPE_SINGLE:
        return (_single(frame, start, length),)
    if call_type == CALL_TYPE_BATCH:
        return _batch(frame, start, length)
    raise Revert(UNSUPPORTED_CALL_TYPE + bytes([call_type]) + bytes(31))


def execution_type(frame: Frame) -> int:
    """Return the byte that tells default from try mode; the mode's other bytes are ignored."""
    return frame.message[frame.start + 5]


def _execution_calldata(frame: Frame) -> tuple[int, int]:
    if frame.length < 68:
        raise Revert
    position = 4 + frame.word(36)
    length = frame.word(position)
    if position + 32 > frame.length or position + 32 + length > frame.length:
        raise Revert
    return position + 32, length


def _single(frame: Frame, start: int, length: int) -> Execution:
    if length < 52:
        raise Revert
    return Execution(
        int.from_bytes(frame.bytes_at(start, 20), "big"),
        frame.word(start + 20),
        frame.bytes_at(start + 52, length - 52),
    )


def _batch(frame: Frame, start: int, length: int) -> tuple[Execution, ...]:
    array = start + frame.word(start)
    end = start + length - 32
    count = frame.word(array)
    if frame.word(start) >> 64 or array + 32 * count > end:
        raise Revert(DECODING_ERROR)
    pointers = array + 32
    calls = tuple(_execution(frame, pointers, index, end) for index in reversed(range(count)))
    return calls[::-1]


def _execution(frame: Frame, pointers: int, index: int, end: int) -> Execution:
    pointer = frame.word(pointers + 32 * index)
    call = pointers + pointer
    data_pointer = frame.word(call + 64)
    data = call + data_pointer
    size = frame.word(data)
    if (size | pointer | data_pointer) >> 64 or call + 64 > end or data + size > end:
        raise Revert(DECODING_ERROR)
    return Execution(frame.word(call), frame.word(call + 32), frame.bytes_at(data + 32, size))


def called_values(frame: Frame) -> tuple[int, ...]:
    """Return the value of each call; none for call data that is not `execute`."""
    if frame.selector != EXECUTE:
        return ()
    return tuple(call.value for call in executions(frame))
