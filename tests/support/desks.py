"""The lab's desks as rows, and its recordings played through the listener's own path into the rows."""

import json
from collections.abc import Iterator
from datetime import timedelta

from crmconnector.asterisk.ami_events import parse
from crmconnector.calls.events import CallEvent
from crmconnector.calls.tracker import CallTracker
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.pbx.models import Trunk
from crmconnector.users.models import User
from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone
from tests.support.told_calls import RECORDINGS, TRUNKS

DESKS = ("1001", "1002", "1003", "1004")
BEGAN_SECONDS_AGO = 600


def seat_desks(office: RowOffice, *, pbx: str) -> None:
    """Users u1001 … u1004 at the lab's phones, and the trunk of this kind of PBX."""
    technology = TRUNKS[pbx].partition("/")[0]
    for place, extension in enumerate(DESKS):
        user = User.objects.create_user(f"u{extension}", password="correct horse battery", full_name=extension)
        endpoint = f"{technology}/{extension}"
        phone = add_phone(office.pbx, extension=extension, port=9000 + place, endpoint=endpoint)
        assign_phone(phone=phone, user_id=user.pk, from_at=utc_now() - timedelta(days=1))
    Trunk.objects.get_or_create(pbx=office.pbx, endpoint=TRUNKS[pbx], defaults={"confirmed": True})


def told_of(pbx: str, name: str) -> Iterator[list[CallEvent]]:
    """The call events of a recording, as many at a time as one event of the PBX brings."""
    began, tracker = utc_now().timestamp() - BEGAN_SECONDS_AGO, CallTracker(trunks=[TRUNKS[pbx]])
    for line in (RECORDINGS / pbx / f"{name}.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        event = parse(entry["headers"], began + entry["t"])
        told = tracker.feed(event) if event is not None else []
        if told:
            yield told


def play_into_rows(office: RowOffice, pbx: str, name: str, *, at_once: bool = False) -> None:
    """Event by event, as on a quiet day; or all in one batch, as after a database that was away."""
    batches = list(told_of(pbx, name))
    if at_once:
        batches = [[one for batch in batches for one in batch]]
    for batch in batches:
        handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())
