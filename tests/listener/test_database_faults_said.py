"""What people read while the database is slow, locked or gone, and when what was heard no longer fits."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client

from crmconnector.calls.models import Leg
from crmconnector.common.clock import utc_now
from crmconnector.listener.hearing import OVERFLOW
from crmconnector.listener.outbox import Outbox
from crmconnector.pbx.models import LinkGap, PbxLink
from crmconnector.screenpop.models import Pop
from crmconnector.web.link_reasons import DATABASE, LISTENER, clause_of
from tests.settings import servers
from tests.support.listening_post import (
    FakeCall,
    leading,
)
from tests.support.processes import eventually
from tests.support.said_to_people import (
    IT_WAS,
    LATE,
    ended_well,
    gap_of,
    in_state,
    one_card,
    text_of,
)

pytestmark = pytest.mark.timeout(60)
STALE = timedelta(seconds=21)  # a link that nobody has written for so long is not believed
POOL_SECONDS = 1.0  # how long whoever needs a connection waits for one


@contextlib.contextmanager
def rows_locked() -> Iterator[None]:
    """Every write of the leader waits, as if the database did not answer it; reading goes on."""
    with transaction.atomic():
        PbxLink.objects.select_for_update().get()
        yield


def test_a_database_that_takes_nothing_is_said_once_the_link_is_stale_and_then_all_is_written(rows, pbx, people):
    with leading(rows.pbx) as term:
        people.are_content()
        people.begin()
        with rows_locked():
            calls = [pbx.ring("PJSIP/201", f"0302312{turn:04d}") for turn in range(40)]
            eventually(lambda: len(term.outbox) > 50)
            PbxLink.objects.update(heard_at=utc_now() - STALE)  # as if it had been so for as long
            people.hear_of(LISTENER, sentence="The listener no longer writes what it hears.")
        people.are_content()
        eventually(lambda: PbxLink.objects.get().unwritten == 0)
        for call in calls:
            one_card(call, "ringing")
        ended_well(pbx, term, *calls, log=calls)
        assert not LinkGap.objects.exists(), "the PBX was heard all the time"


@contextlib.contextmanager
def slow_database() -> Iterator[None]:
    """Each write of legs takes a second longer."""
    with connection.cursor() as cursor:
        cursor.execute("create function dawdle() returns trigger language plpgsql as "
                       "$$ begin perform pg_sleep(1); return null; end $$")  # fmt: skip
        cursor.execute(f"create trigger dawdle after insert or update on {Leg._meta.db_table} "
                       "for each statement execute function dawdle()")  # fmt: skip
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("drop function dawdle() cascade")


def test_a_slow_database_is_said_while_cards_lag_and_no_longer(rows, pbx, people):
    with leading(rows.pbx) as term:
        people.are_content()
        people.begin()
        with slow_database():
            calls: list[FakeCall] = []

            def busy() -> bool:  # however much is written between: more waits than is usual
                if len(term.outbox) < 300:
                    calls.extend(pbx.ring(f"PJSIP/{201 + turn % 3}", f"0302312{turn:04d}") for turn in range(60))
                return LATE in people.desk(people.agent)

            eventually(busy, what=lambda: people.desk(people.agent))
            people.noticed("slow database")
            told, text = "events wait for the database", people.desk(people.agent)
            assert LATE in text and "PostgreSQL" not in text
            assert told in people.desk(people.boss) and told in people.warnings()
        people.are_content()
        eventually(lambda: Pop.objects.filter(state="ringing").count() == len(calls))
        ended_well(pbx, term, *calls, log=calls)
        assert not LinkGap.objects.exists()


def elsewhere(work: Callable[[], Any], seconds: float = 30.0) -> Any:
    """In a thread with connections of its own, as the web has them; fails when there is no end of it in time."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, f"no answer within {seconds:g} s"
    return found[0]


@contextlib.contextmanager
def database_down() -> Iterator[None]:
    assert servers is not None, "run this test without -n"
    pool: Any = connection.pool  # type: ignore[attr-defined]
    connection.close()
    servers.stop_postgres(immediate=True)
    patience, pool.timeout = pool.timeout, POOL_SECONDS
    try:
        yield
    finally:
        pool.timeout = patience
        servers.start_postgres()
        eventually(_database_answers, seconds=30)


def _database_answers() -> bool:
    try:
        return PbxLink.objects.exists()
    except DatabaseError:
        connection.close()
        return False


@pytest.mark.alone
def test_a_database_that_is_gone_is_said_in_words_and_all_that_was_heard_is_written_afterwards(rows, pbx, people):
    with leading(rows.pbx) as term:
        people.are_content()
        people.begin()
        people.agent.raise_request_exception = False  # what a browser is shown, also of what failed outside of a view
        with database_down():
            calls = [pbx.ring("PJSIP/201", f"0302312{turn:04d}") for turn in range(20)]
            pbx.answer(calls[0])
            answer = elsewhere(lambda: Client().get("/readyz"))
            people.noticed("database gone, /readyz")
            parts = answer.json()["parts"]
            assert answer.status_code == 503 and not answer.json()["ready"]
            assert {parts[name]["reason"] for name in ("database", "pbx_link", "sweeper")} == {
                "The database does not answer."
            }
            page = elsewhere(lambda: people.agent.get("/desk", headers={"accept": "text/html"}))
            assert page.status_code == 503 and "The database does not answer" in text_of(page.content.decode())
        people.are_content()
        in_state(calls[0], "talking")
        for call in calls[1:]:
            one_card(call, "ringing")
        eventually(lambda: PbxLink.objects.get().unwritten == 0)
        ended_well(pbx, term, *calls, log=calls)
        assert not LinkGap.objects.exists(), "the PBX was heard all the time"


def test_a_full_queue_gives_the_link_up_and_the_gap_is_said_with_its_reason(rows, pbx, people, hurry):
    with leading(rows.pbx, outbox=Outbox(31)) as term:
        people.are_content()
        people.begin()
        sessions = len(pbx.ami.sessions)
        with rows_locked():
            calls = [pbx.ring(f"PJSIP/{201 + turn % 3}", f"0302312{turn:04d}") for turn in range(60)]
            eventually(lambda: len(pbx.ami.sessions) > sessions)
            assert len(term.outbox) <= 40
        gap = gap_of(OVERFLOW)
        people.are_content()
        for call in calls:
            one_card(call, "ringing")
        assert gap.lost, "told however short it was"
        for desk in (people.desk(people.agent), people.desk(people.boss), people.warnings(),
                     text_of(people.agent.get("/calls").content.decode())):  # fmt: skip
            assert IT_WAS in desk and clause_of(DATABASE) in desk
        people.noticed("full queue")
        people.are_content()
        ended_well(pbx, term, *calls, log=calls)
