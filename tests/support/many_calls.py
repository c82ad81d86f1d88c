"""A house of two hundred people in four teams, with as many contacts and as many calls of one year as asked for, made
by the database itself: only reads are tried on them.

Every second is busy alike; calls have parties, legs, notes, parts, missed ones and talks like those of a real house.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import connection

from crmconnector.calls.models import Disposition
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line, Pbx, PbxLink, Queue
from crmconnector.users.models import Role, Team, User

PEOPLE, TEAMS, LINES, QUEUES, DAYS = 200, 4, 20, 10, 365
FIRST_NUMBER = 20_000_000

_CONTACTS = """
insert into contacts_contact
    (id, kind, name, company, title, email, notes, tags, team_id, external_id, external_link, created_at, updated_at)
select n, 'person', (array['Achterberg','Nowak','Okafor','Lindqvist','Carvalho','Haddad','Kim'])[1 + n %% 7]
       || ' ' || md5(n::text), 'Company ' || n %% 5000, '', '', '', '{}',
       case when n %% 10 = 0 then (select id from users_team order by id limit 1 offset (n / 10) %% 4) end,
       '', '', now(), now()
from generate_series(1, %(contacts)s) as n
"""
_NUMBERS = """
insert into contacts_contactnumber (contact_id, label, written, e164, match_key)
select 1 + n / 2, 'work', '+4930' || (%(first)s + n), '+4930' || (%(first)s + n), right('30' || (%(first)s + n), 9)
from generate_series(0, 2 * %(contacts)s - 1) as n
"""
_CALLS = """
with numbered as (
    select n, now() - (%(calls)s - n) * (%(days)s * interval '1 day' / %(calls)s) as at,
           (n::bigint * 7919) %% greatest(1, 3 * %(contacts)s) as who,
           case when n %% 20 < 14 then 'inbound' when n %% 20 < 19 then 'outbound' else 'internal' end as direction,
           case when n %% 7 = 0 then 'no_answer' when n %% 31 = 0 then 'abandoned' when n %% 97 = 0 then 'unseen'
                else 'answered' end as came_out
    from generate_series(1, %(calls)s) as n
)
insert into calls_call
    (pbx_id, linkedid, direction, originated, state, caller_endpoint, caller_number, caller_name, caller_restricted,
     caller_e164, dialled, far_number, line_id, queue_name, contact_id, disposition, answered_by_endpoint,
     answered_by_id, placed_by_id, merged_into, transfers, talked_with, picked_up, test, started_at, answered_at,
     ended_at, talk_seconds, parked_place)
select %(pbx)s, 'many-' || n, direction, false, 'ended', '', number,
       case when direction = 'inbound' and n %% 3 = 0 then 'NETWORK ' || upper(md5(who::text)) else '' end, false,
       case when direction = 'inbound' then number else '' end,
       case when direction = 'inbound' then '+493090' || n %% %(lines)s else number end, number,
       case when direction = 'inbound' then %(line)s + n %% %(lines)s end,
       case when direction = 'inbound' and n %% 2 = 0 then '6' || lpad((n %% %(queues)s)::text, 2, '0') else '' end,
       case when direction <> 'internal' and who < 2 * %(contacts)s then 1 + who / 2 end, came_out, '',
       case when direction = 'inbound' and came_out = 'answered' then %(user)s + n %% %(people)s end,
       case when direction <> 'inbound' then %(user)s + n %% %(people)s end,
       case when n %% 101 = 0 then 'many-' || (n - 1) else '' end, '[]', '[]', false, false, at,
       case when came_out = 'answered' then at + interval '8 seconds' end, at + interval '90 seconds',
       case when came_out = 'answered' then 82 end, ''
from (select *, case when direction = 'internal' then (200 + n %% %(people)s)::text
                     else '+4930' || (%(first)s + who) end as number from numbered) as told
"""
_LEGS = """
insert into calls_leg
    (call_id, pbx_id, uniqueid, endpoint, user_id, far_number, far_name, far_endpoint, far_restricted, pops, placed,
     state, outcome, answered_by_endpoint, rang_at, answered_at, ended_at)
select id, pbx_id, 'leg-' || id || '-' || place, 'PJSIP/' || place, %(user)s + (n + place * 67) %% %(people)s,
       caller_number, '', '', false, true, false,
       'ended', case when place = 0 then disposition else 'elsewhere' end, '',
       started_at, case when place = 0 then answered_at end, ended_at
from (select *, substr(linkedid, 6)::int as n from calls_call where linkedid like 'many-%%') as call,
     generate_series(0, 1) as place
where direction = 'inbound'
"""
_PARTIES = """
insert into calls_callparty (call_id, user_id, started_at)
select distinct call_id, user_id, started_at
from (
    select id as call_id, answered_by_id as user_id, started_at from calls_call
    union all select id, placed_by_id, started_at from calls_call
    union all select call_id, user_id, rang_at from calls_leg
) as one where user_id is not null
"""
_NOTES = """
insert into calls_callnote (call_id, user_id, text, outcome_id, created_at, changed_at)
select id, %(user)s, 'Wants the invoice ' || md5(id::text), %(outcome)s, started_at, started_at
from calls_call where substr(linkedid, 6)::int %% 50 = 0
"""
_POPS = """
insert into screenpop_pop (user_id, call_id, state, payload, version, opened_at, changed_at)
select user_id, call_id, 'closed', '{}', row_number() over (order by started_at), started_at, started_at
from calls_callparty
where started_at between now() - interval '4 days' and now() - interval '3 hours'  -- no desk shows these any more
"""


_TABLES = (
    "contacts_contact", "contacts_contactnumber", "calls_call", "calls_leg", "calls_callparty", "calls_callnote",
)  # fmt: skip


@contextlib.contextmanager
def without_indexes(*tables: str) -> Iterator[None]:
    """Made anew at the end: a tenth of the time for a million rows. Those behind constraints stay, but nobody looks
    whether rows that others refer to exist: what the database made itself does."""
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute(
            "select indexname, indexdef from pg_indexes where tablename = any(%s) and indexname not in "
            "(select conname from pg_constraint)",
            [list(tables)],
        )
        known = cursor.fetchall()
        for name, _definition in known:
            cursor.execute(f'drop index "{name}"')
        yield
        cursor.execute("set session_replication_role = origin")
        cursor.execute("set maintenance_work_mem = '512MB'")
        for _name, definition in known:
            cursor.execute(definition)


@dataclass
class House:
    pbx: Pbx
    people: list[User] = field(default_factory=list)
    teams: list[Team] = field(default_factory=list)
    boss: User | None = None

    @property
    def agent(self) -> User:
        return self.people[7]

    @property
    def supervisor(self) -> User:
        """Of the fifty people of the first team."""
        return self.people[0]


def make_house(*, calls: int, contacts: int) -> House:
    pbx = Pbx.objects.create(name="House", host="127.0.0.1", username="crm", secret="secret", country="DE")
    PbxLink.objects.create(pbx=pbx, state=PbxLink.State.CONNECTED, heard_at=utc_now())
    house = House(pbx, teams=[Team.objects.create(name=f"Team {place}") for place in range(TEAMS)])
    house.people = User.objects.bulk_create(
        User(username=f"user{place}", full_name=f"Agent {place:03}", password="!") for place in range(PEOPLE)
    )
    for place, user in enumerate(house.people):
        user.teams.add(house.teams[place * TEAMS // PEOPLE])
    User.objects.filter(pk=house.supervisor.pk).update(role=Role.SUPERVISOR)
    house.supervisor.role = Role.SUPERVISOR
    house.boss = User.objects.create(username="boss", full_name="The boss", password="!", role=Role.ADMINISTRATOR)
    lines = Line.objects.bulk_create(
        Line(pbx=pbx, did=f"+493090{place}", label=f"Line {place}") for place in range(LINES)
    )
    Queue.objects.bulk_create(Queue(pbx=pbx, name=f"6{place:02}", label=f"Queue {place}") for place in range(QUEUES))
    outcome = Disposition.objects.create(key=8, label="Settled here")
    known = {
        "calls": calls, "contacts": contacts, "days": DAYS, "pbx": pbx.pk, "line": lines[0].pk, "lines": LINES,
        "queues": QUEUES, "user": house.people[0].pk, "people": PEOPLE, "first": FIRST_NUMBER, "outcome": outcome.pk,
    }  # fmt: skip
    with connection.cursor() as cursor, without_indexes(*_TABLES):
        for statement in (_CONTACTS, _NUMBERS, _CALLS, _LEGS, _PARTIES, _NOTES, _POPS):
            cursor.execute(statement, known)
    with connection.cursor() as cursor:
        cursor.execute("select setval(pg_get_serial_sequence('contacts_contact', 'id'), %s)", [max(1, contacts)])
        if not connection.in_atomic_block:
            cursor.execute("vacuum analyze")
        cursor.execute("analyze")
    return house
