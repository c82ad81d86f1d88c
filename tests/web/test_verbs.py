"""The verbs of a card over HTTP: one press one row, whose call, by which way, and what is refused and why."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.models import CallCommand, CommandKind, PathPolicy
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.screenpop.callbar import ON_CARD
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.selectors import open_cards
from phones.models import Assignment
from tests.support.call_bar import allow_everything, call_on_desk, colleague_rings, move, own_leg_of, press
from tests.support.office import RowOffice
from tests.support.web_story import add_command, add_leg

PLAIN = ("hang_up", "hold", "mute", "park")  # of a call one talks in, without anything more to say
MORE = {"dtmf": {"digits": "12#"}, "blind_transfer": {"target": "202"}, "attended_start": {"target": "202"}}


@pytest.fixture
def ready(office: RowOffice) -> RowOffice:
    allow_everything(office)
    return office


@pytest.fixture
def talk(ready: RowOffice) -> Pop:
    return call_on_desk(ready)


def bar_of(pop: Pop):
    return open_cards(user=pop.user)[0].bar


def consulting(client: Client, pop: Pop) -> CallCommand:
    assert press(client, pop, "attended_start", key="c", target="202").status_code == 202
    start = CallCommand.objects.get(kind="attended_start")
    move(start, "sent")
    move(start, "confirmed")
    return start


# --- asked for -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*PLAIN, *MORE])
def test_a_verb_is_one_row_for_the_own_leg_and_one_audit_event(talk: Pop, agent: Client, kind: str) -> None:
    answer = press(agent, talk, kind, **MORE.get(kind, {}))
    assert answer.status_code == 202
    command = CallCommand.objects.get()
    assert answer.json() == {"command": str(command.pk), "state": "requested"}
    assert (command.kind, command.leg, command.user) == (kind, own_leg_of(talk), talk.user)
    assert (command.pbx_id, command.endpoint) == (talk.call.pbx_id, "PJSIP/201")
    act = AuditEvent.objects.get(action=f"call.{kind}_requested")
    assert act.actor == talk.user and "202" not in str(act.details) and "12#" not in str(act.details)


@pytest.mark.parametrize(("kind", "state"), [("reject", "ringing"), ("hang_up", "dialling"), ("resume", "held")])
def test_a_verb_that_fits_another_state_is_taken_in_that_state(
    ready: RowOffice, agent: Client, kind: str, state: str
) -> None:
    assert press(agent, call_on_desk(ready, state=state), kind).status_code == 202


@pytest.mark.parametrize(
    ("kind", "state"),
    [("reject", "talking"), ("hold", "ringing"), ("hold", "held"), ("resume", "talking"), ("hang_up", "ringing"),
     ("mute", "held"), ("dtmf", "held"), ("park", "dialling")],
)  # fmt: skip
def test_a_verb_that_does_not_fit_is_refused_with_its_reason(
    ready: RowOffice, agent: Client, kind: str, state: str
) -> None:
    answer = press(agent, call_on_desk(ready, state=state), kind, **MORE.get(kind, {}))
    assert answer.status_code == 409 and answer.json()["sentence"].endswith(".")
    assert not CallCommand.objects.exists() and not AuditEvent.objects.filter(action__startswith="call.").exists()


def test_what_is_no_verb_of_a_card_is_no_address(talk: Pop, agent: Client) -> None:
    for kind in (*sorted(set(CommandKind.values) - set(ON_CARD)), "explode"):
        assert press(agent, talk, kind).status_code == 404
    assert not CallCommand.objects.exists()


def test_each_transfer_keeps_whom_it_is_for_as_written_and_as_dialled(talk: Pop, agent: Client) -> None:
    assert press(agent, talk, "blind_transfer", target=" 030 23125 999 ").status_code == 202
    command = CallCommand.objects.get()
    assert (command.target, command.far_number) == ("030 23125 999", "+493023125999")
    assert command.dial_string == "03023125999"


@pytest.mark.parametrize("target", ["Tomasz", "300&Local/1@x", "300\r\nAction: X", "${SHELL(id)}", "1,2", "", "٣" * 99])
def test_a_target_that_is_no_number_is_refused_and_never_repaired(talk: Pop, agent: Client, target: str) -> None:
    assert press(agent, talk, "blind_transfer", target=target).status_code in (400, 409)
    assert not CallCommand.objects.exists()


@pytest.mark.parametrize("digits", ["", "12a", "1" * 21, "١", "1\n", "1&2", "\x00"])
def test_tones_are_twenty_digits_at_most_and_nothing_else(talk: Pop, agent: Client, digits: str) -> None:
    assert press(agent, talk, "dtmf", digits=digits).status_code == 400
    assert not CallCommand.objects.exists()


# --- once ------------------------------------------------------------------------------------------------------------


def test_the_same_key_again_is_the_same_command_whatever_became_of_the_call(talk: Pop, agent: Client) -> None:
    first = press(agent, talk, "hold").json()["command"]
    assert press(agent, talk, "hold").json()["command"] == first
    move(CallCommand.objects.get(), "confirmed", leg_state="held")
    assert press(agent, talk, "hold").json()["command"] == first
    assert CallCommand.objects.count() == AuditEvent.objects.filter(action="call.hold_requested").count() == 1


def test_the_same_key_for_something_else_is_a_conflict(talk: Pop, agent: Client) -> None:
    press(agent, talk, "blind_transfer", target="202")
    for kind, more in [("blind_transfer", {"target": "203"}), ("hold", {}), ("park", {})]:
        answer = press(agent, talk, kind, **more)
        assert answer.status_code == 409 and answer.json()["code"] == "key_reused"
    assert CallCommand.objects.count() == 1


def test_other_tones_or_another_target_do_not_join_what_is_under_way(talk: Pop, agent: Client) -> None:
    press(agent, talk, "dtmf", key="a", digits="1")
    press(agent, talk, "blind_transfer", key="b", target="202")
    assert press(agent, talk, "dtmf", key="c", digits="1").status_code == 202  # the same: joins
    for kind, more in [("dtmf", {"digits": "2"}), ("blind_transfer", {"target": "203"})]:
        answer = press(agent, talk, kind, key="d", **more)
        assert answer.status_code == 409 and answer.json()["code"] == "under_way"
    assert CallCommand.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_ten_presses_at_once_are_one_command(talk: Pop) -> None:
    def one(place: int) -> int:
        client = Client()
        client.force_login(talk.user)
        try:
            return press(client, talk, "hang_up", key=f"tab{place % 2}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=5) as pool:
        assert set(pool.map(one, range(10))) == {202}
    assert CallCommand.objects.count() == 1


def test_the_key_on_the_card_changes_only_when_the_last_try_has_ended(talk: Pop, agent: Client) -> None:
    key = bar_of(talk).offers["mute"].key
    press(agent, talk, "mute", key=key)
    offer = bar_of(talk).offers["mute"]
    assert offer.key == key and offer.asked and not offer.possible
    move(CallCommand.objects.get(), "failed", sentence="Not muted.")
    offer = bar_of(talk).offers["mute"]
    assert offer.key != key and offer.possible


# --- whose -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(ON_CARD))
def test_nobody_commands_a_colleagues_call(ready: RowOffice, agent: Client, administrator: Client, kind: str) -> None:
    pop = call_on_desk(ready, place=1)
    for visitor in (agent, administrator):
        assert press(visitor, pop, kind, digits="1", target="202").status_code == 404
    assert not CallCommand.objects.exists()


def test_a_phone_that_was_taken_away_meanwhile_takes_no_orders(talk: Pop, agent: Client) -> None:
    Assignment.objects.filter(user=talk.user).delete()
    assert press(agent, talk, "hold").json()["code"] == "not_assigned"


def test_with_two_open_ends_of_one_call_nothing_is_guessed(ready: RowOffice, talk: Pop, agent: Client) -> None:
    add_leg(ready, talk.call, state="talking", outcome="", ended_at=None)
    answer = press(agent, talk, "hang_up")
    assert answer.status_code == 409 and answer.json()["code"] == "several_legs"
    assert not bar_of(talk).offers["hang_up"].possible


def test_a_call_without_an_open_end_is_over(talk: Pop, agent: Client) -> None:
    own = own_leg_of(talk)
    own.state, own.ended_at = "ended", utc_now()
    own.save()
    assert press(agent, talk, "hang_up").json()["code"] == "no_call"


def test_a_test_call_takes_no_verbs(ready: RowOffice, agent: Client) -> None:
    pop = call_on_desk(ready, test=True)
    assert press(agent, pop, "hang_up").json()["code"] == "test"


# --- by which way ----------------------------------------------------------------------------------------------------


def test_the_usual_way_is_the_phone_for_hold_and_the_pbx_for_a_transfer(talk: Pop, agent: Client) -> None:
    press(agent, talk, "hold", key="a")
    press(agent, talk, "blind_transfer", key="b", target="202")
    assert dict(CallCommand.objects.values_list("kind", "path")) == {"hold": "phone", "blind_transfer": "pbx"}


def test_the_way_an_administrator_decided_on_is_taken_with_its_fallback(talk: Pop, agent: Client) -> None:
    PathPolicy.objects.create(phone=None, kind="hang_up", path="pbx")
    PathPolicy.objects.create(phone=own_leg_of(talk).phone, kind="hang_up", path="phone", fall_back=True)
    press(agent, talk, "hang_up")
    command = CallCommand.objects.get()
    assert command.path == "phone" and command.may_fall_back


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        ({"may_send": None}, "blind_transfer", "pbx_forbids"),
        ({"may_send": ["hangup"]}, "park", "pbx_forbids"),
        ({"state": "down"}, "dtmf", ""),  # the phone can do tones too
        ({"state": "down"}, "blind_transfer", "pbx_away"),
    ],
)
def test_a_verb_without_a_way_says_which_one_is_missing(
    talk: Pop, agent: Client, change: dict[str, object], kind: str, code: str
) -> None:
    PbxLink.objects.update(**change)
    assert bar_of(talk).offers[kind].why_not == code
    answer = press(agent, talk, kind, **MORE.get(kind, {}))
    assert (answer.status_code, answer.json().get("code", "")) == ((409, code) if code else (202, ""))


def test_a_phone_that_refused_our_passcode_is_not_asked_but_the_pbx_is(talk: Pop, agent: Client) -> None:
    phone = own_leg_of(talk).phone
    phone.passcode_refused_at = utc_now()
    phone.save()
    offers = bar_of(talk).offers
    assert offers["hold"].why_not == "phone_refuses" and offers["hang_up"].possible
    assert press(agent, talk, "hold").status_code == 409
    press(agent, talk, "hang_up")
    assert CallCommand.objects.get().path == "pbx"


# --- a consultation --------------------------------------------------------------------------------------------------


def test_while_somebody_is_asked_the_call_can_be_put_together_or_taken_back(talk: Pop, agent: Client) -> None:
    for kind in ("attended_complete", "attended_cancel", "conference"):
        assert press(agent, talk, kind).json()["code"] == "ask_first"
    start = consulting(agent, talk)
    bar = bar_of(talk)
    assert bar.consultation.name == "User 202"
    assert [bar.offers[kind].why_not for kind in ("blind_transfer", "attended_start", "park")] == ["consulting"] * 3
    assert press(agent, talk, "blind_transfer", key="x", target="203").json()["code"] == "consulting"
    assert press(agent, talk, "attended_complete", key="y").status_code == 202
    ending = CallCommand.objects.get(kind="attended_complete")
    assert (ending.part_of, ending.path, ending.far_number) == (start, start.path, "202")


def test_a_caller_who_waits_in_the_pbx_cannot_be_taken_back_by_the_phone(talk: Pop, agent: Client) -> None:
    start = consulting(agent, talk)
    leg = own_leg_of(talk)
    leg.state = "held"
    leg.save()
    assert start.path == "pbx" and bar_of(talk).offers["resume"].why_not == "consulting"
    CallCommand.objects.update(path="phone")
    assert bar_of(talk).offers["resume"].possible


def test_to_hang_up_while_the_pbx_asks_somebody_is_called_what_it_does(talk: Pop, agent: Client) -> None:
    def last_verb() -> str:
        return agent.get("/desk").content.decode().split('data-verb="hang_up"')[1].split("</form>")[0]

    assert "<span>Hang up</span>" in last_verb() and not bar_of(talk).hands_over
    consulting(agent, talk)
    assert bar_of(talk).hands_over and "<span>Hand over</span>" in last_verb()
    assert "the other two go on together" in last_verb()
    CallCommand.objects.update(path="phone")  # a second line of the phone: its first call stays on hold there
    assert not bar_of(talk).hands_over and "<span>Hang up</span>" in last_verb()


def test_a_part_waits_until_the_pbx_has_called_somebody(talk: Pop, agent: Client) -> None:
    press(agent, talk, "attended_start", key="c", target="202")
    assert press(agent, talk, "attended_complete").json()["code"] == "not_asked_yet"


def test_back_with_the_caller_another_may_be_asked(talk: Pop, agent: Client) -> None:
    consulting(agent, talk)
    press(agent, talk, "attended_cancel", key="d")
    move(CallCommand.objects.get(kind="attended_cancel"), "confirmed")
    assert bar_of(talk).consultation is None
    assert press(agent, talk, "attended_start", key="e", target="203").status_code == 202


def test_a_failed_way_back_leaves_the_consultation_as_it_is(talk: Pop, agent: Client) -> None:
    consulting(agent, talk)
    press(agent, talk, "attended_cancel", key="d")
    move(CallCommand.objects.get(kind="attended_cancel"), "failed", sentence="The PBX refused.")
    assert bar_of(talk).consultation is not None


def test_the_card_tells_what_the_one_who_is_asked_does(ready: RowOffice, talk: Pop, agent: Client) -> None:
    consulting(agent, talk)
    asked = colleague_rings(ready)
    assert bar_of(talk).consultation.state == "ringing"
    asked.state, asked.answered_at = "talking", utc_now()
    asked.save()
    assert bar_of(talk).consultation.state == "talking"


@pytest.mark.parametrize(("answered", "words"), [(False, "did not answer"), (True, "hung up")])
def test_when_the_one_who_is_asked_is_gone_the_card_says_so(
    ready: RowOffice, talk: Pop, agent: Client, answered: bool, words: str
) -> None:
    consulting(agent, talk)
    asked = colleague_rings(ready)
    asked.state, asked.ended_at, asked.answered_at = "ended", utc_now(), utc_now() if answered else None
    asked.save()
    html = drawn(talk)
    assert f"\u2068User 202\u2069 {words}. The caller is back with you." in html
    assert bar_of(talk).consultation is None and bar_of(talk).offers["attended_start"].possible


# --- the card --------------------------------------------------------------------------------------------------------


def drawn(pop: Pop) -> str:
    return render_to_string("screenpop/card.html", open_cards(user=pop.user)[0].context())


def test_positions_never_change_and_each_disabled_verb_says_why(ready: RowOffice) -> None:
    PbxLink.objects.update(may_send=None)
    html = drawn(call_on_desk(ready))
    row = html[html.index('class="verbs"') : html.index("data-said")]
    names = ["Hold", "Mute", "Transfer", "Add person", "Keypad", "Hang up"]
    places = [row.index(f"<span>{name}</span>") for name in names]
    assert places == sorted(places)
    assert row.count('aria-disabled="true"') == row.count("aria-describedby=") == row.count("title=") == 2
    assert "An administrator can allow it." in row


def test_a_proof_that_was_undone_by_hand_is_not_told_as_if_it_lasted(talk: Pop, agent: Client) -> None:
    press(agent, talk, "hold")
    command = CallCommand.objects.get()
    move(command, "confirmed", leg_state="held")
    assert "On hold. The PBX confirmed it at" in drawn(talk) and 'aria-pressed="true"' in drawn(talk)
    leg = own_leg_of(talk)
    leg.state = "talking"
    leg.save()
    assert "On hold. The PBX confirmed it at" not in drawn(talk)


def test_a_call_that_was_answered_is_no_longer_told_as_one_that_is_being_dialled(ready: RowOffice) -> None:
    pop = call_on_desk(ready, state="dialling")
    leg = own_leg_of(pop)
    add_command(leg, "sent", "confirmed", kind="make_call")
    assert "The PBX confirmed it at" in drawn(pop)
    leg.state = "talking"
    leg.save()
    assert "The PBX confirmed it at" not in drawn(pop)


def test_mute_is_pressed_when_proven_and_offers_its_way_back(talk: Pop, agent: Client) -> None:
    press(agent, talk, "mute")
    move(CallCommand.objects.get(), "sent")
    assert not bar_of(talk).muted and "data-asked" in drawn(talk)
    move(CallCommand.objects.get(), "confirmed")
    assert bar_of(talk).muted and "Unmute" in drawn(talk)


def test_many_cards_cost_as_many_questions_as_one(ready: RowOffice, agent: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            open_cards(user=ready.users[0])
        return len(seen)

    consulting(agent, call_on_desk(ready))
    one = asked()
    for _ in range(6):
        pop = call_on_desk(ready)
        press(agent, pop, "attended_start", key=f"c{pop.pk}", target="203")
        move(CallCommand.objects.get(leg__call=pop.call_id), "confirmed")
    assert asked() == one


def test_the_stop_of_a_pbx_without_a_snippet_leaves_the_conference_out(ready: RowOffice) -> None:
    Pbx.objects.update(snippet_context="")
    assert bar_of(call_on_desk(ready)).add.why_not == "no_snippet"
