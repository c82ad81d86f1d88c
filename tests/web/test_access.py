"""Who may open what: every address, six kinds of visitor, no cell left out."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from crmconnector.calls.models import CallCommand, Disposition
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line, Queue, Trunk
from crmconnector.screenpop.models import CardLink, PopRule, PopTest
from crmconnector.users.models import Role, Team, User
from crmconnector.web.seat_acts import check_file
from phones.imports.plan import Options
from phones.models import DeviceOrder, OrderKind, PhoneImport
from tests.support.contact_files import received
from tests.support.office import RowOffice
from tests.support.web_story import add_call, add_pop

ADMINISTRATORS = {"agent": 403, "supervisor": 403, "administrator": 200}
EVERYBODY = {"agent": 200, "supervisor": 200, "administrator": 200}
POST_ADMINISTRATORS = {"agent": 403, "supervisor": 403, "administrator": 302}

# name -> (method, expected status by role). Anonymous visitors are always sent to the sign-in page, unless OPEN.
MATRIX: dict[str, tuple[str, dict[str, int]]] = {
    "home": ("get", {"agent": 302, "supervisor": 302, "administrator": 302}),
    "sign-out": ("post", {"agent": 302, "supervisor": 302, "administrator": 302}),
    "desk": ("get", EVERYBODY),
    "desk-status": ("get", EVERYBODY),
    "desk-cards": ("get", EVERYBODY),
    "desk-dials": ("get", EVERYBODY),
    "dial": ("get", EVERYBODY),
    "dial-find": ("get", EVERYBODY),
    "dialled": ("get", {"agent": 404, "supervisor": 404, "administrator": 404}),  # somebody else's call
    "do-not-disturb": ("post", {"agent": 400, "supervisor": 400, "administrator": 400}),  # an empty form
    "pop-receipts": ("post", {"agent": 400, "supervisor": 400, "administrator": 400}),  # no desk named
    "pop-choose": ("post", {"agent": 404, "supervisor": 404, "administrator": 404}),  # somebody else's card
    "pop-create": ("post", {"agent": 404, "supervisor": 404, "administrator": 404}),
    "pop-attach": ("post", {"agent": 404, "supervisor": 404, "administrator": 404}),
    "pop-find": ("get", {"agent": 404, "supervisor": 404, "administrator": 404}),
    "pop-note": ("post", {"agent": 404, "supervisor": 404, "administrator": 404}),
    "pop-outcome": ("post", {"agent": 404, "supervisor": 404, "administrator": 404}),
    "pop-close": ("post", {"agent": 404, "supervisor": 404, "administrator": 404}),
    "call-bind": ("post", {"agent": 404, "supervisor": 302, "administrator": 302}),
    "card-settings": ("get", ADMINISTRATORS),
    "outcome-new": ("get", ADMINISTRATORS),
    "outcome-usual": ("post", POST_ADMINISTRATORS),
    "outcome-edit": ("get", ADMINISTRATORS),
    "card-link-new": ("get", ADMINISTRATORS),
    "card-link-preview": ("get", ADMINISTRATORS),
    "card-link-edit": ("get", ADMINISTRATORS),
    "card-link-remove": ("post", POST_ADMINISTRATORS),
    "calls": ("get", EVERYBODY),
    "call-note": ("post", {"agent": 404, "supervisor": 302, "administrator": 302}),
    "call": ("get", {"agent": 404, "supervisor": 200, "administrator": 200}),  # a call of the supervisor's team
    "contacts": ("get", EVERYBODY),
    "contact-new": ("get", EVERYBODY),
    "contact-imports": ("get", {"agent": 403, "supervisor": 200, "administrator": 200}),
    "contact-import": ("get", {"agent": 403, "supervisor": 200, "administrator": 200}),  # the supervisor's own file
    "contact-import-now": ("get", {"agent": 403, "supervisor": 200, "administrator": 200}),
    "contact-import-check": ("post", {"agent": 403, "supervisor": 200, "administrator": 200}),  # empty form: its errors
    "contact-import-apply": ("post", {"agent": 403, "supervisor": 409, "administrator": 409}),  # not checked yet
    "contact-import-undo": ("post", {"agent": 403, "supervisor": 409, "administrator": 409}),
    "contact-import-go-on": ("post", {"agent": 403, "supervisor": 302, "administrator": 302}),
    "contact-import-remove": ("post", {"agent": 403, "supervisor": 302, "administrator": 302}),
    "contact": ("get", EVERYBODY),
    "contact-edit": ("get", EVERYBODY),
    "contact-merge": ("get", EVERYBODY),
    "contact-export": ("get", EVERYBODY),
    "contact-erase": ("get", ADMINISTRATORS),
    "contact-erasures": ("get", ADMINISTRATORS),
    "phones": ("get", ADMINISTRATORS),
    "phone-new": ("get", ADMINISTRATORS),
    "phone": ("get", ADMINISTRATORS),
    "phone-edit": ("get", ADMINISTRATORS),
    "phone-assign": ("post", {"agent": 403, "supervisor": 403, "administrator": 200}),  # empty form: its errors
    "phone-release": ("post", POST_ADMINISTRATORS),
    "phones-live": ("get", ADMINISTRATORS),
    "phone-now": ("get", ADMINISTRATORS),
    "phone-check": ("post", {"agent": 302, "supervisor": 404, "administrator": 302}),  # the agent's own phone
    "phone-keys": ("post", {"agent": 403, "supervisor": 403, "administrator": 200}),
    "phone-order": ("get", ADMINISTRATORS),  # an administrator who has the permission: see test_phone_orders
    "phone-bulk": ("post", POST_ADMINISTRATORS),
    "phone-swap": ("get", ADMINISTRATORS),
    "phone-sit": ("post", {"agent": 302, "supervisor": 302, "administrator": 302}),  # taken: told so
    "phone-import": ("get", ADMINISTRATORS),
    "phone-import-sample": ("get", ADMINISTRATORS),
    "phone-import-plan": ("get", ADMINISTRATORS),
    "phone-import-apply": ("post", POST_ADMINISTRATORS),
    "phone-import-undo": ("post", {"agent": 403, "supervisor": 403, "administrator": 409}),  # not brought in yet
    "phone-doctor": ("get", {"agent": 200, "supervisor": 403, "administrator": 200}),  # the agent's own phone
    "phone-doctor-run": ("post", {"agent": 302, "supervisor": 403, "administrator": 302}),
    "phone-doctor-report": ("get", {"agent": 200, "supervisor": 403, "administrator": 200}),
    "phone-models": ("get", ADMINISTRATORS),
    "phone-ways": ("get", ADMINISTRATORS),
    "ways": ("get", ADMINISTRATORS),
    "phone-calibrate": ("get", ADMINISTRATORS),
    "phone-calibration": ("get", {"agent": 403, "supervisor": 403, "administrator": 404}),  # a doctor's run is none
    "phone-calibration-stop": ("post", {"agent": 403, "supervisor": 403, "administrator": 404}),
    "phone-events": ("get", ADMINISTRATORS),
    "phone-event-token": ("post", POST_ADMINISTRATORS),
    "own-phone": ("get", EVERYBODY),
    "own-phone-now": ("get", EVERYBODY),
    "pbxes": ("get", ADMINISTRATORS),
    "pbx-new": ("get", ADMINISTRATORS),
    "pbx": ("get", ADMINISTRATORS),
    "pbx-edit": ("get", ADMINISTRATORS),
    "trunk-add": ("post", {"agent": 403, "supervisor": 403, "administrator": 200}),
    "trunk-decide": ("post", POST_ADMINISTRATORS),
    "line-add": ("post", {"agent": 403, "supervisor": 403, "administrator": 200}),
    "line-country": ("post", POST_ADMINISTRATORS),
    "line-remove": ("post", POST_ADMINISTRATORS),
    "queue-add": ("post", {"agent": 403, "supervisor": 403, "administrator": 200}),
    "queue-remove": ("post", POST_ADMINISTRATORS),
    "dialling": ("get", ADMINISTRATORS),
    "dialling-stop": ("post", {"agent": 403, "supervisor": 403, "administrator": 200}),  # no reason: its error
    "dialling-allow": ("post", POST_ADMINISTRATORS),
    "dialling-pbx": ("post", {"agent": 403, "supervisor": 403, "administrator": 200}),  # empty form: its errors
    "dialling-examples": ("get", ADMINISTRATORS),
    "dialling-line": ("post", POST_ADMINISTRATORS),
    "numbers": ("get", EVERYBODY),
    "people": ("get", ADMINISTRATORS),
    "person-new": ("get", ADMINISTRATORS),
    "person-edit": ("get", ADMINISTRATORS),
    "person-password": ("get", ADMINISTRATORS),
    "team-new": ("post", {"agent": 403, "supervisor": 403, "administrator": 200}),
    "own-password": ("get", EVERYBODY),
    "pop-reasons": ("get", EVERYBODY),
    "pop-rules": ("get", EVERYBODY),
    "pop-rules-house": ("get", ADMINISTRATORS),
    "pop-rules-of": ("get", ADMINISTRATORS),
    "pop-rule-remove": ("post", {"agent": 404, "supervisor": 404, "administrator": 302}),  # somebody else's rule
    "pop-test-ask": ("post", {"agent": 302, "supervisor": 302, "administrator": 302}),
    "pop-test": ("get", {"agent": 404, "supervisor": 404, "administrator": 200}),  # somebody else's test
    "pop-test-now": ("get", {"agent": 404, "supervisor": 404, "administrator": 200}),
    "health": ("get", ADMINISTRATORS),
    "pop-verb": ("post", {"agent": 404, "supervisor": 404, "administrator": 404}),  # somebody else's card
    "pop-targets": ("get", {"agent": 404, "supervisor": 404, "administrator": 404}),
    "pop-answer": ("post", {"agent": 404, "supervisor": 404, "administrator": 404}),  # somebody else's card
}
OPEN = {"sign-in", "theme", "healthz", "readyz", "phone-event"}  # the last: by its token
STREAMS = {"pop-stream"}  # endless; its own tests read it
ROLES = ("agent", "supervisor", "administrator")


@pytest.fixture
def addresses(office: RowOffice) -> dict[str, str]:
    call = add_call(office, place=2)
    pop = add_pop(call, call.legs.get())
    contact = office.add_contact("Somebody", "030 23125447")
    places = {
        "pbx_id": office.pbx.pk, "call_id": call.pk, "contact_id": contact.pk, "phone_id": office.phones[0].pk,
        "pop_id": pop.pk, "trunk_id": Trunk.objects.get().pk, "line_id": Line.objects.get().pk,
        "queue_id": Queue.objects.get().pk, "user_id": office.users[2].pk, "kind": "reboot", "token": "x" * 43,
        "import_id": a_checked_file().pk,
        "file_id": received("Name\nA\n", actor=office.users[1]).pk,
        "order_id": a_doctors_run(office).pk,
        "command_id": a_call_of_somebody(office).pk,
        "rule_id": PopRule.objects.create(user=office.users[2], when="never").pk,
        "outcome_id": Disposition.objects.create(key=9, label="Do not call").pk,
        "link_id": CardLink.objects.create(label="CRM", template="https://crm.example.org/{e164}").pk,
        "test_id": PopTest.objects.create(user=office.users[2], by=office.users[2], asked_at=utc_now()).pk,
    }  # fmt: skip
    return {
        each.name: reverse(each.name, kwargs={key: places[key] for key in each.pattern.converters})
        for each in patterns()
    }


def a_checked_file() -> PhoneImport:
    content = b"phone,address,passcode\nHot desk 9,127.0.0.1,1234\n"
    return check_file(actor=None, name="a.csv", content=content, options=Options(), now=utc_now())


def a_call_of_somebody(office: RowOffice) -> CallCommand:
    return CallCommand.objects.create(
        kind="make_call", user=office.users[2], phone=office.phones[2], idempotency_key="dial", target="Somebody",
        far_number="+493023125447", requested_at=utc_now(), not_after=utc_now(),
    )  # fmt: skip


def a_doctors_run(office: RowOffice) -> DeviceOrder:
    return DeviceOrder.objects.create(
        phone=office.phones[0], kind=OrderKind.DOCTOR, user_name="somebody", idempotency_key="run", state="confirmed",
        requested_at=utc_now(), not_after=utc_now(), ended_at=utc_now(),
    )  # fmt: skip


@pytest.fixture
def visitors(office: RowOffice) -> dict[str, User]:
    """user201 agent, user202 supervisor of the team of user203, and an administrator."""
    agent, supervisor, other = office.users
    team = Team.objects.create(name="Team")
    supervisor.role = Role.SUPERVISOR
    supervisor.save()
    team.members.add(supervisor, other)
    boss = User.objects.create_user("boss", password="correct horse battery", role=Role.ADMINISTRATOR)
    boss.user_permissions.add(Permission.objects.get(codename="reboot_phone"))
    return {"agent": agent, "supervisor": supervisor, "administrator": boss}


def patterns() -> list[URLPattern]:
    return [each for each in get_resolver().url_patterns if isinstance(each, URLPattern)]


def test_every_address_stands_in_the_matrix() -> None:
    assert {each.name for each in patterns()} == set(MATRIX) | OPEN | STREAMS


@pytest.mark.parametrize("name", sorted(set(MATRIX) | STREAMS))
def test_nobody_gets_in_without_signing_in(name: str, addresses: dict[str, str]) -> None:
    for method in ("get", "post"):
        answer = getattr(Client(), method)(addresses[name])
        assert answer.status_code in (302, 405) and "Somebody" not in answer.content.decode()
        if answer.status_code == 302:
            assert answer["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("name", sorted(MATRIX))
@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_just_what_is_its_own(
    name: str, role: str, addresses: dict[str, str], visitors: dict[str, User]
) -> None:
    client = Client()
    client.force_login(visitors[role])
    method, expected = MATRIX[name]
    assert getattr(client, method)(addresses[name]).status_code == expected[role]


# What is the agent's own or of the supervisor's team, and so is not there for a colleague of neither, or for the
# supervisor of another team; everywhere else the two get what agent and supervisor get.
OTHERS: dict[str, tuple[int, int]] = {
    "call": (404, 404),
    "call-bind": (404, 404),
    "call-note": (404, 404),
    "phone-check": (404, 404),
    "phone-doctor": (403, 403),
    "phone-doctor-run": (403, 403),
    "phone-doctor-report": (403, 403),
    # The file of another supervisor.
    **{f"contact-import{deed}": (403, 404) for deed in ("", "-now", "-check", "-apply", "-undo", "-go-on", "-remove")},
}


@pytest.mark.parametrize("name", sorted(MATRIX))
def test_a_colleague_and_the_supervisor_of_another_team_get_no_more(
    name: str, addresses: dict[str, str], visitors: dict[str, User]
) -> None:
    other = User.objects.create_user("other", password="correct horse battery")
    stranger = User.objects.create_user("stranger", password="correct horse battery", role=Role.SUPERVISOR)
    Team.objects.create(name="Another").members.add(other, stranger)
    method, expected = MATRIX[name]
    told = []
    for visitor in (other, stranger):
        client = Client()
        client.force_login(visitor)
        told.append(getattr(client, method)(addresses[name]).status_code)
    assert tuple(told) == OTHERS.get(name, (expected["agent"], expected["supervisor"]))


@pytest.mark.parametrize("name", [name for name, (method, _) in MATRIX.items() if method == "post"] + ["theme"])
def test_a_get_never_changes_anything(name: str, addresses: dict[str, str], visitors: dict[str, User]) -> None:
    client = Client()
    client.force_login(visitors["administrator"])
    assert client.get(addresses[name]).status_code == 405


FORMS = {"person-new", "person-edit", "person-password", "own-password"}  # one address for the page and its POST
PHONE_FORMS = {
    "dialling",
    "phone-new",
    "phone-edit",
    "phone-swap",
    "phone-order",
    "phone-import",
    "phone-ways",
    "ways",
    "phone-calibrate",
}
POSTS = {name for name, (method, _) in MATRIX.items() if method == "post"}


@pytest.mark.parametrize("name", sorted(FORMS - {"own-password"}))
@pytest.mark.parametrize("role", ["agent", "supervisor"])
def test_only_administrators_change_people(
    name: str, role: str, addresses: dict[str, str], visitors: dict[str, User]
) -> None:
    client = Client()
    client.force_login(visitors[role])
    fields = {"username": "mallory", "full_name": "Mallory", "role": "administrator", "password": ""}
    before = list(User.objects.order_by("pk").values_list("username", "role", "password"))
    assert client.post(addresses[name], fields).status_code == 403
    assert list(User.objects.order_by("pk").values_list("username", "role", "password")) == before


@pytest.mark.parametrize("name", sorted(PHONE_FORMS))
@pytest.mark.parametrize("role", ["agent", "supervisor"])
def test_only_administrators_send_the_forms_of_phones(
    name: str, role: str, addresses: dict[str, str], visitors: dict[str, User]
) -> None:
    client = Client()
    client.force_login(visitors[role])
    assert client.post(addresses[name], {"typed_name": "Phone 201", "other": "Phone 202"}).status_code == 403


@pytest.mark.parametrize("name", sorted(POSTS | FORMS | PHONE_FORMS))
def test_a_post_without_the_token_is_refused(name: str, addresses: dict[str, str], visitors: dict[str, User]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(visitors["administrator"])
    answer = client.post(addresses[name])
    assert answer.status_code == 403 and "no longer valid" in answer.content.decode()


def test_navigation_shows_no_entry_that_would_be_refused(addresses: dict[str, str], visitors: dict[str, User]) -> None:
    client = Client()
    client.force_login(visitors["agent"])
    page = client.get(addresses["desk"]).content.decode()
    assert 'href="/calls"' in page and 'href="/phones"' not in page and 'href="/health"' not in page


def test_an_agent_does_not_find_a_colleagues_call_by_search(office: RowOffice) -> None:
    add_call(office, place=1, number="+442079460148")
    client = Client()
    client.force_login(office.users[0])
    assert "Nothing matches" in client.get("/calls?q=79460148").content.decode()
    client.force_login(office.users[1])
    assert "Nothing matches" not in client.get("/calls?q=79460148").content.decode()
