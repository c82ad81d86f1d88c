"""After a login, and every few minutes: the calls are as the PBX has them, whatever the wire did with the order."""

import pytest

from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import from_epoch
from crmconnector.pbx.models import LinkGap, Pbx, PbxLink, Trunk
from crmconnector.screenpop.models import Pop
from tests.support.listening_post import (
    answer_events,
    fake_office,
    hangup_events,
    in_step,
    leading,
    now,
    ring_events,
    wire,
)
from tests.support.processes import eventually

pytestmark = pytest.mark.timeout(60)


def written(term) -> None:
    eventually(lambda: in_step(term.lead) and term.outbox.oldest_at() is None)


def ended(call):
    return eventually(lambda: Call.objects.filter(linkedid=call.key, state="ended").first(), what=Call.objects.values)


def ringing(call):
    return eventually(lambda: Call.objects.filter(linkedid=call.key, state="ringing").first())


def test_a_hangup_sent_before_the_list_is_told_with_its_cause_and_not_as_unseen(rows, pbx):
    with leading(rows.pbx) as term:
        call = pbx.ring()
        ringing(call)
        pbx.before_list = lambda: [pbx.note(one) for one in hangup_events(call)]
        pbx.cut()
        assert ended(call).disposition in ("no_answer", "cancelled")
        written(term)


def test_a_hangup_queued_behind_the_list_is_told_with_its_cause(rows, pbx):
    """Asterisk sends what it had queued after the list, although the list lacks the channels already."""
    with leading(rows.pbx) as term:
        call = pbx.ring()
        ringing(call)

        def hang_up_silently() -> None:
            for one in hangup_events(call):
                pbx.living.take(dict(one))

        def tell() -> None:
            pbx.thread.loop.call_later(0.15, lambda: [pbx.note(one) for one in hangup_events(call)])

        pbx.before_list, pbx.after_list = hang_up_silently, tell
        pbx.cut()
        assert ended(call).disposition in ("no_answer", "cancelled")
        written(term)


def test_what_waits_to_be_fed_is_fed_before_anything_is_ended(rows, pbx):
    """Thousands of events before the hang-up: the list is there long before they are interpreted."""
    with leading(rows.pbx, settle_seconds=0.0) as term:
        call = pbx.ring()
        ringing(call)
        noise = {"Event": "VarSet", **call.caller, "Variable": "a", "Value": "b"}
        pbx.before_list = lambda: [pbx.note(one) for one in ([noise] * 15_000 + hangup_events(call))]
        pbx.cut()
        assert ended(call).disposition in ("no_answer", "cancelled")
        written(term)


def test_a_late_state_of_before_the_list_does_not_undo_the_list(rows, pbx):
    call = pbx.make("PJSIP/201", "03023125447")
    ring, answer = ring_events(call), answer_events(call)
    pbx.say(*ring, *answer, heard=False)
    pbx.after_list = lambda: [pbx.ami.say(wire(one)) for one in ring[3:]]  # "Ringing", older than the list's "Up"
    with leading(rows.pbx) as term:
        written(term)
        assert Leg.objects.get().state == "talking"
        assert not Pop.objects.exists(), "it was answered long before we came"
        pbx.after_list = None
        pbx.hang_up(call)
        assert ended(call).disposition == "answered"


def test_a_talk_is_known_although_an_event_of_it_came_before_the_list(rows, pbx):
    """Who hears whom stands in the list alone; one small event before must not hide it."""
    call = pbx.make("PJSIP/201", "03023125447")
    pbx.say(*ring_events(call), *answer_events(call), heard=False)
    pbx.before_list = lambda: pbx.note({"Event": "Newstate", **call.phone})
    with leading(rows.pbx) as term:
        written(term)
        assert Call.objects.get().state == "talking"
        pbx.hang_up(call)
        row = ended(call)
        assert (row.disposition, row.answered_by) == ("answered", rows.users[0])


def test_a_call_that_began_and_ended_beside_the_list_is_told_whole(rows, pbx):
    call = pbx.make("PJSIP/201", "03023125447")
    pbx.before_list = lambda: [pbx.note(one) for one in ring_events(call)]
    pbx.after_list = lambda: [pbx.note(one) for one in hangup_events(call)]
    with leading(rows.pbx):
        row = ended(call)
        assert row.disposition in ("no_answer", "cancelled")
        assert Leg.objects.get().rang_at is not None


def test_a_call_that_comes_right_after_the_list_is_not_ended_by_it(rows, pbx):
    call = pbx.make("PJSIP/201", "03023125447")
    pbx.after_list = lambda: [pbx.note(one) for one in ring_events(call)]
    with leading(rows.pbx) as term:
        written(term)
        assert ringing(call)
        assert Pop.objects.get().state == "ringing"


def test_what_ended_in_a_gap_is_closed_and_what_began_there_is_taken_in(rows, pbx):
    with leading(rows.pbx) as term:
        old = pbx.ring("PJSIP/201")
        ringing(old)
        new = pbx.make("PJSIP/202", "03023125448")

        def meanwhile() -> None:
            for one in (*hangup_events(old), *ring_events(new)):
                pbx.living.take(dict(one))

        before = now()
        pbx.before_list = meanwhile
        pbx.cut()
        assert ended(old).disposition == "unseen"
        assert ringing(new)
        assert Pop.objects.get(call__linkedid=new.key).state == "ringing"
        gap = eventually(lambda: LinkGap.objects.filter(until_at__isnull=False).first())
        assert before - 5 < gap.from_at.timestamp() <= gap.until_at.timestamp() <= now()
        written(term)


@pytest.mark.parametrize("told", [True, False], ids=["with a Shutdown", "killed"])
def test_a_restarted_pbx_leaves_no_call_open(rows, pbx, told):
    with leading(rows.pbx) as term:
        one, two = pbx.ring("PJSIP/201"), pbx.ring("PJSIP/202")
        pbx.answer(two)
        eventually(lambda: Call.objects.filter(state="talking").exists())
        pbx.restart(told=told)
        assert ended(one).disposition == "unseen"
        assert ended(two).disposition == "answered", "its answer was seen"
        assert not Leg.objects.filter(ended_at=None).exists()
        assert not Pop.objects.exclude(state="closed").exists()
        written(term)
        assert pbx.ring("PJSIP/203") and eventually(lambda: Pop.objects.filter(state="ringing").exists())


def test_a_hangup_that_never_came_is_caught_by_the_next_check(rows, pbx):
    with leading(rows.pbx, check_seconds=0.5):
        lost, kept = pbx.ring("PJSIP/201"), pbx.ring("PJSIP/202")
        pbx.answer(kept)
        pbx.say(*hangup_events(lost), heard=False)
        assert ended(lost).disposition == "unseen"
        asked = pbx.lists_asked
        eventually(lambda: pbx.lists_asked > asked + 2)
        assert Call.objects.get(linkedid=kept.key).state == "talking"


def test_checks_under_traffic_never_end_a_call_wrongly(rows, pbx):
    with leading(rows.pbx, check_seconds=0.05, settle_seconds=0.05):
        begun = pbx.lists_asked
        calls = []
        for turn in range(150):
            calls.append(pbx.ring(f"PJSIP/{201 + turn % 3}", f"0302312{turn:04d}"))
            if turn % 2:
                pbx.answer(calls[-1])
            if turn >= 5:
                pbx.hang_up(calls[turn - 5])
        for call in calls[-5:]:
            pbx.hang_up(call)
        eventually(lambda: Call.objects.filter(state="ended").count() == 150)
        eventually(lambda: pbx.lists_asked > begun + 3)
    assert Call.objects.filter(disposition="answered").count() == 75
    assert not Call.objects.filter(disposition="unseen").exists()
    print(f"\n{pbx.lists_asked - begun} checks among 150 calls, none ended wrongly")


def test_a_list_with_lines_that_nobody_understands_ends_nothing(rows, pbx):
    with leading(rows.pbx, check_seconds=0.3):
        call = pbx.ring()
        ringing(call)
        pbx.short_list = 1
        pbx.say(*hangup_events(call), heard=False)
        asked = pbx.lists_asked
        eventually(lambda: pbx.lists_asked > asked + 2)
        assert Call.objects.get().state == "ringing"
        pbx.short_list = 0
        assert ended(call).disposition == "unseen"


def test_a_list_that_is_shorter_than_the_pbx_says_ends_nothing(rows, pbx):
    with leading(rows.pbx, check_seconds=0.3):
        call = pbx.ring()
        ringing(call)
        pbx.lost_lines = 2
        asked = pbx.lists_asked
        eventually(lambda: pbx.lists_asked > asked + 3)
        assert Call.objects.get().state == "ringing"
        pbx.lost_lines = 0
        pbx.hang_up(call)
        assert ended(call).disposition in ("no_answer", "cancelled")


def test_a_pbx_that_refuses_the_list_is_heard_all_the_same_and_it_is_said(rows, pbx):
    pbx.refuse_list = True
    with leading(rows.pbx):
        call = pbx.ring()
        ringing(call)
        pbx.hang_up(call)
        ended(call)
        link = eventually(lambda: PbxLink.objects.filter(warning__contains="reporting").first())
        assert link.state == "connected"
    assert len(pbx.ami.sessions) == 1, "it is no reason to connect again and again"


def test_a_gap_of_one_pbx_is_no_gap_of_another(rows, pbx):
    with fake_office() as other:
        second = other.row(Pbx(country="DE"), "Branch")
        PbxLink.objects.create(pbx=second)
        Trunk.objects.create(pbx=second, endpoint="PJSIP/trunk", confirmed=True)
        with leading(rows.pbx), leading(second) as term:
            here, there = pbx.ring(), other.ring()
            eventually(lambda: Call.objects.filter(state="ringing").count() == 2)
            pbx.say(*hangup_events(here), heard=False)
            pbx.cut()
            other.answer(there)
            eventually(lambda: Call.objects.filter(pbx=rows.pbx, disposition="unseen").exists())
            eventually(lambda: Call.objects.filter(pbx=second, state="talking").exists())
            written(term)
            assert set(LinkGap.objects.values_list("pbx", flat=True)) == {rows.pbx.pk}


def test_a_leader_that_died_with_its_link_down_leaves_a_gap_too(rows, pbx):
    """It knew of the lost link and was killed before it could write the gap."""
    at = from_epoch(now() - 60)
    PbxLink.objects.update(state=PbxLink.State.DOWN, heard_at=at, reason="The connection to the PBX was cut.")
    with leading(rows.pbx):
        gap = eventually(lambda: LinkGap.objects.filter(until_at__isnull=False).first())
    assert (gap.from_at, gap.reason) == (at, "The connection to the PBX was cut.")
