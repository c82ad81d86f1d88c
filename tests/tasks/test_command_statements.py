"""How much a call from a button costs the database, from the press to what came of it. The numbers are held: each
statement more is a decision, and at fifty presses a second each of them counts.
"""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.calls.models import CallCommand
from crmconnector.listener.sweeper import sweep
from tasks.call_control import carry_out
from tests.bench.fleet_process import fleet_process
from tests.support.office import RowOffice, make_office

JSON = {"Accept": "application/json"}
OF_THE_PRESS, OF_THE_WORKER = 19, 17  # with what begins and ends a transaction inside another
OF_AN_EMPTY_SWEEP = 7


@pytest.fixture
def calling(db: None) -> Iterator[RowOffice]:
    """An office whose first phone takes every number and tells idle lines."""
    with fleet_process(1) as (ports, _said):
        yield make_office(phone_ports=tuple(ports))


def pressed(client: Client, number: str) -> tuple[CallCommand, list[str]]:
    with CaptureQueriesContext(connection) as seen:
        answer = client.post("/dial", {"number": number, "key": number}, headers=JSON)
    assert answer.status_code == 202, answer.content
    return CallCommand.objects.get(pk=answer.json()["command"]), [row["sql"] for row in seen.captured_queries]


def carried_out(command: CallCommand) -> list[str]:
    with CaptureQueriesContext(connection) as seen:
        carry_out(command.pk)
    command.refresh_from_db()
    assert command.state == "sent", command.sentence
    return [row["sql"] for row in seen.captured_queries]


def test_a_call_from_a_button_takes_so_many_statements_and_no_more(calling: RowOffice) -> None:
    client = Client()
    client.force_login(calling.users[0])
    carried_out(pressed(client, "030 23125447")[0])  # the phone's rows of lease and status are made by the first
    command, asked = pressed(client, "030 23125548")
    done = carried_out(command)
    assert (len(asked), len(done)) == (OF_THE_PRESS, OF_THE_WORKER), "\n".join([*asked, "", *done])


def test_digits_that_may_be_an_extension_are_looked_up_once(calling: RowOffice) -> None:
    client = Client()
    client.force_login(calling.users[0])
    command, asked = pressed(client, "03023125447")
    carried_out(command)
    assert sum("from phones_sipaccount" in sql for sql in asked) == 1 and len(asked) == OF_THE_PRESS


def test_a_sweep_while_nothing_is_asked_for_costs_a_handful_of_statements(office: RowOffice) -> None:
    sweep()  # the first writes its signs of life
    with CaptureQueriesContext(connection) as seen:
        sweep()
    told = [row["sql"] for row in seen.captured_queries]
    assert len(told) <= OF_AN_EMPTY_SWEEP, "\n".join(told)
    assert sum("calls_callcommand" in sql for sql in told) == 1


def test_whoever_calls_another_number_in_the_same_minute_waits_for_no_more_statements(calling: RowOffice) -> None:
    """However much a person has dialled: nothing is read row by row."""
    client = Client()
    client.force_login(calling.users[0])
    asked = []
    for number in ("030 23125447", "030 23125548", "030 23125649"):
        command, statements = pressed(client, number)
        asked.append((len(statements), len(carried_out(command))))
    assert asked[1] == asked[2] == (OF_THE_PRESS, OF_THE_WORKER)
