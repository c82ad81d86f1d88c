"""The list of phones, the page of one, and its edit form: what they say, for how many queries, and to whom."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import PbxLink
from crmconnector.users.models import User
from crmconnector.web.fleet import fleet_rows
from phones.models import DeviceOrder, Phone, PhoneHint, PhoneStatus, SipAccount
from phones.seats import release_phone
from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone
from tests.support.web_story import add_call, add_command

CANARY = "s3cr3t-passcode-canary"
NASTY = "\"><img src=x onerror=alert(1)></script>'{{7*7}}"


def page_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def names_in(page: str) -> list[str]:
    return re.findall(r'<a class="rowlink" href="/phones/\d+"><bdi>([^<]*)</bdi>', page)


def counts_in(page: str) -> dict[str, int]:
    return {key: int(n) for key, n in re.findall(r'id="count-(\w+)"[^>]*>(\d+)<', page)}


def cell(page: str, kind: str, phone: Phone) -> str:
    found = re.search(rf'<div id="{kind}-{phone.pk}"[^>]*>(.*?)</div>', page, re.DOTALL)
    assert found, (kind, phone)
    return re.sub(r"<[^>]+>", " ", found[1])


def seen(phone: Phone, **status: object) -> None:
    fields = {"reachable": True, "looked_at": utc_now(), "lines": ["idle"], "answer_milliseconds": 38}
    PhoneStatus.objects.update_or_create(phone=phone, defaults={**fields, **status})


def call_on(office: RowOffice, place: int, state: str = "talking") -> Leg:
    now = utc_now()
    call = Call.objects.create(
        pbx=office.pbx, linkedid=f"open-{place}", direction="inbound", state=state, started_at=now,
        caller_number="+493023125447", caller_e164="+493023125447",
    )  # fmt: skip
    return Leg.objects.create(
        call=call, pbx=office.pbx, uniqueid=f"open-{place}", endpoint=f"PJSIP/{201 + place}",
        phone=office.phones[place], user=office.users[place], state=state, rang_at=now, answered_at=now,
    )  # fmt: skip


def many_phones(office: RowOffice, count: int) -> None:
    phones = Phone.objects.bulk_create(
        Phone(name=f"Many {n:04}", model="GRP2614", firmware="1.0.9.10" if n % 4 else "1.0.13.24",
              identity_typed_at=utc_now(), address="127.0.0.1", port=10000 + n, passcode="user-pass")
        for n in range(count)
    )  # fmt: skip
    SipAccount.objects.bulk_create(
        SipAccount(phone=phone, pbx=office.pbx, extension=str(5000 + n), endpoint=f"PJSIP/{5000 + n}")
        for n, phone in enumerate(phones)
    )
    PhoneStatus.objects.bulk_create(
        PhoneStatus(phone=phone, reachable=True, looked_at=utc_now(), lines=["idle"]) for phone in phones
    )
    for n, phone in enumerate(phones[:60]):
        user = User.objects.create(username=f"many{n}", full_name=f"Many people {n}")
        assign_phone(phone=phone, user_id=user.pk, from_at=utc_now() - timedelta(hours=1))


def queries_for(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as told:
        client.get(address)
    return len(told)


# --- the list -----------------------------------------------------------------------------------------------------


def test_rows_cost_the_same_number_of_queries_for_50_and_200_phones(office: RowOffice) -> None:
    many_phones(office, 200)
    ids = list(Phone.objects.values_list("pk", flat=True))
    told = []
    for wanted in (ids[:50], ids[:200]):
        with CaptureQueriesContext(connection) as queries:
            rows = fleet_rows(wanted, at=utc_now())
        assert len(rows) == len(wanted)
        told.append(len(queries))
    assert told == [4, 4]


@pytest.mark.parametrize("address", ["/phones", "/phones?sort=-user", "/phones?sort=firmware", "/phones?show=firmware"])
def test_the_list_costs_the_same_number_of_queries_for_20_and_250_phones(
    office: RowOffice, administrator: Client, address: str
) -> None:
    many_phones(office, 20)
    few = queries_for(administrator, address)
    Phone.objects.filter(name__startswith="Many").delete()
    User.objects.filter(username__startswith="many").delete()
    many_phones(office, 250)
    assert queries_for(administrator, address) == few <= 16


def test_the_poll_costs_the_same_for_any_number_of_rows(office: RowOffice, administrator: Client) -> None:
    many_phones(office, 200)
    ids = [str(one) for one in Phone.objects.values_list("pk", flat=True)]
    few, many = (queries_for(administrator, f"/phones/live?ids={','.join(ids[:n])}") for n in (5, 200))
    assert few == many <= 14


def test_what_the_pbx_tells_comes_before_what_the_phone_told(office: RowOffice, administrator: Client) -> None:
    talking, told_busy, free = office.phones
    for phone in office.phones:
        seen(phone)
    call_on(office, 0)
    seen(told_busy, lines=["idle", "on_hold"])
    page = page_of(administrator, "/phones")
    assert "Talking" in cell(page, "status", talking) and "On hold" in cell(page, "status", told_busy)
    assert "Reachable" in cell(page, "status", free) and "38 ms" in cell(page, "status", free)
    assert names_in(page_of(administrator, "/phones?show=call")) == ["Phone 201", "Phone 202"]


def test_a_call_is_not_believed_in_while_its_pbx_is_not_heard(office: RowOffice, administrator: Client) -> None:
    seen(office.phones[0])
    call_on(office, 0)
    PbxLink.objects.update(state=PbxLink.State.DOWN, heard_at=utc_now() - timedelta(minutes=5))
    page = page_of(administrator, "/phones")
    assert "Talking" not in cell(page, "status", office.phones[0]) and counts_in(page)["call"] == 0


def test_a_call_that_is_over_lights_no_lamp(office: RowOffice, administrator: Client) -> None:
    seen(office.phones[0])
    leg = call_on(office, 0)
    Leg.objects.filter(pk=leg.pk).update(ended_at=utc_now(), state="ended")
    assert "Reachable" in cell(page_of(administrator, "/phones"), "status", office.phones[0])


def test_each_trouble_is_a_word_with_its_reason(office: RowOffice, administrator: Client) -> None:
    silent, refused, lost = office.phones
    seen(silent, reachable=False, since=utc_now(), sentence="The phone does not answer on the network.")
    seen(refused)
    Phone.objects.filter(pk=refused.pk).update(passcode_refused_at=utc_now())
    seen(lost)
    lost.accounts.update(registered_at_pbx=False)
    quiet = add_phone(office.pbx, extension="210", port=8100)
    seen(quiet, do_not_disturb=True)
    page = page_of(administrator, "/phones")
    assert "Unreachable" in cell(page, "status", silent) and "on the network" in cell(page, "status", silent)
    assert "passcode refused, buttons do not work" in cell(page, "status", refused)
    assert "Not registered" in cell(page, "status", lost) and "ext. 203" in cell(page, "status", lost)
    assert "Do not disturb" in cell(page, "status", quiet)
    assert names_in(page_of(administrator, "/phones?show=attention")) == ["Phone 201", "Phone 202", "Phone 203"]


def test_filters_say_how_many_there_are_of_what_was_searched(office: RowOffice, administrator: Client) -> None:
    release_phone(phone=office.phones[0], at=utc_now())
    seen(office.phones[1], reachable=False)
    call_on(office, 2)
    Phone.objects.filter(pk=office.phones[1].pk).update(firmware="1.0.1.1")
    everything = {"all": 3, "attention": 1, "nobody": 1, "firmware": 1, "call": 1}
    assert counts_in(page_of(administrator, "/phones")) == everything
    assert counts_in(page_of(administrator, "/phones?q=202")) == {
        "all": 1, "attention": 1, "nobody": 0, "firmware": 1, "call": 0
    }  # fmt: skip


def test_a_search_and_a_filter_narrow_together(office: RowOffice, administrator: Client) -> None:
    for phone in office.phones[:2]:
        release_phone(phone=phone, at=utc_now())
    assert names_in(page_of(administrator, "/phones?q=201&show=nobody")) == ["Phone 201"]
    assert "Nothing matches" in page_of(administrator, "/phones?q=203&show=nobody")


@pytest.mark.parametrize(
    "query",
    ["sort=passcode", "sort=-user__password", "sort=name;drop table", "sort=%00", "show=owner__password__startswith=a",
     "page=x", "page=-1", "page=9999", "q=%27%20OR%201=1--", "q=%00%25_%5C"],
)  # fmt: skip
def test_a_query_of_nonsense_is_the_plain_list_or_nothing(office: RowOffice, administrator: Client, query: str) -> None:
    page = page_of(administrator, f"/phones?{query}")
    assert names_in(page) in (["Phone 201", "Phone 202", "Phone 203"], [])


def test_a_heading_sorts_and_its_second_click_turns_it_round(office: RowOffice, administrator: Client) -> None:
    page = page_of(administrator, "/phones?q=Phone&page=1")
    assert (
        page.count("aria-sort") == 1 and 'aria-sort="ascending"><a class="sorts" href="?q=Phone&amp;sort=-name"' in page
    )
    page = page_of(administrator, "/phones?sort=-extension")
    assert names_in(page) == ["Phone 203", "Phone 202", "Phone 201"] and 'aria-sort="descending"' in page
    assert 'href="?sort=extension"' in page


def test_a_page_has_fifty_rows_and_leads_to_the_next(office: RowOffice, administrator: Client) -> None:
    many_phones(office, 70)
    first, second = page_of(administrator, "/phones"), page_of(administrator, "/phones?page=2")
    assert len(names_in(first)) == 50 and len(names_in(second)) == 23
    assert "Showing 1 to 50 of 73" in first and "Choose all 73 found" in first
    assert not set(names_in(first)) & set(names_in(second))


def test_names_from_outside_are_text_and_no_markup(office: RowOffice, administrator: Client) -> None:
    Phone.objects.filter(pk=office.phones[0].pk).update(name=NASTY, model="<b>")
    User.objects.filter(pk=office.users[0].pk).update(full_name=NASTY)
    office.phones[0].accounts.update(user_agent=NASTY, contact_seen_at=utc_now())
    seen(office.phones[0], reachable=False, sentence=NASTY, since=utc_now())
    for address in ("/phones", f"/phones/{office.phones[0].pk}", "/phones?q=%7B%7B7*7"):
        page = page_of(administrator, address)
        assert "<img src=x" not in page and "{{7*7}}" in page


def test_the_poll_answers_with_places_of_their_own_and_nothing_else(office: RowOffice, administrator: Client) -> None:
    one, two, _other = office.phones
    seen(one)
    answer = administrator.get(f"/phones/live?ids={one.pk},{two.pk},999999,abc,-1,{'9' * 30},")
    page = answer.content.decode()
    assert "<html" not in page and "<input" not in page and "<a " not in page  # nothing that has focus or is ticked
    ids = re.findall(r'<(?:div|span)[^>]* id="([a-z]+-[\w]+)"[^>]* hx-swap-oob="true"', page)
    ids += re.findall(r'<(?:div|span) id="([a-z]+-[\w]+)"[^>]* hx-swap-oob="true"', page)
    assert {f"{kind}-{phone.pk}" for kind in ("status", "user", "firmware", "looked") for phone in (one, two)} < set(
        ids
    )
    assert "count-attention" in ids and f"status-{_other.pk}" not in page


def test_there_is_no_inline_style_or_script(office: RowOffice, administrator: Client) -> None:
    for address in ("/phones", f"/phones/{office.phones[0].pk}", f"/phones/{office.phones[0].pk}/edit", "/my-phone"):
        page = page_of(administrator, address)
        assert " style=" not in page and not re.search(r"<script(?![^>]* src=)", page) and " onclick" not in page


# --- the page of one ----------------------------------------------------------------------------------------------


def test_the_page_tells_lines_accounts_and_what_is_amiss(office: RowOffice, administrator: Client) -> None:
    phone = office.phones[0]
    seen(
        phone, lines=["idle", "connected", "flabbergasted"], accounts_at=utc_now(),
        accounts=[{"account": 1, "sip_id": "201", "registered": True}], do_not_disturb=True,
    )  # fmt: skip
    phone.accounts.update(registered_at_pbx=False, contact_seen_at=utc_now(), contact_address="127.0.0.9")
    leg = call_on(office, 0, "held")
    page = re.sub(r"<[^>]+>", " ", page_of(administrator, f"/phones/{phone.pk}"))
    assert "030 23125447" in page and "On hold" in page and leg.pk
    for words in (
        "Connected", "In use, the phone does not say how", "Do not disturb is on", "not registered",
        "The PBX has no registration of ext. 201", "registers from 127.0.0.9, but we ask this phone at 127.0.0.1",
        "Nobody has tried this on a real GRP26xx", "it answered in 38 ms", "What can be done on this phone",
    ):  # fmt: skip
        assert words in page, words


def test_a_phone_that_is_left_alone_says_until_when(office: RowOffice, administrator: Client) -> None:
    later = utc_now() + timedelta(minutes=4)
    seen(office.phones[0], reachable=False, failures=4, breaker_until=later, since=utc_now(), sentence="No answer.")
    page = page_of(administrator, f"/phones/{office.phones[0].pk}")
    assert "did not answer 4 times in a row" in page and "Not asked again by itself until" in page
    seen(office.phones[0], reachable=True, breaker_until=utc_now() - timedelta(seconds=1))
    assert "Not asked again" not in page_of(administrator, f"/phones/{office.phones[0].pk}")


def test_orders_and_commands_are_one_story_without_secrets(
    office: RowOffice, administrator: Client, boss: User
) -> None:
    phone, now = office.phones[0], utc_now()
    Phone.objects.filter(pk=phone.pk).update(passcode=CANARY)
    add_command(add_call(office).legs.get(), "requested", "sent", "confirmed")
    for kind, state, more in (
        ("keys", "sent", {"argument": "VUP:VUP"}), ("reboot", "unknown", {}), ("lock", "refused", {"sentence": "No."}),
        ("look", "confirmed", {"evidence": "12 lines, idle"}),
    ):  # fmt: skip
        DeviceOrder.objects.create(
            phone=phone, kind=kind, state=state, user=boss, user_name="boss", idempotency_key=kind, requested_at=now,
            not_after=now, **more,
        )  # fmt: skip
    page = page_of(administrator, f"/phones/{phone.pk}")
    story = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split(f'id="deeds-{phone.pk}"')[1].split("</section>")[0]))
    for words in (
        "Press keys VUP:VUP", "Sent, not proven", "It may or may not have happened; it is not sent again.", "No.",
        "12 lines, idle", "Answered on your desk phone", "boss", "User 201",
    ):  # fmt: skip
        assert words in story, words
    assert 'class="asked"' in page and 'class="unknown"' in page and 'class="proven"' in page and CANARY not in page


def test_the_page_asks_every_second_only_while_something_is_under_way(office: RowOffice, administrator: Client) -> None:
    phone, now = office.phones[0], utc_now()
    assert 'hx-trigger="every 5s, look"' in page_of(administrator, f"/phones/{phone.pk}")
    order = DeviceOrder.objects.create(
        phone=phone, kind="look", user_name="x", idempotency_key="k", requested_at=now, not_after=now
    )
    assert 'hx-trigger="every 1s, look"' in page_of(administrator, f"/phones/{phone.pk}/now")
    DeviceOrder.objects.filter(pk=order.pk).update(state="confirmed", ended_at=now)
    assert 'hx-trigger="every 5s, look"' in page_of(administrator, f"/phones/{phone.pk}/now")


def test_hints_are_told_with_their_names_and_lead_to_their_page(office: RowOffice, administrator: Client) -> None:
    phone = office.phones[0]
    PhoneHint.objects.create(phone=phone, kind="dnd-on", at=utc_now(), times=3)
    page = page_of(administrator, f"/phones/{phone.pk}")
    assert "Do not disturb on" in page and "3 times" in page and f'href="/phones/{phone.pk}/events"' in page


def test_a_refused_passcode_is_the_first_thing_on_the_page(office: RowOffice, administrator: Client) -> None:
    phone = office.phones[0]
    Phone.objects.filter(pk=phone.pk).update(passcode_refused_at=utc_now())
    page = page_of(administrator, f"/phones/{phone.pk}")
    assert "The phone refused our passcode at" in page and "Enter passcode" in page


# --- the edit form ------------------------------------------------------------------------------------------------


def edited(office: RowOffice, **changes: object) -> dict[str, object]:
    account = office.phones[0].accounts.get()
    fields = {
        "name": "Phone 201", "model": "GRP2614", "firmware": "", "address": "127.0.0.1", "port": "8001", "mac": "",
        "passcode": "", "scheme": "http", "certificate": "", "mute_key": "unknown", "mpk_keys": "0",
        "accounts-TOTAL_FORMS": "1", "accounts-INITIAL_FORMS": "1", "accounts-0-id": account.pk,
        "accounts-0-pbx": office.pbx.pk, "accounts-0-extension": "201", "accounts-0-endpoint": "PJSIP/201",
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def edit(client: Client, office: RowOffice, **changes: object) -> Phone:
    phone = office.phones[0]
    answer = client.post(f"/phones/{phone.pk}/edit", edited(office, **changes))
    assert answer.status_code == 302, re.findall(r'class="err"[^>]*>.*?</span>', answer.content.decode(), re.DOTALL)
    return Phone.objects.get(pk=phone.pk)


def test_typed_firmware_and_model_are_stamped_with_when(office: RowOffice, administrator: Client) -> None:
    assert edit(administrator, office, mute_key="dnd", mpk_keys="24").identity_typed_at is None
    kept = edit(administrator, office, firmware=" 1.0.13.24 ", mute_key="idle_mute")
    assert kept.firmware == "1.0.13.24" and kept.identity_typed_at and kept.mute_key == "idle_mute"
    first = kept.identity_typed_at
    assert edit(administrator, office, firmware="1.0.13.24", name="Other").identity_typed_at == first
    assert edit(administrator, office, firmware="1.0.13.24", model="GRP2616").identity_typed_at != first


def test_keys_and_mute_key_that_were_not_sent_stay_as_they_are(office: RowOffice, administrator: Client) -> None:
    Phone.objects.filter(pk=office.phones[0].pk).update(mute_key="dnd", mpk_keys=24)
    kept = edit(administrator, office, mute_key=None, mpk_keys=None)
    assert kept.mute_key == "dnd" and kept.mpk_keys == 24


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("firmware", "latest", "A firmware version looks like"), ("mpk_keys", "161", "less than or equal to 160"),
     ("mpk_keys", "-1", "greater than or equal to 0"), ("mute_key", "explode", "not one of the available")],
)  # fmt: skip
def test_a_wrong_identity_is_refused_at_the_field(
    office: RowOffice, administrator: Client, field: str, value: str, words: str
) -> None:
    answer = administrator.post(f"/phones/{office.phones[0].pk}/edit", edited(office, **{field: value}))
    assert answer.status_code == 200 and words in answer.content.decode()
