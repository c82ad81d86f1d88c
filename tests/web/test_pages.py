"""What the pages show: the card in all its kinds, hostile names, how many questions the database gets."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from crmconnector.calls.models import CommandState
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import PbxLink
from crmconnector.screenpop.selectors import open_cards
from crmconnector.users.models import User
from crmconnector.web.context import Shell
from crmconnector.web.words import running_time, spoken_time
from phones.models import PhoneStatus
from tests.support.office import RowOffice, add_phone
from tests.support.web_story import NASTY, add_call, add_command, add_leg, add_pop, caller, person


def drawn(office: RowOffice) -> str:
    return "".join(render_to_string("screenpop/card.html", card.context()) for card in open_cards(user=office.users[0]))


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def ringing(office: RowOffice, **changes: object):
    call = add_call(office, state="ringing", disposition="", answered_at=None, answered_by=None, ended_at=None)
    leg = call.legs.get()
    leg.state = "ringing"
    leg.save()
    return leg, add_pop(call, leg, **changes)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"caller": caller("known"), "people": [person()], "rule": "exact"},
         ["Rosalind Achterberg-Whitcombe", "Head of facilities, Havelquell", "030 23125 447", "Exact number match"]),
        ({"caller": caller("unknown", network_name="LEFEBVRE J")},
         ["Nobody in your contacts has this number", "Shown as “ LEFEBVRE J ” by the network", "not from you"]),
        ({"caller": caller("withheld")}, ["Number withheld", "chose not to show a number, so nobody was looked up"]),
        ({"caller": caller("colleague", network_name="Tomasz Wiśniewski", extension="211")},
         ["Tomasz Wiśniewski", "Colleague, ext. 211"]),
        ({"caller": caller("several"), "people": [person("Oluwaseun"), person("Margaret", id=2, company="")]},
         ["2 people use this number", "Oluwaseun", "Margaret", "No company"]),
    ],
)  # fmt: skip
def test_a_ringing_card_says_who_it_is(office: RowOffice, payload: dict, words: list[str]) -> None:
    ringing(office, **payload)
    card = drawn(office)
    assert 'class="card is-ringing"' in card and 'aria-keyshortcuts="A"' in card
    assert [word for word in words if word not in text_of(card)] == []


def test_all_people_of_a_number_are_shown_with_a_companys_beside_each_other(office: RowOffice) -> None:
    people = [person("A", company="X"), person("B", company=""), person("C", company="X"), person("D", company="Y")]
    ringing(office, caller=caller("several"), people=people)
    assert re.findall(r'class="who"><b><bdi>(\w)', drawn(office)) == ["A", "C", "D", "B"]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("elsewhere", "Victoria took the call from 030 23125 447 after 6 s."),
        ("gave_up", "Gave up after 6 s"),
        ("ended", "talked 6 s"),
        ("rejected", "Rejected"),
        ("busy", "Phone busy"),
        ("no_answer", "rang your phone for 6 s."),
        ("unseen", "We did not hear the PBX when this call ended"),
    ],
)
def test_a_closed_card_is_quiet_and_says_why(office: RowOffice, reason: str, words: str) -> None:
    end = {"reason": reason, "who": "Victoria", "seconds": 6}
    ringing(office, state="closed", closed=end, ended_at=utc_now().timestamp())
    card = drawn(office)
    assert 'class="card quiet"' in card and "aria-keyshortcuts" not in card and words in text_of(card)


@pytest.mark.parametrize(
    ("states", "sentence", "words", "asked"),
    [
        (["requested"], "", "Answer asked at", True),
        (["requested", "granted", "sent"], "", "waiting for the PBX", True),
        (["requested", "sent", "unknown"], "", "It may or may not have answered. We watch the PBX until", True),
        (["requested", "refused"], "Not answered: your phone refused.", "Not answered: your phone refused.", False),
        (["requested", "cancelled"], "You were quicker.", "You were quicker.", False),
    ],
)
def test_what_was_only_asked_is_dashed(
    office: RowOffice, states: list[str], sentence: str, words: str, asked: bool
) -> None:
    leg, _pop = ringing(office)
    add_command(leg, *states, sentence=sentence)
    card = drawn(office)
    assert words in text_of(card) and (" data-asked" in card) is asked


def test_only_a_confirmed_command_says_answered(office: RowOffice) -> None:
    leg, _pop = ringing(office, state="talking")
    command = add_command(leg, "requested", "sent")
    assert "Answered on your desk phone" not in drawn(office)
    command.state, command.ended_at = CommandState.CONFIRMED, utc_now()
    command.save()
    assert "Answered on your desk phone. The PBX confirmed it at" in text_of(drawn(office))


class Inert(HTMLParser):
    """Collects whatever could run: elements, handlers and addresses that a name must never become."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        values = dict(attrs)
        if tag == "img" or (tag == "script" and "src" not in names) or tag == "style" or "style" in names:
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in names if name.startswith(("on", "hx-on"))]
        self.found += [f"{tag} {value}" for value in values.values() if (value or "").startswith("javascript:")]


def test_a_hostile_name_stays_text_on_every_page(office: RowOffice, administrator: Client, boss) -> None:
    contact = office.add_contact(NASTY, "030 23125447", company=NASTY)
    contact.notes = contact.title = NASTY[:100]
    contact.save()
    for place, user in enumerate([boss, *office.users]):
        user.full_name = f"{place}{NASTY}"
        user.save()
    phone = office.phones[0]
    phone.name = NASTY[:70]
    phone.save()
    PhoneStatus.objects.create(phone=phone, reachable=False, sentence=NASTY, since=utc_now(), looked_at=utc_now())
    office.pbx.queues.update(label=NASTY[:80])
    office.pbx.lines.update(label=NASTY[:80])
    PbxLink.objects.update(reason=NASTY, state="down", version=NASTY[:80])
    call = add_call(office, caller_name=NASTY[:80], contact=contact)
    leg = call.legs.get()
    leg.user = boss
    leg.save()
    payload = {"caller": caller("known", network_name=NASTY), "people": [person(NASTY, notes=NASTY, company=NASTY)]}
    add_pop(call, leg, **payload)
    add_command(leg, "requested", "refused", sentence=NASTY)
    pages = ["desk", f"calls/{call.pk}", "calls", "contacts", f"contacts/{contact.pk}", f"contacts/{contact.pk}/edit",
             "phones", f"phones/{phone.pk}", f"phones/{phone.pk}/edit", f"pbxes/{office.pbx.pk}", "pbxes", "health",
             "contacts?q=%22%3E%3Cimg+src%3Dx%3E", "desk/status", "desk/cards",
             "contacts/new?name=%22%3E%3Cimg+src%3Dx%3E&number=%3Csvg+onload%3D1%3E"]  # fmt: skip
    for page in pages:
        html = administrator.get(f"/{page}").content.decode()
        seen = Inert()
        seen.feed(html)
        assert seen.found == [], page
        assert "alert(1)" in html or "%3Cimg" in page or "&lt;img" in html, f"{page} shows no hostile name at all"


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


@pytest.mark.parametrize("path", ["/desk", "/desk/status?recent=team", "/calls", "/contacts", "/phones", "/desk/cards"])
def test_fifty_rows_cost_as_many_queries_as_ten(office: RowOffice, administrator: Client, path: str, boss) -> None:
    def add(count: int, start: int) -> None:
        for number in range(start, start + count):
            contact = office.add_contact(f"Person {number}", f"+49302{number:07}")
            call = add_call(office, place=number % 3, contact=contact)
            leg = add_leg(office, call, user=boss)
            add_pop(call, leg, caller=caller("known"), people=[person()])
            add_phone(office.pbx, extension=str(300 + number), port=9000 + number)

    add(10, 0)
    administrator.get(path)
    few = queries(administrator, path)
    add(40, 10)
    assert queries(administrator, path) == few


def test_the_shell_asks_the_database_once(office: RowOffice) -> None:
    request = RequestFactory().get("/calls")
    request.user = office.users[0]
    with CaptureQueriesContext(connection) as seen:
        shell = Shell(request)
        assert shell.own_phones[0].extension == "201" and shell.links[0].heard and shell.nav
    assert len(seen) == 1


def test_a_page_that_shows_no_shell_asks_nothing(office: RowOffice) -> None:
    request = RequestFactory().get("/")
    request.user = office.users[0]
    with CaptureQueriesContext(connection) as seen:
        assert Shell(request).theme == ""
    assert len(seen) == 0


def test_a_silent_link_is_said_and_the_lamps_are_unknown(office: RowOffice, agent: Client) -> None:
    PbxLink.objects.update(heard_at=utc_now() - timedelta(minutes=2))
    page = text_of(agent.get("/desk").content.decode())
    assert "We have not heard the PBX Office since" in page and "Unknown since" in page and "Free" not in page


def test_a_refused_passcode_is_said_with_what_to_do(office: RowOffice, agent: Client) -> None:
    office.phones[0].passcode_refused_at = utc_now()
    office.phones[0].save()
    page = text_of(agent.get("/desk").content.decode())
    assert "Your desk phone refused our passcode" in page and "Answer on the handset" in page


def test_only_two_banners_stand_at_once(office: RowOffice, agent: Client) -> None:
    PbxLink.objects.update(heard_at=None, state="never")
    office.pbx.gaps.create(from_at=utc_now() - timedelta(minutes=2), until_at=utc_now())
    office.phones[0].passcode_refused_at = utc_now()
    office.phones[0].save()
    page = agent.get("/desk").content.decode()
    assert page.split('id="desk-banners"')[1].split('id="desk-lines"')[0].count('class="banner') == 2
    assert "And 1 more." in page


def test_the_desk_says_when_no_phone_is_assigned(office: RowOffice, administrator: Client) -> None:
    assert "No desk phone is assigned to you" in administrator.get("/desk").content.decode()


def test_the_rehearsal_shows_the_next_steps_to_an_administrator(
    office: RowOffice, administrator: Client, agent: Client, settings
) -> None:
    settings.REHEARSAL = True
    assert "From rehearsal to your own PBX" in administrator.get("/desk").content.decode()
    assert "This is a rehearsal" in agent.get("/desk").content.decode()


def test_a_calls_page_draws_the_proven_way_solid(office: RowOffice, agent: Client) -> None:
    call = add_call(office)
    add_command(call.legs.get(), "requested", "granted", "sent", "confirmed")
    html = agent.get(f"/calls/{call.pk}").content.decode()
    assert re.findall(r'<li class="(\w+)"><svg class="i dot"', html.split('class="proof"')[1]) == ["solid"] * 2 + [
        "proven"
    ]


def test_an_unproven_command_is_never_drawn_solid(office: RowOffice, agent: Client) -> None:
    call = add_call(office)
    add_command(call.legs.get(), "requested", "sent", "unknown")
    html = agent.get(f"/calls/{call.pk}").content.decode().split('class="proof"')[1]
    assert "solid" not in html.split("</ol>")[0] and "proven" not in html.split("</ol>")[0]


@pytest.mark.parametrize("text", ["%", "_", "\\", "' OR 1=1--", "\x00", "０７", "a" * 500])
@pytest.mark.parametrize("path", ["/calls", "/contacts", "/phones"])
def test_signs_in_a_search_mean_themselves(office: RowOffice, administrator: Client, path: str, text: str) -> None:
    add_call(office)
    office.add_contact("Plain Name", "030 23125447")
    answer = administrator.get(path, {"q": text})
    assert answer.status_code == 200
    if text in "%_\\":
        assert "Nothing matches" in answer.content.decode()


@pytest.mark.parametrize("place", ["0", "-1", "1.", ".1", "1.1", "x", "1e9", "’", "9" * 40, "9" * 19 + ".1", "0.0"])
def test_a_place_that_does_not_exist_shows_the_nearest_page(
    office: RowOffice, administrator: Client, place: str
) -> None:
    call = add_call(office)
    shown = administrator.get("/calls", {"after": place})
    assert shown.status_code == 200 and f'href="/calls/{call.pk}"' in shown.content.decode()
    assert administrator.get("/calls", {"before": place}).status_code == 200


def test_times_are_written_as_people_read_them() -> None:
    assert [running_time(s) for s in (7, 760, 3723, -4)] == ["0:07", "12:40", "1:02:03", "0:00"]
    assert [spoken_time(s) for s in (48, 360, 3900)] == ["48 s", "6 min", "1 h 5 min"]


def test_the_welcome_does_not_say_that_all_runs_when_no_worker_lives(boss: User, settings) -> None:
    settings.REHEARSAL = True
    client = Client()
    client.force_login(boss)
    steps = client.get("/desk").context["steps"]
    assert steps[0].state == "now" and steps[1].state == "done"
