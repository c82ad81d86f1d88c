"""Phones' own notifications: over a real server where the request line matters, and the page with their lines."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client, RequestFactory, override_settings

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.common.redaction import redact_text
from crmconnector.common.secrets import MASK
from crmconnector.simulator.cti.action_urls import SLOTS as SIMULATED_SLOTS
from crmconnector.simulator.cti.action_urls import fill, get
from crmconnector.web import phone_event_door
from crmconnector.web.phone_event_door import Pace, Refusals, same_address, take_notice
from crmconnector.web.phone_event_lines import events_page, unreachable_host
from phones.hint_services import give_token, phone_of_token
from phones.hints import SLOTS, template
from phones.models import Phone, PhoneHint, PhoneStatus
from tests.support.office import RowOffice, make_office
from tests.support.processes import Process, Product

MAC = "00:0B:82:A1:4C:07"
GOOD = "m=000b82a14c07&r=+493023125447&l=204&c=1-2@10.0.0.5&d=incoming"


# --- over a real server -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, str]]:
    """A web process of the product, with its log at the level that says most."""
    product = Product(tmp_path_factory.mktemp("web"), LOG_LEVEL="DEBUG")
    try:
        yield product.web()
    finally:
        product.stop()


@dataclass
class Desk:
    """A phone whose row is in the database, and the server it talks to."""

    phone: Phone
    token: str
    address: str
    process: Process

    def send(self, kind: str = "boot", query: str = f"?{GOOD}", *, token: str = "", **more: Any) -> int:
        """The status of one GET with exactly this request target."""
        return self.send_raw(f"/phone-events/{token or self.token}/{kind}{query}".encode(), **more)

    def send_raw(self, target: bytes, *, method: str = "GET", source: str = "127.0.0.1", forwarded: str = "") -> int:
        place = urlsplit(self.address)
        headers = f"Host: {place.netloc}\r\nUser-Agent: Grandstream GRP2614 1.0.13.24\r\nConnection: close\r\n"
        headers += f"X-Forwarded-For: {forwarded}\r\n" if forwarded else ""
        with socket.create_connection((place.hostname, place.port), 10, (source, 0)) as link:
            link.sendall(f"{method} ".encode() + target + f" HTTP/1.1\r\n{headers}\r\n".encode())
            answer = b"".join(iter(lambda: link.recv(65536), b""))
        self.last = answer.decode("latin-1")
        return int(answer.split(b" ")[1])

    def hints(self) -> dict[str, PhoneHint]:
        return {hint.kind: hint for hint in PhoneHint.objects.filter(phone=self.phone)}


@pytest.fixture
def desk(transactional_db: None, web: tuple[Process, str]) -> Desk:
    phone = make_office().phones[0]
    phone.mac = MAC
    phone.save()
    return Desk(phone, give_token(phone=phone), web[1], web[0])


def test_a_notification_is_taken_with_its_plus_and_without_any_cookie(desk: Desk):
    assert desk.send("incoming") == 204
    hint = desk.hints()["incoming"]
    assert (hint.remote, hint.local, hint.call_id) == ("+493023125447", "204", "1-2@10.0.0.5")
    assert "set-cookie" not in desk.last.lower()


@pytest.mark.parametrize(
    ("kind", "query", "remote"),
    [
        ("incoming", f"?m={MAC}&r=$remote&l=$local&c=$call-id&d=$calldirection", ""),
        ("incoming", f"?m={MAC}&r=%2B4930%2G", "+4930%2G"),
        ("incoming", f"?m={MAC}&r=a%20b", "a b"),
        (f"incoming&m={MAC}&r=+4930", "", "+4930"),
        ("incoming", f"?m={MAC}&r=J%FCrgen", "J�rgen"),
        ("incoming", "?m=00-0b-82-a1-4c-07&r='\"<>;", "'\"<>;"),
    ],
)
def test_what_phones_make_of_a_line_is_understood(desk: Desk, kind: str, query: str, remote: str):
    assert desk.send(kind, query) == 204
    assert desk.hints()["incoming"].remote == remote


def test_a_head_request_is_as_good(desk: Desk):
    assert desk.send("dnd-on", method="HEAD") == 204
    assert PhoneStatus.objects.get(phone=desk.phone).do_not_disturb is True


def test_a_name_that_no_request_line_can_carry_harms_nobody(desk: Desk):
    for raw in (f"?m={MAC}&r=Zoë Smith".encode(), b"?m=\xff\xfe&r=\xc3"):
        assert desk.send_raw(f"/phone-events/{desk.token}/boot".encode() + raw) in (400, 404)
    assert desk.send("boot") == 204, "the server goes on"


def test_whoever_has_a_piece_missing_learns_nothing(desk: Desk):
    other = desk.token[:-1] + ("A" if desk.token[-1] != "A" else "B")
    answers = [
        (desk.send(token=other), desk.last),
        (desk.send(token="short"), desk.last),
        (desk.send(query="?m=000b82a14c08"), desk.last),
        (desk.send(query="?m=$mac&r=1"), desk.last),
        (desk.send(query=""), desk.last),
        (desk.send("made-up"), desk.last),
        (desk.send("refused-mac"), desk.last),
        (desk.send(query=f"?m={MAC}&r=" + "1" * 2048), desk.last),
        (desk.send(forwarded="192.0.2.77"), desk.last),
        (desk.send(source="127.0.0.2"), desk.last),
        (desk.send(method="POST"), desk.last),
        (desk.send(method="DELETE"), desk.last),
    ]
    assert {status for status, _ in answers} == {404}
    assert len({re.sub(r"date: .*\r\n", "", text) for _, text in answers}) == 1, "all alike to the letter"
    assert set(desk.hints()) <= {"refused-mac", "refused-source", "refused-kind"}
    assert not PhoneStatus.objects.filter(phone=desk.phone).exists()


def test_a_phone_without_a_recorded_mac_address_is_not_believed(desk: Desk):
    Phone.objects.filter(pk=desk.phone.pk).update(mac="")
    assert [desk.send(query="?m="), desk.send(query="?m=$mac"), desk.send()] == [404] * 3
    assert set(desk.hints()) == {"refused-no-mac"}


def test_behind_a_proxy_on_this_machine_the_phones_own_address_counts(desk: Desk):
    Phone.objects.filter(pk=desk.phone.pk).update(address="192.0.2.30")
    assert desk.send() == 404
    assert desk.send(forwarded="192.0.2.30") == 204
    assert desk.send(forwarded="192.0.2.30", source="127.0.0.3") == 404, "anybody may write that header"


def test_a_duplicate_changes_nothing_and_a_late_one_does_no_harm(desk: Desk):
    for kind in ("dnd-on", "dnd-on", "terminated", "hold", "dnd-on"):
        assert desk.send(kind) == 204
    status = PhoneStatus.objects.get(phone=desk.phone)
    assert status.do_not_disturb is True
    assert status.held_by_key is None, "the hold of a call that has ended came too late"


def test_a_flood_is_stopped_and_leaves_other_phones_alone(desk: Desk):
    statuses = [desk.send("off-hook") for _ in range(phone_event_door.MOST_A_MINUTE * 2 + 1)]
    assert statuses[0] == 204 and statuses[-1] == 404
    assert statuses.count(204) <= phone_event_door.MOST_A_MINUTE * 2  # a minute may end in between
    other = Phone.objects.exclude(pk=desk.phone.pk).first()
    assert other is not None
    other.mac = "00:0B:82:A1:4C:99"
    other.save()
    Phone.objects.filter(pk=desk.phone.pk).update(address="192.0.2.1")
    token = give_token(phone=other)
    assert desk.send(query=f"?m={other.mac}", token=token) == 204


def test_every_line_of_the_page_works_as_the_simulated_phone_sends_it(desk: Desk):
    values = {"mac": "000b82a14c07", "remote": "+493023125447", "local": "204", "call-id": "7@10.0.0.5"}
    for slot in SLOTS:
        url = fill(template(desk.address, desk.token, slot.kind), values)
        assert asyncio.run(get(url, "Grandstream GRP2614 1.0.13.24")) == 204, slot
    assert set(desk.hints()) == {slot.kind for slot in SLOTS}
    assert desk.hints()["idle"].remote == "+493023125447"


def test_every_place_of_the_simulated_phone_has_its_line():
    assert set(SIMULATED_SLOTS) <= {slot.alias for slot in SLOTS}


def test_the_token_is_never_in_the_log(desk: Desk):
    other = "z" * 43
    desk.send()
    desk.send(token=other)
    desk.send("made-up")
    desk.send("boot/", query="")
    desk.send("", query="")
    desk.send_raw(f"/phone-events//{desk.token}/boot".encode())
    desk.send_raw(f"/phone-events/{desk.token}/boot?m=ü y".encode())
    desk.send(method="POST")
    said = desk.process.said()
    assert f"/phone-events/{MASK}" in said, "the server did log of these requests"
    assert desk.token not in said and other not in said


# --- the door ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def phone(office: RowOffice) -> Phone:
    one = office.phones[0]
    one.mac = MAC
    one.save()
    return one


def knock(token: str, kind: str = "boot", query: str = GOOD, **meta: str) -> bool:
    request = RequestFactory().get("/", **meta)
    request.META["QUERY_STRING"] = query
    return take_notice(request, token=token, kind=kind, now=utc_now())


def test_the_flood_of_a_stranger_with_the_token_does_not_silence_the_phone(phone: Phone):
    token = give_token(phone=phone)
    for _ in range(phone_event_door.MOST_A_MINUTE * 2 + 1):
        knock(token, REMOTE_ADDR="192.0.2.66")
    assert knock(token)


def test_a_flood_costs_no_query(phone: Phone, django_assert_num_queries: Any):
    token = give_token(phone=phone)
    now = [0.0]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(phone_event_door, "pace", Pace(most=2, clock=lambda: now[0]))
        assert knock(token) and knock(token)
        with django_assert_num_queries(0):
            assert not knock(token)
        now[0] = 61.0
        assert knock(token), "the next minute is a new one"


def test_the_pace_of_ever_new_names_is_kept_in_bounded_memory():
    pace = Pace(names=100)
    for number in range(1000):
        pace.allows(str(number))
    assert len(pace._counts) <= 100


def test_refusals_are_counted_and_logged_once_in_a_while(phone: Phone, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    refusals = Refusals()
    for _ in range(50):
        refusals.count("mac", phone=phone, address="192.0.2.7")
    assert refusals.total["mac"] == 50
    assert sum("phone_event.refused" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("2001:db8::7", "2001:0db8:0::7", True),
        ("192.0.2.7", "192.0.2.70", False),
        ("", "192.0.2.7", False),
        ("testclient", "testclient", False),
    ],
)
def test_an_address_is_the_same_in_any_spelling(one: str, other: str, same: bool):
    assert same_address(one, other) is same


@pytest.mark.parametrize(
    "text",
    [
        "Not Found: /phone-events/{}/boot",
        "GET /phone-events/{}/boot?m=1 HTTP/1.1",
        "<ASGIRequest: GET '/phone-events/{}/boot?m=000b82a14c07'>",
        "https://desk.example.net/phone-events/{}",
        "next=%2Fphone-events%2F{}%2Fboot",
        "/Phone-Events//{}",
    ],
)
def test_a_token_in_a_path_is_redacted_wherever_it_is_logged(text: str):
    token = "Ab_-" * 10 + "abc"
    assert token not in redact_text(text.format(token)) and MASK in redact_text(text.format(token))


# --- the page ---------------------------------------------------------------------------------------------------------


def test_only_administrators_see_the_lines_or_renew_them(agent: Client, phone: Phone):
    give_token(phone=phone)
    before = Phone.objects.get(pk=phone.pk).event_token_digest
    assert agent.get(f"/phones/{phone.pk}/events").status_code == 403
    assert agent.post(f"/phones/{phone.pk}/events/token").status_code == 403
    assert Client().get(f"/phones/{phone.pk}/events").status_code == 302
    assert Phone.objects.get(pk=phone.pk).event_token_digest == before


def test_looking_makes_no_token_and_a_button_does(administrator: Client, phone: Phone):
    page = administrator.get(f"/phones/{phone.pk}/events").content.decode()
    assert "Make the lines" in page and "readonly" not in page
    assert Phone.objects.get(pk=phone.pk).event_token_digest is None
    assert administrator.get(f"/phones/{phone.pk}/events/token").status_code == 405
    administrator.post(f"/phones/{phone.pk}/events/token")
    assert Phone.objects.get(pk=phone.pk).event_token_digest


def test_a_new_token_ends_the_old_lines_and_is_audited_without_it(administrator: Client, phone: Phone):
    old = give_token(phone=phone)
    administrator.post(f"/phones/{phone.pk}/events/token")
    token = Phone.objects.get(pk=phone.pk).event_token.reveal()
    assert phone_of_token(old) is None and phone_of_token(token) is not None
    act = AuditEvent.objects.get(action="phone.event_token_renewed")
    assert token not in str(act.__dict__) and old not in str(act.__dict__)


def test_the_page_has_every_line_labelled_and_copyable(administrator: Client, phone: Phone):
    token = give_token(phone=phone)
    page = administrator.get(f"/phones/{phone.pk}/events", headers={"host": "localhost"}).content.decode()
    for slot in SLOTS:
        assert f'<label for="line-{slot.kind}">' in page
        shown = re.search(rf'id="line-{slot.kind}" value="([^"]*)" readonly', page)
        assert shown is not None
        assert shown[1].replace("&amp;", "&") == template("http://localhost", token, slot.kind)
    assert "$display" not in page.replace("variables $display_remote or $display_local", "")
    assert "No real GRP26xx was at hand" in page and "not proven on a GRP26xx" in page
    assert "this machine itself" in page, "localhost is no address for a phone"


def test_the_lines_lead_to_the_public_address(administrator: Client, phone: Phone):
    give_token(phone=phone)
    with override_settings(PUBLIC_URL="https://desk.example.net/"):
        page = administrator.get(f"/phones/{phone.pk}/events").content.decode()
    assert "https://desk.example.net/phone-events/" in page and "does not trust its certificate" in page


def test_the_page_says_what_came_and_what_was_refused(administrator: Client, phone: Phone):
    token = give_token(phone=phone)
    assert knock(token, "dnd-on") and not knock(token, query="m=$mac") and not knock(token, REMOTE_ADDR="192.0.2.9")
    page = administrator.get(f"/phones/{phone.pk}/events").content.decode()
    assert "Last heard at" in page and "Came once" in page
    assert "Its MAC address was missing" in page and "It came from 192.0.2.9" in page
    PhoneHint.objects.update(at=utc_now() - timedelta(days=2))
    assert "was refused" not in administrator.get(f"/phones/{phone.pk}/events").content.decode(), "mended long ago"


def test_a_phone_without_mac_address_is_told_of(administrator: Client, phone: Phone):
    Phone.objects.filter(pk=phone.pk).update(mac="")
    assert "No MAC address is recorded" in administrator.get(f"/phones/{phone.pk}/events").content.decode()


def test_the_page_is_one_query_of_hints(phone: Phone, django_assert_num_queries: Any):
    give_token(phone=phone)
    with django_assert_num_queries(1):
        page = events_page(phone, base="https://desk.example.net", now=utc_now())
    assert not any(line.too_long for line in page.lines)
    assert "<P8304>https://desk.example.net/phone-events/" in page.provisioning
    assert "&amp;r=$remote" in page.provisioning, "an XML file wants its ampersands written so"
    assert "None" not in page.provisioning


def test_a_site_address_that_makes_lines_too_long_is_said(phone: Phone):
    give_token(phone=phone)
    page = events_page(phone, base="https://" + "x" * 200 + ".example.net", now=utc_now())
    assert all(line.too_long for line in page.lines) and any("dropped by phones" in note for note in page.notes)


@pytest.mark.parametrize(
    ("base", "unreachable"),
    [
        ("http://localhost:8000", True), ("http://127.0.0.1:8000", True), ("http://[::1]:8000", True),
        ("http://0.0.0.0", True), ("http://10.0.0.5:8000", False), ("https://desk.example.net", False),
    ],
)  # fmt: skip
def test_an_address_that_means_the_asker_itself_is_noticed(base: str, unreachable: bool):
    assert unreachable_host(base) is unreachable


def test_the_old_log_file_of_the_web_server_never_shows_the_path():
    """nginx writes whole request lines: where it stands before us, it must not for these."""
    text = (Path(__file__).resolve().parents[2] / "deploy/nginx.conf").read_text()
    places = re.findall(r"location /phone-events/ \{([^}]*)\}", text)
    assert len(places) == 2, "by HTTP and by HTTPS"
    assert all("access_log off;" in place and "error_log /dev/null" in place for place in places)
