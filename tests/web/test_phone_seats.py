"""Many phones at once, two that are swapped, and a free desk: who may, what is asked once more, what is recorded."""

from datetime import timedelta

import pytest
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.users.models import Role, User
from phones.models import Assignment, DeviceOrder, Phone
from phones.seats import release_phone
from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone
from tests.support.web_story import add_call


@pytest.fixture
def free(office: RowOffice) -> Phone:
    return add_phone(office.pbx, extension="299", port=9999)


def sitting() -> dict[str, str]:
    rows = Assignment.objects.filter(during__contains=utc_now()).select_related("user", "phone")
    return {row.phone.name: row.user.username for row in rows}


ALL = {"Phone 201": "user201", "Phone 202": "user202", "Phone 203": "user203"}


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    return page.split(f'name="{name}" value="', 1)[1].split('"', 1)[0]


def acts() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


# --- releasing many -----------------------------------------------------------------------------------------------
def test_a_release_of_many_asks_once_more_and_then_frees_them(
    office: RowOffice, free: Phone, administrator: Client
) -> None:
    chosen = [office.phones[0].pk, office.phones[1].pk, free.pk]
    page = administrator.post("/phones/bulk", {"action": "release", "phone": chosen, "q": "pho", "show": "all"})
    text = page.content.decode()
    assert "Release 3 phones" in text and "User 201" in text and "Nobody" in text and sitting() == ALL
    done = administrator.post(
        "/phones/bulk",
        {"action": "release", "phones": hidden(text, "phones"), "shown": hidden(text, "shown"), "confirmed": "1",
         "q": hidden(text, "q"), "show": hidden(text, "show")},
    )  # fmt: skip
    assert done["Location"] == "/phones?q=pho&show=all" and sitting() == {"Phone 203": "user203"}
    assert acts() == ["phone.released"] * 2
    assert {row.target_name for row in AuditEvent.objects.all()} == {"Phone 201", "Phone 202"}


def test_somebody_who_sat_down_meanwhile_is_not_put_off(office: RowOffice, administrator: Client) -> None:
    chosen = {"action": "release", "phone": [office.phones[0].pk]}
    text = administrator.post("/phones/bulk", chosen).content.decode()
    release_phone(phone=office.phones[0], at=utc_now() - timedelta(minutes=2))
    assign_phone(phone=office.phones[0], user_id=office.users[2].pk, from_at=utc_now() - timedelta(minutes=1))
    answer = administrator.post("/phones/bulk", {**chosen, "shown": hidden(text, "shown"), "confirmed": "1"})
    assert answer.status_code == 409 and "has changed since this page was shown" in answer.content.decode()
    assert sitting()["Phone 201"] == "user203" and not acts()


def test_a_call_that_is_up_is_said_before_the_release(office: RowOffice, administrator: Client) -> None:
    add_call(office, place=0, ended_at=None)
    chosen = {"action": "release", "phone": [phone.pk for phone in office.phones]}
    assert administrator.post("/phones/bulk", chosen).content.decode().count("In a call now") == 1


def test_all_that_the_list_finds_may_be_chosen(office: RowOffice, free: Phone, administrator: Client) -> None:
    text = administrator.post("/phones/bulk", {"action": "release", "all": "1", "q": "user 20"}).content.decode()
    assert "Release 3 phones" in text
    text = administrator.post("/phones/bulk", {"action": "assign", "all": "1", "show": "nobody"}).content.decode()
    assert "Assign 1 phone" in text and "Phone 299" in text


def test_phones_that_are_free_already_need_no_release(free: Phone, administrator: Client) -> None:
    text = administrator.post("/phones/bulk", {"action": "release", "phone": [free.pk]}).content.decode()
    assert "All of them are free already" in text and "confirmed" not in text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"action": "release"},
        {"action": "reboot", "phone": ["1"]},
        {"action": "release", "phone": ["x", "-1", "1e9", "9" * 40, "１"]},
        {"action": "release", "phones": "1 or 1=1"},
    ],
)
def test_nothing_chosen_or_an_unknown_act_does_nothing(
    office: RowOffice, administrator: Client, fields: dict[str, object]
) -> None:
    answer = administrator.post("/phones/bulk", fields, follow=True)
    assert "Nothing was done" in answer.content.decode() and sitting() == ALL


@pytest.mark.parametrize(("action", "most"), [("release", 500), ("assign", 150), ("doctor", 50)])
def test_more_than_is_allowed_at_once_does_nothing(
    office: RowOffice, administrator: Client, action: str, most: int
) -> None:
    ids = ",".join(str(n) for n in range(1, most + 2))
    answer = administrator.post("/phones/bulk", {"action": action, "phones": ids}, follow=True)
    assert f"{most} is the most" in answer.content.decode() and not DeviceOrder.objects.exists()


# --- assigning many -----------------------------------------------------------------------------------------------
def test_many_phones_get_people_by_their_user_names(office: RowOffice, free: Phone, administrator: Client) -> None:
    more = add_phone(office.pbx, extension="298", port=9998)
    User.objects.create_user("anna")
    chosen = {"action": "assign", "phone": [free.pk, more.pk, office.phones[0].pk]}
    text = administrator.post("/phones/bulk", chosen).content.decode()
    assert f'name="user-{free.pk}"' in text and f'name="user-{office.phones[0].pk}"' not in text
    assert '<option value="anna">' in text and "User 201" in text
    fields = {**chosen, "confirmed": "1", f"user-{free.pk}": "ANNA", f"user-{more.pk}": ""}
    assert administrator.post("/phones/bulk", fields)["Location"] == "/phones"
    assert sitting() == {**ALL, "Phone 299": "anna"} and acts() == ["phone.assigned"]


def test_an_unknown_person_is_told_at_the_field_and_nobody_gets_a_phone(
    office: RowOffice, free: Phone, administrator: Client
) -> None:
    more = add_phone(office.pbx, extension="298", port=9998)
    User.objects.create_user("closed", is_active=False)
    fields = {"action": "assign", "phone": [free.pk, more.pk], "confirmed": "1", f"user-{free.pk}": "user201"}
    for wrong in ("nobody", "closed", "x" * 151):
        text = administrator.post("/phones/bulk", {**fields, f"user-{more.pk}": wrong}).content.decode()
        assert "Nothing was saved" in text and 'value="user201"' in text
    assert sitting() == ALL


def test_a_phone_promised_for_later_is_told_at_its_field(office: RowOffice, free: Phone, administrator: Client) -> None:
    assign_phone(phone=free, user_id=office.users[1].pk, from_at=utc_now() + timedelta(hours=1))
    fields = {"action": "assign", "phone": [free.pk], "confirmed": "1", f"user-{free.pk}": "user201"}
    assert "User 202 has it in that time" in administrator.post("/phones/bulk", fields).content.decode()
    assert sitting() == ALL


def test_assigning_nobody_is_told(office: RowOffice, free: Phone, administrator: Client) -> None:
    fields = {"action": "assign", "phone": [free.pk], "confirmed": "1"}
    assert "Name at least one person" in administrator.post("/phones/bulk", fields).content.decode()


def test_a_phone_that_somebody_has_cannot_be_given_away_by_a_made_up_field(
    office: RowOffice, free: Phone, administrator: Client
) -> None:
    taken = office.phones[1].pk
    fields = {"action": "assign", "phone": [free.pk, taken], "confirmed": "1", f"user-{taken}": "user201"}
    page = administrator.post("/phones/bulk", fields).content.decode()
    assert "Name at least one person" in page and sitting() == ALL


# --- doctors ------------------------------------------------------------------------------------------------------
def test_each_chosen_phone_gets_one_doctor_however_often_the_button_is_pressed(
    office: RowOffice, administrator: Client, django_capture_on_commit_callbacks: object
) -> None:
    fields = {"action": "doctor", "phone": [phone.pk for phone in office.phones], "key": "k1"}
    with django_capture_on_commit_callbacks() as later:
        page = administrator.post("/phones/bulk", fields, follow=True).content.decode()
    assert "The doctor looks at 3 phones now" in page and len(later) == 1
    administrator.post("/phones/bulk", fields)
    orders = DeviceOrder.objects.all()
    assert sorted(order.phone_id for order in orders) == sorted(phone.pk for phone in office.phones)
    assert {order.kind for order in orders} == {"doctor"} and acts() == ["phone.doctor_asked"] * 3


# --- swapping -----------------------------------------------------------------------------------------------------
def test_a_swap_shows_both_users_and_happens_only_by_a_post(office: RowOffice, administrator: Client) -> None:
    address = f"/phones/{office.phones[0].pk}/swap"
    assert "Phone 202" in administrator.get(address).content.decode()  # offered in the list of names
    text = administrator.get(address, {"other": "phone 202"}).content.decode()
    assert "User 201" in text and "User 202" in text and sitting() == ALL
    done = administrator.post(address, {"other": hidden(text, "other"), "shown": hidden(text, "shown")})
    assert done["Location"] == f"/phones/{office.phones[0].pk}"
    assert sitting() == {**ALL, "Phone 201": "user202", "Phone 202": "user201"}
    assert acts() == ["phone.swapped"] * 2


def test_a_swap_is_refused_when_somebody_else_sits_there_by_now(
    office: RowOffice, free: Phone, administrator: Client
) -> None:
    address = f"/phones/{office.phones[0].pk}/swap"
    text = administrator.get(address, {"other": free.name}).content.decode()
    assign_phone(phone=free, user_id=office.users[2].pk, from_at=utc_now() - timedelta(minutes=1))
    answer = administrator.post(address, {"other": free.name, "shown": hidden(text, "shown")})
    assert answer.status_code == 409 and "has changed since this page was shown" in answer.content.decode()
    assert sitting() == {**ALL, "Phone 299": "user203"} and not acts()


@pytest.mark.parametrize(
    ("other", "words"),
    [("no such", "no phone of this name"), ("Phone 201", "another phone than this"), ("", "required")],
)
def test_a_swap_with_no_other_phone_is_told(office: RowOffice, administrator: Client, other: str, words: str) -> None:
    address = f"/phones/{office.phones[0].pk}/swap"
    text = administrator.get(address, {"other": other}).content.decode()
    assert words in text and 'name="shown"' not in text
    assert administrator.post(address, {"other": other}).status_code in (200, 409) and sitting() == ALL


def test_a_call_that_is_up_is_said_before_the_swap(office: RowOffice, administrator: Client) -> None:
    add_call(office, place=1, ended_at=None)
    text = administrator.get(f"/phones/{office.phones[0].pk}/swap", {"other": "Phone 202"}).content.decode()
    assert "In a call now" in text


# --- a free desk --------------------------------------------------------------------------------------------------
def test_everybody_sits_down_at_a_free_phone_and_leaves_the_old_one(
    office: RowOffice, free: Phone, agent: Client
) -> None:
    answer = agent.post(f"/phones/{free.pk}/sit", follow=True)
    assert "You sit at Phone 299 now" in answer.content.decode()
    assert sitting() == {"Phone 299": "user201", "Phone 202": "user202", "Phone 203": "user203"}
    assert AuditEvent.objects.get().details == {"left": ["Phone 201"]}


def test_nobody_sits_down_at_somebody_elses_phone(office: RowOffice, agent: Client, administrator: Client) -> None:
    for client in (agent, administrator):
        text = client.post(f"/phones/{office.phones[1].pk}/sit", {"take_over": "1"}, follow=True).content.decode()
        assert "Somebody sits at Phone 202" in text and sitting() == ALL


def test_nobody_leaves_a_phone_on_which_the_own_call_is_up(office: RowOffice, free: Phone, agent: Client) -> None:
    add_call(office, place=0, ended_at=None)
    text = agent.post(f"/phones/{free.pk}/sit", follow=True).content.decode()
    assert "A call is up on Phone 201" in text and sitting() == ALL and not acts()


def test_nobody_is_sent_to_a_strangers_page_after_sitting_down(free: Phone, agent: Client) -> None:
    assert agent.post(f"/phones/{free.pk}/sit", {"next": "//evil.example"})["Location"] == "/my-phone"
    assert agent.post(f"/phones/{free.pk}/sit", {"next": "/desk"})["Location"] == "/desk"


# --- who may ------------------------------------------------------------------------------------------------------
ROLES = ("anonymous", "agent", "supervisor", "administrator")
ADDRESSES: dict[str, tuple[str, dict[str, int]]] = {
    "/phones/bulk": ("post", {"agent": 403, "supervisor": 403, "administrator": 302}),
    "/phones/{id}/swap": ("get", {"agent": 403, "supervisor": 403, "administrator": 200}),
    "/phones/{id}/swap ": ("post", {"agent": 403, "supervisor": 403, "administrator": 200}),
    "/phones/{free}/sit": ("post", {"agent": 302, "supervisor": 302, "administrator": 302}),
    "/phones/999999/swap": ("get", {"agent": 403, "supervisor": 403, "administrator": 404}),
    "/phones/999999/sit": ("post", {"agent": 404, "supervisor": 404, "administrator": 404}),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("address", ADDRESSES)
def test_each_role_gets_just_what_is_its_own(
    office: RowOffice, free: Phone, boss: User, role: str, address: str
) -> None:
    client = Client()
    office.users[1].role = Role.SUPERVISOR
    office.users[1].save()
    users = {"agent": office.users[0], "supervisor": office.users[1], "administrator": boss}
    if role in users:
        client.force_login(users[role])
    method, expected = ADDRESSES[address]
    path = address.strip().replace("{id}", str(office.phones[0].pk)).replace("{free}", str(free.pk))
    answer = getattr(client, method)(path)
    assert answer.status_code == expected.get(role, 302)
    if role == "anonymous":
        assert answer["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("act", ["release", "assign", "doctor"])
@pytest.mark.parametrize("role", ["agent", "supervisor"])
def test_no_bulk_act_for_others_than_administrators(office: RowOffice, free: Phone, role: str, act: str) -> None:
    office.users[1].role = Role.SUPERVISOR
    office.users[1].save()
    client = Client()
    client.force_login(office.users[0] if role == "agent" else office.users[1])
    fields = {"action": act, "phone": [office.phones[2].pk], "confirmed": "1", f"user-{free.pk}": "user201"}
    assert client.post("/phones/bulk", fields).status_code == 403
    assert sitting() == ALL and not DeviceOrder.objects.exists()


@pytest.mark.parametrize("path", ["/phones/bulk", "/phones/{id}/swap", "/phones/{id}/sit"])
def test_a_post_without_the_token_is_refused(office: RowOffice, boss: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(boss)
    answer = client.post(path.replace("{id}", str(office.phones[0].pk)), {"action": "doctor"})
    assert answer.status_code == 403 and sitting() == ALL


@pytest.mark.parametrize("path", ["/phones/bulk", "/phones/{id}/sit"])
def test_a_get_never_changes_who_sits_where(office: RowOffice, administrator: Client, path: str) -> None:
    assert administrator.get(path.replace("{id}", str(office.phones[0].pk))).status_code == 405
