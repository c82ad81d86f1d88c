"""From what the PBX says to commands that are settled, through the rows, for stories that real phones lived."""

import json
import time
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls import events as ev
from crmconnector.calls.models import CallCommand, CommandState, Leg
from crmconnector.calls.open_commands import open_commands
from crmconnector.calls.replay import told_from_events
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch, prove_commands
from phones.models import SipAccount
from tests.support.commands import sent_command
from tests.support.story import inbound_call

FOLDER = Path(__file__).parent.parent / "recordings" / "asterisk22"
ANNA, BEN, LONDON = "PJSIP/1001", "PJSIP/1002", "+442079460456"


@pytest.fixture
def desk(office):
    """The phones of the recordings: 1001 is the first person's, 1002 the second's."""
    for phone, extension in zip(office.phones, ("1001", "1002", "1003"), strict=True):
        SipAccount.objects.filter(phone=phone).update(extension=extension, endpoint=f"PJSIP/{extension}")
    return office


def story(name: str) -> list[ev.CallEvent]:
    """The recording as if it had begun half a minute ago."""
    began = time.time() - 30.0
    rows = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    return [_moved(event, began) for event in told_from_events(rows, trunks=["PJSIP/trunk"])]


def _moved(event, began):
    moved = replace(event, at=event.at + began)
    if any(field.name == "transfers" for field in fields(event)):
        moved = replace(moved, transfers=tuple(replace(one, at=one.at + began) for one in event.transfers))
    return moved


def hear(desk, events) -> set[int]:
    """One event a batch: the hardest case, for nothing is known of what comes next."""
    woken: set[int] = set()
    for event in events:
        woken |= handle_batch(pbx=desk.pbx, epoch=desk.pbx.link.epoch, batch=[event], now=utc_now())
    return woken


def cut(events, kind, endpoint=ANNA) -> tuple[list, list]:
    """What was heard before the first such event, with it; and the rest."""
    place = next(
        n for n, one in enumerate(events) if isinstance(one, kind) and getattr(one, "endpoint", "") == endpoint
    )
    return events[: place + 1], events[place + 1 :]


def ask(desk, kind, *, at=None, **more) -> CallCommand:
    leg = Leg.objects.filter(endpoint=ANNA, ended_at=None).first()
    moment = {"now": at} if at else {}
    return sent_command(desk, kind, leg=leg, seconds=29.9, endpoint=ANNA, **moment, **more)


TALKING = ev.LegAnswered
STORIES = [
    ("inbound_answered", "answer", ev.LegRinging, {}),
    ("inbound_rejected", "reject", ev.LegRinging, {}),
    ("inbound_answered", "hang_up", TALKING, {}),
    ("hold_and_resume", "hold", TALKING, {}),
    ("hold_and_resume", "resume", ev.LegHeld, {}),
    ("transfer_blind", "blind_transfer", TALKING, {"far_number": "1002"}),
    ("transfer_blind_busy", "blind_transfer", TALKING, {"far_number": "1002"}),
    ("transfer_attended", "attended_start", TALKING, {"far_number": "1002"}),
    ("transfer_attended_feature", "attended_start", TALKING, {"far_number": "1002"}),
    ("park_and_retrieve", "park", TALKING, {}),
]


@pytest.mark.parametrize(("recording", "kind", "after", "more"), STORIES, ids=[f"{one[0]}-{one[1]}" for one in STORIES])
def test_what_the_phones_did_confirms_what_was_asked_and_wakes_the_desk(desk, recording, kind, after, more):
    before, rest = cut(story(recording), after)
    hear(desk, before)
    command = ask(desk, kind, **more)
    assert desk.users[0].pk in hear(desk, rest)
    command.refresh_from_db()
    assert (command.state, command.evidence != "") == ("confirmed", True), command.sentence


@pytest.mark.parametrize("recording", ["transfer_attended", "transfer_attended_feature", "transfer_blonde_answered"])
def test_who_asked_first_and_then_put_them_together_did_both(desk, recording):
    before, rest = cut(story(recording), TALKING)
    hear(desk, before)
    start = ask(desk, "attended_start", far_number="1002")
    place = next(n for n, one in enumerate(rest) if isinstance(one, ev.LegRinging) and one.endpoint == BEN)
    hear(desk, rest[: place + 1])
    start.refresh_from_db()
    assert start.state == "confirmed"
    complete = ask(desk, "attended_complete", part_of=start)
    hear(desk, rest[place + 1 :])
    complete.refresh_from_db()
    assert complete.state == "confirmed", complete.sentence


def test_who_goes_back_to_the_caller_is_back_when_the_hold_ends(desk):
    before, rest = cut(story("transfer_attended_given_up"), TALKING, BEN)
    hear(desk, before)
    held = Leg.objects.filter(endpoint=ANNA, state="held").get()
    command = sent_command(desk, "attended_cancel", leg=held, seconds=29.0, endpoint=ANNA, far_number="1002")
    hear(desk, rest)
    command.refresh_from_db()
    assert (command.state, "first party back" in command.evidence) == ("confirmed", True)


@pytest.mark.parametrize("recording", ["outbound_answered", "originate_answered"])
def test_a_call_is_confirmed_by_the_phone_that_begins_it_and_gets_its_leg(desk, recording):
    command = sent_command(desk, "make_call", seconds=30.5, endpoint=ANNA, far_number=LONDON, dial_string=LONDON)
    assert desk.users[0].pk in hear(desk, story(recording))
    command.refresh_from_db()
    assert command.state == "confirmed"
    assert command.leg is not None
    assert (command.leg.endpoint, command.leg.placed) == (ANNA, True)


@pytest.mark.parametrize(
    "more", [{"far_number": "+442079460999"}, {"endpoint": BEN}, {"seconds": 20.0}], ids=["number", "phone", "earlier"]
)
def test_another_number_another_phone_or_an_earlier_call_confirms_nothing(desk, more):
    asked = {"far_number": LONDON, "endpoint": ANNA, "seconds": 30.5} | more
    command = sent_command(desk, "make_call", **asked)
    hear(desk, story("outbound_answered"))
    command.refresh_from_db()
    assert (command.state, command.leg) == ("sent", None)


def test_the_desk_is_woken_though_no_card_shows_the_call(desk):
    class Ledger:
        pbx, legs = desk.pbx, {}

    command = sent_command(desk, "make_call", endpoint=ANNA, far_number=LONDON)
    placed = ev.LegPlaced("3.1", time.time(), "3.1", ANNA, ev.Party(None, LONDON, None))
    assert prove_commands(Ledger(), [placed], utc_now()) == {desk.users[0].pk}
    command.refresh_from_db()
    assert command.state == "confirmed"


def test_one_who_hangs_up_instead_has_transferred_nobody(desk):
    before, rest = cut(story("inbound_answered"), TALKING)
    hear(desk, before)
    command = ask(desk, "blind_transfer", far_number="1002")
    hear(desk, rest)
    command.refresh_from_db()
    assert (command.state, command.sentence) == ("failed", "Not transferred: The call ended before it was handed over.")


def test_a_proof_before_the_phones_reply_wins(desk):
    before, rest = cut(story("hold_and_resume"), TALKING)
    hear(desk, before)
    command = ask(desk, "hold", state=CommandState.GRANTED)
    hear(desk, rest)
    command.refresh_from_db()
    assert command.state == "confirmed"


def test_a_proof_that_comes_after_we_gave_up_still_counts(desk):
    before, rest = cut(story("hold_and_resume"), TALKING)
    hear(desk, before)
    command = ask(desk, "hold", state=CommandState.UNKNOWN, settled=True)
    hear(desk, rest)
    command.refresh_from_db()
    assert command.state == "confirmed"


def test_with_no_command_open_a_batch_costs_one_statement(desk):
    class Ledger:
        pbx, legs = desk.pbx, {}

    batch = inbound_call(leg_endpoint=ANNA, number=LONDON)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert prove_commands(Ledger(), batch * 50, utc_now()) == set()
    assert len(asked) == 1


def test_open_commands_are_found_without_reading_those_that_have_ended(desk):
    """However many there are: no arm of the question reads the table from end to end."""
    old = utc_now() - timedelta(days=3)
    done = [
        CallCommand(kind="hold", user=desk.users[0], phone=desk.phones[0], pbx=desk.pbx, idempotency_key=f"k{n}",
                    state="confirmed", settled=True, requested_at=old, not_after=old)
        for n in range(5000)
    ]  # fmt: skip
    CallCommand.objects.bulk_create(done)
    with connection.cursor() as cursor:
        cursor.execute("analyze calls_callcommand")
    with CaptureQueriesContext(connection) as asked:
        open_commands(pbx_id=desk.pbx.pk, legs=[1, 2, 3])
    with connection.cursor() as cursor:
        cursor.execute("explain " + asked[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on calls_callcommand" not in plan, plan
