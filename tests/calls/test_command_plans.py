"""No question about commands reads the whole of what was ever asked, by PostgreSQL's own plan of each one, among
fifty thousand commands of a year. Whoever presses, carries out, proves, sweeps and shows finds what is open by an
index; so the same holds at a million.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls.dial_check import plan_on
from crmconnector.calls.dial_rows import settings_and_recent
from crmconnector.calls.dial_rules import DialPlan
from crmconnector.calls.models import CallCommand, Leg
from crmconnector.calls.open_commands import open_commands
from crmconnector.calls.services import CommandPath, Wanted, grant_command, request_command
from crmconnector.common.clock import utc_now
from crmconnector.listener.sweeper import sweep
from crmconnector.web.dial_acts import why_busy
from crmconnector.web.dial_story import desk_dials
from phones.models import SipAccount
from phones.services import assign_phone
from tests.support.many_calls import make_house
from tests.support.many_commands import add_commands
from tests.support.plans import tables_read_whole

CALLS, COMMANDS = 5_000, 50_000
COMMAND_TABLES = frozenset({"calls_callcommand", "calls_commandchange", "calls_leg", "calls_call", "audit_auditevent"})
NUMBER = "+493020000477"


@pytest.fixture
def year(db: None) -> SimpleNamespace:
    house = make_house(calls=CALLS, contacts=1_000)
    phone = add_commands(house, count=COMMANDS)
    SipAccount.objects.create(phone=phone, pbx=house.pbx, extension="201", endpoint="PJSIP/201")
    assign_phone(phone=phone, user_id=house.agent.pk, from_at=utc_now() - timedelta(hours=1))
    return SimpleNamespace(house=house, user=house.agent, phone=phone, now=utc_now())


def a_call(year: SimpleNamespace, key: str = "new") -> CallCommand:
    wanted = Wanted("make_call", year.phone, "PJSIP/201", year.house.pbx.pk, far_number=NUMBER, dial_string="0302")
    return request_command(user=year.user, wanted=wanted, path=CommandPath.PHONE, key=key, now=year.now)[0]


def brakes(year: SimpleNamespace, *, again: bool) -> None:
    plan = plan_on(pbx=year.house.pbx, text=NUMBER)
    assert isinstance(plan, DialPlan)
    command = a_call(year) if again else None
    settings_and_recent(far_number=plan.far_number, user_id=year.user.pk, now=year.now, command=command)


def proof(year: SimpleNamespace) -> None:
    a_call(year)
    legs = list(Leg.objects.order_by("-pk").values_list("pk", flat=True)[:20])
    open_commands(pbx_id=year.house.pbx.pk, legs=legs)


def carrying_out(year: SimpleNamespace) -> None:
    assert grant_command(command_id=a_call(year).pk, now=year.now) is None  # 0302 is not what is dialled for it


QUESTIONS: dict[str, Callable[[SimpleNamespace], object]] = {
    "the press": a_call,
    "the same button again": lambda year: (a_call(year, "one"), a_call(year, "one")),
    "another button for the same number": lambda year: (a_call(year, "one"), a_call(year, "two")),
    "brakes at the press": partial(brakes, again=False),
    "brakes before it is sent": partial(brakes, again=True),
    "carrying it out": carrying_out,
    "what an event may prove": proof,
    "a sweep with one open command": lambda year: (a_call(year), sweep()),
    "a sweep with none": lambda year: sweep(),
    "own calls on the desk": lambda year: desk_dials(year.user, year.now),
    "is the phone busy": lambda year: why_busy(year.phone, year.now),
}


@pytest.mark.timeout(280)  # fifty thousand commands on a busy machine
def test_no_question_about_commands_reads_all_of_them(year: SimpleNamespace) -> None:
    found: dict[str, object] = {}
    for name, ask in QUESTIONS.items():
        with CaptureQueriesContext(connection) as seen:
            ask(year)
        whole = tables_read_whole((row["sql"] for row in seen.captured_queries), COMMAND_TABLES)
        found |= {name: whole} if whole else {}
        CallCommand.objects.filter(requested_at=year.now).delete()
    assert found == {}
