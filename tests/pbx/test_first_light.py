"""The main job on real parts: SIP INVITE, Asterisk, AMI, card in Chromium; Answer there, and the SIP phone answers."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from playwright.sync_api import Browser, expect

from crmconnector.calls.models import Call, CallCommand, Leg
from crmconnector.pbx.models import Line, Pbx, PbxLink, Trunk
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import User
from phones.models import Phone, SipAccount
from phones.services import assign_phone
from tests.support.browser import Seen, started_browser
from tests.support.lab import Lab
from tests.support.office import RowOffice
from tests.support.processes import Product, eventually

pytestmark = pytest.mark.browser
AGENTS = ("1001", "1002", "1003")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as one:
        yield one


@pytest.fixture
def rows(lab: Lab, transactional_db) -> RowOffice:
    from datetime import timedelta

    from crmconnector.common.clock import utc_now

    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    pbx = Pbx.objects.create(
        name="Lab", host=lab.ami_host, port=lab.ami_port, username=lab.ami_username, secret=lab.ami_secret, country="DE"
    )
    Line.objects.create(pbx=pbx, did=lab.did_direct, label="Support DE")
    Line.objects.create(pbx=pbx, did=lab.did_group, label="Sales DE")
    office = RowOffice(pbx)
    for extension in AGENTS:
        told = lab.phones[extension]
        phone = Phone.objects.create(
            name=f"Phone {extension}", address=told.cti_host, port=told.cti_port, passcode=told.passcode
        )
        SipAccount.objects.create(phone=phone, pbx=pbx, extension=extension, endpoint=told.endpoint)
        user = User.objects.create_user(f"agent{extension}", full_name=f"Agent {extension}")
        assign_phone(phone=phone, user_id=user.pk, from_at=utc_now() - timedelta(hours=1))
        office.phones.append(phone)
        office.users.append(user)
    office.add_contact("Rosalind Achterberg-Whitcombe", "030 23125447", company="Havelquell Gebäudetechnik")
    return office


@pytest.fixture
def product(rows: RowOffice, tmp_path: Path) -> Iterator[Product]:
    started = Product(tmp_path)
    started.listener()
    started.worker()
    yield started
    started.stop()
    print(started.said())  # shown by pytest when the test fails


@pytest.fixture
def address(product: Product) -> str:
    _, address = product.web()
    eventually(lambda: PbxLink.objects.filter(state="connected").exists(), seconds=30, what=product.said)
    return address


def test_a_real_call_pops_and_the_browser_answers_the_real_phone(lab, rows, product, address, browser):
    seen = Seen(browser, address, rows.users[0])
    page = seen.desk()
    expect(page.locator("html")).to_have_attribute("data-stream", "open", timeout=15_000)
    called = time.monotonic()
    lab.trunk.call(lab.did_direct, from_number="03023125447", from_name="ACHTERBERG")
    card = page.locator("article.card.is-ringing")
    expect(card).to_have_count(1, timeout=15_000)
    popped = time.monotonic() - called
    expect(card).to_contain_text("Rosalind Achterberg-Whitcombe")
    expect(card).to_contain_text("Support DE")
    page.screenshot(path=_artifact("lab-ringing.png"))
    lab.phones["1001"].wait_state("ringing")
    pressed = time.monotonic()
    page.keyboard.press("a")
    expect(page.locator("article.card.is-talking")).to_contain_text("The PBX confirmed it at", timeout=15_000)
    answered = time.monotonic() - pressed
    lab.phones["1001"].wait_state("connected")
    page.screenshot(path=_artifact("lab-talking.png"))
    assert [change.state for change in CallCommand.objects.get().changes.all()][-1] == "confirmed"
    deeds = [row for row in lab.phones["1001"].journal() if "acceptcall" in str(row)]
    assert len(deeds) == 1
    lab.trunk.hangup()
    call = eventually(lambda: Call.objects.filter(state="ended").first(), what=product.said)
    assert (call.direction, call.disposition, call.caller_e164) == ("inbound", "answered", "+493023125447")
    assert (call.answered_by, call.line.label, call.contact.name) == (
        rows.users[0], "Support DE", "Rosalind Achterberg-Whitcombe",
    )  # fmt: skip
    assert Trunk.objects.get().endpoint == lab.trunk.endpoint
    assert seen.problems == []
    print(f"\nINVITE sent to card on screen {popped:.2f} s; key pressed to proof on screen {answered:.2f} s")


def test_a_ring_group_shows_three_cards_one_takes_it_and_two_say_who(lab, rows, product, address, browser):
    people = [Seen(browser, address, user) for user in rows.users]
    for one in people:
        expect(one.desk().locator("html")).to_have_attribute("data-stream", "open", timeout=15_000)
    lab.trunk.call(lab.did_group, from_number="+442079460123", from_name="Somebody")
    for one in people:
        expect(one.page.locator("article.card.is-ringing")).to_have_count(1, timeout=15_000)
    people[1].page.locator("article.card.is-ringing button:has-text('Answer')").click()
    expect(people[1].page.locator("article.card.is-talking")).to_have_count(1, timeout=15_000)
    for one in (people[0], people[2]):
        expect(one.page.locator("article.card.quiet")).to_contain_text("Agent 1002", timeout=15_000)
        expect(one.page.locator("article.card.is-ringing")).to_have_count(0)
    people[0].page.screenshot(path=_artifact("lab-elsewhere.png"))
    lab.phones["1002"].wait_state("connected")
    lab.trunk.hangup()
    call = eventually(lambda: Call.objects.filter(state="ended").first(), what=product.said)
    assert (call.disposition, call.answered_by) == ("answered", rows.users[1])
    assert sorted(Leg.objects.values_list("outcome", flat=True)) == ["answered", "elsewhere", "elsewhere"]
    assert Pop.objects.count() == 3
    assert [one.problems for one in people] == [[], [], []]


def _artifact(name: str) -> str:
    folder = Path(__file__).parents[2] / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return str(folder / name)
