"""My phone: everybody sees the own phone and nobody else's, and nothing of who had it before."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from crmconnector.common.clock import utc_now
from crmconnector.users.models import Role, User
from phones.models import Assignment, DeviceOrder, Phone, PhoneStatus
from phones.seats import release_phone
from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone
from tests.support.web_story import add_call, add_command
from tests.web.test_phones import call_on, seen

NOW, MINE = "/my-phone/now", "/my-phone"


def as_text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def page_of(client: Client, address: str = MINE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def ordered(phone: Phone, user: User, what: str, minutes_ago: int) -> None:
    at = utc_now() - timedelta(minutes=minutes_ago)
    DeviceOrder.objects.create(
        phone=phone, kind="keys", argument=what, state="sent", user=user, user_name=user.username,
        idempotency_key=what, requested_at=at, not_after=at,
    )  # fmt: skip


def test_one_sees_the_own_phone_its_calls_lines_and_accounts(office: RowOffice, agent: Client) -> None:
    seen(office.phones[0], lines=["connected", "idle"], accounts_at=utc_now(),
         accounts=[{"account": 1, "sip_id": "201", "registered": True}])  # fmt: skip
    call_on(office, 0)
    add_command(add_call(office).legs.get(), "requested", "sent", "confirmed")
    page = as_text(page_of(agent))
    for words in ("Phone 201", "Talking", "030 23125447", "Connected", "registered", "Answered on your desk phone"):
        assert words in page, words
    assert "Phone 202" not in page and "User 202" not in page


def test_the_phones_of_others_are_not_there(office: RowOffice, agent: Client) -> None:
    other = office.phones[1]
    assert agent.post(f"/phones/{other.pk}/check", {"key": "k"}).status_code == 404
    assert agent.post("/phones/999999/check", {"key": "k"}).status_code == 404
    assert not DeviceOrder.objects.exists()
    for address in (f"/phones/{other.pk}", f"/phones/{other.pk}/now", f"/phones/live?ids={other.pk}", "/phones"):
        assert agent.get(address).status_code == 403
    for query in (f"?phone={other.pk}", f"?user={office.users[1].pk}", f"?ids={other.pk}"):
        for address in (MINE, NOW):
            assert "Phone 202" not in page_of(agent, address + query)


def test_yesterdays_phone_is_a_strangers_today(office: RowOffice, agent: Client) -> None:
    phone = office.phones[0]
    assert agent.post(f"/phones/{phone.pk}/check", {"key": "k1"}).status_code == 302
    release_phone(phone=phone, at=utc_now())
    assert agent.post(f"/phones/{phone.pk}/check", {"key": "k2"}).status_code == 404
    assert "Yours since" not in page_of(agent) and DeviceOrder.objects.count() == 1


def test_a_supervisor_sees_the_phones_of_the_team_no_more_than_anybody(office: RowOffice) -> None:
    User.objects.filter(pk=office.users[1].pk).update(role=Role.SUPERVISOR)
    client = Client()
    client.force_login(office.users[1])
    assert client.post(f"/phones/{office.phones[0].pk}/check", {"key": "k"}).status_code == 404
    assert "Phone 201" not in page_of(client)


def test_who_had_it_before_and_what_they_asked_is_not_shown(office: RowOffice, agent: Client) -> None:
    phone, now = office.phones[0], utc_now()
    Assignment.objects.filter(phone=phone).delete()
    assign_phone(
        phone=phone, user_id=office.users[1].pk, from_at=now - timedelta(hours=2), until_at=now - timedelta(hours=1)
    )
    assign_phone(phone=phone, user_id=office.users[0].pk, from_at=now - timedelta(hours=1))
    ordered(phone, office.users[1], "VDOWN", minutes_ago=90)
    ordered(phone, office.users[0], "VUP", minutes_ago=30)
    old = add_command(add_call(office, answered_by=office.users[1]).legs.get(), "requested", "unknown")
    type(old).objects.filter(pk=old.pk).update(requested_at=now - timedelta(minutes=80), user=office.users[1])
    for address in (MINE, NOW):
        page = page_of(agent, address)
        assert "VUP" in page and "VDOWN" not in page and "User 202" not in page, address


def test_a_check_of_the_own_phone_leads_back_to_it(office: RowOffice, agent: Client) -> None:
    phone = office.phones[0]
    answer = agent.post(f"/phones/{phone.pk}/check", {"key": "k1", "from": "own"})
    assert answer["Location"] == MINE and "Waiting for a worker" in page_of(agent)
    answer = agent.post(f"/phones/{phone.pk}/check", {"key": "k2"}, headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert "<html" not in page and f'hx-get="{NOW}"' in page and 'hx-trigger="every 1s, look"' in page


def test_an_agent_sees_no_guarded_button_no_keys_and_no_address(office: RowOffice, agent: Client) -> None:
    page = page_of(agent)
    assert "/order/" not in page and "/keys" not in page and "/edit" not in page and "127.0.0.1:8001" not in page
    assert f'href="/phones/{office.phones[0].pk}/doctor"' in page


def test_a_refused_passcode_is_told_without_a_button_for_it(office: RowOffice, agent: Client) -> None:
    Phone.objects.filter(pk=office.phones[0].pk).update(passcode_refused_at=utc_now())
    page = page_of(agent)
    assert "until an administrator enters the new passcode" in page and "Enter passcode" not in page


def test_free_phones_are_offered_and_taken_ones_are_not(office: RowOffice, agent: Client) -> None:
    free = add_phone(office.pbx, extension="210", port=8100)
    PhoneStatus.objects.create(phone=free, reachable=True, looked_at=utc_now(), lines=["idle"])
    page = page_of(agent)
    assert f'action="/phones/{free.pk}/sit"' in page and "Reachable" in page
    assert not any(f'action="/phones/{taken.pk}/sit"' in page for taken in office.phones)
    assert f'action="/phones/{free.pk}/sit"' in page_of(agent, f"{MINE}?q=210")
    assert "No free phone matches" in page_of(agent, f"{MINE}?q=201")


def test_more_free_phones_than_fit_are_searched_for(office: RowOffice, agent: Client) -> None:
    for n in range(15):
        add_phone(office.pbx, extension=str(300 + n), port=8100 + n)
    page = page_of(agent)
    assert page.count("/sit") == 12 and "There are more" in page
    assert "Phone 314" in page_of(agent, f"{MINE}?q=314")


def test_somebody_without_a_phone_is_told_what_to_do(office: RowOffice) -> None:
    client = Client()
    client.force_login(User.objects.create_user("new", full_name="New"))
    page = page_of(client)
    assert "You have no desk phone now" in page and "No phone is free now." in page and "data-live" not in page
    assert page_of(client, NOW)


def test_two_phones_are_shown_each_with_its_own_buttons(office: RowOffice, agent: Client) -> None:
    second = add_phone(office.pbx, extension="210", port=8100)
    assign_phone(phone=second, user_id=office.users[0].pk, from_at=utc_now())
    page = page_of(agent)
    keys = re.findall(r'id="check-key-\d+" value="(\w+)"', page)
    assert len(set(keys)) == 2 and page.count("data-live") == 1
    for phone, key in zip((office.phones[0], second), keys, strict=True):
        assert agent.post(f"/phones/{phone.pk}/check", {"key": key, "from": "own"}).status_code == 302
    assert DeviceOrder.objects.count() == 2


@pytest.mark.parametrize("address", ["/desk", "/calls", MINE])
def test_every_page_leads_to_my_phone(office: RowOffice, agent: Client, address: str) -> None:
    assert page_of(agent, address).count('href="/my-phone"') >= 2  # beside the name, and in the menu of a narrow screen
