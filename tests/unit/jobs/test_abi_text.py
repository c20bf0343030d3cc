import pytest
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.units import Address
from jobs.abi_text import FunctionText, Tree, is_number, is_word, read_event, read_function, value_of

ACCOUNT = Address(b"\xaa" * 20)
SOMEONE = "0x0000000071727De22E5E9d8BAf0edAc6f37da032"
TRANSFER = "Transfer(address indexed from, address indexed to, uint256 value)"


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("transfer(address,uint256)(bool)", "a9059cbb"),
        ("transfer( address, uint256 )", "a9059cbb"),
        ("latestRoundData()(uint80,int256,uint256,uint256,uint80)", "feaf968c"),
        ("exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))", "04e45aaf"),
        ("aggregate3((address,bool,bytes)[])((bool,bytes)[])", "82ad56cb"),
    ],
)
def test_the_selector_is_that_of_the_canonical_signature(text: str, selector: str) -> None:
    assert read_function(text).selector.hex() == selector


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f",
        "f(",
        "f)",
        "()",
        "1f()",
        "f(uint)",
        "f(uint7)",
        "f(foo)",
        "f(uint256",
        "f(uint256))",
        "f(uint256)uint256",
        "f(uint256)(bool)(bool)",
        "f(uint256,)",
        "f(address payable)",
        "f" * 2000 + "()",
    ],
)
def test_what_is_no_function_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_function(text)


def test_an_event_is_its_topic_and_its_fields() -> None:
    event = read_event(TRANSFER)
    assert event.topic.hex() == "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    assert [(field.name, field.type, field.indexed) for field in event.fields] == [
        ("from", "address", True),
        ("to", "address", True),
        ("value", "uint256", False),
    ]
    assert str(event) == TRANSFER


def test_a_log_is_decoded_by_name() -> None:
    event = read_event(TRANSFER)
    topics = [event.topic, b"\0" * 12 + b"\1" * 20, b"\0" * 12 + b"\2" * 20]
    values = event.decoded(topics, encode(["uint256"], [5]))
    assert values == {"from": "0x" + "01" * 20, "to": "0x" + "02" * 20, "value": 5}


def test_a_log_that_is_another_event_is_none() -> None:
    event = read_event(TRANSFER)
    topics = [event.topic, bytes(32), bytes(32)]
    assert event.decoded(topics[:2], bytes(32)) is None
    assert event.decoded([bytes(32), *topics[1:]], bytes(32)) is None
    assert event.decoded(topics, b"") is None
    assert event.decoded([event.topic, b"\xff" * 32, bytes(32)], bytes(32)) is None


@pytest.mark.parametrize(
    "text",
    [
        "T",
        "T(",
        "T(uint256 a,)",
        "T(uint256 a b)",
        "T(uint256 a, bool a)",
        "T(foo a)",
        "T(uint256 1)",
        "T(bool indexed a, bool indexed b, bool indexed c, bool indexed d)",
    ],
)
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_event(text)


@pytest.mark.parametrize(
    ("kind", "tree", "value"),
    [
        ("uint8", "255", 255),
        ("int8", "-128", -128),
        ("bool", "true", True),
        ("address", SOMEONE, SOMEONE),
        ("address", "account", str(ACCOUNT)),
        ("bytes4", "0x01020304", b"\1\2\3\4"),
        ("bytes", "0x", b""),
        ("string", "account", "account"),
        ("uint256[]", ["1", "2"], [1, 2]),
        ("(address,uint256)[1]", [["account", "7"]], [(str(ACCOUNT), 7)]),
    ],
)
def test_a_value_is_read_by_its_type(kind: str, tree: Tree, value: object) -> None:
    assert value_of(kind, tree, ACCOUNT) == value


@pytest.mark.parametrize(
    ("kind", "tree"),
    [
        ("uint8", "256"),
        ("uint8", "-1"),
        ("int8", "128"),
        ("uint256", "1.0"),
        ("uint256", "0x10"),
        ("uint256", "01"),
        ("bool", "1"),
        ("address", SOMEONE.lower()),
        ("address", "0x00"),
        ("bytes4", "0x010203"),
        ("uint256", ["1"]),
        ("uint256[]", "1"),
        ("uint256[2]", ["1"]),
        ("(bool,bool)", ["true"]),
        ("bytes", "00"),
    ],
)
def test_what_does_not_fit_its_type_is_refused(kind: str, tree: Tree) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        value_of(kind, tree, ACCOUNT)


@given(number=st.integers(-(2**127), 2**127 - 1), flag=st.booleans())
def test_call_data_is_what_the_abi_library_makes_of_the_same_values(number: int, *, flag: bool) -> None:
    function = read_function("f(int128,(bool,string)[])")
    pairs: list[Tree] = [[str(flag).lower(), "text"]]
    values = [value_of("int128", str(number), ACCOUNT), value_of("(bool,string)[]", pairs, ACCOUNT)]
    assert function.call_data(values) == function.selector + encode(
        ["int128", "(bool,string)[]"], [number, [(flag, "text")]]
    )


def test_words_and_numbers_are_told_apart() -> None:
    words = ["uint8", "int256", "address", "bool", "bytes32"]
    others = ["bytes", "string", "uint8[]", "uint8[2]", "(uint8)"]
    assert [is_word(kind) for kind in words + others] == [True] * 5 + [False] * 5
    assert [is_number(kind) for kind in words + others] == [True] * 2 + [False] * 8


def test_an_answer_that_does_not_decode_has_no_output() -> None:
    function = read_function("f()(bool,uint256)")
    assert function.output(encode(["bool", "uint256"], [True, 9]), 1) == 9
    assert function.output(encode(["uint256", "uint256"], [2, 9]), 1) is None
    assert function.output(bytes(63), 1) is None


@given(
    st.lists(st.sampled_from(["uint256", "int256"]), min_size=1, max_size=4),
    st.binary(max_size=140),
    st.data(),
)
def test_whole_words_are_read_as_the_abi_reads_them(
    outputs: list[str], answer: bytes, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(outputs) - 1))
    try:
        expected = decode(outputs, answer)[index]
    except DecodingError:
        expected = None
    assert FunctionText("f", (), tuple(outputs)).output(answer, index) == expected
