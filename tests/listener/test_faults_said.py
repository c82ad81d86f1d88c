"""From the wire to what people read: each fault is said on the desk and by /readyz, and is gone when it is over."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import Count, F
from django.test import Client

from crmconnector.asterisk.ami import AmiClient
from crmconnector.asterisk.ami_reasons import SENTENCES
from crmconnector.asterisk.ami_rights import missing_sentence, read_sentence
from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import utc_now
from crmconnector.common.redis import redis_client
from crmconnector.listener import lead
from crmconnector.listener.hearing import OVERFLOW
from crmconnector.listener.models import Heartbeat
from crmconnector.listener.outbox import Outbox
from crmconnector.pbx.models import LinkGap, PbxLink
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import Role
from crmconnector.web.link_reasons import DATABASE, LISTENER, clause_of, cure_of, sentence_of
from tasks.heartbeat import KEY_PREFIX
from tests.settings import servers
from tests.support.fake_ami import QUICK, SECRET
from tests.support.listening_post import (
    FakeCall,
    FakeOffice,
    Term,
    answer_events,
    hangup_events,
    in_step,
    leading,
    ring_events,
)
from tests.support.office import RowOffice
from tests.support.processes import eventually

pytestmark = pytest.mark.timeout(60)
DEAF = ("We have not heard the PBX Office since", "We do not hear the PBX Office yet")
STILL_DEAF = "We have not heard the PBX Office since"  # the gap that lasts, among the warnings of /readyz
IT_WAS = "We did not hear the PBX Office from"
LATE = "cards and lists lag behind"
STALE = timedelta(seconds=21)  # a link that nobody has written for so long is not believed
HURRY: dict[str, Any] = {"back_off": QUICK, "ping_every": 0.1, "silent_after": 0.5, "login_deadline": 1.0}
POOL_SECONDS = 1.0  # how long whoever needs a connection waits for one; each part of /readyz waits anew


@dataclass
class People:
    """An agent, an administrator and a monitoring system, and what each of them reads now."""

    agent: Client
    boss: Client
    began: float = field(default_factory=time.monotonic)

    def desk(self, client: Client) -> str:
        """The banners of the desk, as a person comes to it."""
        html = client.get("/", follow=True).content.decode()
        return text_of(html.split('id="desk-banners"')[1].partition(">")[2].split('id="desk-lines"')[0])

    def readyz(self) -> tuple[int, dict[str, Any]]:
        """With everything else of the product in order: the sweeper and a worker have just given a sign of life."""
        Heartbeat.objects.update_or_create(name="sweeper", defaults={"at": utc_now()})
        with contextlib.closing(redis_client(settings.REDIS_URL)) as broker:
            broker.set(f"{KEY_PREFIX}test", 1, ex=60)
        answer = Client().get("/readyz")
        return answer.status_code, answer.json()

    def warnings(self) -> str:
        return " ".join(self.readyz()[1]["warnings"])

    def begin(self) -> None:
        self.began = time.monotonic()

    def noticed(self, what: str) -> None:
        print(f"\n{what}: noticed after {time.monotonic() - self.began:.1f} s")

    def hear_of(self, *codes: str, sentence: str = "") -> None:
        """Wait until everybody is told in words of one of these reasons that the PBX is not heard."""
        eventually(lambda: any(not self._not_told(code, sentence) for code in codes),
                   what=lambda: [self._not_told(code, sentence) for code in codes])  # fmt: skip
        self.noticed(" or ".join(codes))

    def are_content(self) -> None:
        """Wait until nobody is told of any trouble that lasts, and /readyz is fine."""
        eventually(lambda: not self._troubles(), what=self._troubles)

    def _not_told(self, code: str, sentence: str) -> list[str]:
        agent, boss, (status, answer) = self.desk(self.agent), self.desk(self.boss), self.readyz()
        link = answer["parts"]["pbx_link"]["links"][0]
        why = sentence or SENTENCES[code]
        told = {
            f"agent: {agent}": agent.startswith(DEAF) and sentence_of(code) in agent,
            "nothing for administrators on an agent's desk": cure_of(code) not in agent and "manager.conf" not in agent,
            f"administrator: {boss}": boss.startswith(DEAF) and why in boss and cure_of(code) in boss,
            f"readyz: {link}": status == 503 and not link["ok"] and link["reason_code"] == code
            and link["reason"].startswith(why) and link["cure"] == cure_of(code),
        }  # fmt: skip
        assert SECRET not in f"{agent}{boss}{answer}"
        return [one for one, said in told.items() if not said]

    def _troubles(self) -> list[str]:
        agent, boss, (status, answer) = self.desk(self.agent), self.desk(self.boss), self.readyz()
        over = all(one.startswith(IT_WAS) for one in answer["warnings"])
        quiet = not any(word in desk for desk in (agent, boss) for word in (*DEAF, LATE, "is heard, but"))
        return [] if status == 200 and answer["ready"] and over and quiet else [agent, boss, str(answer)]


@pytest.fixture
def people(rows: RowOffice) -> People:
    """User 201 is an agent; user 203, with a phone as well, runs the place."""
    rows.users[2].role = Role.ADMINISTRATOR
    rows.users[2].save()
    readers = People(Client(), Client())
    readers.agent.force_login(rows.users[0])
    readers.boss.force_login(rows.users[2])
    return readers


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The link's times, so short that a test can wait for them."""
    monkeypatch.setattr(lead.ami, "AmiClient", lambda address, **more: AmiClient(address, **{**HURRY, **more}))


def text_of(html: str) -> str:
    """What a person reads: no tags, no entities, one blank between words."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).strip()


def in_state(call: FakeCall, state: str) -> Call:
    """Wait until the log says so of this call."""
    found: Call = eventually(
        lambda: Call.objects.filter(linkedid=call.key, state=state).first(), what=Call.objects.values
    )
    return found


def one_card(call: FakeCall, state: str) -> None:
    """Wait until this call has a card in this state; never more than one."""
    eventually(lambda: Pop.objects.filter(call__linkedid=call.key, state=state).exists(), what=Pop.objects.values)
    assert Pop.objects.filter(call__linkedid=call.key).count() == 1


def all_told_once(term: Term, calls: list[FakeCall]) -> None:
    """These calls and no others are in the log, each with one leg, and no user has two cards of one call."""
    eventually(lambda: in_step(term.lead))
    assert sorted(Call.objects.values_list("linkedid", flat=True)) == sorted(call.key for call in calls)
    assert Leg.objects.count() == len(calls)
    assert not Pop.objects.values("call", "user").annotate(n=Count("pk")).filter(n__gt=1).exists()
    assert not LinkGap.objects.filter(until_at=None).exists()


def gap_of(reason: str) -> LinkGap:
    """Wait until the gap that this began has a row; there is no other."""
    return eventually(lambda: LinkGap.objects.filter(reason__startswith=reason).first(), what=LinkGap.objects.values)


def ended_well(pbx: FakeOffice, term: Term, *living: FakeCall, log: list[FakeCall]) -> None:
    """What lives is hung up; then all is closed and was told once."""
    for call in living:
        pbx.hang_up(call)
    eventually(lambda: not Call.objects.filter(ended_at=None).exists(), what=Call.objects.values)
    eventually(lambda: not Pop.objects.exclude(state="closed").exists(), what=Pop.objects.values)
    all_told_once(term, log)


def test_a_port_that_is_closed_is_said_and_calls_that_went_on_meanwhile_are_found_again(rows, pbx, people, hurry):
    with leading(rows.pbx) as term:
        lost, kept, new = pbx.ring("PJSIP/201"), pbx.ring("PJSIP/202"), pbx.make("PJSIP/203", "03023125448")
        pbx.answer(kept)
        in_state(kept, "talking")
        one_card(lost, "ringing")
        people.are_content()
        people.begin()
        pbx.close_port()
        people.hear_of("unreachable")
        assert STILL_DEAF in people.warnings() and clause_of("cut") in people.warnings()
        pbx.say(*hangup_events(lost), *ring_events(new), heard=False)
        pbx.open_port()
        people.are_content()
        assert in_state(lost, "ended").disposition == "unseen"
        one_card(lost, "closed")
        one_card(new, "ringing")
        one_card(kept, "talking")
        ended_well(pbx, term, kept, new, log=[lost, kept, new])
        assert Call.objects.get(linkedid=kept.key).disposition == "answered"


@pytest.mark.parametrize("told", [True, False], ids=["with a Shutdown", "killed"])
def test_a_pbx_that_restarts_is_said_and_its_old_calls_are_closed(rows, pbx, people, hurry, told):
    with leading(rows.pbx) as term:
        one, two = pbx.ring("PJSIP/201"), pbx.ring("PJSIP/202")
        pbx.answer(two)
        in_state(two, "talking")
        one_card(one, "ringing")
        people.are_content()
        people.begin()
        if told:  # on its way down it refuses every login, then it is gone for a while
            pbx.ami.login, pbx.ami.refusal = "refuse", "Asterisk is shutting down"
            pbx.say({"Event": "Shutdown", "Shutdown": "Cleanly", "Restart": "True"})
            people.hear_of("pbx_shutdown")
        pbx.close_port()
        people.hear_of("unreachable")
        assert clause_of("pbx_shutdown" if told else "cut") in people.warnings()
        pbx.new_life()
        pbx.ami.login = "accept"
        pbx.open_port()
        people.are_content()
        assert in_state(one, "ended").disposition == "unseen"
        assert in_state(two, "ended").disposition == "answered", "its answer was seen"
        new = pbx.ring("PJSIP/201")
        one_card(new, "ringing")
        one_card(one, "closed")
        ended_well(pbx, term, new, log=[one, two, new])


def test_a_refused_login_is_said_and_the_call_that_went_on_is_not_told_twice(rows, pbx, people, hurry):
    with leading(rows.pbx) as term:
        call = pbx.ring()
        one_card(call, "ringing")
        people.are_content()
        version = Pop.objects.get().version
        people.begin()
        pbx.ami.login = "refuse"
        pbx.cut()
        people.hear_of("login_refused")
        pbx.ami.login = "accept"
        people.are_content()
        assert Pop.objects.get().version == version, "the card stayed as it was"
        ended_well(pbx, term, call, log=[call])


def test_a_login_that_was_never_accepted_is_said_from_the_start(rows, pbx, people, hurry):
    pbx.ami.login = "refuse"
    with leading(rows.pbx, hears=False) as term:
        people.begin()
        people.hear_of("login_refused")
        pbx.ami.login = "accept"
        people.are_content()
        call = pbx.ring()
        one_card(call, "ringing")
        ended_well(pbx, term, call, log=[call])


def test_a_link_that_is_half_open_is_said_and_the_answer_in_between_is_found_again(rows, pbx, people, hurry):
    with leading(rows.pbx) as term:
        call = pbx.ring()
        one_card(call, "ringing")
        people.are_content()
        people.begin()
        pbx.ami.silent = True  # the socket stays open; a new one is accepted and its login not answered
        people.hear_of("silent", "login_unanswered")
        gap_of(SENTENCES["silent"])
        assert clause_of("silent") in people.warnings()
        people.hear_of("login_unanswered")
        pbx.say(*answer_events(call), heard=False)
        pbx.ami.silent = False
        people.are_content()
        one_card(call, "talking")
        in_state(call, "talking")
        ended_well(pbx, term, call, log=[call])
        assert Call.objects.get().disposition == "answered"


def no_list(pbx: FakeOffice, missing: bool) -> None:
    pbx.refuse_list, pbx.commands = missing, {} if missing else FakeOffice(pbx.thread).commands


def not_booted(pbx: FakeOffice, missing: bool) -> None:
    pbx.ami.fully_booted = not missing


def no_calls(pbx: FakeOffice, missing: bool) -> None:
    pbx.ami.bend = without_calls if missing else bytes


def without_calls(raw: bytes) -> bytes:
    """What a user without `read = call` is sent; the list's own lines are answers."""
    return b"" if re.match(rb"Event: (Newchannel|Newstate|Dial|Hangup|Bridge)", raw) else raw


@pytest.mark.parametrize(
    ("right", "sentence"),
    [
        (no_list, missing_sentence("reporting")),
        (not_booted, read_sentence("system")),
        (no_calls, read_sentence("call")),
    ],
    ids=["list refused", "not FullyBooted", "no call events"],
)
def test_a_missing_right_is_said_to_administrators_and_goes_with_its_cause(
    rows: RowOffice, pbx: FakeOffice, people: People, hurry: None, right: Callable[..., None], sentence: str
) -> None:
    with leading(rows.pbx, check_seconds=0.3) as term:
        people.are_content()
        people.begin()
        right(pbx, True)
        links = PbxLink.objects.get().since
        pbx.cut()
        eventually(lambda: PbxLink.objects.filter(since__gt=links, state="connected").exists())
        call = pbx.ring()
        shown = sentence.replace("`", "")
        eventually(lambda: shown in people.desk(people.boss), what=lambda: people.desk(people.boss))
        eventually(lambda: sentence in people.warnings(), what=people.warnings)
        people.noticed(sentence)
        status, answer = people.readyz()
        assert (status, answer["ready"]) == (200, True), "restarting something cures nothing of it"
        assert "manager.conf" not in people.desk(people.agent)
        one_card(call, "ringing")
        right(pbx, False)
        pbx.cut()
        people.are_content()
        ended_well(pbx, term, call, log=[call])


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
        LinkGap.objects.filter(pk=gap.pk).update(from_at=F("from_at") - timedelta(seconds=9))  # not a mere blink
        for desk in (people.desk(people.agent), people.desk(people.boss), people.warnings(),
                     text_of(people.agent.get("/calls").content.decode())):  # fmt: skip
            assert IT_WAS in desk and clause_of(DATABASE) in desk
        people.noticed("full queue")
        people.are_content()
        ended_well(pbx, term, *calls, log=calls)
