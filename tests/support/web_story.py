"""Rows of a day at the desk, for the tests of pages: one call with everything a person may have written in it."""

from datetime import timedelta

from django.db import connection

from crmconnector.calls.models import Call, CallCommand, CommandChange, Leg
from crmconnector.calls.parties import far_number_of, keep_parties
from crmconnector.common.clock import utc_now
from crmconnector.common.numbers import read_number
from crmconnector.screenpop.models import Pop
from tests.support.office import RowOffice

NASTY = "\"><img src=x onerror=alert(1)></script><svg onload=alert(2)>'-alert(3)-'{{7*7}}\u202e"


def add_call(office: RowOffice, *, place: int = 0, number: str = "+493023125447", **changes: object) -> Call:
    """An answered call to the phone at `place`, half an hour ago unless told otherwise."""
    at = utc_now() - timedelta(minutes=30)
    fields = {
        "direction": "inbound", "state": "ended", "disposition": "answered", "caller_number": number,
        "caller_e164": number if number.startswith("+") else "", "dialled": "+493023125100",
        "line": office.pbx.lines.first(), "started_at": at, "answered_at": at + timedelta(seconds=8),
        "ended_at": at + timedelta(seconds=68), "talk_seconds": 60.0, "answered_by": office.users[place],
        "answered_by_endpoint": f"PJSIP/{201 + place}",
    }  # fmt: skip
    fields.update(changes)
    call = Call(pbx=office.pbx, linkedid=f"story-{Call.objects.count()}", **fields)
    call.far_number = call.far_number or far_number_of(call, lambda text: read_number(text, country="DE"))
    call.save()
    add_leg(office, call, place=place)
    return call


def add_leg(office: RowOffice, call: Call, *, place: int = 0, **changes: object) -> Leg:
    fields = {
        "endpoint": f"PJSIP/{201 + place}", "phone": office.phones[place], "user": office.users[place],
        "far_number": call.caller_number, "far_name": call.caller_name, "state": "ended", "outcome": "answered",
        "rang_at": call.started_at, "answered_at": call.answered_at, "ended_at": call.ended_at,
    }  # fmt: skip
    fields.update(changes)
    leg = Leg.objects.create(call=call, pbx=office.pbx, uniqueid=f"leg-{Leg.objects.count()}", **fields)
    keep_parties(calls=[call], legs=[leg])
    return leg


def _next_version() -> int:
    """From the same sequence as the product's: what changes later is newer, whatever ran before."""
    with connection.cursor() as cursor:
        cursor.execute("select nextval('screenpop_version')")
        return int(cursor.fetchone()[0])


def add_pop(call: Call, leg: Leg, *, state: str = "ringing", **changes: object) -> Pop:
    """A card with `changes` in its payload."""
    payload = {
        "state": state, "direction": "inbound", "line": {"label": "Support DE", "did": "+493023125100"}, "queue": None,
        "rang_at": call.started_at.timestamp(), "answered_at": None, "ended_at": None,
        "caller": {
            "kind": "unknown", "number": "030 23125 447", "written": "+493023125447", "country_name": "Germany",
            "network_name": "", "extension": "",
        },
        "people": [], "rule": "", "last_calls": [], "calls_before": 0, "closed": None,
    }  # fmt: skip
    payload.update(changes)
    now = utc_now()
    return Pop.objects.create(
        user=leg.user, call=call, leg=leg, state=state, payload=payload, version=_next_version(),
        opened_at=now, changed_at=now,
    )  # fmt: skip


def person(name: str = "Rosalind Achterberg-Whitcombe", **changes: object) -> dict[str, object]:
    fields = {
        "id": 1, "name": name, "company": "Havelquell Gebäudetechnik GmbH & Co. KG", "title": "Head of facilities",
        "number_label": "Office", "notes": "Ask for the cost-centre code before you book a visit.", "initials": "RA",
    }  # fmt: skip
    return {**fields, **changes}


def caller(kind: str, **changes: object) -> dict[str, object]:
    fields = {
        "kind": kind, "number": "030 23125 447", "written": "+493023125447", "country_name": "Germany",
        "network_name": "", "extension": "",
    }  # fmt: skip
    return {**fields, **changes}


def add_command(leg: Leg, *states: str, sentence: str = "", **changes: object) -> CallCommand:
    """A command that went through these states, a tenth of a second each."""
    at = utc_now()
    fields: dict[str, object] = {
        "kind": "answer", "user": leg.user, "idempotency_key": f"key-{CallCommand.objects.count()}",
        "phone": leg.phone, "leg": leg, "state": states[-1], "sentence": sentence, "requested_at": at,
        "not_after": at + timedelta(seconds=30), "sent_at": at, "ended_at": at if states[-1] == "confirmed" else None,
        **changes,
    }  # fmt: skip
    command = CallCommand.objects.create(**fields)
    for place, state in enumerate(states):
        CommandChange.objects.create(command=command, state=state, at=at + timedelta(seconds=place / 10), by="worker")
    return command
