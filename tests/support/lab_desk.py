"""Anna's desk in the lab: a browser on the product's own processes, which hear the real PBX and ask real phones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import redis
from django.conf import settings
from playwright.sync_api import Locator, Page, expect

from crmconnector.calls.models import Call, CallCommand, CommandKind, DialSettings, Leg, PathPolicy
from crmconnector.calls.services import LIVE
from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact
from crmconnector.contacts.services import save_contact
from crmconnector.pbx.models import DialStyle, Line, Pbx, PbxLink, Trunk
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import User
from phones.models import Calibration, Phone, PhoneLease, SipAccount
from phones.sequences_catalogue import CALIBRATED
from phones.services import assign_phone
from tests.support.browser import Seen, soon, started_browser
from tests.support.lab import AGENTS, DIDS, Lab
from tests.support.processes import Product, eventually

SHOTS = Path(__file__).resolve().parents[2] / "test-artifacts"
CALLER = "+442079460123"
CUSTOMER = "+493023125447"
WRITTEN = "030 23125447"  # as it stands in the contacts
START_SECONDS = 90  # a build server is busy
expect.set_options(timeout=15_000)
FIRMWARE = "1.0.7.81"


@dataclass
class LabDesk:
    """What Anna (1001) sees and presses; `lab` is what really happens."""

    lab: Lab
    seen: Seen
    product: Product
    pbx: Pbx
    users: dict[str, User]
    phones: dict[str, Phone]
    customer: Contact
    told: list[tuple[str, ...]] = field(default_factory=list)  # how each command came to its end

    @property
    def page(self) -> Page:
        return self.seen.page

    def open(self) -> Page:
        """The desk with its stream open."""
        page = self.seen.desk()
        expect(page.locator("html")).to_have_attribute("data-stream", "open")
        return page

    def card(self, state: str) -> Locator:
        return self.page.locator(f'#cards > article[data-state="{state}"]')

    def see(self, state: str, count: int = 1) -> None:
        """So many cards are in this state."""
        expect(self.card(state)).to_have_count(count)

    def press(self, name: str) -> None:
        self.page.locator("#cards").get_by_role("button", name=name).first.click()

    def aim(self, extension: str, how: str) -> None:
        """Open the transfer drawer, type an extension, press `how`."""
        self.press("Transfer")
        self.page.locator("[data-whom]").fill(extension)
        expect(self.page.locator(f'[data-targets] [data-text="{extension}"]')).to_have_count(1)
        self.page.get_by_role("button", name=how, exact=True).click()

    def says(self, words: str) -> None:
        """The line of a card."""
        expect(self.page.locator("#cards [data-said]").filter(has_text=words)).to_have_count(1)

    def ended(self, kind: CommandKind, state: str = "confirmed", path: str = "") -> CallCommand:
        """The newest command of this kind, once it has ended so; exactly one was made since the last `fresh`."""
        mine = CallCommand.objects.filter(kind=kind, user=self.users["1001"])
        rows = mine.filter(path=path) if path else mine
        try:
            command: CallCommand = soon(
                self.page, lambda: rows.filter(state=state).order_by("-requested_at").first(), seconds=15
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.commands()}") from None
        return command

    def commands(self) -> str:
        rows = CallCommand.objects.order_by("requested_at").values_list(
            "kind", "path", "state", "reason_code", "sentence", "evidence"
        )
        return f"{list(rows)}\n{self.product.said()[-4000:]}"

    def shot(self, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=str(SHOTS / f"lab-{name}.png"))

    def fresh(self) -> None:
        """Nothing is left of the story before: the product knows every call over and every command ended."""
        self.settled()
        self.note()
        CallCommand.objects.update(fallback_of=None, part_of=None)
        for rows in (CallCommand, Pop, Call, PathPolicy, Calibration):
            rows.objects.all().delete()
        self.seen.problems.clear()

    def note(self) -> None:
        """Keep for the table how each command of the story ended."""
        for command in CallCommand.objects.order_by("requested_at").prefetch_related("changes"):
            last = list(command.changes.all())[-1]
            took = f"{(last.at - command.requested_at).total_seconds() * 1000:.0f}"
            self.told.append((command.kind, command.path, command.state, took, last.by, command.evidence))

    def settled(self) -> None:
        eventually(
            lambda: not Leg.objects.filter(ended_at=None).exists(), what=lambda: f"no leg left; {self.commands()}"
        )
        eventually(lambda: not CallCommand.objects.filter(LIVE).exists(), what=self.commands)
        # A worker may still be looking whether the last key did what it should, and has the phone for so long.
        busy = PhoneLease.objects.filter(held_until__isnull=False)
        eventually(lambda: not busy.filter(held_until__gt=utc_now()).exists(), seconds=40, what=self.commands)


def _rows(lab: Lab) -> tuple[Pbx, dict[str, User], dict[str, Phone], Contact]:
    pbx = Pbx.objects.create(
        name="Lab", host=lab.ami_host, port=lab.ami_port, username=lab.ami_username, secret=lab.ami_secret,
        country="DE", inside_context="internal", snippet_context="crmconnector", dial_style=DialStyle.E164,
    )  # fmt: skip
    PbxLink.objects.create(pbx=pbx, state=PbxLink.State.NEVER)
    Trunk.objects.create(pbx=pbx, endpoint="PJSIP/trunk", confirmed=True)
    Line.objects.create(pbx=pbx, did=DIDS["direct"], label="Support DE")
    DialSettings.objects.update_or_create(pk=1, defaults={"calls_a_minute": 60})
    users, phones = {}, {}
    for extension, name in AGENTS.items():
        users[extension] = User.objects.create_user(name.split()[0].lower(), password="not used", full_name=name)
        phones[extension] = _phone(pbx, lab, extension)
        assign_phone(
            phone=phones[extension], user_id=users[extension].pk, from_at=utc_now() - timedelta(hours=1)
        )  # fmt: skip
    customer = save_contact(
        contact=Contact(name="Ada Smith", company="Analytical Engines"), numbers=[("work", WRITTEN)], country="DE"
    )
    return pbx, users, phones, customer


def _phone(pbx: Pbx, lab: Lab, extension: str) -> Phone:
    front = lab.phones[extension]
    phone = Phone.objects.create(
        name=f"Phone {extension}", model="GRP2614", firmware=FIRMWARE, address=front.cti_host, port=front.cti_port,
        passcode=front.passcode,
    )  # fmt: skip
    SipAccount.objects.create(phone=phone, pbx=pbx, extension=extension, endpoint=front.endpoint)
    return phone


def calibrated(phone: Phone) -> None:
    """As after a calibration in which every sequence worked."""
    for sequence in CALIBRATED:
        Calibration.objects.create(
            phone=phone, phone_name=phone.name, model=phone.model, firmware=phone.firmware, sequence=sequence,
            extension="1003", at=utc_now(), ended_at=utc_now(), outcome=Calibration.Outcome.WORKED, timings=[],
        )  # fmt: skip


@contextmanager
def opened_lab_desk(lab: Lab, folder: Path) -> Iterator[LabDesk]:
    """Listener, worker and web process on this lab, and Anna's browser. Wants an empty database."""
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    pbx, users, phones, customer = _rows(lab)
    product = Product(folder)
    try:
        product.listener()
        product.worker()
        _, address = product.web()
        eventually(lambda: PbxLink.objects.get(pbx=pbx).state == "connected", seconds=START_SECONDS,
                   what=product.said)  # fmt: skip
        eventually(lambda: PbxLink.objects.get(pbx=pbx).may_send, seconds=START_SECONDS, what=product.said)
        with started_browser() as browser:
            seen = Seen(browser, address, users["1001"], viewport={"width": 1280, "height": 1200})
            seen.context.set_default_timeout(15_000)
            yield LabDesk(lab, seen, product, pbx, users, phones, customer)
            seen.context.close()
    finally:
        product.stop()
