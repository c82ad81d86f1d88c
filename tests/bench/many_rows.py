"""Rows by the hundred thousand, without the product's services: only reads are measured on them."""

from datetime import timedelta

from django.db import connection, models

from crmconnector.calls.models import Call, CallCommand, Leg
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import User
from tests.support.office import make_office

USERS = 20
AREA = "30"  # Berlin


def number_of(place: int) -> str:
    return f"+49{AREA}{20_000_000 + place}"


def add_calls_with_cards_and_commands(count: int) -> User:
    """So many ended calls, each with a leg, a closed card and a settled command; one of their 20 users."""
    office = make_office(phone_ports=tuple(range(8001, 8001 + USERS)))
    user, phone, now = office.users[0], office.phones[0], utc_now()
    call = Call.objects.create(
        pbx=office.pbx, linkedid="first", direction="inbound", state="ended", started_at=now, ended_at=now
    )
    leg = Leg.objects.create(
        call=call, pbx=office.pbx, uniqueid="first", endpoint="PJSIP/201", state="ended", ended_at=now
    )
    pop = Pop.objects.create(
        user=user, call=call, leg=leg, state="closed", payload={}, version=0, opened_at=now, changed_at=now
    )
    command = CallCommand.objects.create(
        kind="answer", user=user, idempotency_key="first", phone=phone, leg=leg, state="confirmed", settled=True,
        requested_at=now, not_after=now + timedelta(seconds=30), ended_at=now,
    )  # fmt: skip
    series = f"select n as id, n from generate_series(1, {count}) as n"
    _multiply(call, series, linkedid="'many-' || s.n")
    _multiply(leg, _numbered(Call), call_id="s.id", uniqueid="'many-' || s.n")
    _multiply(
        pop, _numbered(Leg), call_id="l.call_id", leg_id="s.id", user_id=f"{user.pk} + s.n % {USERS}", version="s.n"
    )
    _multiply(command, _numbered(Leg), id="gen_random_uuid()", leg_id="s.id", idempotency_key="'many-' || s.n")
    with connection.cursor() as cursor:
        cursor.execute("analyze")
    return user


def _numbered(model: type[models.Model]) -> str:
    table = model._meta.db_table
    return f"select id, row_number() over (order by id) as n from {table} where id > (select min(id) from {table})"


def _multiply(row: models.Model, source: str, **changed: str) -> None:
    """Copies of a row, one for each of `source` (id, n); `changed` gives columns as SQL over s (and l, its leg)."""
    table = row._meta.db_table
    columns = [str(field.column) for field in row._meta.concrete_fields if field.column != "id" or "id" in changed]
    values = ", ".join(changed.get(column, f"t.{column}") for column in columns)
    legs = f"left join {Leg._meta.db_table} as l on l.id = s.id" if "l.call_id" in values else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into {table} ({', '.join(columns)}) select {values} from ({source}) as s {legs} "
            f"cross join {table} as t where t.id = '{row.pk}'"
        )
