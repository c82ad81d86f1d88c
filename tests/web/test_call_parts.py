"""Two calls that became one: folded in the log, told on both pages, and shown to nobody who may not see them."""

import re
from datetime import timedelta
from html import unescape

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.calls.models import Call
from crmconnector.calls.parties import keep_parties
from crmconnector.users.models import Role, Team
from tests.support.office import RowOffice
from tests.support.web_story import NASTY, add_call, add_leg


def text_of(html: str) -> str:
    """What a person reads; the signs that isolate a name are not read."""
    return re.sub(r"\s+", " ", re.sub("[\u2068\u2069]", "", unescape(re.sub(r"<[^>]+>", " ", html)))).strip()


def page(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def consultation(office: RowOffice, **changes: object) -> tuple[Call, Call]:
    """user201 talked with a caller, asked user202, and put the caller through: the phone of user202 moved along."""
    whole = add_call(office, place=0)
    asked_at = whole.answered_at + timedelta(seconds=10)
    fields = {
        "direction": "internal", "caller_number": "201", "caller_e164": "", "dialled": "202", "line": None,
        "started_at": asked_at, "answered_at": asked_at + timedelta(seconds=4), "merged_into": whole.linkedid,
        "ended_at": asked_at + timedelta(seconds=20), "disposition": "transferred", "placed_by": office.users[0],
        "caller_endpoint": "PJSIP/201", "answered_by": office.users[1], "talk_seconds": 16.0,
    }  # fmt: skip
    part = add_call(office, place=1, **{**fields, **changes})
    part.legs.update(call=whole, ended_at=whole.ended_at)
    keep_parties(calls=[whole], legs=whole.legs.all())
    return whole, part


def test_a_part_is_no_call_of_its_own_unless_asked_for(office: RowOffice, administrator: Client, agent: Client) -> None:
    whole, part = consultation(office)
    for client in (administrator, agent):
        folded = page(client, "/calls")
        assert f'href="/calls/{whole.pk}"' in folded and f'href="/calls/{part.pk}"' not in folded
        assert "1 call" in text_of(folded.split("<footer")[1].split("</footer>")[0])
    every = page(administrator, "/calls?parts=1")
    assert f'href="/calls/{part.pk}"' in every and "Joined part of another call" in text_of(every)
    assert 'name="parts" value="1" checked' in page(administrator, "/calls?parts=1")  # a search keeps it


def test_the_desk_folds_parts_as_well(office: RowOffice, administrator: Client) -> None:
    whole, part = consultation(office)
    client = Client()
    client.force_login(office.users[1])
    for one, path in ((client, "/desk"), (administrator, "/desk?recent=team")):
        recent = page(one, path).split('id="desk-recent"')[1].split("</section>")[0]
        assert f"/calls/{whole.pk}" in recent and f"/calls/{part.pk}" not in recent


def test_a_part_stays_for_somebody_who_may_not_see_the_whole(office: RowOffice) -> None:
    whole, part = consultation(office)
    whole.legs.exclude(user=office.users[0]).delete()
    whole.parties.exclude(user=office.users[0]).delete()
    client = Client()
    client.force_login(office.users[1])
    log = page(client, "/calls")
    assert f'href="/calls/{part.pk}"' in log and f'href="/calls/{whole.pk}"' not in log
    told = page(client, f"/calls/{part.pk}")
    assert "It became part of another call, which you may not see." in told
    assert f"/calls/{whole.pk}" not in told and "23125" not in told


def test_a_part_that_joined_a_call_we_have_no_row_of_stays(office: RowOffice, agent: Client) -> None:
    part = add_call(office, merged_into="nobody knows")
    assert f'href="/calls/{part.pk}"' in page(agent, "/calls")


def test_a_linkedid_of_another_pbx_is_another_call(office: RowOffice, administrator: Client) -> None:
    _whole, part = consultation(office)
    other = type(office.pbx).objects.create(name="B", host="192.0.2.1", username="c", secret="s", country="DE")
    Call.objects.filter(pk=part.pk).update(pbx=other)
    assert f'href="/calls/{part.pk}"' in page(administrator, "/calls")
    assert "which you may not see" in page(administrator, f"/calls/{part.pk}")


def test_both_pages_tell_that_two_calls_became_one(office: RowOffice, administrator: Client) -> None:
    whole, part = consultation(office)
    told = page(administrator, f"/calls/{part.pk}")
    assert f'It became part of <a href="/calls/{whole.pk}">the call of <bdi>030 23125447</bdi> at' in told
    assert "It became part of another call" in text_of(told) and "The call ended" not in told
    told = page(administrator, f"/calls/{whole.pk}")
    words = text_of(told)
    assert "User 201’s call to 202 became part of this one They had talked already." in words
    assert "What became part of it" in words and f'href="/calls/{part.pk}"' in told
    order = [words.index(one) for one in ("User 201 answered", "User 202: phone rings", "User 202 answered",
                                          "User 201’s call to 202 became", "The call ended")]  # fmt: skip
    assert order == sorted(order)


def test_a_part_that_nobody_had_answered_says_so(office: RowOffice, administrator: Client) -> None:
    whole, _part = consultation(office, answered_at=None, answered_by=None, dialled="", talk_seconds=None)
    words = text_of(page(administrator, f"/calls/{whole.pk}"))
    assert "User 201’s call joined Nobody had answered it yet." in words and "not answered by itself" in words


def test_a_supervisor_is_shown_only_the_parts_of_the_own_team(office: RowOffice) -> None:
    whole, part = consultation(office)
    Call.objects.filter(pk=part.pk).update(answered_by=None, placed_by=None)
    part.parties.all().delete()
    supervisor = office.users[2]
    supervisor.role = Role.SUPERVISOR
    supervisor.save()
    Team.objects.create(name="Team").members.add(supervisor, office.users[0])
    client = Client()
    client.force_login(supervisor)
    told = page(client, f"/calls/{whole.pk}")
    assert f"/calls/{part.pk}" not in told and "What became part of it" not in told


def test_a_call_ends_with_the_words_for_how_it_ended(office: RowOffice, administrator: Client) -> None:
    ends = {
        "abandoned": "The caller gave up waiting in the queue.", "cancelled": "The caller gave up.",
        "busy": "It was busy.", "no_answer": "Nobody answered in time.", "failed": "It could not be put through.",
    }  # fmt: skip
    for disposition, words in ends.items():
        call = add_call(
            office, disposition=disposition, answered_at=None, answered_by=None, talk_seconds=None, queue_name="600"
        )
        told = text_of(page(administrator, f"/calls/{call.pk}"))
        assert f"The call ended {words}" in told and "It came to the queue Service." in told


def test_who_took_a_call_from_a_ringing_phone_is_named(office: RowOffice, administrator: Client) -> None:
    call = add_call(office, place=0)
    add_leg(office, call, place=1, outcome="elsewhere", answered_at=None, answered_by_endpoint="PJSIP/201")
    add_leg(office, call, place=2, outcome="elsewhere", answered_at=None, answered_by_endpoint="PJSIP/999")
    words = text_of(page(administrator, f"/calls/{call.pk}"))
    assert "User 202 stopped ringing User 201 took the call." in words and "PJSIP/999 took the call." in words
    assert "User 201 left the call Was in it for 1 min." in words


def test_a_hostile_name_of_a_part_stays_text(office: RowOffice, administrator: Client) -> None:
    whole, part = consultation(office, dialled=NASTY[:80], caller_name=NASTY[:80], placed_by=None)
    for path in (f"/calls/{whole.pk}", f"/calls/{part.pk}", "/calls?parts=1"):
        assert "<img src=x" not in page(administrator, path)
    assert "&lt;img" in page(administrator, f"/calls/{whole.pk}")


def test_many_parts_cost_as_many_queries_as_one(office: RowOffice, administrator: Client) -> None:
    whole, _part = consultation(office)

    def cost(path: str) -> int:
        administrator.get(path)
        with CaptureQueriesContext(connection) as seen:
            administrator.get(path)
        return len(seen)

    paths = (f"/calls/{whole.pk}", "/calls", "/calls?parts=1")
    few = [cost(path) for path in paths]
    for _each in range(9):
        add_call(
            office,
            place=1,
            merged_into=whole.linkedid,
            placed_by=office.users[0],
            contact=office.add_contact("X", "030 40506070"),
        )
    assert [cost(path) for path in paths] == few


def test_a_call_said_to_be_part_of_itself_does_not_vanish(office: RowOffice, administrator: Client) -> None:
    call = add_call(office)
    Call.objects.filter(pk=call.pk).update(merged_into=call.linkedid)
    assert f'href="/calls/{call.pk}"' in page(administrator, "/calls")


def test_the_page_tells_who_passed_the_call_on_and_what_came_of_it(office: RowOffice, administrator: Client) -> None:
    whole, _part = consultation(office)
    at = whole.answered_at.timestamp() + 15
    both = ["PJSIP/trunk", "PJSIP/202"]
    whole.transfers = [
        {"kind": "attended", "by": "PJSIP/201", "connects": both, "ok": True, "at": at},
        {"kind": "blind", "by": "PJSIP/202", "connects": None, "ok": False, "at": at + 5},
    ]
    whole.queued_at, whole.left_queue_at = whole.started_at, whole.started_at + timedelta(seconds=42)
    whole.queue_name = "600"
    whole.save()
    told = text_of(page(administrator, f"/calls/{whole.pk}"))
    assert "User 201 asked first and passed the call on It put trunk and User 202 together." in told
    assert "User 202 passed the call on without asking It came to nothing: nobody there took it." in told
    assert "Left the queue Service Waited 42" in told
