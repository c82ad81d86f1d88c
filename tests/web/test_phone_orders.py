"""Orders to a phone from its page: who may, what must be typed, what is written down before anything is sent."""

import logging
import re
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core import signing
from django.db import connection
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import utc_now
from crmconnector.users.models import Role, User
from crmconnector.web import phone_acts
from phones.models import DeviceOrder, Phone, PhoneStatus
from phones.seats import release_phone
from tests.support.office import RowOffice

ADMIN_WORD = "adm1n-passcode-canary"
GUARDED = ("lock", "unlock", "reboot", "reset")
RIGHT_OF = {"lock": "lock_phone", "unlock": "lock_phone", "reboot": "reboot_phone", "reset": "reset_phone"}


def grant(user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="phones", codename__in=codenames))


@pytest.fixture
def may_all(boss: User) -> User:
    grant(boss, *phone_acts.RIGHTS)
    return boss


@pytest.fixture
def phone(office: RowOffice) -> Phone:
    return office.phones[0]


def place(phone: Phone, kind: str) -> str:
    return f"/phones/{phone.pk}/order/{kind}"


def confirmation_on(client: Client, address: str) -> str:
    found = re.search(r'name="confirmation" value="([^"]+)"', client.get(address).content.decode())
    assert found
    return found[1]


def confirm(client: Client, phone: Phone, kind: str, **changes: object):
    fields = {"typed_name": phone.name, "confirmation": confirmation_on(client, place(phone, kind))}
    if kind == "reset":
        fields["admin_passcode"] = ADMIN_WORD
    return client.post(place(phone, kind), {**fields, **changes})


def call_up(office: RowOffice) -> Leg:
    now = utc_now()
    call = Call.objects.create(pbx=office.pbx, linkedid="up", direction="inbound", state="talking", started_at=now)
    return Leg.objects.create(
        call=call, pbx=office.pbx, uniqueid="up", endpoint="PJSIP/201", phone=office.phones[0], state="talking",
        answered_at=now,
    )  # fmt: skip


# --- guarded orders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GUARDED)
def test_a_confirmed_order_is_written_and_recorded_before_a_worker_hears_of_it(
    phone: Phone, administrator: Client, may_all: User, kind: str, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks() as after_commit:
        answer = confirm(administrator, phone, kind)
    assert answer["Location"] == f"/phones/{phone.pk}"
    order = DeviceOrder.objects.get()
    assert (order.kind, order.phone, order.user, order.state) == (kind, phone, may_all, "requested")
    event = AuditEvent.objects.get(target_type="phones.phone")
    assert event.actor == may_all and event.details == {"order": str(order.pk)} and event.action.endswith("_requested")
    assert len(after_commit) == (2 if kind == "reset" else 1)  # a reset hands the passcode over too


def test_nothing_is_recorded_of_an_order_that_could_not_be_written(
    phone: Phone, administrator: Client, may_all: User
) -> None:
    Phone.objects.filter(pk=phone.pk).update(passcode_refused_at=utc_now())
    page = confirm(administrator, phone, "reboot").content.decode()
    assert "refused our passcode" in page and not DeviceOrder.objects.exists() and not AuditEvent.objects.exists()


@pytest.mark.parametrize("kind", GUARDED)
def test_looking_at_the_confirmation_asks_nothing(
    phone: Phone, administrator: Client, may_all: User, kind: str
) -> None:
    page = administrator.get(place(phone, kind)).content.decode()
    assert "What will happen" in page and "real GRP26xx" in page
    assert ("admin_passcode" in page) == (kind == "reset")
    assert not DeviceOrder.objects.exists() and not AuditEvent.objects.exists()


@pytest.mark.parametrize("kind", GUARDED)
def test_being_administrator_is_not_enough(phone: Phone, administrator: Client, boss: User, kind: str) -> None:
    grant(boss, *(set(phone_acts.RIGHTS) - {RIGHT_OF[kind]}))
    assert administrator.get(place(phone, kind)).status_code == 403
    assert administrator.post(place(phone, kind), {"typed_name": phone.name}).status_code == 403
    assert not DeviceOrder.objects.exists()


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR])
def test_the_permission_is_not_enough_without_the_role(phone: Phone, office: RowOffice, role: str) -> None:
    user = office.users[0]
    User.objects.filter(pk=user.pk).update(role=role)
    grant(user, *phone_acts.RIGHTS)
    client = Client()
    client.force_login(user)
    assert client.get(place(phone, "reboot")).status_code == 403
    assert client.post(place(phone, "reboot"), {"typed_name": phone.name}).status_code == 403


def test_an_order_that_is_not_guarded_has_no_such_page(phone: Phone, administrator: Client, may_all: User) -> None:
    for kind in ("look", "keys", "doctor", "operation", "RESET", "x"):
        assert administrator.get(place(phone, kind)).status_code == 404
        assert administrator.post(place(phone, kind), {"typed_name": phone.name}).status_code == 404


@pytest.mark.parametrize("typed", ["", "phone 201", "Phone 202", "Phone 2011", "%"])
def test_a_wrongly_typed_name_sends_nothing(phone: Phone, administrator: Client, may_all: User, typed: str) -> None:
    answer = confirm(administrator, phone, "reboot", typed_name=typed)
    assert answer.status_code == 200 and "Nothing was sent" in answer.content.decode()
    assert not DeviceOrder.objects.exists() and not AuditEvent.objects.exists()


def test_a_name_may_be_typed_on_another_keyboard(phone: Phone, administrator: Client, may_all: User) -> None:
    phone.name = "Ade\u0301ba\u0301yo\u0323\u0300"
    phone.save()
    assert confirm(administrator, phone, "reboot", typed_name="Ad\u00e9b\u00e1y\u1ecd\u0300").status_code == 302


def test_the_same_confirmation_twice_asks_once(phone: Phone, administrator: Client, may_all: User) -> None:
    once = confirmation_on(administrator, place(phone, "reboot"))
    for _again in range(3):
        assert confirm(administrator, phone, "reboot", confirmation=once).status_code == 302
    assert DeviceOrder.objects.count() == 1 and AuditEvent.objects.count() == 1


def test_a_replay_after_the_end_does_nothing(phone: Phone, administrator: Client, may_all: User) -> None:
    once = confirmation_on(administrator, place(phone, "reboot"))
    confirm(administrator, phone, "reboot", confirmation=once)
    DeviceOrder.objects.update(state="confirmed", ended_at=utc_now())
    page = confirm(administrator, phone, "reboot", confirmation=once)
    assert page.status_code == 302 and DeviceOrder.objects.count() == 1
    assert "asked already" in administrator.get(page["Location"]).content.decode()


def test_a_confirmation_is_for_one_phone_one_deed_and_one_person(
    office: RowOffice, phone: Phone, administrator: Client, may_all: User
) -> None:
    mine = confirmation_on(administrator, place(phone, "lock"))
    for other, kind in ((office.phones[1], "lock"), (phone, "reboot")):
        page = confirm(administrator, other, kind, confirmation=mine).content.decode()
        assert "was made for something else" in page
    second = User.objects.create_user("second", role=Role.ADMINISTRATOR)
    grant(second, *phone_acts.RIGHTS)
    client = Client()
    client.force_login(second)
    assert "was made for something else" in confirm(client, phone, "lock", confirmation=mine).content.decode()
    assert not DeviceOrder.objects.exists()


@pytest.mark.parametrize(
    "forged", ["", "x", "a:b:c", signing.dumps([1, 1, "reboot", "k"], salt="other"), "\x00"], ids=range(5)
)
def test_a_forged_confirmation_sends_nothing(phone: Phone, administrator: Client, may_all: User, forged: str) -> None:
    assert confirm(administrator, phone, "reboot", confirmation=forged).status_code == 200
    assert not DeviceOrder.objects.exists()


def test_a_confirmation_ends_after_ten_minutes(phone: Phone, may_all: User, time_machine_travel) -> None:
    made = phone_acts.new_confirmation(user=may_all, phone=phone, kind="reboot")

    def key() -> str | None:
        return phone_acts.key_of_confirmation(made, user=may_all, phone=phone, kind="reboot")

    assert key()
    time_machine_travel(utc_now() + timedelta(seconds=601))
    assert key() is None


@pytest.fixture
def time_machine_travel():
    import time_machine

    travellers = []

    def travel(to) -> None:
        traveller = time_machine.travel(to, tick=True)
        traveller.start()
        travellers.append(traveller)

    yield travel
    for one in travellers:
        one.stop()


@pytest.mark.parametrize("kind", GUARDED)
def test_a_phone_in_a_call_is_left_alone(
    office: RowOffice, phone: Phone, administrator: Client, may_all: User, kind: str
) -> None:
    leg = call_up(office)
    assert "A call is up on this phone" in administrator.get(place(phone, kind)).content.decode()
    assert "A call is up on this phone" in confirm(administrator, phone, kind).content.decode()
    assert not DeviceOrder.objects.exists() and not AuditEvent.objects.exists()
    Leg.objects.filter(pk=leg.pk).update(ended_at=utc_now())
    assert confirm(administrator, phone, kind).status_code == 302


def test_a_line_that_was_in_use_at_the_last_look_is_enough(phone: Phone, administrator: Client, may_all: User) -> None:
    PhoneStatus.objects.create(phone=phone, reachable=True, looked_at=utc_now(), lines=["idle", "on_hold"])
    assert "A line was in use" in confirm(administrator, phone, "reboot").content.decode()
    PhoneStatus.objects.update(lines=["idle", "idle"])
    assert confirm(administrator, phone, "reboot").status_code == 302


def test_a_click_while_a_call_is_up_is_remembered_nowhere(
    office: RowOffice, phone: Phone, administrator: Client, may_all: User
) -> None:
    """After the call the same page works: its confirmation was not used."""
    leg = call_up(office)
    once = confirmation_on(administrator, place(phone, "reboot"))
    confirm(administrator, phone, "reboot", confirmation=once)
    Leg.objects.filter(pk=leg.pk).update(ended_at=utc_now())
    assert confirm(administrator, phone, "reboot", confirmation=once).status_code == 302
    assert DeviceOrder.objects.count() == 1


def test_buttons_that_one_may_not_press_say_who_can_allow_it(
    phone: Phone, administrator: Client, boss: User, office: RowOffice
) -> None:
    page = administrator.get(f"/phones/{phone.pk}").content.decode()
    assert f'href="{place(phone, "reboot")}"' not in page and "Any administrator can allow it to you" in page
    chief = User.objects.create_user("chief", full_name="Ada Chief", password="x", role=Role.ADMINISTRATOR)
    grant(chief, "reboot_phone")
    page = administrator.get(f"/phones/{phone.pk}").content.decode()
    assert "Ada Chief can allow it to you" in page and 'aria-describedby="why-reboot"' in page
    grant(boss, "reboot_phone")
    page = administrator.get(f"/phones/{phone.pk}").content.decode()
    assert f'href="{place(phone, "reboot")}"' in page and f'href="{place(phone, "reset")}"' not in page


# --- the passcode of a reset --------------------------------------------------------------------------------------


def test_a_reset_without_the_passcode_is_not_asked(phone: Phone, administrator: Client, may_all: User) -> None:
    page = confirm(administrator, phone, "reset", admin_passcode="").content.decode()
    assert "This field is required" in page and not DeviceOrder.objects.exists()


def test_the_passcode_of_a_reset_is_never_rendered_stored_or_logged(
    phone: Phone, administrator: Client, may_all: User, caplog, django_capture_on_commit_callbacks
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = confirm(administrator, phone, "reset", typed_name="wrong", admin_passcode=ADMIN_WORD)
    with django_capture_on_commit_callbacks():
        right = confirm(administrator, phone, "reset")
    assert right.status_code == 302
    pages = [wrong, right, administrator.get(f"/phones/{phone.pk}"), administrator.get(place(phone, "reset"))]
    assert all(ADMIN_WORD not in one.content.decode() for one in pages)
    rows = [*DeviceOrder.objects.values(), *AuditEvent.objects.values()]
    with connection.cursor() as cursor:
        cursor.execute("select session_data from django_session")
        rows += [signing.loads(data, salt="django.contrib.sessions.SessionStore") for (data,) in cursor.fetchall()]
    assert ADMIN_WORD not in str(rows) and ADMIN_WORD not in caplog.text
    queue = redis.Redis.from_url(settings.REDIS_URL)
    for key in queue.scan_iter("*"):
        assert ADMIN_WORD.encode() not in key + (queue.dump(key) or b"")
    queue.close()


def test_an_error_report_would_not_show_the_passcode(phone: Phone, administrator: Client, may_all: User) -> None:
    request = confirm(administrator, phone, "reset").wsgi_request
    assert request.sensitive_post_parameters == ("admin_passcode",)


def test_a_reset_that_no_worker_takes_up_is_withdrawn(
    phone: Phone, administrator: Client, may_all: User, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    monkeypatch.setattr("crmconnector.web.views.phone_orders.HANDOVER_SECONDS", 0.2)
    with django_capture_on_commit_callbacks(execute=True):
        confirm(administrator, phone, "reset")
    order = DeviceOrder.objects.get()
    assert order.state == "expired" and "Nothing was sent" in order.sentence
    assert "Nothing was sent" in administrator.get(f"/phones/{phone.pk}").content.decode()


# --- keys ---------------------------------------------------------------------------------------------------------


def press(client: Client, phone: Phone, keys: str, **changes: object):
    return client.post(f"/phones/{phone.pk}/keys", {"keys": keys, "key": "k1", **changes})


@pytest.fixture
def free(phone: Phone) -> Phone:
    release_phone(phone=phone, at=utc_now())
    return phone


def test_keys_are_pressed_at_a_phone_of_nobody(free: Phone, administrator: Client) -> None:
    assert press(administrator, free, " vup:VUP : 5:*:LINE2 ")["Location"] == f"/phones/{free.pk}"
    order = DeviceOrder.objects.get()
    assert (order.kind, order.argument) == ("keys", "VUP:VUP:5:*:LINE2")
    assert AuditEvent.objects.get().details == {"order": str(order.pk), "argument": "VUP:VUP:5:*:LINE2"}


def test_keys_of_a_phone_at_which_somebody_sits_are_theirs_alone(phone: Phone, administrator: Client) -> None:
    page = press(administrator, phone, "VUP").content.decode()
    assert "User 201 sits at this phone" in page and not DeviceOrder.objects.exists()


def test_an_administrator_may_press_the_keys_of_the_own_phone(free: Phone, administrator: Client, boss: User) -> None:
    administrator.post(f"/phones/{free.pk}/assign", {"user": boss.pk})
    assert press(administrator, free, "VUP").status_code == 302 and DeviceOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "This field is required"),
        ("VUP,VUP", "There is no key"),
        ("LOUDER", "There is no key “LOUDER”"),
        ("LINE", "There is no key"),
        ("LINE0", "There is no key"),
        ("VUP::VUP", "There is no key"),
        ("LOCK", "has a button of its own"),
        ("5:UNLOCK", "has a button of its own"),
        (":".join(["1"] * 65), "at most 64"),
        ("VUP:" * 60, "at most 200"),
        ("VUP\x00", "Null characters"),
        ("<img>", "There is no key “&lt;IMG&gt;”"),
    ],
)
def test_keys_that_do_not_exist_are_refused_by_name(free: Phone, administrator: Client, keys: str, words: str) -> None:
    page = press(administrator, free, keys)
    assert page.status_code == 200 and words in page.content.decode() and not DeviceOrder.objects.exists()


def test_every_key_of_the_guide_is_taken_and_listed(free: Phone, administrator: Client) -> None:
    from crmconnector.web.forms.phones import KeysForm
    from phones.drivers.grandstream.keys import KEYS

    page = administrator.get(f"/phones/{free.pk}").content.decode()
    for key in KEYS.values():
        name = f"{key.name}1" if key.numbered != "no" else key.name
        assert KeysForm({"keys": name}).is_valid() == (key.danger != "guarded"), name
        assert key.means in page or key.means.replace("'", "&#x27;") in page


def test_the_same_press_twice_is_one_order(free: Phone, administrator: Client) -> None:
    press(administrator, free, "VUP")
    press(administrator, free, "VUP")
    assert DeviceOrder.objects.count() == 1 and AuditEvent.objects.count() == 1
    page = press(administrator, free, "VDOWN").content.decode()  # the old button for something else
    assert "used for something else" in page and DeviceOrder.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 81, "a\x00b"])
def test_a_press_without_a_key_of_its_own_is_refused(free: Phone, administrator: Client, key: str) -> None:
    assert "out of date" in press(administrator, free, "VUP", key=key).content.decode()
    assert not DeviceOrder.objects.exists()


# --- check now ----------------------------------------------------------------------------------------------------


def test_a_check_is_asked_once_per_button(phone: Phone, administrator: Client) -> None:
    for _again in range(2):
        assert administrator.post(f"/phones/{phone.pk}/check", {"key": "c1"})["Location"] == f"/phones/{phone.pk}"
    assert DeviceOrder.objects.get().kind == "look"
    assert AuditEvent.objects.get().action == "phone.check_requested"


def test_a_check_by_htmx_answers_with_what_has_changed_and_a_fresh_button(phone: Phone, administrator: Client) -> None:
    answer = administrator.post(f"/phones/{phone.pk}/check", {"key": "c1"}, headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert answer.status_code == 200 and "<html" not in page and 'hx-trigger="every 1s, look"' in page
    assert f'id="deeds-{phone.pk}"' in page and "Waiting for a worker" in page
    assert re.search(rf'id="check-key-{phone.pk}" value="\w+" hx-swap-oob="true"', page)


def test_a_check_that_is_refused_says_why(phone: Phone, administrator: Client) -> None:
    Phone.objects.filter(pk=phone.pk).update(passcode_refused_at=utc_now())
    answer = administrator.post(f"/phones/{phone.pk}/check", {"key": "c1"}, headers={"HX-Request": "true"})
    assert "The phone refused our passcode, so nothing is sent to it" in answer.content.decode()
    assert not DeviceOrder.objects.exists()
    administrator.post(f"/phones/{phone.pk}/check", {"key": "c2"})
    assert "so nothing is sent to it" in administrator.get(f"/phones/{phone.pk}").content.decode()
