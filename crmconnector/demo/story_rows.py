"""From the story file to rows: the people, phones and contacts of the rehearsal."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from crmconnector.contacts.models import Contact
from crmconnector.contacts.services import save_contact
from crmconnector.pbx.models import Line, Pbx, Queue, Trunk
from crmconnector.users.models import User
from crmconnector.users.services import ensure_person
from phones.models import Assignment, Phone, SipAccount
from phones.services import assign_phone

STORY_FILE = Path(settings.BASE_DIR) / "crmconnector" / "simulator" / "stories" / "first_day.json"
SNIPPET = "crmconnector"


def read_story(path: Path = STORY_FILE) -> dict[str, Any]:
    """The story as the simulator plays it; its keys are explained in crmconnector/simulator/story.py."""
    return json.loads(path.read_text(encoding="utf-8"))


@transaction.atomic
def load_story(
    *, story: dict[str, Any], ami_port: int, ami_username: str, ami_secret: str, phone_port: int, now: datetime
) -> Pbx:
    """Make or refresh the story's rows. Ports change at every start; what a person added stays."""
    pbx = _pbx(story["pbx"], ami_port=ami_port, ami_username=ami_username, ami_secret=ami_secret)
    people = {
        person["extension"]: ensure_person(
            username=person["username"], full_name=person["name"], role=person["role"], team=person["team"]
        )
        for person in story["people"]
    }
    for phone in story["phones"]:
        _phone(phone, pbx=pbx, port=phone_port + phone["port_offset"], user=people.get(phone["extension"]), now=now)
    if not Contact.objects.exists():
        for contact in story["contacts"]:
            _contact(contact, country=pbx.country)
    return pbx


def _pbx(told: dict[str, Any], *, ami_port: int, ami_username: str, ami_secret: str) -> Pbx:
    address = {"host": "127.0.0.1", "port": ami_port, "username": ami_username, "secret": ami_secret}
    address |= {"snippet_context": SNIPPET}  # the simulated PBX behaves as if our dialplan were installed
    pbx, _ = Pbx.objects.update_or_create(
        simulated=True, defaults={**address, "name": told["name"], "country": told["country"], "enabled": True}
    )
    for trunk in told["trunks"]:
        Trunk.objects.get_or_create(pbx=pbx, endpoint=f"PJSIP/{trunk['endpoint']}", defaults={"confirmed": True})
    for line in told["lines"]:
        Line.objects.get_or_create(pbx=pbx, did=line["number"], defaults={"label": line["label"]})
    for queue in told["queues"]:
        Queue.objects.get_or_create(pbx=pbx, name=queue["extension"], defaults={"label": queue["label"]})
    return pbx


def _phone(told: dict[str, Any], *, pbx: Pbx, port: int, user: User | None, now: datetime) -> None:
    mac = ":".join(told["mac"][place : place + 2] for place in range(0, 12, 2)).upper()
    phone, _ = Phone.objects.update_or_create(
        mac=mac,
        defaults={
            "name": told["name"],
            "model": told["model"],
            "address": "127.0.0.1",
            "port": port,
            "scheme": Phone.Scheme.HTTP,
            "passcode": told["user_passcode"],
            "passcode_refused_at": None,
        },
    )
    SipAccount.objects.get_or_create(
        pbx=pbx, endpoint=f"PJSIP/{told['sip_account']}", defaults={"phone": phone, "extension": told["extension"]}
    )
    if user and not Assignment.objects.filter(phone=phone).exists():
        assign_phone(phone=phone, user_id=user.pk, from_at=now)


def _contact(told: dict[str, Any], *, country: str) -> None:
    contact = Contact(**{name: told[name] for name in ("name", "company", "title", "email", "notes")})
    save_contact(contact=contact, numbers=[(one["label"], one["number"]) for one in told["numbers"]], country=country)
