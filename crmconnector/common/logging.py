"""Structured logs of every process: one line an event, without secrets, that nobody can forge.

Two doors lead to the log, structlog and the standard `logging`; both pass the same redaction. The filter stands
before the formatter, because a record that cannot be formatted is printed raw, with its arguments, by `logging`.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final

import structlog

from crmconnector.common.redaction import redact, redact_text

EventDict = MutableMapping[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

# These write whole URLs, and a phone's passcode is part of its URL.
TALKATIVE: Final = ("httpx", "httpcore", "urllib3", "h11", "hpack", "asyncio")
# These bring handlers of their own; their records shall come to ours.
SELF_WILLED: Final = ("django", "django.server", "uvicorn", "uvicorn.access", "uvicorn.error", "celery")

_BLOCKS: Final = ("exception", "stack")  # texts of several lines
_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "_logger", "_name"}


def logging_config(level: str, *, json: bool) -> dict[str, Any]:
    """A value for Django's LOGGING: everything to stderr, as JSON lines or as lines for people."""
    talkative_level = logging.getLevelName(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"redact": {"()": RedactingFilter}},
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [
                    structlog.contextvars.merge_contextvars,
                    structlog.stdlib.add_logger_name,
                    structlog.stdlib.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    _adopt_traceback,
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    redact_event,
                    *_render(json),
                ],
            }
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["redact"]},
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            **{name: {"handlers": [], "level": level, "propagate": True} for name in SELF_WILLED},
            **{name: {"level": talkative_level} for name in TALKATIVE},
        },
    }


def configure_structlog() -> None:
    """Once per process: `structlog.get_logger(__name__)` then writes through the standard `logging`."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            _apply_arguments,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.ExceptionRenderer(_traceback_text),
            redact_event,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def redact_event(_logger: object, _method: str, event: EventDict) -> EventDict:
    """structlog processor: the event without secrets. Never raises."""
    return {
        redact_text(str(key)): redact_text(value, block=True)
        if key in _BLOCKS and isinstance(value, str)
        else redact(value, str(key))
        for key, value in event.items()
    }


class RedactingFilter(logging.Filter):
    """For handlers of `logging`: rewrites the record so that no secret reaches any formatter. Never drops a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            _redact_record(record)
        except Exception:
            record.msg, record.args, record.exc_info = "<unreadable log record>", (), None
        return True


def _redact_record(record: logging.LogRecord) -> None:
    if record.exc_info:
        # The exception itself goes: its text and its frames' values are out of our hands in other handlers.
        record.exc_text, record.exc_info = _traceback_text(record.exc_info), None
    if record.exc_text:
        record.exc_text = redact_text(record.exc_text, block=True)
    if record.stack_info:
        record.stack_info = redact_text(record.stack_info, block=True)
    if isinstance(record.msg, dict):
        record.msg = redact_event(None, "", record.msg)
    else:
        record.msg, record.args = redact_text(_message_of(record)), ()
    for name in vars(record).keys() - _STANDARD_ATTRIBUTES:
        setattr(record, name, redact(getattr(record, name), name))


def _apply_arguments(_logger: object, _method: str, event: EventDict) -> EventDict:
    """`log.info("call %s", call_id)` works with structlog too; arguments that do not fit are left out, not raised."""
    arguments = event.pop("positional_args", ())
    if arguments:
        record = logging.LogRecord("", 0, "", 0, event.get("event"), arguments, None)
        event["event"] = _message_of(record)
    return event


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        return f"{record.msg!s} <the arguments do not fit>"


def _traceback_text(exc_info: Any) -> str:
    """Traceback without the values of local variables; safe with exceptions that cannot be printed."""
    try:
        return "".join(traceback.format_exception(*exc_info)).rstrip("\n")
    except Exception:
        return f"<unprintable {getattr(exc_info[0], '__name__', 'exception')}>"


def _adopt_traceback(_logger: object, _method: str, event: EventDict) -> EventDict:
    """The filter has turned a foreign record's exception into text; the formatter would drop that text."""
    record = event["_record"]
    if record.exc_text:
        event["exception"] = record.exc_text
    return event


def _render(json: bool) -> list[Any]:
    if json:
        return [structlog.processors.JSONRenderer()]
    plain = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    return [_indent_blocks, plain]


def _indent_blocks(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A line break inside an exception's text must not look like a new log line."""
    for key in _BLOCKS:
        if isinstance(event.get(key), str):
            event[key] = "  | " + event[key].replace("\n", "\n  | ")
    return event
