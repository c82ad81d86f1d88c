"""Rows that most tests start from."""

from dataclasses import dataclass, field
from datetime import timedelta

from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact
from crmconnector.contacts.services import save_contact
from crmconnector.pbx.models import Line, Pbx, PbxLink, Queue, Trunk
from crmconnector.users.models import User
from phones.models import Phone, SipAccount
from phones.services import assign_phone
from tests.support.canary import PASSCODE

TRUNK = "PJSIP/trunk"


@dataclass
class RowOffice:
    pbx: Pbx
    users: list[User] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    contacts: dict[str, Contact] = field(default_factory=dict)

    def add_contact(self, name: str, *numbers: str, company: str = "") -> Contact:
        contact = save_contact(
            contact=Contact(name=name, company=company),
            numbers=[("work", number) for number in numbers],
            country=self.pbx.country,
        )
        self.contacts[name] = contact
        return contact


def make_office(
    *, host: str = "127.0.0.1", port: int = 5038, phone_ports: tuple[int, ...] = (8001, 8002, 8003)
) -> RowOffice:
    pbx = Pbx.objects.create(name="Office", host=host, port=port, username="crm", secret="secret", country="DE")
    PbxLink.objects.create(pbx=pbx, state=PbxLink.State.CONNECTED, heard_at=utc_now())
    Trunk.objects.create(pbx=pbx, endpoint=TRUNK, confirmed=True)
    Line.objects.create(pbx=pbx, did="+493023125100", label="Support DE")
    Queue.objects.create(pbx=pbx, name="600", label="Service")
    office = RowOffice(pbx)
    for place, phone_port in enumerate(phone_ports, start=201):
        office.users.append(
            User.objects.create_user(f"user{place}", password="correct horse battery", full_name=f"User {place}")
        )
        office.phones.append(add_phone(pbx, extension=str(place), port=phone_port))
        assign_phone(phone=office.phones[-1], user_id=office.users[-1].pk, from_at=utc_now() - timedelta(hours=1))
    return office


def add_phone(pbx: Pbx, *, extension: str, port: int, passcode: str = PASSCODE, endpoint: str = "") -> Phone:
    phone = Phone.objects.create(
        name=f"Phone {extension}", model="GRP2614", address="127.0.0.1", port=port, passcode=passcode
    )
    SipAccount.objects.create(phone=phone, pbx=pbx, extension=extension, endpoint=endpoint or f"PJSIP/{extension}")
    return phone
