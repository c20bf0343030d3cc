import io
import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.telemetry.logging import LogForm, configure, occurrence_bound
from agent.telemetry.secrets import Redactor

CANARY = "canary-9f2c41d7e6"


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.register(CANARY)
    return redactor


@pytest.fixture
def lines(redactor: Redactor) -> Callable[..., io.BytesIO]:
    def start(form: LogForm = LogForm.JSON, level: str = "info") -> io.BytesIO:
        stream = io.BytesIO()
        configure(form=form, level=level, stream=stream, redactor=redactor, mode="dry-run")
        return stream

    return start


def an_occurrence() -> Occurrence:
    return Occurrence(
        id=7,
        job_id="acme-001",
        slot="2026-03",
        ordinal=674,
        due_at=Timestamp(1_772_323_200),
        state=State.CLAIMED,
        attempt=1,
        version=2,
        chain_id=ChainId(31337),
        account=Address(bytes(20)),
    )


def test_line_is_json_with_level_time_and_labels(lines: Callable[..., io.BytesIO]) -> None:
    stream = lines()

    structlog.get_logger().info("operation_submitted", gas=21_000)

    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "operation_submitted", "gas": 21_000, "level": "info", "mode": "dry-run"}


def test_ids_of_an_occurrence_are_on_every_line_inside(lines: Callable[..., io.BytesIO]) -> None:
    stream = lines()

    with occurrence_bound(an_occurrence()):
        structlog.get_logger().info("inside")
    with occurrence_bound(replace(an_occurrence(), id=8)):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")

    first, second, outside = map(json.loads, stream.getvalue().splitlines())
    assert (first["job"], first["slot"], first["occurrence"], second["occurrence"]) == (
        "acme-001",
        "2026-03",
        7,
        8,
    )
    assert "job" not in outside


def test_amounts_hashes_and_odd_values_never_break_a_line(lines: Callable[..., io.BytesIO]) -> None:
    stream = lines()

    structlog.get_logger().info(
        "x",
        wei=2**255,
        nested={"deep": [2**200, -(2**70)]},
        address=Address(bytes(20)),
        digest=Hash32(bytes(32)),
        raw=b"\x01\xff",
        state=State.SENT,
        thing=object,
        surrogate="\ud800",
    )

    line = json.loads(stream.getvalue())
    assert (line["wei"], line["nested"]) == (str(2**255), {"deep": [str(2**200), str(-(2**70))]})
    assert (line["address"], line["raw"], line["state"]) == ("0x" + "0" * 40, "0x01ff", "sent")


def test_debug_lines_are_left_out_at_level_info(lines: Callable[..., io.BytesIO]) -> None:
    stream = lines(level="info")

    structlog.get_logger().debug("x")

    assert stream.getvalue() == b""


def test_library_logs_and_warnings_come_in_the_same_form(lines: Callable[..., io.BytesIO]) -> None:
    stream = lines()

    logging.getLogger("aiohttp.client").warning("retry %s", "now")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["logger"], first["mode"]) == ("retry now", "aiohttp.client", "dry-run")
    assert second["logger"] == "py.warnings"


def log_everywhere_with(secret: str) -> None:
    log = structlog.get_logger().bind(bound=secret)
    log.info(secret)
    log.info("field", value=secret, nested={"a": [secret, secret.encode()]}, **{secret: 1})
    logging.getLogger("library").error("failed with %s", secret)
    with structlog.contextvars.bound_contextvars(context=secret):
        log.warning("bound")
    try:
        _fail_with(secret)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")


def _fail_with(secret: str) -> None:
    try:
        int(secret)
    except ValueError as error:
        raise ValueError(f"no such thing as {secret!r}") from error


@pytest.mark.parametrize("form", [LogForm.JSON, LogForm.CONSOLE])
def test_canary_shows_up_in_no_line(lines: Callable[..., io.BytesIO], form: LogForm) -> None:
    stream = lines(form, "debug")

    log_everywhere_with(CANARY)

    output = stream.getvalue()
    assert output.count(b"\n") >= 6
    assert b"****" in output
    assert CANARY.encode() not in output
    assert CANARY.encode().hex().encode() not in output


@pytest.mark.parametrize("form", [LogForm.JSON, LogForm.CONSOLE])
def test_local_variables_are_in_no_traceback(lines: Callable[..., io.BytesIO], form: LogForm) -> None:
    stream = lines(form)
    never_registered = str(2**200)

    try:
        _fail_with(str(len(never_registered)) + "?")
    except ValueError:
        structlog.get_logger().exception("failed")

    assert b"ValueError: no such thing as '61?'" in stream.getvalue()
    assert never_registered.encode() not in stream.getvalue()


def test_terminal_escapes_of_a_peer_are_shown_not_obeyed(lines: Callable[..., io.BytesIO]) -> None:
    stream = lines(LogForm.CONSOLE)

    structlog.get_logger().warning("rejected", message="\x1b]0;owned\x07\x9b31m")

    assert b"\x1b]0" not in stream.getvalue()
    assert b"\\x1b]0;owned" in stream.getvalue()


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=8)
            | st.binary(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
            ),
        ),
    )
)
def test_any_fields_make_one_parsable_line(fields: dict[str, object]) -> None:
    stream = io.BytesIO()
    configure(form=LogForm.JSON, stream=stream, redactor=Redactor())

    structlog.get_logger().bind(**{f"x{name}": value for name, value in fields.items()}).info("x")

    assert stream.getvalue().count(b"\n") == 1
    json.loads(stream.getvalue())


def test_full_disk_does_not_stop_the_worker(redactor: Redactor) -> None:
    class FullDisk(io.BytesIO):
        def write(self, _data: object) -> int:
            raise OSError(28, "No space left on device")

    configure(form=LogForm.JSON, stream=FullDisk(), redactor=redactor)

    structlog.get_logger().info("goes nowhere")
