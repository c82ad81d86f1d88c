"""Many who press at the same instant, over real transactions: the brakes count every one of them."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.test import Client

from crmconnector.calls.dial_services import stop_dialling
from crmconnector.calls.dialling import wanted_target
from crmconnector.calls.models import CallCommand, CommandKind, CommandState
from crmconnector.calls.services import grant_command
from crmconnector.common.clock import utc_now
from crmconnector.users.models import User
from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone, make_office

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]
AT_ONCE = 20


@pytest.fixture
def people() -> RowOffice:
    office = make_office()
    for place in range(300, 303):
        user = User.objects.create_user(f"user{place}")
        office.users.append(user)
        assign_phone(phone=add_phone(office.pbx, extension=str(place), port=8100 + place), user_id=user.pk,
                     from_at=utc_now())  # fmt: skip
    return office


def press_at_once(presses: list[tuple[User, str]]) -> list[tuple[int, str]]:
    """Each in a thread of its own, let go together: (status, Retry-After) of every answer."""
    together, clients = Barrier(len(presses)), [Client() for _press in presses]
    for client, (user, _number) in zip(clients, presses, strict=True):
        client.force_login(user)

    def press(place: int) -> tuple[int, str]:
        try:
            together.wait(30)
            fields = {"number": presses[place][1], "key": f"press-{place}"}
            answer = clients[place].post("/dial", fields, headers={"Accept": "application/json"})
            return answer.status_code, answer.headers.get("Retry-After", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(len(presses)) as pool:
        return list(pool.map(press, range(len(presses))))


def test_of_twenty_numbers_one_person_asks_for_at_once_exactly_five_pass(people: RowOffice) -> None:
    """Of as many hundreds: it is the person whose dials wait for each other."""
    told = press_at_once([(people.users[0], f"030 23{place}447") for place in range(100, 100 + AT_ONCE)])
    assert Counter(status for status, _wait in told) == {202: 5, 429: 15}
    assert all(1 <= int(wait) <= 60 for status, wait in told if status == 429)
    assert CallCommand.objects.count() == 5
    granted = [grant_command(command_id=command.pk, now=utc_now()) for command in CallCommand.objects.all()]
    refused = CallCommand.objects.filter(state=CommandState.REFUSED)
    assert sum(grant is not None for grant in granted) + refused.filter(reason_code="phone_busy").count() == 5


def test_of_many_people_who_call_one_number_at_once_exactly_five_pass(people: RowOffice) -> None:
    told = press_at_once([(user, "030 23125447") for user in people.users])
    assert Counter(status for status, _wait in told) == {202: 5, 429: 1}


def test_a_call_or_a_transfer_to_an_emergency_number_waits_for_nobody(people: RowOffice) -> None:
    """Somebody else's transaction holds the turn of the same person, and keeps it."""
    user = people.users[0]
    with connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("select pg_advisory_xact_lock(7003, %s)", [user.pk])

        def call() -> int:
            try:
                with connection.cursor() as own:
                    own.execute("set lock_timeout = '2s'")
                with transaction.atomic():
                    wanted_target(user=user, pbx=people.pbx, text="112", kind=CommandKind.BLIND_TRANSFER,
                                  now=utc_now(), asked=True)  # fmt: skip
                client = Client()
                client.force_login(user)
                return client.post("/dial", {"number": "112", "key": "help", "sure": "1"}).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(call).result(30) == 302
        cursor.execute("rollback")
    assert CallCommand.objects.get().far_number == "112"


def test_what_was_asked_for_before_the_stop_is_granted_to_no_worker_after_it(people: RowOffice) -> None:
    told = press_at_once([(user, f"030 2312544{place}") for place, user in enumerate(people.users)])
    assert {status for status, _wait in told} == {202}
    stop_dialling(by="Marek", because="fraud", now=utc_now())

    def take_up(command: CallCommand) -> bool:
        try:
            return grant_command(command_id=command.pk, now=utc_now()) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as workers:
        assert not any(workers.map(take_up, CallCommand.objects.all()))
    assert set(CallCommand.objects.values_list("reason_code", flat=True)) == {"stopped"}
