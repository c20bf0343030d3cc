import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.smart_sessions.fastlz import compress, compress_literal, decompress

# Runs and repeats are what matches are made of.
repetitive = st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.integers(1, 400)), max_size=8).map(
    lambda parts: b"".join(part * count for part, count in parts)
)


@given(st.binary(max_size=600) | repetitive)
@example(bytes(range(256)) * 40)
@example(b"abc" + bytes(9000) + b"abc")
def test_compressed_data_comes_back(data: bytes) -> None:
    assert decompress(compress(data)) == data
    assert decompress(compress_literal(data)) == data


@given(st.binary(max_size=200))
def test_any_stream_inflates_or_is_refused(stream: bytes) -> None:
    try:
        data = decompress(stream)
    except ValueError:
        return
    assert decompress(compress(data)) == data


@pytest.mark.parametrize("stream", [b"\x05abc", b"\x00a\x20", b"\x00a\xe0\x00"])
def test_stream_that_ends_inside_a_token_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match="ends inside the token"):
        decompress(stream)


def test_match_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="2 bytes before the start"):
        decompress(b"\x00a\x20\x02")
