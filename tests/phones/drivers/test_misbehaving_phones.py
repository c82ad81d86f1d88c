"""What the driver makes of phones that misbehave: real sockets, real bytes."""

import gzip
import pickle
import socket
import time
import traceback
from collections.abc import Callable

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import Limits, LineWord, PhoneAddress, PhoneDriver, PhoneWord
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Reason, Refused, Unclear
from phones.drivers.registry import open_driver
from tests.support.raw_phone import RawPhone, Script, answers, closes, phone_that, resets, says, waits_for_ever

PASSCODE = "CANARY-p&a#s s+é%41"
QUOTED = b"CANARY-p%26a%23s%20s%2B%C3%A9%2541"
LOOPBACK = AddressPolicy(["127.0.0.0/8"], allowed_ports=None)
YES = '{"response":"success","body":true}'


def driver_for(port: int, total_seconds: float = 3.0, policy: AddressPolicy = LOOPBACK) -> PhoneDriver:
    limits = Limits(total_seconds=total_seconds)
    address = PhoneAddress("http", "127.0.0.1", port)
    return open_driver("grandstream", address, Secret(PASSCODE), policy=policy, limits=limits)


def failure_of(deed: Callable[[], object]) -> PhoneError:
    with pytest.raises(PhoneError) as caught:
        deed()
    return caught.value


def failed_call(script: Script, total_seconds: float = 3.0) -> tuple[PhoneError, RawPhone]:
    with phone_that(script) as phone:
        error = failure_of(lambda: driver_for(phone.port, total_seconds).make_call("3501"))
    return error, phone


def drip(connection: socket.socket) -> None:
    """One believable header byte after the other, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.02)


def drip_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


UNCLEAR = {
    "hangs up at once": (closes, Reason.NOT_HTTP),
    "resets": (resets, Reason.CONNECTION_LOST),
    "half a status line": (says(b"HTTP/1."), Reason.NOT_HTTP),
    "not HTTP": (says(b"SSH-2.0-dropbear\r\n\r\n"), Reason.NOT_HTTP),
    "endless header": (says(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000), Reason.NOT_HTTP),
    "body shorter than announced": (
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + YES.encode()),
        Reason.NOT_HTTP,
    ),
    "body longer than announced": (
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + YES.encode()),
        Reason.NOT_THE_EXPECTED_JSON,
    ),
    "two lengths": (
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 34\r\n\r\n" + YES.encode()),
        Reason.NOT_HTTP,
    ),
    "cut chunk": (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n22\r\n{"), Reason.NOT_HTTP),
    "truncated JSON": (answers('{"response":"success","bo'), Reason.NOT_THE_EXPECTED_JSON),
    "garbage after JSON": (answers(YES + "<html>"), Reason.NOT_THE_EXPECTED_JSON),
    "empty": (answers(""), Reason.NOT_THE_EXPECTED_JSON),
    "HTML page": (answers("<html><h1>Welcome</h1></html>"), Reason.NOT_THE_EXPECTED_JSON),
    "a list": (answers("[]"), Reason.NOT_THE_EXPECTED_JSON),
    "a megabyte": (answers(b" " * 1_000_000 + YES.encode()), Reason.TOO_LARGE),
    "gzip bomb": (
        answers(gzip.compress(b" " * 50_000_000), headers="Content-Encoding: gzip\r\n"),
        Reason.COMPRESSED,
    ),
    "gzip without a word": (answers(gzip.compress(YES.encode())), Reason.NOT_THE_EXPECTED_JSON),
    "deep JSON": (answers("[" * 30_000 + "]" * 30_000), Reason.NOT_THE_EXPECTED_JSON),
    "deep objects": (answers('{"a":' * 10_000 + "1" + "}" * 10_000), Reason.NOT_THE_EXPECTED_JSON),
    "huge number": (answers('{"response":"success","body":' + "9" * 5000 + "}"), Reason.NOT_THE_EXPECTED_JSON),
    "NaN": (answers('{"response":"success","body":true,"misc":NaN}'), Reason.NOT_THE_EXPECTED_JSON),
    "contradicting keys": (
        answers('{"response":"success","body":false,"body":true}'),
        Reason.NOT_THE_EXPECTED_JSON,
    ),
    "true and one are not the same": (
        answers('{"response":"success","body":1,"body":true}'),
        Reason.NOT_THE_EXPECTED_JSON,
    ),
    "unknown response": (answers('{"response":"ok","body":true}'), Reason.NOT_THE_EXPECTED_JSON),
    "success without body": (answers('{"response":"success"}'), Reason.NOT_THE_EXPECTED_JSON),
    "success with a strange body": (answers('{"response":"success","body":"<script>"}'), Reason.NOT_THE_EXPECTED_JSON),
    "500": (answers("oops", "500 Internal Server Error"), Reason.SERVER_ERROR),
    "503": (answers("busy", "503 Service Unavailable"), Reason.SERVER_ERROR),
    "408": (answers("", "408 Request Timeout"), Reason.STRANGE_STATUS),
    "204": (says(b"HTTP/1.1 204 No Content\r\n\r\n"), Reason.STRANGE_STATUS),
    "101": (
        says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        Reason.NOT_HTTP,
    ),
    "redirect to a page": (answers("", "302 Found", "Location: /done\r\n"), Reason.REDIRECTED),
    "see other": (
        answers("", "303 See Other", "Location: https://127.0.0.1/cgi-bin/api-make_call\r\n"),
        Reason.REDIRECTED,
    ),
    "broken redirect": (answers("", "302 Found", "Location: https://[x/\r\n"), Reason.REDIRECTED),
}


@pytest.mark.parametrize(("script", "reason"), UNCLEAR.values(), ids=UNCLEAR.keys())
def test_without_a_believable_answer_the_call_may_have_happened_and_is_not_sent_again(
    script: Script, reason: Reason
) -> None:
    error, phone = failed_call(script)
    assert (type(error), error.reason) == (Unclear, reason)
    assert len(phone.requests) == phone.connections == 1


@pytest.mark.parametrize("script", [waits_for_ever, drip, drip_body], ids=["silent", "drips head", "drips body"])
def test_the_deadline_is_for_the_whole_exchange(script: Script) -> None:
    # drip and drip_body would go on until the test's own time-out: ending at all is the proof.
    error, phone = failed_call(script, total_seconds=0.4)
    assert (type(error), error.reason) == (Unclear, Reason.NO_ANSWER)
    assert phone.connections == 1


NO = '{"response":"error","body":%s}'
REFUSED = {
    "false": (answers(NO % "false"), Reason.SAID_NO_CLICK_TO_DIAL),
    "false as text": (answers(NO % '"false"'), Reason.SAID_NO_CLICK_TO_DIAL),
    "failed": (answers(NO % '"failed"'), Reason.SAID_NO_CLICK_TO_DIAL),
    "error with anything": (answers(NO % "{}"), Reason.SAID_NO_CLICK_TO_DIAL),
    "success but false": (answers('{"response":"success","body":false}'), Reason.SAID_NO_CLICK_TO_DIAL),
    "success but failed": (answers('{"response":"success","body":"failed"}'), Reason.SAID_NO_CLICK_TO_DIAL),
    "success but invalid": (answers('{"response":"success","body":"invalid request"}'), Reason.SAID_NO_CLICK_TO_DIAL),
    "404": (answers("<h1>Not Found</h1>", "404 Not Found"), Reason.NO_SUCH_FUNCTION),
    "411": (answers("", "411 Length Required"), Reason.REQUEST_REJECTED),
    "moved to HTTPS": (
        answers("", "302 Found", "Location: https://127.0.0.1/cgi-bin/api-make_call?passcode=x\r\n"),
        Reason.MOVED_TO_HTTPS,
    ),
}
DENIED = {
    "success unauthorized": (answers('{"response":"success","body":"unauthorized"}'), Reason.UNAUTHORIZED),
    "error unauthorized": (answers(NO % '"Unauthorized"'), Reason.UNAUTHORIZED),
    "session expired": (answers(NO % '{"status":"session-expired"}'), Reason.UNAUTHORIZED),
    "success forbidden": (answers('{"response":"success","body":"forbidden"}'), Reason.FORBIDDEN),
    "401 page": (answers("<html><body><h1>Unauthorized</h1>", "401 Unauthorized"), Reason.UNAUTHORIZED),
    "403 page": (answers("<html><body><h1>Forbidden</h1>", "403 Forbidden"), Reason.FORBIDDEN),
    "wrong": (answers(NO % '"wrong4"'), Reason.WRONG_PASSCODE),
    "locked": (answers('{"response":"error","body":"locked","lockTime":5}'), Reason.LOCKED_OUT),
}


@pytest.mark.parametrize(("script", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_phone_that_says_no_has_done_nothing(script: Script, reason: Reason) -> None:
    error, phone = failed_call(script)
    assert (type(error), error.reason) == (Refused, reason)
    assert phone.connections == 1


@pytest.mark.parametrize(("script", "reason"), DENIED.values(), ids=DENIED.keys())
def test_a_phone_that_refuses_the_passcode_is_asked_once_only(script: Script, reason: Reason) -> None:
    error, phone = failed_call(script)
    assert (type(error), error.reason) == (CredentialRefused, reason)
    assert phone.connections == 1


def test_the_tries_left_and_the_lock_are_told() -> None:
    wrong, _ = failed_call(DENIED["wrong"][0])
    locked, _ = failed_call(DENIED["locked"][0])
    assert isinstance(wrong, CredentialRefused)
    assert isinstance(locked, CredentialRefused)
    assert (wrong.attempts_left, locked.lock_time) == (4, 5)


def test_a_status_is_believed_without_waiting_for_its_body() -> None:
    def endless_401(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000000000\r\n\r\n")
        waits_for_ever(connection)

    assert failed_call(endless_401)[0].reason is Reason.UNAUTHORIZED


def test_a_redirect_to_another_host_is_not_followed() -> None:
    with phone_that(answers(YES)) as other:
        location = f"Location: http://127.0.0.1:{other.port}/cgi-bin/api-make_call\r\n"
        error, phone = failed_call(answers("", "302 Found", location))
        assert (type(error), error.reason) == (Unclear, Reason.REDIRECTED)
        assert (phone.connections, other.connections) == (1, 0)


def test_a_closed_port_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure_of(driver_for(port).accept_call)
    assert (type(error), error.reason) == (NothingSent, Reason.CONNECTION_REFUSED)


def test_a_phone_that_does_not_take_the_connection_means_that_nothing_was_sent() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]  # a full queue: the kernel drops further greetings
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        error = failure_of(driver_for(port, total_seconds=0.4).accept_call)
        for filler in fillers:
            filler.close()
    assert (type(error), error.reason) == (NothingSent, Reason.CONNECT_TIMEOUT)


def test_the_wire_carries_exactly_one_encoded_request() -> None:
    with phone_that(answers(YES)) as phone:
        driver_for(phone.port).make_call("+49*30#1", account=2)
    [request] = phone.requests
    line, *headers = request.decode("ascii").split("\r\n")
    expected = f"GET /cgi-bin/api-make_call?passcode={QUOTED.decode()}&phonenumber=%2B49%2A30%231&account=1 HTTP/1.1"
    assert line == expected
    assert {header.lower() for header in headers if header} == {
        f"host: 127.0.0.1:{phone.port}",
        "accept: */*",
        "accept-encoding: identity",
        "connection: close",
        "user-agent: crmconnector",
    }


@pytest.mark.parametrize(
    ("deed", "target"),
    [
        (lambda driver: driver.make_call("3501"), b"/cgi-bin/api-make_call?passcode=%s&phonenumber=3501"),
        (lambda driver: driver.accept_call(), b"/cgi-bin/api-phone_operation?passcode=%s&cmd=acceptcall"),
    ],
    ids=["make_call", "accept_call"],
)
def test_commands_go_out_as_the_guide_writes_them(deed: Callable[[PhoneDriver], None], target: bytes) -> None:
    for body in ("true", '"true"', '"TRUE"', '"complete"'):
        with phone_that(
            answers(f'\ufeff {{ "response" : "success", "body" : {body} }}\n', headers="Content-Type: text/html\r\n")
        ) as phone:
            deed(driver_for(phone.port))
        assert phone.requests[0].startswith(b"GET " + target % QUOTED + b" HTTP/1.1\r\n")


def test_each_request_has_a_connection_of_its_own() -> None:
    with phone_that(answers('{"response":"success","body":"available","misc":"0"}')) as phone:
        driver = driver_for(phone.port)
        assert [driver.phone_status().state for _ in range(3)] == [PhoneWord.AVAILABLE] * 3
    assert phone.connections == 3


def test_a_proxy_of_the_environment_does_not_see_the_passcode(monkeypatch: pytest.MonkeyPatch) -> None:
    with phone_that(answers(YES)) as proxy, phone_that(answers(YES)) as phone:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        driver_for(phone.port).accept_call()
        assert (proxy.connections, phone.connections) == (0, 1)


def test_line_and_phone_status_come_over_the_wire() -> None:
    lines = '{"response":"success","body":[{"line":1,"state":"ringing","remotenum":"3501"},{"line":2,"state":"idle"}]}'
    with phone_that(answers(lines)) as phone:
        found = driver_for(phone.port).line_status()
        assert [(line.line, line.state, line.remote_number) for line in found] == [
            (1, LineWord.RINGING, "3501"),
            (2, LineWord.IDLE, ""),
        ]
        assert phone.requests[0].startswith(b"GET /cgi-bin/api-get_line_status?passcode=%s HTTP" % QUOTED)


BAD_NUMBERS = [
    *(
        "",
        "+",
        "++1",
        "1+2",
        " 1",
        "1 ",
        "12-34",
        "+34600\n",
        "\n",
        "٣٤٦٠٠",
        "１２３",
        "²",
        "1\x00",
        "1" * 33,
        "1" * 10_000,
    ),
    *("123&cmd=endcall", "123#?x", "123?x", "123%26request%3DRESET", "../api-sys_operation?request=RESET"),
    *("300@evil.example", "300,30,TtWw", "300|30", "${SHELL(id)}", "5551\r\nVariable: X=1", "1-800-FLOWERS", "p123"),
    *("\u202e123", "1\u200d2", "1\ud800", "𝟙𝟚"),
]


@pytest.mark.parametrize("number", [*BAD_NUMBERS, None, 123, b"123"], ids=lambda value: ascii(value)[:30])
def test_what_is_not_a_number_is_refused_before_any_byte(number: str) -> None:
    with phone_that(answers(YES)) as phone:
        error = failure_of(lambda: driver_for(phone.port).make_call(number))
    assert (type(error), error.reason, phone.connections) == (NothingSent, Reason.NUMBER_REFUSED, 0)


@pytest.mark.parametrize("account", [0, -1, 17, True, "1", 1.0])
def test_what_is_not_an_account_is_refused_before_any_byte(account: int) -> None:
    with phone_that(answers(YES)) as phone:
        error = failure_of(lambda: driver_for(phone.port).make_call("3501", account=account))
    assert (type(error), error.reason, phone.connections) == (NothingSent, Reason.ACCOUNT_REFUSED, 0)


@pytest.mark.parametrize("passcode", ["", "x" * 129, "\ud800"], ids=["empty", "endless", "surrogate"])
def test_an_unusable_passcode_is_not_tried(passcode: str) -> None:
    with phone_that(answers(YES)) as phone:
        address = PhoneAddress("http", "127.0.0.1", phone.port)
        driver = open_driver("grandstream", address, Secret(passcode), policy=LOOPBACK)
        error = failure_of(driver.accept_call)
    assert (type(error), error.reason, phone.connections) == (NothingSent, Reason.PASSCODE_MISSING, 0)


ALL_SCRIPTS = {name: script for table in (UNCLEAR, REFUSED, DENIED) for name, (script, _) in table.items()}
# A phone, or whoever sits at its address, may repeat what we sent.
ALL_SCRIPTS["echo in a refusal"] = answers(NO % f'"{PASSCODE}"')
ALL_SCRIPTS["echo in a success"] = answers(f'{{"response":"success","body":"{PASSCODE}"}}')
ALL_SCRIPTS["echo in a redirect"] = answers("", "302 Found", f"Location: http://x/?passcode={QUOTED.decode()}\r\n")
ALL_SCRIPTS["silent"] = waits_for_ever


@pytest.mark.parametrize("script", ALL_SCRIPTS.values(), ids=ALL_SCRIPTS.keys())
def test_no_error_shows_the_passcode_or_the_address(
    script: Script, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    error, _ = failed_call(script, total_seconds=0.4)
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    # The frames of this test know the passcode; those of the product must not, as error reporters copy their values.
    values = [frame.locals for frame in found.stack if "/tests/" not in frame.filename]
    assert len(values) >= 2
    shown = "".join([*traceback.format_exception(error), repr(error), str(error), repr(error.args), repr(values)])
    shown += repr(vars(error)) + repr(pickle.dumps(error)) + caplog.text + "".join(capfd.readouterr())
    for leak in ("CANARY", "passcode=", "http:"):
        assert leak not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


def test_errors_survive_a_queue() -> None:
    error = CredentialRefused(Reason.WRONG_PASSCODE, attempts_left=3)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.reason, again.attempts_left, str(again)) == (
        CredentialRefused,
        Reason.WRONG_PASSCODE,
        3,
        str(error),
    )
