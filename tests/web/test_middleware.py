"""What every answer carries, and a database that is away."""

import asyncio

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory

from crmconnector.web.middleware import POLICY, ContentSecurityPolicy, DatabaseAway
from crmconnector.web.views.system import server_error
from tests.support.office import RowOffice

PAGE = {"HTTP_ACCEPT": "text/html"}


def away(*_: object) -> HttpResponse:
    raise OperationalError("connection refused: secret-host")


def test_every_page_forbids_inline_programs(agent: Client) -> None:
    for path in ("/desk", "/sign-in", "/nothing", "/healthz"):
        policy = agent.get(path)["Content-Security-Policy"]
        assert policy == POLICY and "unsafe" not in policy and "frame-ancestors 'none'" in policy


def test_pages_with_calls_are_not_kept_by_a_shared_computer(agent: Client) -> None:
    assert "no-store" in agent.get("/desk")["Cache-Control"]


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back() -> None:
    request = RequestFactory().get("/desk", **PAGE)
    for error in (OperationalError("secret-host"), InterfaceError("secret-host")):
        answer = DatabaseAway(away).process_exception(request, error)
        assert answer is not None and answer.status_code == 503 and answer["Retry-After"] == "5"
        assert (
            "The database does not answer" in answer.content.decode() and "secret-host" not in answer.content.decode()
        )


def test_what_reads_json_gets_json_when_the_database_is_away() -> None:
    answer = DatabaseAway(away).process_exception(RequestFactory().post("/desk/pops/1/answer"), OperationalError())
    assert answer is not None and answer["Content-Type"] == "application/json" and b"database_away" in answer.content


def test_other_faults_are_not_called_a_lost_database() -> None:
    assert DatabaseAway(away).process_exception(RequestFactory().get("/"), ValueError()) is None


def test_a_database_lost_outside_of_the_view_is_told_apart_too() -> None:
    try:
        away()
    except OperationalError:
        assert server_error(RequestFactory().get("/", **PAGE)).status_code == 503
    assert server_error(RequestFactory().get("/", **PAGE)).status_code == 500


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/desk", "/calls"])
def test_a_page_asked_for_while_the_database_is_away_is_a_503(office: RowOffice, path: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(office.users[0])
    with connection.execute_wrapper(lambda *_: away()):
        answer = client.get(path, **PAGE)
    assert answer.status_code == 503 and "The database does not answer" in answer.content.decode()


def test_both_stand_in_an_async_chain_without_threads() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("x")

    chain = ContentSecurityPolicy(DatabaseAway(view))
    answer = asyncio.run(chain(RequestFactory().get("/")))
    assert answer["Content-Security-Policy"] == POLICY


@pytest.mark.django_db(transaction=True)
def test_pages_work_through_the_async_handler() -> None:
    answer = asyncio.run(AsyncClient().get("/sign-in"))
    assert answer.status_code == 200 and answer["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(("path", "status", "words"), [("/nothing", 404, "Nothing here"), ("/phones", 403, "ask an")])
def test_error_pages_say_what_to_do(agent: Client, path: str, status: int, words: str) -> None:
    answer = agent.get(path)
    assert answer.status_code == status and words in answer.content.decode()
