"""Forms: what is refused and in which words, what is kept, and that every write is recorded without secrets."""

from datetime import timedelta

import pytest
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact
from crmconnector.pbx.models import Line, Pbx, PbxLink, Queue, Trunk
from phones.models import Assignment, Phone
from tests.support.canary import PASSCODE
from tests.support.office import RowOffice

SECRET = "s3cr3t-passcode-canary"


def phone_fields(office: RowOffice, **changes: object) -> dict[str, object]:
    fields = {
        "name": "Front desk", "model": "GRP2614", "address": "127.0.0.1", "port": "8999", "mac": "000b82a14c07",
        "passcode": SECRET, "scheme": "http", "certificate": "", "accounts-TOTAL_FORMS": "2",
        "accounts-INITIAL_FORMS": "0", "accounts-0-pbx": office.pbx.pk, "accounts-0-extension": "204",
        "accounts-0-endpoint": "PJSIP/204", "accounts-1-pbx": "", "accounts-1-extension": "",
        "accounts-1-endpoint": "",
    }  # fmt: skip
    return fields | changes


def pbx_fields(**changes: object) -> dict[str, object]:
    fields = {
        "name": "Berlin", "host": "192.0.2.10", "port": "5038", "username": "crm", "secret": SECRET, "country": "de",
        "outside_prefixes": "0", "enabled": "on",
    }  # fmt: skip
    return fields | changes


def contact_fields(*numbers: str, **changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "name": "Noa Ben-David", "form-TOTAL_FORMS": len(numbers) + 1, "form-INITIAL_FORMS": 0
    }  # fmt: skip
    for place, number in enumerate(numbers):
        fields |= {f"form-{place}-label": "work", f"form-{place}-written": number}
    return fields | changes


def test_a_new_phone_is_kept_with_its_account_and_recorded(office: RowOffice, administrator: Client) -> None:
    answer = administrator.post("/phones/new", phone_fields(office))
    phone = Phone.objects.get(name="Front desk")
    assert answer["Location"] == f"/phones/{phone.pk}"
    assert phone.mac == "00:0B:82:A1:4C:07" and phone.passcode.reveal() == SECRET
    assert [(row.endpoint, row.position) for row in phone.accounts.all()] == [("PJSIP/204", 1)]
    event = AuditEvent.objects.get(action="phone.added")
    assert event.details["endpoints"] == ["PJSIP/204"] and SECRET not in str(event.details)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("address", "169.254.169.254", "PHONE_NETWORKS"),
        ("address", "8.8.8.8", "PHONE_NETWORKS"),
        ("address", "::ffff:127.0.0.1", "PHONE_NETWORKS"),
        ("address", "127.0.0.300", "valid IPv4"),
        ("address", "http://127.0.0.1", "valid IPv"),
        ("port", "0", "greater than or equal to 1"),
        ("port", "8001", "already exists"),
        ("mac", "00:0B:82", "A MAC address looks like"),
        ("passcode", "", "This field is required"),
        ("scheme", "https-pinned", "Paste it as PEM"),
        ("accounts-0-endpoint", "204", "An endpoint looks like PJSIP/204."),
        ("accounts-0-endpoint", "PJSIP/201", "already exists"),
        ("accounts-0-extension", "abc", "Digits only."),
        ("name", "Phone 201", "already exists"),
    ],
)
def test_a_wrong_phone_is_refused_at_the_field(
    office: RowOffice, administrator: Client, field: str, value: str, words: str
) -> None:
    answer = administrator.post("/phones/new", phone_fields(office, **{field: value}))
    page = answer.content.decode()
    assert answer.status_code == 200 and words in page and "Nothing was saved" in page and SECRET not in page
    assert Phone.objects.count() == 3


def test_a_blank_passcode_keeps_the_stored_one_and_the_stop(office: RowOffice, administrator: Client) -> None:
    phone = office.phones[0]
    Phone.objects.filter(pk=phone.pk).update(passcode_refused_at=utc_now())
    administrator.post(f"/phones/{phone.pk}/edit", edited(office, phone, passcode=""))
    phone = Phone.objects.get(pk=phone.pk)
    assert phone.name == "Renamed" and phone.passcode.reveal() == PASSCODE and phone.passcode_refused_at


def test_a_new_passcode_lifts_the_stop_and_is_never_shown(office: RowOffice, administrator: Client) -> None:
    phone = office.phones[0]
    Phone.objects.filter(pk=phone.pk).update(passcode_refused_at=utc_now())
    administrator.post(f"/phones/{phone.pk}/edit", edited(office, phone, passcode=SECRET))
    phone = Phone.objects.get(pk=phone.pk)
    assert phone.passcode.reveal() == SECRET and phone.passcode_refused_at is None
    for page in (f"/phones/{phone.pk}", f"/phones/{phone.pk}/edit", "/phones"):
        assert SECRET not in administrator.get(page).content.decode()


def edited(office: RowOffice, phone: Phone, **changes: object) -> dict[str, object]:
    account = phone.accounts.get()
    own = {
        "name": "Renamed", "port": phone.port, "accounts-INITIAL_FORMS": 1, "accounts-0-id": account.pk,
        "accounts-0-extension": account.extension, "accounts-0-endpoint": account.endpoint,
    }  # fmt: skip
    return phone_fields(office, **(own | changes))


def test_an_account_is_added_and_another_removed_in_one_go(office: RowOffice, administrator: Client) -> None:
    phone = office.phones[0]
    second = {"accounts-1-pbx": office.pbx.pk, "accounts-1-extension": "209", "accounts-1-endpoint": "PJSIP/209"}
    administrator.post(f"/phones/{phone.pk}/edit", edited(office, phone, **second))
    assert [row.endpoint for row in phone.accounts.all()] == ["PJSIP/201", "PJSIP/209"]
    administrator.post(f"/phones/{phone.pk}/edit", edited_two(office, phone))
    assert [row.endpoint for row in phone.accounts.all()] == ["PJSIP/209"]


def edited_two(office: RowOffice, phone: Phone) -> dict[str, object]:
    fields = phone_fields(office, name="Renamed", port=phone.port)
    fields |= {"accounts-TOTAL_FORMS": 2, "accounts-INITIAL_FORMS": 2, "accounts-0-DELETE": "on"}
    for place, row in enumerate(phone.accounts.all()):
        fields |= {f"accounts-{place}-id": row.pk, f"accounts-{place}-pbx": row.pbx_id}
        fields |= {f"accounts-{place}-extension": row.extension, f"accounts-{place}-endpoint": row.endpoint}
    return fields


def test_another_phones_account_cannot_be_edited_through_this_one(office: RowOffice, administrator: Client) -> None:
    foreign = office.phones[1].accounts.get()
    fields = edited(office, office.phones[0], **{"accounts-0-id": foreign.pk, "accounts-0-extension": "666"})
    administrator.post(f"/phones/{office.phones[0].pk}/edit", fields)
    foreign.refresh_from_db()
    assert foreign.extension == "202" and foreign.phone_id == office.phones[1].pk


def test_a_taken_phone_is_not_assigned_twice(office: RowOffice, administrator: Client) -> None:
    phone = office.phones[0]
    answer = administrator.post(f"/phones/{phone.pk}/assign", {"user": office.users[1].pk})
    assert "is assigned to somebody in that time. Release it first." in answer.content.decode()
    assert Assignment.objects.filter(phone=phone).count() == 1


def test_a_released_phone_goes_to_the_next_and_keeps_its_history(office: RowOffice, administrator: Client) -> None:
    phone, now = office.phones[0], utc_now()
    administrator.post(f"/phones/{phone.pk}/release")
    administrator.post(f"/phones/{phone.pk}/assign", {"user": office.users[1].pk})
    assert Assignment.objects.get(phone=phone, during__contains=utc_now()).user == office.users[1]
    assert Assignment.objects.filter(phone=phone, during__contains=now - timedelta(minutes=5)).exists()
    assert set(AuditEvent.objects.values_list("action", flat=True)) == {"phone.released", "phone.assigned"}


def test_an_assignment_that_ends_before_it_starts_is_refused(office: RowOffice, administrator: Client) -> None:
    administrator.post(f"/phones/{office.phones[0].pk}/release")
    fields = {"user": office.users[0].pk, "from_at": "2030-01-02T10:00", "until_at": "2030-01-01T10:00"}
    answer = administrator.post(f"/phones/{office.phones[0].pk}/assign", fields)
    assert "The end must be later than the start." in answer.content.decode()


def test_a_new_pbx_is_kept_with_its_link_and_its_secret_is_never_shown(
    office: RowOffice, administrator: Client
) -> None:
    administrator.post("/pbxes/new", pbx_fields())
    pbx = Pbx.objects.get(name="Berlin")
    assert pbx.country == "DE" and pbx.secret.reveal() == SECRET and PbxLink.objects.filter(pbx=pbx).exists()
    administrator.post(f"/pbxes/{pbx.pk}/edit", pbx_fields(secret="", host="192.0.2.11"))
    pbx = Pbx.objects.get(pk=pbx.pk)
    assert pbx.host == "192.0.2.11" and pbx.secret.reveal() == SECRET
    for page in (f"/pbxes/{pbx.pk}", f"/pbxes/{pbx.pk}/edit", "/pbxes"):
        assert SECRET not in administrator.get(page).content.decode()
    assert SECRET not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("host", "ami://x", "without a port or a path"),
        ("port", "70000", "less than or equal to 65535"),
        ("country", "Germany", "at most 2 characters"),
        ("username", "a\r\nAction: Originate", "Control characters"),
        ("outside_prefixes", "zero", "Digits separated by commas"),
        ("tls_certificate", "-----BEGIN", "switch TLS on"),
        ("secret", "", "This field is required"),
    ],
)
def test_a_wrong_pbx_is_refused_at_the_field(
    office: RowOffice, administrator: Client, field: str, value: str, words: str
) -> None:
    answer = administrator.post("/pbxes/new", pbx_fields(**{field: value}))
    assert words in answer.content.decode() and SECRET not in answer.content.decode()
    assert Pbx.objects.count() == 1


def test_a_found_trunk_is_confirmed_or_denied(office: RowOffice, administrator: Client) -> None:
    trunk = Trunk.objects.create(pbx=office.pbx, endpoint="PJSIP/found")
    administrator.post(f"/pbxes/{office.pbx.pk}/trunks/{trunk.pk}", {"is_trunk": "0"})
    trunk.refresh_from_db()
    assert trunk.confirmed and not trunk.is_trunk
    administrator.post(f"/pbxes/{office.pbx.pk}/trunks/{trunk.pk}", {"is_trunk": "1"})
    trunk.refresh_from_db()
    assert trunk.is_trunk
    assert list(AuditEvent.objects.values_list("action", flat=True)) == ["trunk.confirmed", "trunk.denied"]


def test_another_pbxs_rows_are_not_reached_through_this_one(office: RowOffice, administrator: Client) -> None:
    other = Pbx.objects.create(name="Other", host="192.0.2.1", username="x", secret="y", country="DE")
    line = Line.objects.create(pbx=other, did="1", label="Other line")
    assert administrator.post(f"/pbxes/{office.pbx.pk}/lines/{line.pk}/remove").status_code == 404
    assert Line.objects.filter(pk=line.pk).exists()


def test_lines_and_queues_are_named_and_removed(office: RowOffice, administrator: Client) -> None:
    home = f"/pbxes/{office.pbx.pk}"
    administrator.post(f"{home}/lines", {"did": "+4930111", "label": "Sales"})
    again = administrator.post(f"{home}/lines", {"did": "+4930111", "label": "Again"})
    assert "has a label already" in again.content.decode()
    administrator.post(f"{home}/queues", {"name": "700", "label": "Sales queue"})
    administrator.post(f"{home}/queues/{Queue.objects.get(name='700').pk}/remove")
    administrator.post(f"{home}/lines/{Line.objects.get(label='Sales').pk}/remove")
    assert not Queue.objects.filter(name="700").exists() and not Line.objects.filter(did="+4930111").exists()
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert actions == {"line.added", "queue.named", "queue.removed", "line.removed"}


def test_an_agent_adds_a_contact_with_several_numbers(office: RowOffice, agent: Client) -> None:
    answer = agent.post("/contacts/new", contact_fields("030 23125447", "+1 202 555 0147"))
    contact = Contact.objects.get(name="Noa Ben-David")
    assert answer["Location"] == f"/contacts/{contact.pk}" and contact.owner == office.users[0]
    assert [row.e164 for row in contact.numbers.all()] == ["+493023125447", "+12025550147"]
    assert AuditEvent.objects.get().action == "contact.added"


def test_a_text_that_is_no_number_is_refused_with_a_cure(office: RowOffice, agent: Client) -> None:
    page = agent.post("/contacts/new", contact_fields("call me")).content.decode()
    assert "is not a telephone number" in page and "call me" in page and not Contact.objects.exists()
    assert not AuditEvent.objects.exists()


def test_an_edit_keeps_the_owner_and_drops_a_removed_number(office: RowOffice, agent: Client) -> None:
    contact = office.add_contact("Old", "030 1111111", "030 2222222")
    contact.owner = office.users[2]
    contact.save()
    fields = contact_fields("030 1111111", **{"form-INITIAL_FORMS": 2, "form-TOTAL_FORMS": 3})
    agent.post(f"/contacts/{contact.pk}/edit", fields | {"form-1-label": "", "form-1-written": ""})
    contact.refresh_from_db()
    assert contact.name == "Noa Ben-David" and contact.owner == office.users[2]
    assert [row.written for row in contact.numbers.all()] == ["030 1111111"]


def test_more_numbers_than_allowed_are_refused(office: RowOffice, agent: Client) -> None:
    agent.post("/contacts/new", contact_fields(*[f"030 11111{place:02}" for place in range(40)]))
    assert not Contact.objects.exists()


def test_an_unknown_callers_card_fills_the_new_contact(agent: Client) -> None:
    page = agent.get("/contacts/new", {"number": "+33199004712", "name": "LEFEBVRE J"}).content.decode()
    assert 'value="+33199004712"' in page and 'value="LEFEBVRE J"' in page
