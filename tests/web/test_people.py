"""People, teams and passwords: who may, what is refused and why, and that a change ends the person's sessions."""

import re
import threading

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.audit.models import AuditEvent
from crmconnector.common.redis import redis_client
from crmconnector.users.models import Role, Team, User
from crmconnector.users.services import UserProblem, ensure_login, ensure_person, save_person
from crmconnector.web import throttle
from crmconnector.web.views.stream import SignedIn
from tests.support.office import RowOffice

OLD = "correct horse battery"
NEW = "four purple ladders 9"


@pytest.fixture(autouse=True)
def empty_buckets():
    client = redis_client(django_settings.REDIS_URL)
    for key in client.scan_iter(f"{throttle.PREFIX}*"):
        client.delete(key)
    client.close()


def fields(**changes: object) -> dict[str, object]:
    told = {"full_name": "Noa Ben-David", "username": "noa", "role": "agent", "is_active": "on", "password": NEW}
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def is_in(client: Client) -> bool:
    return client.get("/desk").status_code == 200


def test_a_new_person_can_sign_in_and_is_recorded_without_the_password(administrator: Client) -> None:
    team = Team.objects.create(name="Support")
    assert administrator.post("/people/new", fields(teams=team.pk, role="supervisor"))["Location"] == "/people"
    noa = User.objects.get(username="noa")
    assert (noa.full_name, noa.role, list(noa.teams.all())) == ("Noa Ben-David", "supervisor", [team])
    assert Client().post("/sign-in", {"username": "noa", "password": NEW})["Location"] == "/desk"
    event = AuditEvent.objects.get(action="user.added")
    assert event.details["role"] == "supervisor" and NEW not in str(event.details)


def test_a_made_password_is_shown_once_and_works(administrator: Client) -> None:
    page = administrator.post("/people/new", fields(password=""))
    word = re.search(r'id="made-password"><bdi>([^<]+)', page.content.decode())
    assert word and "no-store" in page["Cache-Control"]
    assert Client().post("/sign-in", {"username": "noa", "password": word[1]}).status_code == 302
    assert word[1] not in administrator.get("/people").content.decode()
    assert word[1] not in str(list(AuditEvent.objects.values("details", "target_name")))
    assert word[1] not in str([session.get_decoded() for session in Session.objects.all()])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "short"}, "too short"),
        ({"password": "password1234"}, "too common"),
        ({"username": "noabendavid", "password": "noabendavid12"}, "too similar"),
        ({"username": "USER201"}, "Somebody has this user name"),
        ({"username": "no spaces"}, "Enter a valid username"),
        ({"full_name": ""}, "This field is required"),
        ({"full_name": "a\x07b"}, "Control characters"),
        ({"role": "king"}, "not one of the available"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    administrator: Client, changes: dict[str, object], words: str
) -> None:
    page = administrator.post("/people/new", fields(**changes))
    assert page.status_code == 200 and words in page.content.decode() and "Nothing was saved" in page.content.decode()
    assert not User.objects.filter(username__in=["noa", "noabendavid"]).exists() and str(
        changes.get("password", NEW)
    ) not in str(page)


def test_a_changed_role_counts_at_once_and_ends_the_sessions(office: RowOffice, administrator: Client) -> None:
    agent = office.users[0]
    theirs, others = signed_in(agent), signed_in(office.users[1])
    told = fields(full_name="User 201", username="user201", role="supervisor")
    assert administrator.post(f"/people/{agent.pk}/edit", told)["Location"] == "/people"
    agent.refresh_from_db()
    assert agent.role == Role.SUPERVISOR and not is_in(theirs) and is_in(others) and is_in(administrator)
    assert not [one for one in Session.objects.all() if one.get_decoded().get("_auth_user_id") == str(agent.pk)]
    assert AuditEvent.objects.get(action="user.changed").details["changed"] == ["role"]


def test_the_open_stream_of_somebody_whose_role_changed_ends(office: RowOffice, administrator: Client) -> None:
    agent = office.users[0]
    key = signed_in(agent).session.session_key
    assert SignedIn(agent.pk, key)()
    told = fields(full_name="User 201", username="user201", role="supervisor")
    administrator.post(f"/people/{agent.pk}/edit", told)
    assert not SignedIn(agent.pk, key)()


def test_a_changed_name_alone_signs_nobody_out(office: RowOffice, administrator: Client) -> None:
    theirs = signed_in(office.users[0])
    administrator.post(f"/people/{office.users[0].pk}/edit", fields(full_name="Ada Lovelace", username="user201"))
    assert User.objects.get(username="user201").full_name == "Ada Lovelace" and is_in(theirs)


def test_a_closed_account_is_out_and_stays_out(office: RowOffice, administrator: Client) -> None:
    theirs = signed_in(office.users[0])
    told = fields(full_name="User 201", username="user201", is_active=None)
    administrator.post(f"/people/{office.users[0].pk}/edit", told)
    assert not is_in(theirs)
    assert "Wrong user name" in Client().post("/sign-in", {"username": "user201", "password": OLD}).content.decode()
    assert "Closed" in administrator.get("/people").content.decode()


def test_nobody_closes_the_own_account(boss: User, administrator: Client) -> None:
    User.objects.create_user("second", password=OLD, role=Role.ADMINISTRATOR)
    told = fields(full_name="Boss", username="boss", role="administrator", is_active=None)
    page = administrator.post(f"/people/{boss.pk}/edit", told)
    assert "cannot close your own account" in page.content.decode()
    boss.refresh_from_db()
    assert boss.is_active and not AuditEvent.objects.filter(action="user.changed").exists()


def test_the_last_administrator_stays_one(boss: User, administrator: Client) -> None:
    ensure_person(username="pretend", full_name="Pretend", role=Role.ADMINISTRATOR, team=None)  # cannot sign in
    User.objects.create_user("closed", password=OLD, role=Role.ADMINISTRATOR, is_active=False)
    page = administrator.post(f"/people/{boss.pk}/edit", fields(full_name="Boss", username="boss"))
    assert "last administrator" in page.content.decode()
    boss.refresh_from_db()
    assert boss.role == Role.ADMINISTRATOR and is_in(administrator)


def test_an_administrator_may_step_down_when_there_is_another(boss: User, administrator: Client) -> None:
    User.objects.create_user("second", password=OLD, role=Role.ADMINISTRATOR)
    administrator.post(f"/people/{boss.pk}/edit", fields(full_name="Boss", username="boss"))
    assert is_in(administrator) and administrator.get("/people").status_code == 403


def test_the_first_login_loses_its_power_with_its_role(administrator: Client) -> None:
    first, _ = ensure_login(username="admin", password=OLD)
    administrator.post(f"/people/{first.pk}/edit", fields(full_name="First", username="admin"))
    first.refresh_from_db()
    assert not first.is_administrator and not first.is_superuser and not first.is_staff


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(5))
def test_two_administrators_who_remove_each_other_at_once_leave_one(turn: int) -> None:
    pair = [User.objects.create_user(name, password=OLD, role=Role.ADMINISTRATOR) for name in ("one", "two")]
    start, refused = threading.Barrier(2), []

    def remove(actor: User, user: User) -> None:
        user = User.objects.get(pk=user.pk)
        user.role = Role.AGENT
        start.wait(10)
        try:
            save_person(actor=actor, user=user, teams=[])
        except UserProblem as problem:
            refused.append(str(problem))
        finally:
            connection.close()

    threads = [threading.Thread(target=remove, args=couple) for couple in (pair, pair[::-1])]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert User.objects.filter(role=Role.ADMINISTRATOR).count() == 1 and len(refused) == 1


def test_a_password_set_by_an_administrator_replaces_the_old_one(office: RowOffice, administrator: Client) -> None:
    theirs = signed_in(office.users[0])
    assert administrator.post(f"/people/{office.users[0].pk}/password", {"password": NEW})["Location"] == "/people"
    assert not is_in(theirs)
    assert Client().post("/sign-in", {"username": "user201", "password": OLD}).status_code == 200
    assert Client().post("/sign-in", {"username": "user201", "password": NEW}).status_code == 302
    assert AuditEvent.objects.get(action="user.password_set").target_name == "User 201"


def test_the_own_password_is_not_set_without_the_old_one(boss: User, administrator: Client) -> None:
    assert administrator.post(f"/people/{boss.pk}/password", {"password": NEW})["Location"] == "/password"
    boss.refresh_from_db()
    assert boss.check_password(OLD)


def change(client: Client, old: str = OLD, new: str = NEW, again: str = NEW):
    return client.post("/password", {"old": old, "new": new, "again": again})


def test_everybody_changes_the_own_password_and_stays_signed_in_here_alone(office: RowOffice) -> None:
    here, elsewhere = signed_in(office.users[0]), signed_in(office.users[0])
    assert change(here)["Location"] == "/desk"
    assert is_in(here) and not is_in(elsewhere)
    assert User.objects.get(username="user201").check_password(NEW)
    assert AuditEvent.objects.get(action="user.password_changed").actor == office.users[0]
    assert Session.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"old": "not this one"}, "This is not your password"),
        ({"again": "something else 99"}, "not the same"),
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": "user201user2", "again": "user201user2"}, "too similar"),
    ],
)
def test_a_password_is_not_changed_by_a_slip(agent: Client, typed: dict[str, str], words: str) -> None:
    page = change(agent, **typed).content.decode()
    assert words in page and NEW not in page and is_in(agent)
    assert User.objects.get(username="user201").check_password(OLD)


def test_the_old_password_cannot_be_guessed_at_an_open_screen(agent: Client) -> None:
    for _ in range(throttle.TRIES_PER_ACCOUNT):
        assert change(agent, old="wrong").status_code == 200
    answer = change(agent)
    assert answer.status_code == 429 and "Too many tries" in answer.content.decode()
    assert User.objects.get(username="user201").check_password(OLD)
    assert Client().post("/sign-in", {"username": "user201", "password": OLD}).status_code == 302


def test_a_team_is_made_once(administrator: Client) -> None:
    assert administrator.post("/people/teams", {"name": "Support"})["Location"] == "/people"
    assert "a team of this name already" in administrator.post("/people/teams", {"name": "SUPPORT"}).content.decode()
    assert Team.objects.count() == 1 and AuditEvent.objects.filter(action="team.added").count() == 1


def test_the_list_asks_as_much_for_fifty_people_as_for_ten(administrator: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert administrator.get("/people").status_code == 200
        return len(queries)

    few = asked()
    for number in range(40):
        ensure_person(username=f"more{number}", full_name=f"More {number}", role=Role.AGENT, team=f"Team {number % 3}")
    assert asked() == few


def test_people_are_found_by_name_and_team(office: RowOffice, administrator: Client) -> None:
    Team.objects.create(name="Night shift").members.add(office.users[2])
    page = administrator.get("/people?q=night").content.decode()
    assert "User 203" in page and "User 202" not in page
    assert "Nothing matches" in administrator.get("/people?q=zzz").content.decode()


def test_a_hostile_name_stays_text(administrator: Client) -> None:
    administrator.post("/people/new", fields(full_name="<img src=x onerror=alert(1)>{{7*7}}"))
    page = administrator.get("/people").content.decode()
    assert "<img" not in page and "{{7*7}}" in page


def test_everybody_finds_the_change_of_the_password_and_only_administrators_the_people(
    agent: Client, administrator: Client
) -> None:
    theirs, ours = agent.get("/desk").content.decode(), administrator.get("/desk").content.decode()
    assert 'href="/password"' in theirs and 'href="/people"' not in theirs and 'href="/people"' in ours
