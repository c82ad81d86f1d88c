"""The database is slow: hearing goes on, nothing that the log needs is lost, no card pops late, memory is bounded."""

import contextlib
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.db.backends.signals import connection_created

from crmconnector.calls import events as ev
from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import from_epoch, utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.listener.hearing import OVERFLOW
from crmconnector.listener.outbox import Outbox
from crmconnector.pbx.models import LinkGap, PbxLink
from crmconnector.pbx.selectors import how_we_hear
from crmconnector.screenpop.models import Pop
from tests.support.listening_post import Term, answer_events, leading, ring_events
from tests.support.processes import eventually
from tests.support.story import T0, answered_call

pytestmark = pytest.mark.timeout(60)


@contextlib.contextmanager
def database_hangs() -> Iterator[None]:
    """Every write of the leader waits, as if the database did not answer."""
    with transaction.atomic():
        PbxLink.objects.select_for_update().get()
        yield


def heard(term: Term, events: int) -> None:
    """Wait until so many events were taken from the wire and interpreted."""
    eventually(lambda: term.lead.hearing._fed >= events, what=lambda: term.lead.hearing._fed)


def written(term: Term) -> None:
    eventually(lambda: term.outbox.oldest_at() is None)


def test_hearing_goes_on_while_the_database_hangs_and_everything_is_written_in_order(rows, pbx):
    with leading(rows.pbx) as term:
        before = term.lead.hearing._fed
        with database_hangs():
            calls = [pbx.ring(f"PJSIP/{201 + turn % 3}", f"0302312{turn:04d}") for turn in range(300)]
            for call in calls:
                pbx.answer(call)
            for call in calls[:150]:
                pbx.hang_up(call)
            heard(term, before + 300 * 9 + 150 * 4)
            assert len(term.outbox) > 1000
        written(term)
    assert Call.objects.count() == Leg.objects.count() == 300
    assert Call.objects.filter(disposition="answered").count() == 150
    assert Call.objects.filter(state="talking").count() == 150
    assert not LinkGap.objects.exists()
    print("\n300 calls heard while nothing could be written: 300 in the log, no gap")


def test_a_call_that_came_and_went_meanwhile_is_in_the_log_and_opens_no_card(rows, pbx):
    with leading(rows.pbx) as term:
        with database_hangs():
            for turn in range(400):  # more than one batch: ring and end are not written together
                pbx.ring("PJSIP/201", f"0302312{turn:04d}")
            quick = [pbx.ring("PJSIP/202", f"0302313{turn:04d}") for turn in range(100)]
            for call in quick:
                pbx.answer(call)
            for call in quick:
                pbx.hang_up(call)
            eventually(lambda: len(term.outbox) > 1000)
        written(term)
    assert Call.objects.filter(disposition="answered").count() == 100
    assert not Pop.objects.filter(user=rows.users[1]).exists()
    assert Pop.objects.filter(user=rows.users[0], state="ringing").count() == 400, "what still rings does pop"


def test_when_even_that_does_not_fit_the_calls_are_read_afresh_and_a_gap_tells_it(rows, pbx):
    with leading(rows.pbx, outbox=Outbox(31)) as term:
        gone = pbx.ring("PJSIP/203", "03023129999")
        eventually(lambda: Call.objects.filter(state="ringing").exists())
        with database_hangs():
            sessions = len(pbx.ami.sessions)
            calls = [pbx.ring(f"PJSIP/{201 + turn % 3}", f"0302312{turn:04d}") for turn in range(100)]
            pbx.hang_up(gone)
            eventually(lambda: term.lead.hearing._deaf_since is None and term.lead.hearing._forget)
            for call in calls[:50]:
                pbx.hang_up(call)
            assert len(term.outbox) <= 40
        eventually(lambda: LinkGap.objects.filter(until_at__isnull=False).exists(), what=LinkGap.objects.values)
        written(term)
        eventually(lambda: len(pbx.ami.sessions) > sessions)
        eventually(lambda: Pop.objects.filter(state="ringing").count() == 50, what=lambda: Pop.objects.values("state"))
        assert LinkGap.objects.first().reason == OVERFLOW
        assert Call.objects.get(linkedid=gone.key).state == "ended"
        assert set(Call.objects.filter(ended_at=None).values_list("linkedid", flat=True)) == {
            call.key for call in calls[50:]
        }
        for call in calls[50:]:
            pbx.hang_up(call)
        eventually(lambda: not Call.objects.filter(ended_at=None).exists())
    assert not Pop.objects.exclude(state="closed").exists()


def test_small_facts_are_dropped_first_counted_and_shown(rows, pbx):
    with leading(rows.pbx, outbox=Outbox(10)) as term:
        call = pbx.ring()
        pbx.answer(call)
        eventually(lambda: Call.objects.filter(state="talking").exists())
        with database_hangs():
            for _ in range(30):
                pbx.say({"Event": "Hold", **call.phone}, {"Event": "Unhold", **call.phone})
            pbx.say({"Event": "Hold", **call.phone})
            eventually(lambda: term.outbox.dropped >= 40)
        written(term)
        eventually(lambda: PbxLink.objects.filter(dropped_facts__gte=40).exists())
        assert Leg.objects.get().state == "held", "the newest of them counts"
        view = how_we_hear(rows.pbx.__class__.objects.get(), utc_now())
        assert view.dropped_facts == term.outbox.dropped
        assert view.dropped_at is not None
        assert len(pbx.ami.sessions) == 1, "no reason to give up the link"
    with leading(rows.pbx):
        assert PbxLink.objects.get().dropped_facts == term.outbox.dropped, "the count outlives its leader"


def test_what_is_not_written_does_not_count_as_heard(rows, pbx):
    """Should this leader die now, its successor must begin the gap before the facts that were never written."""
    with leading(rows.pbx) as term, database_hangs():
        pbx.ring()
        since = eventually(term.outbox.oldest_at)
        news = eventually(lambda: (one := term.lead._news()).heard_at and one)
        assert news.heard_at <= from_epoch(since), "both rounded to the microsecond alike"


def test_ten_thousand_events_that_change_nothing_cost_no_query(rows, pbx):
    with leading(rows.pbx) as term:
        call = pbx.ring()
        pbx.answer(call)
        eventually(lambda: Call.objects.filter(state="talking").exists())
        written(term)
        again = [one for one in (*ring_events(call), *answer_events(call)) if one["Event"] != "Newchannel"]
        with statements() as seen:
            before = term.lead.hearing._fed
            for _ in range(10):
                pbx.say(*([*again, {"Event": "VarSet", **call.caller, "Variable": "a", "Value": "b"}] * 144))
            heard(term, before + 10_000)
            written(term)
    by_the_clock = ("pbx_pbxlink", "screenpop_poptest")  # the link's row, and the look for test rings
    assert [one for one in seen if not any(table in one for table in by_the_clock)] == []
    assert sum("pbx_pbxlink" in one for one in seen) <= 60, "the row of the link: every other second"


@pytest.mark.parametrize("most", [60])
def test_the_number_of_queries_of_a_batch_does_not_grow_with_its_calls(office, most):
    few, many = queries(office, range(5)), queries(office, range(10, 110))
    print(f"\nqueries: {few} for 5 calls, {many} for 100 calls of 500 events")
    assert many <= min(few + 2, most)


def queries(office, keys) -> int:
    from django.test.utils import CaptureQueriesContext

    batch: list[ev.CallEvent] = []
    for key in keys:
        story = answered_call(leg_endpoint=f"PJSIP/{201 + key % 3}", number=f"0302312{key:04d}", key=f"{T0:.0f}.{key}")
        batch += story[:5]
    with CaptureQueriesContext(connection) as captured:
        handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())
    return len(captured)


@contextlib.contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that the product's threads send through Django."""
    seen: list[str] = []

    def note(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    def install(connection, **_):
        if connection is not here and note not in connection.execute_wrappers:
            connection.execute_wrappers.append(note)

    from django.db import connections

    here = connections["default"]
    connection_created.connect(install)
    try:
        yield seen
    finally:
        connection_created.disconnect(install)
