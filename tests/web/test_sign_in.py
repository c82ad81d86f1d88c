"""Signing in: generic refusals, a limit that counts, and no door that a stranger can shut for others."""

import re

import pytest
from django.conf import settings as django_settings
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.common.redis import redis_client
from crmconnector.users.models import User
from crmconnector.web import throttle
from tests.support.office import RowOffice

RIGHT = "correct horse battery"
STRANGER = "203.0.113.9"


@pytest.fixture(autouse=True)
def empty_buckets():
    client = redis_client(django_settings.REDIS_URL)
    for key in client.scan_iter(f"{throttle.PREFIX}*"):
        client.delete(key)
    yield
    client.close()


def sign_in(client: Client, password: str = RIGHT, name: str = "user201", **extra: str):
    return client.post("/sign-in", {"username": name, "password": password, **extra}, REMOTE_ADDR=STRANGER)


def is_signed_in(client: Client) -> bool:
    return client.get("/desk").status_code == 200


def test_the_right_password_opens_the_desk_and_is_recorded(office: RowOffice) -> None:
    client = Client()
    answer = sign_in(client)
    assert answer.status_code == 302 and answer["Location"] == "/desk" and is_signed_in(client)
    event = AuditEvent.objects.get(action="user.signed_in")
    assert event.actor == office.users[0] and RIGHT not in str(event.details)


def test_a_wrong_name_and_a_wrong_password_are_refused_in_the_same_words(office: RowOffice) -> None:
    User.objects.filter(username="user203").update(is_active=False)
    pages = [
        sign_in(Client(), "wrong"),
        sign_in(Client(), RIGHT, name="nobody"),
        sign_in(Client(), RIGHT, name="user203"),
    ]
    texts = {re.sub(r'value="[^"]*"', "", page.content.decode()) for page in pages}
    assert len(texts) == 1 and "Wrong user name or password" in texts.pop()
    assert {page.status_code for page in pages} == {200}


def test_the_typed_password_never_comes_back(office: RowOffice) -> None:
    assert "my-secret-word" not in sign_in(Client(), "my-secret-word").content.decode()


def test_the_session_gets_a_new_key(office: RowOffice) -> None:
    client = Client()
    client.cookies["sessionid"] = "a" * 32
    sign_in(client)
    assert client.cookies["sessionid"].value != "a" * 32


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/calls?page=2", "/calls?page=2"),
        ("//evil.example", "/desk"),
        ("https://evil.example/", "/desk"),
        ("/\\evil.example", "/desk"),
        ("javascript:alert(1)", "/desk"),
        ("", "/desk"),
    ],
)
def test_next_leads_only_to_this_site(office: RowOffice, wanted: str, led_to: str) -> None:
    assert sign_in(Client(), next=wanted)["Location"] == led_to
    page = Client().get("/sign-in", {"next": wanted}).content.decode()
    assert "evil" not in page and "javascript:alert" not in page


def test_twenty_tries_an_hour_are_the_end(office: RowOffice) -> None:
    for _ in range(throttle.TRIES_PER_ACCOUNT):
        assert sign_in(Client(), "wrong").status_code == 200
    answer = sign_in(Client(), RIGHT)
    assert answer.status_code == 429 and "Too many tries" in answer.content.decode()
    assert sign_in(Client(), RIGHT, name="user202").status_code == 302  # others are not shut out


def test_other_spellings_of_a_name_share_its_bucket(office: RowOffice) -> None:
    for _ in range(throttle.TRIES_PER_ACCOUNT):
        sign_in(Client(), "wrong", name="USER201")
    assert sign_in(Client(), RIGHT).status_code == 429


def test_the_owners_browser_gets_in_while_a_stranger_guesses(office: RowOffice) -> None:
    owner = Client()
    sign_in(owner)
    owner.post("/sign-out")
    for _ in range(throttle.TRIES_PER_ACCOUNT + 1):
        sign_in(Client(), "wrong")
    assert sign_in(Client(), RIGHT).status_code == 429
    assert sign_in(owner).status_code == 302


def test_a_known_browser_is_counted_too(office: RowOffice) -> None:
    owner = Client()
    sign_in(owner)
    owner.post("/sign-out")
    for _ in range(throttle.TRIES_PER_ACCOUNT):
        sign_in(owner, "wrong")
    assert sign_in(owner).status_code == 429


def test_a_known_browser_helps_only_for_its_own_account(office: RowOffice) -> None:
    owner = Client()
    sign_in(owner)
    owner.post("/sign-out")
    for _ in range(throttle.TRIES_PER_ACCOUNT):
        sign_in(owner, "wrong", name="user202")
    assert sign_in(owner, name="user202").status_code == 429


def test_right_passwords_are_not_counted(office: RowOffice) -> None:
    for _ in range(throttle.TRIES_PER_ACCOUNT + 3):
        assert sign_in(Client()).status_code == 302


def test_one_address_cannot_try_every_account(office: RowOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "TRIES_PER_ADDRESS", 5)
    for number in range(5):
        sign_in(Client(), "wrong", name=f"guess{number}")
    assert sign_in(Client(), "wrong", name="guess6").status_code == 429
    local = Client().post("/sign-in", {"username": "guess7", "password": "wrong"}, REMOTE_ADDR="127.0.0.1")
    assert local.status_code == 200


def test_without_the_broker_people_still_get_in(office: RowOffice, settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    waits: list[float] = []
    monkeypatch.setattr(throttle.time, "sleep", waits.append)
    assert sign_in(Client()).status_code == 302
    assert waits == [throttle.SLOW_SECONDS]


def test_no_name_stands_in_the_broker(office: RowOffice) -> None:
    sign_in(Client(), "wrong")
    client = redis_client(django_settings.REDIS_URL)
    keys = [key.decode() for key in client.scan_iter(f"{throttle.PREFIX}*")]
    client.close()
    assert len(keys) == 2 and not any("user201" in key or STRANGER in key for key in keys)


def test_signing_out_ends_the_session_and_is_recorded(office: RowOffice) -> None:
    client = Client()
    sign_in(client)
    assert client.post("/sign-out")["Location"] == "/sign-in" and not is_signed_in(client)
    assert AuditEvent.objects.filter(action="user.signed_out").count() == 1


def test_not_staying_signed_in_ends_with_the_browser(office: RowOffice) -> None:
    stays, goes = Client(), Client()
    sign_in(stays, stay="on")
    sign_in(goes)
    assert stays.cookies["sessionid"]["max-age"] and not goes.cookies["sessionid"]["max-age"]


@pytest.mark.parametrize(("chosen", "kept"), [("dark", "dark"), ("light", "light"), ("system", ""), ('"><x', "")])
def test_the_chosen_look_is_in_the_first_byte(office: RowOffice, agent: Client, chosen: str, kept: str) -> None:
    assert agent.post("/theme", {"theme": chosen, "next": "//evil.example"})["Location"] == "/desk"
    assert (f'data-theme="{kept}"' in agent.get("/desk").content.decode()) is bool(kept)


def test_a_forged_theme_cookie_is_ignored(agent: Client) -> None:
    agent.cookies["theme"] = '"><script>'
    assert "data-theme" not in agent.get("/desk").content.decode()
