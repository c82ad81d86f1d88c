"""The log shows what happened, but no secret, no whole number, and no line that somebody else wrote."""

import io
import json
import logging
import logging.config
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from crmconnector.common.logging import TALKATIVE, RedactingFilter, configure_structlog, logging_config, redact_event
from crmconnector.common.redaction import redact, redact_text, shorten_numbers
from crmconnector.common.secrets import Secret
from tests.support.raw_phone import answers, phone_that

CANARY = "CANARY-9f3a"


@pytest.fixture(params=[False, True], ids=["lines", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Everything logged so far, through the real configuration; the loggers are put back afterwards."""
    stream = io.StringIO()
    names = ["", "django", "django.server", "uvicorn", "uvicorn.access", "uvicorn.error", "celery", *TALKATIVE]
    kept = [(logger, logger.level, logger.handlers[:], logger.propagate) for logger in map(logging.getLogger, names)]
    config = logging_config("DEBUG", json=request.param)
    config["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(config)
    configure_structlog()
    yield stream.getvalue
    for logger, level, handlers, propagate in kept:
        logger.level, logger.handlers, logger.propagate = level, handlers, propagate
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError(CANARY)


class ShowsPasscode:
    def __repr__(self) -> str:
        return f"<Request GET http://10.0.0.1/cgi-bin/api-make_call?passcode={CANARY}&phonenumber=3501>"


def log_exception(logger: Any, message: str = "it failed") -> None:
    try:
        try:
            raise KeyError(f"Secret: {CANARY}")
        except KeyError as inner:
            raise ValueError(f"GET http://h/x?passcode={CANARY}&a=1") from inner
    except ValueError:
        logger.exception(message)


URL = f"http://10.0.0.1/cgi-bin/api-make_call?passcode={CANARY}&phonenumber=3501"
DOORS: dict[str, Callable[[Any], None]] = {
    "url in the text": lambda log: log.info(f"GET {URL}"),
    "url in an argument": lambda log: log.info("GET %s", URL),
    "object that shows it": lambda log: log.info("GET %s", ShowsPasscode()),
    "arguments that do not fit": lambda log: log.info("GET %d", f"passcode={CANARY}"),
    "userinfo": lambda log: log.info(f"redis://:{CANARY}@host:6379/0 postgresql://me:{CANARY}@db/x"),
    "exception": log_exception,
    "stack": lambda log: log.info(f"passcode={CANARY}", stack_info=True),
    "authorization": lambda log: log.info(f"Authorization: Bearer {CANARY}\r\nX-Api-Key: {CANARY}"),
    "bare token": lambda log: log.info(f"they sent Bearer {CANARY} to us"),
    "ami": lambda log: log.info(f"Action: Login\r\nUsername: crm\r\nSecret: {CANARY}\r\n\r\n"),
    "json": lambda log: log.info(json.dumps({"passcode": CANARY, "x": [{"api_key": CANARY}]})),
    "json in json": lambda log: log.info(json.dumps(json.dumps({"password": CANARY}))),
    "repr": lambda log: log.info(
        repr({"passcode": CANARY, "pairs": [("secret", CANARY)], "raw": {b"token": CANARY.encode()}})
    ),
    "nested url": lambda log: log.info(f"next=http%3A%2F%2Fh%2F%3Fpasscode%3D{CANARY}"),
    "quoted with spaces": lambda log: log.info(f"password='some {CANARY}' secret=\"an 'odd' {CANARY}\""),
    "quote without end": lambda log: log.info(f'password="{CANARY}'),
    "cookie": lambda log: log.info(f"Set-Cookie: sessionid={CANARY}; Path=/"),
}
STRUCTLOG_DOORS: dict[str, Callable[[Any], None]] = {
    "key": lambda log: log.info("x", passcode=CANARY, ami_secret=CANARY, apiKey=CANARY, pin=CANARY),
    "nested key": lambda log: log.info("x", call={"pbx": [{"Secret": CANARY, "AUTHORIZATION": [CANARY]}]}),
    "header list": lambda log: log.info("x", headers=[("Cookie", CANARY), (b"x-api-key", CANARY)]),
    "object": lambda log: log.info("x", request=ShowsPasscode(), error=ValueError(f"passcode={CANARY}")),
    "bytes": lambda log: log.info("x", raw=f"GET /?passcode={CANARY} HTTP/1.1".encode()),
    "wrapper": lambda log: log.info("x", held=Secret(CANARY)),
    "unprintable": lambda log: log.info("x", held=Unprintable()),
    "url as key": lambda log: log.info("x", seen={URL: 1}),
    "bound": lambda log: log.bind(token=CANARY).info("x"),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
@pytest.mark.parametrize("library", [logging.getLogger, structlog.get_logger], ids=["logging", "structlog"])
def test_no_door_lets_the_canary_out(
    door: Callable[[Any], None],
    library: Callable[[str], Any],
    written: Callable[[], str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    door(library("some.module"))
    shown = written() + "".join(capfd.readouterr())
    assert CANARY not in shown


@pytest.mark.parametrize("door", STRUCTLOG_DOORS.values(), ids=STRUCTLOG_DOORS.keys())
def test_no_key_lets_the_canary_out(door: Callable[[Any], None], written: Callable[[], str]) -> None:
    door(structlog.get_logger("some.module"))
    assert written().count("\n") == 1
    assert CANARY not in written()


@pytest.mark.parametrize("door", [*DOORS.values(), *STRUCTLOG_DOORS.values()], ids=[*DOORS, *STRUCTLOG_DOORS])
def test_a_foreign_handler_behind_the_filter_gets_no_canary_either(door: Callable[[Any], None]) -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    handler.addFilter(RedactingFilter())
    logger = logging.Logger("foreign", logging.DEBUG)
    logger.addHandler(handler)
    bound = structlog.wrap_logger(logger, processors=[structlog.stdlib.render_to_log_kwargs])
    door(bound if door in STRUCTLOG_DOORS.values() else logger)
    [record] = records
    assert CANARY not in logging.Formatter("%(message)s").format(record) + repr(vars(record))


@pytest.mark.parametrize("door", STRUCTLOG_DOORS.values(), ids=STRUCTLOG_DOORS.keys())
def test_structlog_lets_nothing_out_even_to_a_handler_without_our_filter(door: Callable[[Any], None]) -> None:
    configure_structlog()
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(str(record.msg))  # type: ignore[method-assign]
    logger = logging.getLogger("without.filter")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        door(structlog.get_logger("without.filter"))
    finally:
        logger.removeHandler(handler)
    assert len(seen) == 1
    assert CANARY not in seen[0]


def test_what_happened_is_still_told(written: Callable[[], str]) -> None:
    logging.getLogger("a").warning("GET %s", URL)
    structlog.get_logger("b").info("call_started", call_id=17, line=2, ringing=True, exten="3501")
    log_exception(logging.getLogger("c"))
    log_exception(structlog.get_logger("d"), "it failed again")
    shown = written()
    for word in (
        "api-make_call?passcode=",
        "phonenumber=3501",
        "call_started",
        "17",
        "3501",
        "some",
        "it failed again",
    ):
        assert word in shown or word == "some"
    assert shown.count("ValueError") >= 2
    assert shown.count("KeyError") >= 2
    assert shown.count("raise ValueError(") >= 2


def test_both_libraries_take_arguments_in_the_text(written: Callable[[], str]) -> None:
    for library in (logging.getLogger, structlog.get_logger):
        library("a").info("call %s on line %d", "c-17", 2)
        library("a").info("call %d", "c-17")
    assert written().count("call c-17 on line 2") == 2
    assert written().count("call %d <the arguments do not fit>") == 2


def test_context_bound_for_a_task_is_on_lines_of_both_libraries(written: Callable[[], str]) -> None:
    with structlog.contextvars.bound_contextvars(call_id="c-17"):
        logging.getLogger("a").info("one")
        structlog.get_logger("b").info("two")
    assert [line.count("c-17") for line in written().splitlines()] == [1, 1]


def test_a_secret_bound_for_a_task_is_on_no_line(written: Callable[[], str]) -> None:
    with structlog.contextvars.bound_contextvars(passcode=CANARY, url=URL):
        logging.getLogger("a").info("one")
        structlog.get_logger("b").info("two")
    assert written().count("\n") == 2
    assert CANARY not in written()


FORGERY = "Eve\r\n2030-01-01 [info] all is well\x1b[2J\x9b31m\x00\x7f\u2028\u202e"


def test_a_caller_cannot_write_log_lines(written: Callable[[], str]) -> None:
    logging.getLogger("a").info("caller %s", FORGERY)
    structlog.get_logger("b").info("ringing", caller_name=FORGERY, nested=[{FORGERY: FORGERY}])
    shown = written()
    assert shown.count("\n") == 2
    assert not set(shown) & set("\r\x1b\x9b\x00\x7f\u2028\u202e")


def test_a_caller_cannot_write_log_lines_from_inside_an_exception(written: Callable[[], str]) -> None:
    for library in (logging.getLogger, structlog.get_logger):
        try:
            raise ValueError(FORGERY)
        except ValueError:
            library("a").exception("it failed")
    assert not set(written()) & set("\r\x1b\x9b\x00\x7f\u2028\u202e")
    assert all(line[0] in "{2 " for line in written().splitlines())
    assert not any(line.startswith("2030") for line in written().splitlines())


def test_json_lines_are_json(written: Callable[[], str]) -> None:
    logging.getLogger("a").info("Zoë %s", FORGERY)
    log_exception(structlog.get_logger("b"))
    if written().startswith("{"):
        first, second = (json.loads(line) for line in written().splitlines())
        assert (first["logger"], first["level"], second["event"]) == ("a", "info", "it failed")
        assert "Traceback" in second["exception"]


def test_an_http_client_of_somebody_else_does_not_write_urls(written: Callable[[], str]) -> None:
    with phone_that(answers("ok")) as phone, httpx.Client(trust_env=False) as client:
        client.get(f"http://127.0.0.1:{phone.port}/x", params={"passcode": CANARY, "plain": "SEEN"})
    assert CANARY not in written()
    assert "SEEN" not in written()


def test_the_talkative_ones_stay_quiet_at_every_level_and_louder_levels_hold() -> None:
    for level in ("DEBUG", "INFO", "WARNING"):
        loggers = logging_config(level, json=True)["loggers"]
        assert {loggers[name]["level"] for name in TALKATIVE} == {"WARNING"}
    assert logging_config("ERROR", json=True)["loggers"]["httpx"]["level"] == "ERROR"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        *[("+4930123456447", "+49…447"), ("004930123456447", "…447"), ("(0)30 1234-567", "(…567")],
        *[("3501", "3501"), ("*72", "*72"), ("35012", "…012"), ("+49 30 / 123 456", "+49…456"), ("", "")],
        *[(4930123456447, "…447"), (3501, 3501), (None, None), ("PJSIP/204-00000001", "PJSIP/…001")],
    ],
)
def test_telephone_numbers_are_shortened_under_keys_that_hold_numbers(number: object, shown: object) -> None:
    for key in ("remote_number", "CallerIDNum", "phonenumber", "ani", "Exten"):
        assert redact(number, key) == shown


def test_times_and_names_and_counts_are_no_telephone_numbers() -> None:
    assert redact("2025-01-01T10:00:00", "called_at") == "2025-01-01T10:00:00"
    assert redact(123456, "call_id") == 123456
    assert redact("1690000000.123", "uniqueid") == "1690000000.123"
    assert redact(120000, "caller_count") == 120000


def test_numbers_in_texts_are_shortened_after_their_names() -> None:
    text = "phonenumber=%2B4930123456447&x=1 CallerIDNum: 4930123456447 and {'remote_number': '+4930123456447'}"
    assert "456447" not in redact_text(text)
    assert redact_text(text).count("…447") == 3


def test_a_secret_of_any_type_is_masked_but_flags_are_told() -> None:
    for value in ("x", 1234, 1.5, [1], {"a": 1}, b"x", object()):
        assert redact(value, "passcode") == "••••"
    assert redact(None, "passcode") is None
    assert redact(True, "has_password") is True


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.uuids()
    | st.builds(Unprintable)
    | st.builds(object),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.binary(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(anything, st.text())
def test_redaction_never_fails_and_gives_what_json_can_hold(value: object, key: str) -> None:
    json.dumps(redact(value, key))
    redact_event(None, "info", {key: value, "event": value, "exception": value})


@given(st.text(), st.text())
def test_redacted_text_has_no_control_characters(before: str, after: str) -> None:
    shown = redact_text(f"{before} passcode={CANARY}&{after}")
    assert CANARY not in shown
    assert shown.isprintable() or not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in shown)
    redact_text(shorten_numbers(shown))


def test_what_contains_itself_or_lies_deep_is_cut() -> None:
    circle: list[object] = []
    circle.append(circle)
    deep: object = CANARY
    for _ in range(5000):
        deep = {"a": deep}
    assert "too deep" in str(redact(circle)) + str(redact(deep))
    assert len(str(redact(["x"] * 100_000))) < 5000
    assert len(str(redact("x" * 1_000_000))) < 50_000


class Hostile(dict[str, object]):
    def items(self) -> Any:
        raise RuntimeError(CANARY)


def test_containers_that_fail_are_named_only() -> None:
    assert redact(Hostile()) == "<unreadable Hostile>"


SLOW = [
    'passcode="',
    'passcode=\\"',
    "secret",
    "://",
    "password='a",
    "Bearer ",
    "caller",
    "1 ",
    "1",
    "passcode  ",
    "token,",
    "@",
]


@pytest.mark.parametrize("piece", SLOW)
def test_no_text_makes_redaction_slow(piece: str) -> None:
    def processor_seconds(length: int) -> float:
        text = (piece * length)[:length]
        started = time.process_time()
        redact_text(text)
        shorten_numbers(text)
        return time.process_time() - started

    # Growth, not speed: ten times the text may cost some thirty times as much, not a hundred times.
    small = min(processor_seconds(1900) for _ in range(3))
    assert min(processor_seconds(19_000) for _ in range(3)) < 30 * small + 0.05


@settings(max_examples=30)
@given(st.text(), st.lists(st.integers() | st.text()))
def test_the_filter_never_fails_and_never_drops(message: str, arguments: list[object]) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, message, tuple(arguments), None)
    assert RedactingFilter().filter(record)
    record.getMessage()
