"""An event that cannot be interpreted or written is kept with its text, and everything else goes on."""

import random
from collections.abc import Iterator

import pytest
from django.db import connection

from crmconnector.asterisk import ami_events
from crmconnector.calls.models import Call
from crmconnector.common.clock import utc_now
from crmconnector.listener import hearing, link
from crmconnector.listener.models import DeadLetter
from crmconnector.listener.selectors import dead_letters_by_pbx
from crmconnector.pbx.models import LinkGap
from tests.support.listening_post import hangup_events, leading, ring_events, wire
from tests.support.processes import eventually

pytestmark = pytest.mark.timeout(90)


def poison(call, kind: random.Random) -> bytes:
    """One event of the call with something in it that nobody expects."""
    headers = dict(kind.choice(ring_events(call)))
    return kind.choice([
        wire({**headers, "CallerIDName": "A\x00B"}),
        wire({**headers, "CallerIDName": "x" * 1_000_000}),
        wire({**headers, "ChannelState": "minus one", "Timestamp": "-7"}),
        wire({"Event": "Newstate"}),
        wire({**headers, "Linkedid": "", "Uniqueid": ""}),
        wire(headers).replace(b"\r\n\r\n", b"\r\nUniqueid: twice\r\nUniqueid: thrice\r\n\r\n"),
        wire(headers).replace(b"CallerIDName: <unknown>", b"CallerIDName: \xff\xfe\x80"),
        b"Event: \r\n\r\n",
        b"Newstate\r\n: : :\r\n\r\n",
    ])  # fmt: skip


def test_one_poison_in_a_thousand_costs_nothing_but_itself(rows, pbx):
    chance = random.Random(7)
    with leading(rows.pbx) as term:
        said = 0
        for turn in range(100):
            batch, calls = b"", [pbx.make(f"PJSIP/{201 + one}", f"0302312{turn:03d}{one}") for one in range(2)]
            for call in calls:
                for event in (*ring_events(call), *hangup_events(call)):
                    batch += wire(event)
                    said += 1
            if turn % 10 == 9:
                batch += poison(pbx.make("PJSIP/202", "1"), chance)
            pbx.say_raw(batch)
        eventually(
            lambda: Call.objects.filter(ended_at__isnull=False, caller_number__startswith="0302312").count() == 200
        )
        eventually(lambda: term.outbox.oldest_at() is None)
        assert len(pbx.ami.sessions) == 1, "no reconnect"
    assert not LinkGap.objects.exists()
    print(f"\n{said} events with 10 poisonous ones among them: 200 of 200 calls in the log, 0 reconnects")


def test_an_event_that_breaks_the_interpreter_is_kept_with_its_text(rows, pbx, monkeypatch):
    def parse(headers, at):
        if headers.get("Event") == "Pickup":
            raise RecursionError("of an unknown kind")
        return ami_events.parse(headers, at)

    monkeypatch.setattr(hearing, "parse", parse)
    with leading(rows.pbx):
        pbx.say_raw(wire({"Event": "Pickup", "Text": "a\x00b" + "x" * 1_000_000}))
        pbx.ring()
        eventually(lambda: Call.objects.filter(state="ringing").exists())
        letter = eventually(DeadLetter.objects.first)
    assert letter.reason == "RecursionError while interpreting"
    assert '"Event": "Pickup"' in letter.raw
    assert len(letter.raw) <= link.DEAD_LETTER_LENGTH
    assert dead_letters_by_pbx()[rows.pbx.pk].count == 1


@pytest.fixture
def unwritable(rows) -> Iterator[str]:
    """The name of a channel that the database takes no leg of."""
    with connection.cursor() as cursor:
        cursor.execute("alter table calls_leg add constraint not_this_one check (endpoint <> 'PJSIP/999') not valid")
    yield "PJSIP/999"
    with connection.cursor() as cursor:
        cursor.execute("alter table calls_leg drop constraint not_this_one")


def test_a_fact_that_cannot_be_written_is_found_and_the_others_of_its_batch_stay(rows, pbx, unwritable):
    with leading(rows.pbx):
        bad = pbx.make(unwritable, "1")
        good = [pbx.make(f"PJSIP/{201 + one}", f"0302312{one:04d}") for one in range(3)]
        events = [one for call in (*good[:2], bad, good[2]) for one in ring_events(call)]
        pbx.say(*events)
        eventually(lambda: Call.objects.filter(state="ringing").count() == 3, what=Call.objects.values)
        letter = eventually(DeadLetter.objects.first)
        assert "while writing" in letter.reason


def test_the_table_of_dead_letters_is_bounded(office, monkeypatch):
    monkeypatch.setattr(link, "MOST_DEAD_LETTERS", 5)
    for turn in range(12):
        link.bury(pbx_id=office.pbx.pk, at=utc_now(), reason=f"poison {turn}", raw="{}")
    assert list(DeadLetter.objects.values_list("reason", flat=True)) == [f"poison {turn}" for turn in range(11, 6, -1)]
