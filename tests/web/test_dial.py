"""Calling a number from the pages: the page that asks, the POST that asks the phone, what it says when it cannot."""

from datetime import timedelta

import pytest
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.models import CallCommand, CommandPath, CommandState, DialSettings, PathPolicy
from crmconnector.calls.verbs import VERBS
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line, PbxLink
from crmconnector.screenpop.subscriber import Feed, Hub, Person
from crmconnector.users.models import Team
from phones.models import Phone, PhoneStatus, SipAccount
from phones.services import assign_phone
from tests.support.canary import PASSCODE
from tests.support.office import RowOffice, add_phone
from tests.support.web_story import NASTY, add_call, add_leg

JSON = {"Accept": "application/json"}
NUMBER = "030 23125447"


def press(client: Client, number: str = NUMBER, *, key: str = "k1", **fields: object):
    return client.post("/dial", {"number": number, "key": key, **fields}, headers=JSON)


def asked() -> list[CallCommand]:
    return list(CallCommand.objects.order_by("requested_at"))


def test_a_press_asks_the_own_phone_once_and_is_written_down(agent: Client, office: RowOffice) -> None:
    answer = press(agent)
    [command] = asked()
    assert answer.status_code == 202
    assert answer.json() == {"command": str(command.pk), "state": "requested", "now": f"/dial/{command.pk}"}
    assert (command.kind, command.user, command.phone) == ("make_call", office.users[0], office.phones[0])
    assert (command.far_number, command.dial_string, command.path) == ("+493023125447", "03023125447", "phone")
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.target_id) == (
        "call.make_call_requested", office.users[0], str(command.pk)
    )  # fmt: skip
    assert "23125447" not in str(event.details)


def test_the_same_key_is_the_same_call_whatever_became_of_it(agent: Client) -> None:
    first = press(agent).json()
    CallCommand.objects.update(state="refused", ended_at=utc_now(), settled=True)
    CallCommand.objects.update(requested_at=utc_now() - timedelta(minutes=2))
    again = press(agent)
    assert again.status_code == 202 and again.json() == {**first, "state": "refused"}
    assert len(asked()) == 1


def test_the_same_key_for_another_number_is_a_conflict(agent: Client) -> None:
    press(agent)
    answer = press(agent, "030 99887766")
    assert answer.status_code == 409 and answer.json()["code"] == "key_reused"
    assert len(asked()) == 1


def test_two_buttons_for_one_number_within_seconds_are_one_call(agent: Client) -> None:
    assert press(agent, key="a").json()["command"] == press(agent, key="b").json()["command"]
    assert len(asked()) == 1


def test_a_get_never_dials_and_shows_what_would_be(agent: Client, office: RowOffice) -> None:
    office.add_contact("Rosalind Achterberg-Whitcombe", NUMBER)
    page = agent.get("/dial", {"number": NUMBER, "next": "/calls"}).content.decode()
    assert "Rosalind Achterberg-Whitcombe" in page and "This will dial" in page and 'value="/calls"' in page
    assert asked() == [] and AuditEvent.objects.count() == 0


@pytest.mark.parametrize(
    "number",
    ["tel:+493023125447", "tel:%2B493023125447", "tel:+49-30-2312.5447", "tel:(030)23125447", "030/231 25-447"],
)
def test_links_of_other_pages_are_read(agent: Client, number: str) -> None:
    page = agent.get("/dial", {"number": number}).content.decode()
    assert "030 23125447" in page and "This will dial" in page


@pytest.mark.parametrize(
    "number",
    ["tel:+493023125447;phone-context=evil", "sip:x@y?Replaces=", "javascript:alert(1)", "300&400", "1\r\n2",
     "", "x" * 199, NASTY, "*72123", "030 23125447,,1"],
    ids=lambda value: repr(value)[:24],
)  # fmt: skip
def test_what_is_no_number_says_so_and_offers_no_call(agent: Client, number: str) -> None:
    page = agent.get("/dial", {"number": number})
    assert page.status_code == 200
    text = page.content.decode()
    assert "This will dial" not in text and "btn go" not in text and "<img src=x" not in text
    assert press(agent, number).status_code in (400, 409)
    assert asked() == []


@pytest.mark.parametrize("number", ["1" * 201, "1" * 10_000, "+49\x0030"], ids=["201", "10000", "nul"])
def test_what_is_far_too_long_or_broken_is_refused_before_it_is_read(agent: Client, number: str) -> None:
    assert press(agent, number).status_code == 400
    assert agent.get("/dial", {"number": number}).status_code == 200
    assert asked() == []


def test_an_emergency_number_is_asked_about_exactly_once(agent: Client) -> None:
    DialSettings.objects.create(stopped_at=utc_now(), stopped_by="boss")
    answer = press(agent, "112")
    assert answer.status_code == 409 and answer.json()["code"] == "confirm"
    page = agent.get(answer.json()["ask"]).content.decode()
    assert "An emergency number" in page and 'name="sure" value="1"' in page and "btn go" in page
    assert asked() == []
    assert press(agent, "112", sure="1").status_code == 202
    assert asked()[0].dial_string == "112"


def test_nothing_holds_an_emergency_call_back(agent: Client, office: RowOffice) -> None:
    add_leg(office, add_call(office, ended_at=None, state="talking"), state="talking", ended_at=None)
    Phone.objects.update(passcode_refused_at=utc_now())
    PbxLink.objects.update(state="down")
    assert press(agent, "112", sure="1", key="e").status_code == 202
    assert [one.path for one in asked()] == ["phone"]


def test_a_brake_says_why_and_who_may_change_it(agent: Client) -> None:
    DialSettings.objects.create(stopped_at=utc_now(), stopped_by="Marek", stopped_because="fraud")
    answer = press(agent)
    assert answer.status_code == 409 and "Marek stopped all dialling" in answer.json()["sentence"]
    page = agent.get("/dial", {"number": NUMBER}).content.decode()
    assert "Marek stopped all dialling" in page and "btn go" not in page
    assert AuditEvent.objects.get().action == "dial.refused"


def test_the_sixth_call_in_a_minute_waits(agent: Client) -> None:
    for place in range(5):
        assert press(agent, f"030 2312544{place}", key=f"k{place}").status_code == 202
    answer = press(agent, "030 23125449", key="k6")
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
    assert press(agent, "030 23125444", key="k4").status_code == 202  # a press that is known already is no new call
    assert len(asked()) == 5


@pytest.mark.parametrize(
    ("state", "words"), [("talking", "is in a call"), ("ringing", "rings now"), ("dialling", "is in a call")]
)
def test_a_busy_phone_says_so_at_once(agent: Client, office: RowOffice, state: str, words: str) -> None:
    call = add_call(office, ended_at=None, state="talking", place=1)
    leg = add_leg(office, call, state=state, ended_at=None)
    answer = press(agent)
    assert answer.status_code == 409 and words in answer.json()["sentence"] and asked() == []
    page = agent.get("/dial", {"number": NUMBER}).content.decode()
    assert words in page and "btn go" not in page and "Look again" in page
    leg.delete()
    page = agent.post("/dial", {"number": NUMBER, "look": "1"}).content.decode()
    assert "btn go" in page and "Look again" not in page and asked() == []


def test_a_held_call_or_a_pbx_nobody_hears_is_no_busy_phone(agent: Client, office: RowOffice) -> None:
    leg = add_leg(office, add_call(office, ended_at=None, state="talking", place=1), state="held", ended_at=None)
    assert press(agent, key="one").status_code == 202
    leg.state = "talking"
    leg.save()
    PbxLink.objects.update(heard_at=utc_now() - timedelta(minutes=5))
    assert press(agent, "030 99887766", key="two").status_code == 202


def test_without_a_phone_it_says_who_can_give_one(agent: Client, office: RowOffice) -> None:
    office.users[0].assignments.all().delete()
    answer = press(agent)
    assert answer.status_code == 409 and "No desk phone is assigned to you" in answer.json()["sentence"]
    assert "No desk phone is assigned to you" in agent.get("/dial", {"number": NUMBER}).content.decode()


def test_a_phone_that_does_not_answer_us_says_since_when(agent: Client, office: RowOffice) -> None:
    now = utc_now()
    PhoneStatus.objects.create(
        phone=office.phones[0], reachable=False, since=now, breaker_until=now + timedelta(minutes=1)
    )
    answer = press(agent)
    assert answer.status_code == 409 and "does not answer us since" in answer.json()["sentence"]


def test_a_phone_that_refused_our_passcode_is_not_asked(agent: Client) -> None:
    Phone.objects.update(passcode_refused_at=utc_now())
    answer = press(agent)
    assert answer.status_code == 409 and "refused our passcode" in answer.json()["sentence"]
    assert PASSCODE not in answer.content.decode()


def test_the_pbx_calls_when_the_rules_say_so(agent: Client, office: RowOffice) -> None:
    PbxLink.objects.update(may_send=["originate"])
    PathPolicy.objects.create(phone=None, kind="make_call", path="pbx")
    assert "The PBX calls your phone" in agent.get("/dial", {"number": NUMBER}).content.decode()
    assert press(agent).status_code == 202 and asked()[0].path == CommandPath.PBX


# --- somebody else's things ------------------------------------------------------------------------------------------


def test_another_persons_phone_is_not_there(agent: Client, office: RowOffice) -> None:
    theirs = office.phones[1].pk
    for ask in (press(agent, phone=theirs), agent.get("/dial", {"number": NUMBER, "phone": theirs})):
        assert ask.status_code == 404 and b"Phone 202" not in ask.content
    assert asked() == []


@pytest.mark.parametrize("field", ["user", "user_id", "owner", "endpoint", "dial_string", "path", "far_number"])
def test_no_field_says_for_whom_or_what_is_sent(agent: Client, office: RowOffice, field: str) -> None:
    press(agent, **{field: office.users[1].pk})
    [command] = asked()
    assert (command.user, command.endpoint, command.dial_string) == (office.users[0], "PJSIP/201", "03023125447")


def test_what_became_of_a_call_is_for_its_person_alone(agent: Client, office: RowOffice, administrator: Client) -> None:
    press(agent)
    where = f"/dial/{asked()[0].pk}"
    assert "asked at" in agent.get(where).content.decode()
    other = Client()
    other.force_login(office.users[1])
    assert other.get(where).status_code == administrator.get(where).status_code == 404


def test_contacts_of_another_team_are_counted_not_named(agent: Client, office: RowOffice) -> None:
    contact = office.add_contact("Secret Person", NUMBER)
    contact.team = Team.objects.create(name="Others")
    contact.save()
    page = agent.get("/dial", {"number": NUMBER}).content.decode()
    assert "Secret Person" not in page and "1 contact that is not shown here" in page


# --- a page elsewhere cannot make a phone dial -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {"data": {"number": NUMBER, "key": "k"}},
        {"data": {"number": NUMBER, "key": "k"}, "HTTP_ORIGIN": "null"},
        {"data": {"number": NUMBER, "key": "k"}, "HTTP_ORIGIN": "https://evil.example"},
        {"data": f"number={NUMBER}&key=k", "content_type": "text/plain"},
        {"data": '{"number": "03023125447", "key": "k"}', "content_type": "application/json"},
    ],
    ids=["no token", "origin null", "other origin", "text/plain", "json"],
)
def test_a_form_from_elsewhere_dials_nothing(office: RowOffice, how: dict[str, object]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(office.users[0])
    assert client.post("/dial", **how).status_code == 403
    assert asked() == [] and AuditEvent.objects.count() == 0


@pytest.mark.parametrize("origin", ["null", "https://evil.example"])
def test_even_a_right_token_from_another_origin_dials_nothing(office: RowOffice, origin: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(office.users[0])
    client.get("/dial", {"number": NUMBER})
    token = client.cookies["csrftoken"].value
    fields = {"number": NUMBER, "key": "k", "csrfmiddlewaretoken": token}
    assert client.post("/dial", fields, HTTP_ORIGIN=origin).status_code == 403
    assert client.post("/dial", fields, HTTP_ORIGIN="http://testserver").status_code == 302
    assert len(asked()) == 1


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "options"])
def test_no_other_method_dials(agent: Client, method: str) -> None:
    getattr(agent, method)(f"/dial?number={NUMBER}&key=k&sure=1")
    assert asked() == []


# --- without a script ------------------------------------------------------------------------------------------------


def test_the_page_dials_what_it_said_and_leads_back(agent: Client) -> None:
    fields = {"number": NUMBER, "key": "k", "sure": "1", "shown": "03023125447", "next": "/calls?q=x"}
    answer = agent.post("/dial", fields)
    assert (answer.status_code, answer["Location"]) == (302, "/calls?q=x") and len(asked()) == 1


@pytest.mark.parametrize("where", ["//evil.example", "https://evil.example/", "javascript:alert(1)", "\\\\evil"])
def test_nobody_is_led_to_another_site(agent: Client, where: str) -> None:
    assert agent.post("/dial", {"number": NUMBER, "key": "k", "next": where})["Location"] == "/desk"
    page = agent.get("/dial", {"number": NUMBER, "next": where}).content.decode()
    assert 'name="next" value="/desk"' in page and f'href="{where}' not in page


def test_a_rule_that_changed_meanwhile_is_shown_before_it_dials(agent: Client, office: RowOffice) -> None:
    office.pbx.dial_prefix = "0"
    office.pbx.save()
    answer = agent.post("/dial", {"number": NUMBER, "key": "k", "sure": "1", "shown": "03023125447"})
    assert answer.status_code == 409 and asked() == []
    assert 'name="shown" value="003023125447"' in answer.content.decode()


def test_a_page_that_was_used_before_does_not_pretend_to_dial(agent: Client) -> None:
    press(agent, key="k")
    CallCommand.objects.update(state=CommandState.REFUSED, settled=True)
    answer = agent.post("/dial", {"number": NUMBER, "key": "k", "next": "/calls"}, follow=True)
    assert answer.redirect_chain[0][0].startswith("/dial?number=030")
    assert "was used before. Nothing was dialled now" in answer.content.decode() and len(asked()) == 1


def test_phone_account_and_line_are_chosen_on_the_page(agent: Client, office: RowOffice) -> None:
    second = add_phone(office.pbx, extension="209", port=8009)
    SipAccount.objects.create(phone=second, pbx=office.pbx, extension="210", endpoint="PJSIP/210", position=2)
    assign_phone(phone=second, user_id=office.users[0].pk, from_at=utc_now())
    Line.objects.update(dial_prefix="71")
    answer = press(agent)
    assert answer.status_code == 409 and answer.json()["ask"].startswith("/dial?number=")
    page = agent.get(answer.json()["ask"]).content.decode()
    assert "Phone 201" in page and "Phone 209" in page and "Support DE" in page
    chosen = {"number": NUMBER, "phone": second.pk, "account": 2, "line": Line.objects.get().pk}
    looked = agent.post("/dial", {**chosen, "look": "1", "key": "k", "shown": "03023125447"}).content.decode()
    assert 'name="shown" value="7103023125447"' in looked and asked() == []
    assert press(agent, key="k", **{name: chosen[name] for name in ("phone", "account", "line")}).status_code == 202
    [command] = asked()
    assert (command.phone, command.endpoint, command.account) == (second, "PJSIP/210", 2)
    assert command.dial_string == "7103023125447"


# --- what became of it -----------------------------------------------------------------------------------------------


def strip(client: Client) -> str:
    return client.get("/desk/dials").content.decode()


def test_the_desk_says_how_a_call_stands_until_its_card_is_there(agent: Client, office: RowOffice) -> None:
    office.add_contact("Rosalind", NUMBER)
    press(agent)
    assert "Rosalind" in strip(agent) and "Call asked at" in strip(agent) and "data-live" in strip(agent)
    CallCommand.objects.update(state="sent", sent_at=utc_now())
    assert "Your phone took the number; waiting for the PBX." in strip(agent)
    CallCommand.objects.update(state="confirmed", ended_at=utc_now(), leg=add_leg(office, add_call(office)))
    assert "data-command" not in strip(agent)


@pytest.mark.parametrize("state", ["refused", "failed", "expired"])
def test_a_call_that_was_not_dialled_stays_with_its_reason_for_a_while(agent: Client, state: str) -> None:
    press(agent)
    CallCommand.objects.update(state=state, settled=True, ended_at=utc_now(), sentence="The phone said no.")
    assert "The phone said no." in strip(agent) and "Call again" in strip(agent) and "data-live" not in strip(agent)
    CallCommand.objects.update(ended_at=utc_now() - timedelta(minutes=5))
    assert "data-command" not in strip(agent)


def test_an_unsure_call_offers_no_second_press_before_it_is_settled(agent: Client) -> None:
    press(agent)
    CallCommand.objects.update(state="unknown", sent_at=utc_now())
    assert "do not press again" in strip(agent) and "Call again" not in strip(agent)
    CallCommand.objects.update(settled=True, ended_at=utc_now())
    assert "Call again" in strip(agent)


def test_the_second_way_takes_the_place_of_the_first(agent: Client, office: RowOffice) -> None:
    press(agent)
    first = asked()[0]
    now = utc_now()
    CallCommand.objects.update(state="failed", reason_code="connect_timeout", settled=True, ended_at=now)
    CallCommand.objects.create(
        kind="make_call", user=first.user, idempotency_key="second", phone=first.phone, pbx=first.pbx, path="pbx",
        fallback_of=first, far_number=first.far_number, target=first.target, requested_at=now,
        not_after=now + timedelta(seconds=30),
    )  # fmt: skip
    said = strip(agent)
    assert "Your phone did not answer us; the PBX is calling you. Pick up and it dials 030 23125447." in said
    assert said.count("data-command") == 1
    assert "the PBX is calling you" in agent.get(f"/dial/{first.pk}").content.decode()


def test_a_wake_without_a_new_card_tells_the_desk_to_look_once() -> None:
    hub, feed, other = Hub(), Feed(), Feed()
    hub._people |= {1: Person({feed}), 2: Person({other})}
    hub._let_look({1, 3})
    assert feed.take() == ["event: look\ndata: {}\n\n"] and feed.take() == [] and other.take() == []


def test_nobody_sees_the_calls_of_others(agent: Client, office: RowOffice) -> None:
    press(agent)
    other = Client()
    other.force_login(office.users[1])
    assert "data-command" not in strip(other)


# --- the box of the top bar ------------------------------------------------------------------------------------------


def test_the_box_finds_colleagues_contacts_and_numbers(agent: Client, office: RowOffice) -> None:
    office.add_contact("Rosalind", NUMBER, company="Havelquell")
    found = agent.get("/dial/find", {"q": "Rosa"}).content.decode()
    assert "Rosalind" in found and 'data-open="/contacts/' in found and 'data-call="+493023125447"' in found
    assert 'data-call="202"' in agent.get("/dial/find", {"q": "User 202"}).content.decode()
    typed = agent.get("/dial/find", {"q": "030 99887766"}).content.decode()
    assert 'data-call="030 99887766"' in typed and "This will dial" in typed


def test_names_in_the_box_are_texts(agent: Client, office: RowOffice) -> None:
    office.add_contact(f"Zed {NASTY}", NUMBER)
    found = agent.get("/dial/find", {"q": "Zed"}).content.decode()
    assert "Zed" in found and "<img src=x" not in found and "<svg onload" not in found


def test_the_box_takes_no_query_per_row(agent: Client, office: RowOffice, django_assert_max_num_queries) -> None:
    for place in range(12):
        office.add_contact(f"Person {place}", f"030 231254{place:02}")
    with django_assert_max_num_queries(40):
        agent.get("/dial/find", {"q": "Person"})


# --- buttons ---------------------------------------------------------------------------------------------------------


def test_every_place_with_a_number_has_one_way_to_call_it(agent: Client, office: RowOffice) -> None:
    contact = office.add_contact("Rosalind", NUMBER, "+39 06 69812345")
    call = add_call(office, disposition="no_answer", answered_at=None, answered_by=None, talk_seconds=None)
    for address, count in [
        (f"/contacts/{contact.pk}", 2), ("/contacts", 2), ("/calls", 1), ("/calls?show=return", 1),
        (f"/calls/{call.pk}", 1), (f"/numbers?number={NUMBER}", 1), ("/desk", 3),  # two colleagues
    ]:  # fmt: skip
        page = agent.get(address).content.decode()
        assert page.count("data-dial><") + page.count("data-dial ><") == count, address
        assert 'name="csrfmiddlewaretoken" value="' not in page.split("data-dial>")[1].split("</form>")[0]


# --- do not disturb --------------------------------------------------------------------------------------------------


def switch(client: Client, office: RowOffice, *, on: bool = True, key: str = "d1", place: int = 0):
    fields = {"key": key, "phone": office.phones[place].pk, "on": "1" if on else "0"}
    return client.post("/desk/do-not-disturb", fields, headers={"HX-Request": "true"})


@pytest.fixture
def offered(office: RowOffice) -> None:
    PbxLink.objects.update(may_send=[action.lower() for action in VERBS["dnd_on"].pbx])
    office.pbx.snippet_context = "crmconnector"
    office.pbx.save()


def test_do_not_disturb_is_absent_with_its_reason_where_the_pbx_offers_none(agent: Client, office: RowOffice) -> None:
    page = agent.get("/desk").content.decode()
    assert "Do not disturb" in page and "data-disturb" not in page
    answer = switch(agent, office)
    assert answer.status_code == 409 and answer.json()["sentence"] in page and asked() == []


def test_do_not_disturb_is_asked_once_and_shown_when_proved(agent: Client, office: RowOffice, offered: None) -> None:
    assert 'name="on" value="1"' in agent.get("/desk").content.decode()
    assert switch(agent, office).status_code == switch(agent, office).status_code == 202
    assert switch(agent, office, key="d2").status_code == 409
    [command] = asked()
    assert (command.kind, command.path, command.endpoint) == ("dnd_on", "pbx", "PJSIP/201")
    page = agent.get("/desk").content.decode()
    assert 'aria-pressed="false" data-asked' in page and "Calls still ring" in page
    CallCommand.objects.update(state="confirmed", ended_at=utc_now(), settled=True)
    page = agent.get("/desk").content.decode()
    assert 'name="on" value="0"' in page and "Calls do not ring on your phone" in page
    assert AuditEvent.objects.get().action == "call.dnd_on_requested"


def test_nobody_disturbs_at_the_phone_of_another(agent: Client, office: RowOffice, offered: None) -> None:
    assert switch(agent, office, place=1).status_code == 404 and asked() == []
