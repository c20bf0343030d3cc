"""Structured logs: one JSON object a line on stderr, or a form for people on a terminal."""

import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, BinaryIO

import orjson
import structlog
from structlog.typing import Processor

from agent.domain.occurrence import Occurrence
from agent.telemetry.secrets import REDACTOR, Redactor, without_secrets

Fields = MutableMapping[str, Any]
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


class LogForm(StrEnum):
    """How a line looks."""

    JSON = "json"
    CONSOLE = "console"
    AUTO = "auto"  #: console on a terminal, else json


def configure(
    *,
    level: str = "info",
    form: LogForm = LogForm.AUTO,
    stream: BinaryIO | None = None,
    redactor: Redactor = REDACTOR,
    **labels: str,
) -> None:
    """Set up every log of the process; `labels`, such as `mode`, are on every line."""
    target = sys.stderr.buffer if stream is None else stream
    number = logging.getLevelNamesMapping()[level.upper()]
    chosen = _chosen(form, target)
    structlog.configure(
        processors=_processors(chosen, redactor, labels, colors=target.isatty()),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        context_class=dict,
        logger_factory=_SinkFactory(target),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Bridge()], level=max(number, logging.WARNING), force=True)
    logging.captureWarnings(capture=True)


def occurrence_bound(occurrence: Occurrence) -> AbstractContextManager[Any]:
    """Put the ids of an occurrence on every line logged inside."""
    return structlog.contextvars.bound_contextvars(
        job=occurrence.job_id,
        slot=occurrence.slot,
        occurrence=occurrence.id,
        attempt=occurrence.attempt,
        chain=int(occurrence.chain_id),
    )


def _chosen(form: LogForm, target: BinaryIO) -> LogForm:
    if form is not LogForm.AUTO:
        return form
    return LogForm.CONSOLE if target.isatty() else LogForm.JSON


def _processors(
    form: LogForm, redactor: Redactor, labels: Mapping[str, str], *, colors: bool
) -> list[Processor]:
    def labelled(_logger: object, _method: str, fields: Fields) -> Fields:
        return {**fields, **labels}

    def masked(_logger: object, _method: str, fields: Fields) -> Fields:
        return without_secrets(fields)

    def sealed(_logger: object, _method: str, rendered: Any) -> bytes:  # noqa: ANN401  # structlog's own type
        return redactor.redact(
            rendered if isinstance(rendered, bytes) else rendered.encode("utf-8", "replace")
        )

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        labelled,
        # Only the text of a traceback: the values of local variables never reach a log.
        structlog.processors.format_exc_info,
        masked,
        *_renderer(form, colors=colors),
        sealed,
    ]


def _renderer(form: LogForm, *, colors: bool) -> list[Processor]:
    if form is LogForm.JSON:
        return [_json_line]
    return [_without_control, structlog.dev.ConsoleRenderer(colors=colors)]


def _json_line(_logger: object, _method: str, fields: Fields) -> bytes:
    try:
        return orjson.dumps(fields, default=_text)
    except TypeError:
        # orjson takes no integer above 64 bits, as an amount in wei may be, and no lone surrogates.
        return orjson.dumps(_tame(fields), default=_text)


def _text(value: object) -> str:
    # Address and Hash32 are bytes that say themselves how they read.
    return "0x" + value.hex() if type(value) is bytes else str(value)


def _tame(value: object) -> object:
    if isinstance(value, Mapping):
        return {_encodable(str(key)): _tame(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_tame(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return _encodable(value) if isinstance(value, str) else value


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _without_control(_logger: object, _method: str, fields: Fields) -> Fields:
    # A peer's message may carry escape sequences for the reader's terminal.
    return {
        name: value.translate(_CONTROL) if isinstance(value, str) else _text(value)
        for name, value in fields.items()
    }


class _Sink:
    """Writes lines; a full disk or a closed pipe never stops the worker."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._lock = threading.Lock()

    def msg(self, line: bytes) -> None:
        try:
            with self._lock:
                self._target.write(line + b"\n")
                self._target.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = warn = error = critical = exception = fatal = log = msg


class _SinkFactory:
    def __init__(self, target: BinaryIO) -> None:
        self._sink = _Sink(target)

    def __call__(self, *_arguments: object) -> _Sink:
        return self._sink


class _Bridge(logging.Handler):
    """Takes what libraries log through the standard library to the same sink."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log = structlog.get_logger()
            log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001  # as logging.Handler asks: a log line never raises
            self.handleError(record)
