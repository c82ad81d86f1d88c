"""The desk: recent calls with what is to return, queues, colleagues; bounded however large the house is."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.calls.models import CallNote
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Queue
from crmconnector.users.models import Team, User
from crmconnector.web.desk_page import MOST_COLLEAGUES, MOST_QUEUES
from phones.models import Assignment
from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone
from tests.support.web_story import add_call

MOST_QUERIES = 28
NOBODY = {"disposition": "no_answer", "answered_at": None, "answered_by": None, "talk_seconds": None}


def part(client: Client, name: str, path: str = "/desk") -> str:
    """The text of one section of the desk."""
    html = client.get(path).content.decode().split(f'id="{name}"')[1].split("</aside>")[0]
    html = html.split('id="desk-side"')[0] if name == "desk-recent" else html
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def cost(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


def crowd(office: RowOffice, count: int) -> None:
    """So many more colleagues with a phone each."""
    for place in range(count):
        user = User.objects.create(username=f"aa{place}", full_name=f"Aaron {place:03}")
        phone = add_phone(office.pbx, extension=str(500 + place), port=20000 + place)
        assign_phone(phone=phone, user_id=user.pk, from_at=utc_now() - timedelta(hours=1))


def test_a_missed_call_is_marked_until_somebody_talks_to_the_number(office: RowOffice, agent: Client) -> None:
    at = utc_now()
    add_call(office, started_at=at - timedelta(minutes=30), queue_name="600", **NOBODY)
    assert "not returned yet" in part(agent, "desk-recent") and "To return 1" in part(agent, "desk-recent")
    told = part(agent, "desk-recent", "/desk?recent=return")
    assert "Missed once, Service" in told and "All calls to return" in told
    add_call(office, place=1, started_at=at - timedelta(minutes=9), answered_at=at - timedelta(minutes=8))
    assert "returned" in part(agent, "desk-recent") and "not returned" not in part(agent, "desk-recent")
    assert "To return 1" not in part(agent, "desk-recent")
    assert "Nothing to return." in part(agent, "desk-recent", "/desk?recent=return")


def test_a_note_stands_with_its_call(office: RowOffice, agent: Client) -> None:
    call = add_call(office)
    CallNote.objects.create(call=call, user=office.users[0], text="Delivery moved to Friday")
    assert "Delivery moved to Friday" in part(agent, "desk-recent")


def test_only_supervisors_have_the_list_of_the_team(office: RowOffice, agent: Client, administrator: Client) -> None:
    add_call(office, place=1, number="+493040506070")
    assert "Team" not in part(agent, "desk-recent") and "40506070" not in part(
        agent, "desk-recent", "/desk?recent=team"
    )
    assert "40506070" in part(administrator, "desk-recent", "/desk?recent=team").replace(" ", "")


@pytest.mark.parametrize("path", ["/desk", "/desk/status", "/desk/status?recent=return"])
def test_two_hundred_colleagues_and_many_queues_cost_as_much_as_few(
    office: RowOffice, agent: Client, path: str
) -> None:
    add_call(office, queue_name="600", **NOBODY)
    few = cost(agent, path)
    crowd(office, 60)
    Queue.objects.bulk_create(Queue(pbx=office.pbx, name=f"7{place:02}") for place in range(40))
    assert cost(agent, path) == few <= MOST_QUERIES


def test_of_many_colleagues_those_of_the_own_team_come_first(office: RowOffice, agent: Client) -> None:
    crowd(office, MOST_COLLEAGUES + 5)
    Team.objects.create(name="One").members.add(office.users[0], office.users[2])
    told = part(agent, "desk-side")
    names = re.findall(r"(User 20\d|Aaron \d+)", told)[::2]  # in the row, and in its Call button for screen readers
    assert names[:2] == ["User 203", "Aaron 000"] and len(names) == MOST_COLLEAGUES
    assert "More colleagues have a phone" in told and "201" not in told


def test_queues_in_which_somebody_waits_stand_on_top(office: RowOffice, agent: Client) -> None:
    Queue.objects.bulk_create(Queue(pbx=office.pbx, name=f"7{n:02}", label=f"Quiet {n}") for n in range(30))
    for name, minutes in (("729", 1), ("728", 5)):
        waits = {"state": "waiting", "ended_at": None, "queue_name": name, **NOBODY, "disposition": ""}
        add_call(office, started_at=utc_now() - timedelta(minutes=minutes), **waits)
    told = part(agent, "desk-side")
    assert told.index("Quiet 28") < told.index("Quiet 29") < told.index("Quiet 0")
    assert f"And {31 - MOST_QUEUES} more queues." in told


def test_somebody_with_two_phones_sees_both(office: RowOffice, agent: Client) -> None:
    Assignment.objects.filter(phone=office.phones[1]).update(user=office.users[0])
    lines = agent.get("/desk").content.decode().split('id="desk-lines"')[1].split("</section>")[0]
    assert "Ext. 201" in lines and "Ext. 202" in lines


def test_the_desk_of_somebody_without_a_phone_still_shows_the_rest(office: RowOffice) -> None:
    user = User.objects.create_user("nophone", password="correct horse battery")
    client = Client()
    client.force_login(user)
    html = client.get("/desk").content.decode()
    assert "No desk phone is assigned to you" in html and "User 201" in part(client, "desk-side")
