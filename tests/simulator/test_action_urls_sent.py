"""What a phone tells by itself, as the bytes that arrive."""

import socket
import socketserver
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from crmconnector.simulator.cti.action_urls import LONGEST_TEMPLATE, Manner, fill
from crmconnector.simulator.httpd import free_port
from crmconnector.simulator.pace import VirtualPace
from tests.support.phone_farm import running_farm

CALLER = "+493023125201"


class Receiver(socketserver.ThreadingTCPServer):
    """Takes down the first line of each request and answers 204, or whatever `status` says."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.lines, self.heads, self.status = [], [], 204
        super().__init__(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def targets(self):
        return [line.removeprefix(b"GET ").removesuffix(b" HTTP/1.1").decode() for line in self.lines]

    def paths(self):
        return [urlsplit(target).path for target in self.targets()]


class Taker(socketserver.StreamRequestHandler):
    def handle(self):
        first, *rest = iter(lambda: self.rfile.readline().rstrip(b"\r\n"), b"")
        self.server.lines.append(first)
        self.server.heads.append(rest)
        status = self.server.status
        self.wfile.write(f"HTTP/1.1 {status} X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def farm():
    with running_farm(1, pace=VirtualPace()) as running:
        yield running


ALL_CALL_EVENTS = (
    *("incomingCall", "outgoingCall", "missedCall", "establishedCall", "terminatedCall", "rejectIncomingCall"),
    *("answerNewInCall", "holdCall", "unholdCall", "offHook", "onHook", "idleToBusy", "busyToIdle"),
)


def tell_everything(farm, receiver, query="", **manner):
    templates = {slot: f"{receiver.url}/{slot}{query}" for slot in ALL_CALL_EVENTS}
    return farm.action_urls(farm.first, templates, **manner)


def sent(farm):
    return [row["slot"] for row in farm.notifications(farm.first)]


def test_an_incoming_call_is_told_with_its_number_and_the_phone(farm, receiver, wait_until):
    template = f"{receiver.url}/in?m=$mac&r=$remote&l=$local&d=$calldirection&c=$call-id&p=$product&i=$phone_ip"
    assert farm.action_urls(farm.first, {"incomingCall": template}) == ["incomingCall"]
    farm.incoming(farm.first, CALLER)
    wait_until(lambda: receiver.lines)
    line = receiver.lines[0].decode()
    assert line.startswith(f"GET /in?m=c074ad000001&r={CALLER}&l=1001&d=incoming&c=scripted-1&p=GRP2614&i=127.0.0.1 ")
    wait_until(lambda: farm.notifications(farm.first) == [{"slot": "incomingCall", "status": 204}])


def test_a_name_goes_out_with_its_raw_space_and_its_raw_umlaut(farm, receiver, wait_until):
    farm.action_urls(farm.first, {"incomingCall": f"{receiver.url}/?n=$display_remote&u=$display_local"})
    farm.incoming(farm.first, CALLER, "Jürgen Groß")
    wait_until(lambda: receiver.lines)
    assert receiver.lines == ["GET /?n=Jürgen Groß&u=Desk 1001 HTTP/1.1".encode()]


def test_a_variable_that_cannot_be_filled_stays_as_it_is_written(farm, receiver, wait_until):
    farm.action_urls(farm.first, {"openDnd": f"{receiver.url}/dnd?r=$remote&c=$call-id&t=$duration&x=$nobody"})
    farm.user(farm.first, "MUTE")
    wait_until(lambda: receiver.lines)
    assert receiver.targets() == ["/dnd?r=$remote&c=$call-id&t=$duration&x=$nobody"]


def test_a_name_cannot_smuggle_a_second_request(farm, receiver, wait_until):
    farm.action_urls(farm.first, {"incomingCall": f"{receiver.url}/?n=$display_remote"})
    farm.incoming(farm.first, CALLER, "A\r\nX-Evil: 1\r\n\r\nGET /again HTTP/1.1")
    wait_until(lambda: sent(farm))
    assert receiver.targets() == ["/?n=AX-Evil: 1GET /again HTTP/1.1"]
    assert not any(b"Evil" in line for head in receiver.heads for line in head)


def test_a_call_from_its_ring_to_its_end(farm, receiver, wait_until):
    tell_everything(farm, receiver, "?r=$remote&t=$duration&d=$calldirection")
    farm.incoming(farm.first, CALLER)
    farm.user(farm.first, "answer")
    farm.advance(30)
    farm.user(farm.first, "hold")
    farm.user(farm.first, "hold")
    farm.advance(12)
    farm.remote_hangup(farm.first)
    wait_until(lambda: "/busyToIdle" in receiver.paths())
    told = [path for path in receiver.paths() if path.endswith("Call")]
    assert told == [
        "/incomingCall",
        "/answerNewInCall",
        "/establishedCall",
        "/holdCall",
        "/unholdCall",
        "/terminatedCall",
    ]
    last = next(target for target in receiver.targets() if target.startswith("/terminatedCall"))
    assert last == f"/terminatedCall?r={CALLER}&t=42&d=incoming"


def test_an_outgoing_call_has_its_id_and_nothing_of_the_call_before(farm, receiver, wait_until):
    tell_everything(farm, receiver, "?r=$remote&c=$call-id&d=$calldirection&t=$duration")
    farm.incoming(farm.first, CALLER)
    farm.user(farm.first, "answer")
    farm.user(farm.first, "hangup")
    farm.answer("api-make_call", phonenumber="030555")
    farm.advance(1)
    wait_until(lambda: "/outgoingCall" in receiver.paths())
    out = next(target for target in receiver.targets() if target.startswith("/outgoingCall"))
    assert out == "/outgoingCall?r=030555&c=scripted-2&d=outgoing&t=$duration"


@pytest.mark.parametrize(("deed", "slot"), [("reject", "/rejectIncomingCall"), ("miss", "/missedCall")])
def test_a_call_that_only_rang(farm, receiver, wait_until, deed, slot):
    tell_everything(farm, receiver, "?r=$remote")
    farm.incoming(farm.first, CALLER)
    if deed == "reject":
        farm.user(farm.first, "reject")
    else:
        farm.remote_hangup(farm.first)
    wait_until(lambda: f"{slot}?r={CALLER}" in receiver.targets())
    assert len({"/rejectIncomingCall", "/missedCall"} & {*receiver.paths()}) == 1


def test_a_restart_tells_that_the_phone_is_there_again(farm, receiver, wait_until):
    templates = {slot: f"{receiver.url}/{slot}" for slot in ("setupCompleted", "registered", "unregistered")}
    farm.action_urls(farm.first, templates)
    farm.reboot(farm.first)
    farm.advance(20)
    wait_until(lambda: receiver.paths() == ["/setupCompleted", "/registered"])
    farm.profile(farm.first, registered=False)
    wait_until(lambda: receiver.paths()[2:] == ["/unregistered"])


def test_a_template_that_is_too_long_is_dropped_without_a_word(farm, receiver, wait_until):
    stem = f"{receiver.url}/long?"
    fits, too_long = stem.ljust(LONGEST_TEMPLATE, "x"), stem.ljust(LONGEST_TEMPLATE + 1, "x")
    assert farm.action_urls(farm.first, {"incomingCall": too_long, "openDnd": fits}) == ["openDnd"]
    farm.incoming(farm.first, CALLER)
    farm.remote_hangup(farm.first)
    farm.user(farm.first, "MUTE")
    wait_until(lambda: receiver.lines)
    wait_until(lambda: sent(farm) == ["openDnd"])


def test_an_emptied_slot_is_silent(farm, receiver, wait_until):
    tell_everything(farm, receiver)
    emptied = {slot: "" for slot in ALL_CALL_EVENTS if slot != "busyToIdle"}
    assert farm.action_urls(farm.first, emptied) == ["busyToIdle"]
    farm.incoming(farm.first, CALLER)
    farm.remote_hangup(farm.first)
    wait_until(lambda: receiver.lines)
    assert receiver.paths() == ["/busyToIdle"]


def test_an_address_without_a_scheme_or_a_question_mark_goes_out_as_it_is(farm, receiver, wait_until):
    farm.action_urls(farm.first, {"incomingCall": receiver.url.removeprefix("http://") + "/mac=$mac&remote=$remote"})
    farm.incoming(farm.first, CALLER)
    wait_until(lambda: receiver.lines)
    assert receiver.targets() == [f"/mac=c074ad000001&remote={CALLER}"]


def test_what_failed_is_not_tried_again(farm, receiver, wait_until):
    farm.action_urls(
        farm.first,
        {
            "incomingCall": f"http://127.0.0.1:{free_port()}/",
            "missedCall": f"{receiver.url}/",
            "idleToBusy": receiver.url.replace("http", "https"),
            "busyToIdle": "http://[::1/",
        },
    )
    receiver.status = 500
    farm.incoming(farm.first, CALLER)
    farm.remote_hangup(farm.first)
    wait_until(lambda: len(sent(farm)) == 4)
    status = {row["slot"]: row["status"] for row in farm.notifications(farm.first)}
    assert status == {"incomingCall": None, "missedCall": 500, "idleToBusy": None, "busyToIdle": None}
    farm.advance(60)
    assert len(receiver.lines) == 1


def test_a_redirect_is_not_followed(farm, receiver, wait_until):
    receiver.status = 302
    farm.action_urls(farm.first, {"incomingCall": f"{receiver.url}/in"})
    farm.incoming(farm.first, CALLER)
    wait_until(lambda: farm.notifications(farm.first) == [{"slot": "incomingCall", "status": 302}])
    assert receiver.paths() == ["/in"]


def test_a_receiver_that_never_answers_is_given_up(farm, wait_until):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        farm.action_urls(farm.first, {"incomingCall": f"http://127.0.0.1:{deaf.getsockname()[1]}/"})
        farm.incoming(farm.first, CALLER)
        wait_until(lambda: farm.notifications(farm.first) == [{"slot": "incomingCall", "status": None}])


def test_notifications_come_late_in_order_or_overtaking_each_other(receiver, wait_until):
    def arrivals(order, seed):
        receiver.lines.clear()
        with running_farm(1, pace=VirtualPace(), seed=seed) as farm:
            expected = len(["idleToBusy", "incomingCall", "missedCall", "busyToIdle"])
            tell_everything(farm, receiver, order=order, delay_seconds=1.0)
            farm.incoming(farm.first, CALLER)
            farm.remote_hangup(farm.first)
            assert receiver.lines == []
            while len(sent(farm)) < expected:
                farm.advance(0.02)
                wait_until(lambda: len(receiver.lines) >= len(sent(farm)))
            return sent(farm)

    in_order = ["idleToBusy", "incomingCall", "missedCall", "busyToIdle"]
    assert arrivals("in", 1) == in_order
    shuffled = [arrivals("shuffled", seed) for seed in (1, 2, 3)]
    assert all(sorted(one) == sorted(in_order) for one in shuffled)
    assert any(one != in_order for one in shuffled)


def test_duplicates_come_as_often_as_wanted(farm, receiver, wait_until):
    farm.action_urls(farm.first, {"incomingCall": f"{receiver.url}/twice"}, duplicate_percent=100)
    farm.incoming(farm.first, CALLER)
    wait_until(lambda: receiver.paths() == ["/twice", "/twice"])


def test_a_reset_phone_has_forgotten_whom_to_tell(farm, receiver, wait_until):
    tell_everything(farm, receiver)
    farm.answer("api-sys_operation", request="RESET", passcode=farm.passcode(farm.first, "admin"))
    farm.advance(30)
    farm.incoming(farm.first, CALLER)
    farm.remote_hangup(farm.first)
    assert farm.action_urls(farm.first, {"missedCall": f"{receiver.url}/new"}) == ["missedCall"]
    farm.incoming(farm.first, CALLER)
    farm.remote_hangup(farm.first)
    wait_until(lambda: receiver.lines)
    assert receiver.paths() == ["/new"]


def test_many_values_are_filled_in_one_pass():
    values = {"remote": "$local", "local": "204", "call-id": "x"}
    assert fill("$remote/$local/$call-id/$display_remote", values) == "$local/204/x/$display_remote"


def test_the_query_of_our_own_addresses_survives_the_usual_reading(farm, receiver, wait_until):
    farm.action_urls(farm.first, {"incomingCall": f"{receiver.url}/?m=$mac&l=$local"})
    farm.incoming(farm.first, CALLER)
    wait_until(lambda: receiver.lines)
    assert parse_qs(urlsplit(receiver.targets()[0]).query) == {"m": ["c074ad000001"], "l": ["1001"]}


@pytest.mark.parametrize(
    "wrong", [{"order": "random"}, {"delay_seconds": 1.5}, {"delay_seconds": -1}, {"duplicate_percent": 101}]
)
def test_an_impossible_manner_is_refused(wrong):
    with pytest.raises(ValueError, match=r"order|duplicate"):
        Manner(**wrong)
