"""The log of calls: its filters stand in the address, its search finds by anything, its pages need no count."""

import re
from datetime import datetime, timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from crmconnector.calls.log import ROWS_ON_A_PAGE
from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.calls.parties import keep_parties
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line, Queue
from crmconnector.users.models import Role, Team, User
from tests.support.office import RowOffice
from tests.support.web_story import NASTY, add_call

NOBODY = {"disposition": "no_answer", "answered_at": None, "answered_by": None, "talk_seconds": None}
OLD = utc_now() - timedelta(days=35)


def listed(client: Client, **asked: object) -> list[int]:
    """The ids of the calls on the page, as they stand."""
    html = client.get("/calls", asked).content.decode()
    return [int(pk) for pk in re.findall(r'class="rowlink" href="/calls/(\d+)"', html)]


def text_of(client: Client, **asked: object) -> str:
    html = client.get("/calls", asked).content.decode()
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).strip()


@pytest.fixture
def supervisor(office: RowOffice) -> Client:
    """user202, of one team with user203; user201 is in another."""
    office.users[1].role = Role.SUPERVISOR
    office.users[1].save()
    Team.objects.create(name="One").members.add(office.users[1], office.users[2])
    Team.objects.create(name="Other").members.add(office.users[0])
    client = Client()
    client.force_login(office.users[1])
    return client


def test_each_filter_shows_just_what_it_says(office: RowOffice, administrator: Client) -> None:
    line = Line.objects.create(pbx=office.pbx, did="+493099", label="Wholesale")
    outcome = Disposition.objects.create(key=7, label="Promised")
    contact = office.add_contact("Ada", "030 23125999")
    shown = {
        "show=missed": add_call(office, **NOBODY),
        "show=busy": add_call(office, **{**NOBODY, "direction": "outbound", "disposition": "busy", "dialled": "1"}),
        "show=unseen": add_call(office, **{**NOBODY, "disposition": "unseen"}),
        "show=now": add_call(office, **{**NOBODY, "disposition": "", "ended_at": None, "state": "ringing"}),
        "show=passed_on": add_call(office, transfers=[{"kind": "blind", "by": "PJSIP/201", "at": 1, "connects": None}]),
        "direction=internal": add_call(office, direction="internal", dialled="203"),
        f"line={line.pk}": add_call(office, line=line),
        f"queue={office.pbx.pk}:600": add_call(office, queue_name="600"),
        f"person={office.users[2].pk}": add_call(office, place=2),
        f"contact={contact.pk}": add_call(office, contact=contact),
        "number=%2B4930777666": add_call(office, number="+4930777666"),
        f"noted={outcome.pk}": add_call(office),
    }
    note = CallNote.objects.create(call=shown[f"noted={outcome.pk}"], user=office.users[0], outcome=outcome)
    found = {asked: re.findall(r'rowlink" href="/calls/(\d+)"', administrator.get(f"/calls?{asked}").content.decode())
             for asked in shown}  # fmt: skip
    assert found == {asked: [str(call.pk)] for asked, call in shown.items()}
    assert listed(administrator, noted="any") == [note.call_id]
    assert listed(administrator, show="talked", person=office.users[2].pk, direction="inbound") == [
        shown[f"person={office.users[2].pk}"].pk
    ]


def test_the_log_leads_to_the_reasons_of_cards(agent: Client) -> None:
    page = agent.get("/calls").content.decode().partition("<main")[2]
    assert 'href="/pops"' in page


def test_days_reach_from_midnight_to_midnight(office: RowOffice, administrator: Client) -> None:
    zone = timezone.get_default_timezone()
    first, second = (add_call(office, started_at=datetime(2026, 3, day, 12, tzinfo=zone)) for day in (9, 10))
    late = add_call(office, started_at=datetime(2026, 3, 10, 23, 59, 59, tzinfo=zone))
    assert listed(administrator, **{"from": "2026-03-10", "until": "2026-03-10"}) == [late.pk, second.pk]
    assert listed(administrator, until="2026-03-09") == [first.pk]
    assert listed(administrator, **{"from": "2026-03-11"}) == []
    assert len(listed(administrator, **{"from": "9999-99-99", "until": "x"})) == 3


def test_filters_that_are_on_are_told_and_can_be_taken_off_one_by_one(office: RowOffice, administrator: Client) -> None:
    add_call(office)
    html = administrator.get("/calls?direction=inbound&queue=&from=2026-01-05&q=23125").content.decode()
    chips = re.findall(r'class="chip" href="(\?[^"]*)"><bdi>([^<]+)', html)
    assert [(unescape(address), unescape(word)) for address, word in chips] == [
        ("?queue=&from=2026-01-05&q=23125", "Direction: Incoming"),
        ("?direction=inbound&queue=&q=23125", "5 Jan 2026 – …"),
    ]


@pytest.mark.parametrize(
    "text",
    ["+49 30 23125447", "030 23125447", "030/23125-447", "0049 30 23125447", "٠٣٠ ٢٣١٢٥٤٤٧", "125447", "5447",
     "030 2312", "23125447", "Havel", "hAvElQuElL", "achterberg", "LEFEBVRE", "Support DE", "Servi", "User 201",
     "credit note", "+4930231"],
)  # fmt: skip
def test_the_search_finds_a_call_by_anything(office: RowOffice, administrator: Client, text: str) -> None:
    contact = office.add_contact("Rosalind Achterberg", "030 23125447", company="Havelquell GmbH")
    call = add_call(office, contact=contact, queue_name="600", caller_name="LEFEBVRE J")
    CallNote.objects.create(call=call, user=office.users[0], text="Wants a credit note")
    add_call(office, place=1, number="+493040506070", line=None, started_at=utc_now() - timedelta(minutes=5))
    assert listed(administrator, q=text) == [call.pk]


@pytest.mark.parametrize("text", ["44", "23125448", "23%447", "Achterberg_", "nobody", "***", "+"])
def test_the_search_finds_nothing_that_does_not_match(office: RowOffice, administrator: Client, text: str) -> None:
    contact = office.add_contact("Rosalind Achterberg", "030 23125447")
    add_call(office, contact=contact)
    assert listed(administrator, q=text) == []
    assert "Nothing matches" in text_of(administrator, q=text)


def test_the_search_finds_old_calls_too_when_there_are_few(office: RowOffice, administrator: Client) -> None:
    old = add_call(office, started_at=OLD - timedelta(days=700))
    assert listed(administrator, q="23125447") == [old.pk]


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page looks through three calls of one person, or twelve of everybody's, and no further."""
    monkeypatch.setattr("crmconnector.calls.log.LOOKED_AT", (1, 3))


def walk(client: Client, **asked: object) -> tuple[list[list[int]], str]:
    """The calls of each page down to the end, and what the first page says."""
    told, pages, address = "", list[list[int]](), "/calls?" + urlencode(asked)
    while True:
        html = client.get(address).content.decode()
        pages.append([int(pk) for pk in re.findall(r'class="rowlink" href="/calls/(\d+)"', html)])
        told = told or re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))
        if not (further := re.search(r'href="([^"]+)">Search further', html)):
            return pages, told
        address = "/calls" + unescape(further[1])
        assert len(pages) < 40


def test_very_many_finds_are_looked_for_among_the_newest_and_then_further(
    office: RowOffice, administrator: Client, monkeypatch: pytest.MonkeyPatch, few_at_once: None
) -> None:
    monkeypatch.setattr("crmconnector.calls.search.MOST_BY_ID", 1)
    old = [add_call(office, started_at=OLD + timedelta(minutes=place)) for place in range(3)]
    for place in range(20):
        add_call(office, number="+493040506070", started_at=OLD + timedelta(days=1, minutes=place))
    pages, told = walk(administrator, q="23125447")
    assert pages == [[], [call.pk for call in reversed(old)]]
    assert "None found back to" in told and "Nothing older was looked at yet. Search further" in told
    new = add_call(office)
    assert listed(administrator, q="23125447") == [new.pk]
    assert "Searched back to" in text_of(administrator, q="23125447")


@pytest.mark.parametrize("role", ["agent", "supervisor", "administrator"])
def test_a_rare_filter_finds_all_there_is_when_one_searches_further_and_further(
    office: RowOffice, agent: Client, supervisor: Client, administrator: Client, few_at_once: None, role: str
) -> None:
    """Calls that begin in the same instant included: none is lost or told twice at the edge of what was looked at."""
    client = {"agent": agent, "supervisor": supervisor, "administrator": administrator}[role]
    place = 0 if role == "agent" else 1
    wanted = []
    for number in range(30):
        at = OLD + timedelta(minutes=number // 5)
        call = add_call(office, place=place, direction="internal" if number % 6 == 0 else "inbound", started_at=at)
        wanted += [call.pk] if number % 6 == 0 else []
    pages, told = walk(client, direction="internal")
    assert [pk for page in pages for pk in page] == wanted[::-1]
    assert len(pages) > 2 and " back to " in told


def test_a_busy_and_a_quiet_person_are_read_equally_far(
    office: RowOffice, supervisor: Client, few_at_once: None
) -> None:
    """The quiet one's calls of last week wait until the busy one's of yesterday are told."""
    wanted = []
    for minute in range(24):
        rare = "internal" if minute % 5 == 0 else "inbound"
        calls = [add_call(office, place=1, direction=rare, started_at=OLD + timedelta(minutes=minute))]
        if minute % 7 == 0:
            later = OLD + timedelta(minutes=minute, seconds=30)
            calls.append(add_call(office, place=2, direction="internal", started_at=later))
        wanted += [call.pk for call in calls if call.direction == "internal"]
    pages, _told = walk(supervisor, direction="internal")
    assert [pk for page in pages for pk in page] == wanted[::-1]


def test_a_rare_line_of_ones_own_calls_is_found_at_once_by_its_index(
    office: RowOffice, agent: Client, few_at_once: None
) -> None:
    line = Line.objects.create(pbx=office.pbx, did="+493099", label="Wholesale")
    old = add_call(office, line=line, started_at=OLD)
    add_call(office, place=1, line=line, started_at=OLD)
    for place in range(20):
        add_call(office, started_at=OLD + timedelta(days=1, minutes=place))
    assert walk(agent, line=line.pk)[0] == [[old.pk]]


def test_newer_calls_are_looked_for_no_further_than_older_ones(
    office: RowOffice, agent: Client, few_at_once: None
) -> None:
    first = add_call(office, direction="internal", started_at=OLD - timedelta(minutes=1))
    for place in range(10):
        add_call(office, started_at=OLD + timedelta(minutes=place))
    last = add_call(office, direction="internal", started_at=OLD + timedelta(days=1))
    address, seen = f"?direction=internal&after={round(first.started_at.timestamp() * 1e6)}.{first.pk}", []
    for _step in range(6):
        html = agent.get(f"/calls{address}").content.decode()
        seen += [int(pk) for pk in re.findall(r'class="rowlink" href="/calls/(\d+)"', html)]
        if not (newer := re.search(r'rel="prev" href="([^"]+)"', html)) or last.pk in seen:
            break
        address = unescape(newer[1])
    assert seen == [last.pk]


@pytest.mark.parametrize("role", ["agent", "administrator"])
def test_leafing_there_and_back_shows_every_call_once(
    office: RowOffice, agent: Client, administrator: Client, role: str
) -> None:
    client, at = (agent if role == "agent" else administrator), utc_now() - timedelta(hours=9)
    calls = Call.objects.bulk_create(
        Call(pbx=office.pbx, linkedid=f"k{place}", direction="inbound", started_at=at + timedelta(seconds=place // 3),
             answered_by=office.users[0])
        for place in range(2 * ROWS_ON_A_PAGE + 20)
    )  # fmt: skip
    keep_parties(calls=calls, legs=[])
    there, back, address = [], [], "/calls"
    while True:
        html = client.get(address).content.decode()
        there.append(re.findall(r'rowlink" href="/calls/(\d+)"', html))
        if not (older := re.search(r'rel="next" href="([^"]+)"', html)):
            break
        address = f"/calls{unescape(older[1])}"
    assert [len(page) for page in there] == [ROWS_ON_A_PAGE, ROWS_ON_A_PAGE, 20]
    assert [pk for page in there for pk in page] == [str(call.pk) for call in sorted(calls, key=key, reverse=True)]
    while newer := re.search(r'rel="prev" href="([^"]+)"', html):
        html = client.get(f"/calls{unescape(newer[1])}").content.decode()
        back.append(re.findall(r'rowlink" href="/calls/(\d+)"', html))
    assert back == there[1::-1]


def key(call: Call) -> tuple[datetime, int]:
    return call.started_at, call.pk


def test_a_supervisor_sees_the_teams_calls_and_only_these(office: RowOffice, supervisor: Client) -> None:
    other, own, team = (add_call(office, place=place) for place in range(3))
    assert set(listed(supervisor)) == {own.pk, team.pk}
    assert listed(supervisor, person=office.users[2].pk) == [team.pk]
    assert listed(supervisor, q="23125447", person=office.users[2].pk) == [team.pk]
    for asked in ({"person": office.users[0].pk}, {"q": "User 201"}):
        assert other.pk not in listed(supervisor, **asked)
    assert set(listed(supervisor, q="23125447")) == {own.pk, team.pk}
    assert "User 201" not in supervisor.get("/calls").content.decode()
    assert supervisor.get(f"/calls/{other.pk}").status_code == 404


def test_a_call_on_two_phones_of_a_team_is_one_row(office: RowOffice, supervisor: Client) -> None:
    call = add_call(office, place=1)
    call.parties.create(user=office.users[2], started_at=call.started_at)
    assert listed(supervisor) == [call.pk] and listed(supervisor, show="talked") == [call.pk]


def test_an_agent_cannot_ask_for_others(office: RowOffice, agent: Client) -> None:
    add_call(office, place=1)
    assert (
        listed(agent, person=office.users[1].pk) == [] and 'name="person"' not in agent.get("/calls").content.decode()
    )
    assert listed(agent, q="23125447") == [] and listed(agent, number="+493023125447") == []


def test_the_name_of_a_contact_of_another_team_is_not_told(
    office: RowOffice, agent: Client, administrator: Client
) -> None:
    contact = office.add_contact("Secret Person", "030 23125447", company="Hidden Ltd")
    contact.team = Team.objects.create(name="Elsewhere")
    contact.save()
    call = add_call(office, contact=contact, **NOBODY)
    for path in ("/calls", "/calls?show=return", f"/calls/{call.pk}", "/desk", "/desk?recent=return"):
        html = agent.get(path).content.decode()
        assert "Secret" not in html and "Hidden" not in html and "030 23125447" in html, path
        assert "Secret Person" in administrator.get(path.replace("/desk", "/calls")).content.decode()
    assert listed(agent, q="Secret") == [] and listed(administrator, q="Secret") == [call.pk]
    assert agent.get("/calls", {"contact": contact.pk}).status_code == 404
    contact.team.members.add(office.users[0])
    assert "Secret Person" in agent.get("/calls").content.decode() and listed(agent, q="Secret") == [call.pk]


@pytest.mark.parametrize("word", ["contact=x", "contact=99999999999999999999", "contact="])
def test_a_contact_that_is_none_is_not_found(office: RowOffice, agent: Client, word: str) -> None:
    assert agent.get(f"/calls?{word}").status_code == 404


def test_words_that_say_nothing_are_as_if_they_were_not_there(office: RowOffice, administrator: Client) -> None:
    call = add_call(office)
    nonsense = {"show": "’", "direction": "up", "person": "x", "line": "9" * 30, "queue": "no:pe", "noted": "-1",
                "from": "0001-01-01", "until": "9999-12-31"}  # fmt: skip
    assert listed(administrator, **nonsense) == [call.pk]
    assert listed(administrator, number="\x00") in ([], [call.pk])


def test_a_test_pop_is_in_no_list(office: RowOffice, agent: Client, administrator: Client) -> None:
    call = add_call(office, test=True, **NOBODY)
    for client in (agent, administrator):
        for asked in ({}, {"show": "missed"}, {"show": "return"}, {"parts": "1"}, {"q": "23125447"}):
            assert listed(client, **asked) == []
        assert client.get(f"/calls/{call.pk}").status_code == 404


def test_what_is_to_return_stands_once_with_its_queue_and_goes_after_a_talk(office: RowOffice, agent: Client) -> None:
    at = utc_now()
    for minutes in (50, 40):
        call = add_call(office, started_at=at - timedelta(minutes=minutes), queue_name="600", **NOBODY)
    html = agent.get("/calls?show=return").content.decode()
    assert listed(agent, show="return") == [call.pk]
    told = text_of(agent, show="return")
    assert "2 times" in told and "Service" in told and "1 number" in told and "number=%2B493023125447" in html
    add_call(office, place=1, started_at=at - timedelta(minutes=9), answered_at=at - timedelta(minutes=8))
    assert listed(agent, show="return") == [] and "Nothing to return." in text_of(agent, show="return")
    assert "returned" in text_of(agent, show="missed") and "not returned yet" not in text_of(agent, show="missed")


def test_a_hostile_filter_and_note_stay_text(office: RowOffice, administrator: Client) -> None:
    Queue.objects.update(label=NASTY[:80])
    Line.objects.update(label=NASTY[:80])
    User.objects.filter(pk=office.users[0].pk).update(full_name=NASTY)
    outcome = Disposition.objects.create(key=7, label=NASTY[:60])
    call = add_call(office, queue_name="600", **NOBODY)
    CallNote.objects.create(call=call, user=office.users[0], text=NASTY, outcome=outcome)
    queue = f"{office.pbx.pk}:600"
    for asked in ({"queue": queue}, {"q": NASTY[:80]}, {"number": NASTY[:20]}, {"show": "return"}):
        html = administrator.get("/calls", asked).content.decode()
        assert "<img" not in html and "<svg onload" not in html
