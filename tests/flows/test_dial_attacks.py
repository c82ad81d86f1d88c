"""Every way in by which a number can come, fed with texts that must never be dialled: nothing reaches phone or PBX.

And what may be dialled reaches one of them once, in just the digits that the page said.
"""

import re
import uuid
from collections.abc import Callable, Collection, Iterator
from html import unescape
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.dial_check import plan_on
from crmconnector.calls.dial_rules import DialPlan
from crmconnector.calls.dial_services import stop_dialling
from crmconnector.calls.dial_text import clean_text
from crmconnector.calls.models import (
    Call,
    CallCommand,
    CommandKind,
    CommandPath,
    CommandState,
    DialSettings,
    PathPolicy,
)
from crmconnector.calls.services import Grant
from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact, ContactNumber
from crmconnector.listener.dispatch import handle_batch
from crmconnector.pbx.models import Line, Pbx
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import Role, User
from crmconnector.web.forms.dialling import BrakesForm, LinePrefixForm, PbxDialForm
from phones.doctor.call import EXTENSION
from phones.models import DeviceOrder
from phones.seats import release_phone
from tasks.pbx_deeds import by_pbx
from tests.support.attack_stand import Stand, attack_stand
from tests.support.dial_attacks import FRAUD, HOSTILE
from tests.support.story import inbound_call, missed_call

# Each sign in one place: where in a text it stands is for the tests of the rules, which take no time.
SENT = {name: text for name, text in HOSTILE.items() if ", " not in name or name.endswith(", within")}
# Where only an extension or names of keys are taken; that no sign gets by within a number is asked of the numbers.
NAMED = {name: text for name, text in SENT.items() if ", " not in name and len(text) < 100}
TONES = re.compile(r"[0-9*#]{1,20}")
pytestmark = pytest.mark.timeout(120)  # hundreds of requests each
JSON = {"Accept": "application/json"}
BERLIN = "030 23125447"
WayIn = Callable[[Stand, str], object]


@pytest.fixture
def stand(db: None) -> Iterator[Stand]:
    with attack_stand() as made:
        yield made


@pytest.fixture
def boss(db: None) -> Client:
    return visitor(User.objects.create_user("boss", password="correct horse", role=Role.ADMINISTRATOR))


def visitor(user: User) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client


def asks_for_nothing(stand: Stand, texts: dict[str, str], way: WayIn) -> None:
    """None of the texts is asked for, by whatever it is sent; the phone and the PBX were told nothing."""
    asked = []
    for name, text in texts.items():
        before = CallCommand.objects.count() + DeviceOrder.objects.count()
        way(stand, text)
        if CallCommand.objects.count() + DeviceOrder.objects.count() != before:
            asked.append(name)
    assert not asked and stand.untouched()
    print(f"{len(texts)} texts, 0 asked for, 0 reached phone or PBX")


def plain(text: str) -> str:
    """As a browser can send it: half a surrogate is none of its characters."""
    return text.encode("utf-8", "replace").decode()


# --- the ways in ------------------------------------------------------------------------------------------------------


def call_button(stand: Stand, text: str) -> None:
    answer = stand.client().post("/dial", {"number": plain(text), "key": uuid.uuid4().hex, "sure": "1"}, headers=JSON)
    assert answer.status_code in (400, 409, 429)


def dial_link(stand: Stand, text: str) -> None:
    page = stand.client().get("/dial", {"number": plain(text)})
    assert page.status_code == 200 and "btn go" not in page.content.decode()


def tel_handler(stand: Stand, text: str) -> None:
    link = plain(text) if text.startswith("tel:") else f"tel:{plain(text)}"
    page = stand.client().get("/dial", {"number": link})
    assert page.status_code == 200 and "btn go" not in page.content.decode()
    stand.client().post("/dial", {"number": link, "key": uuid.uuid4().hex, "sure": "1"}, headers=JSON)


def finder(stand: Stand, text: str) -> None:
    found = stand.client().get("/dial/find", {"q": plain(text)})
    assert found.status_code == 200
    for offered in re.findall(r'data-call="([^"]*)"', found.content.decode()):
        # Of the text of a search NUL and blanks at the ends are left out, so this is a number and no attack.
        number = unescape(offered)
        assert isinstance(plan_on(pbx=stand.office.pbx, text=number), DialPlan) and number not in SENT.values()


def by_shell(_stand: Stand, text: str) -> None:
    with pytest.raises(CommandError):
        call_command("call", "user201", "--sure", "--", text, stdout=StringIO())


WAYS_IN: dict[str, WayIn] = {
    "call button": call_button, "dial link": dial_link, "tel handler": tel_handler, "finder": finder,
    "shell": by_shell,
}  # fmt: skip
# tel: is decoded once, as browsers write it, so these are numbers there.
NUMBERS_THERE = {"tel handler": {"percent, within", "percent, behind", "percent, in front", "percent, before a number"}}


@pytest.mark.parametrize("name", WAYS_IN)
def test_a_hostile_text_is_dialled_by_no_way_in(stand: Stand, name: str) -> None:
    texts = {one: text for one, text in SENT.items() if one not in NUMBERS_THERE.get(name, ())}
    asks_for_nothing(stand, texts, WAYS_IN[name])


@pytest.mark.parametrize("name", [name for name in WAYS_IN if name != "finder"])  # it offers; the asking is held back
def test_an_expensive_number_is_dialled_by_no_way_in(stand: Stand, name: str) -> None:
    texts: dict[str, dict[str, str]] = {}
    for one, (text, country) in FRAUD.items():
        texts.setdefault(country, {})[one] = text
    for country, those in texts.items():
        Pbx.objects.update(country=country, dial_prefix="0")
        asks_for_nothing(stand, those, WAYS_IN[name])


KEPT = {name: text for name, text in SENT.items() if not {"\x00", "\ud800"} & {*text}}  # no database keeps these two
DEAR = {name: text for name, (text, home) in FRAUD.items() if home == "DE"}


def offered_on(client: Client, page: str) -> list[str]:
    """The numbers of a page's Call buttons."""
    answer = client.get(page)
    assert answer.status_code == 200, page
    found = re.findall(r'<form[^>]*data-dial>.*?name="number" value="([^"]*)"', answer.content.decode(), re.DOTALL)
    return [unescape(number) for number in found]


def press_all(client: Client, numbers: list[str]) -> None:
    for number in numbers:
        fields = {"number": number, "key": uuid.uuid4().hex, "sure": "1"}
        assert client.post("/dial", fields, headers=JSON).status_code in (400, 409), number


def test_numbers_that_stand_with_a_contact_are_read_like_any_other(stand: Stand) -> None:
    """They came by an import or a form of old and were kept as they stand."""
    Pbx.objects.update(dial_prefix="0")
    contact, client = Contact.objects.create(name="Somebody"), stand.client()
    texts = {text for text in [*KEPT.values(), *DEAR.values()] if text.strip() and len(text) <= 60}
    ContactNumber.objects.bulk_create(ContactNumber(contact=contact, written=text) for text in texts)
    offered = offered_on(client, f"/contacts/{contact.pk}")
    assert {*offered} == texts
    press_all(client, offered)
    assert stand.untouched() and not CallCommand.objects.exists()
    print(f"{len(offered)} buttons pressed, 0 asked for, 0 reached phone or PBX")


def call_and_miss(stand: Stand, texts: Collection[str]) -> None:
    pbx = stand.office.pbx
    for place, text in enumerate(texts):
        ring = inbound_call(leg_endpoint="PJSIP/201", number=text[:80], name=text[:80], key=f"{place}.1")
        for batch in (ring, missed_call(key=f"{place}.1")):
            handle_batch(pbx=pbx, epoch=pbx.link.epoch, now=utc_now(), batch=batch)
    assert Call.objects.count() == Pop.objects.count() == len(texts)


PLACES = ["/calls", "/calls?page=2", "/calls?page=3", "/calls?show=return", "/desk", "/desk?recent=return"]


def test_what_a_caller_shows_and_is_no_number_is_offered_nowhere(stand: Stand) -> None:
    """It comes from the network. "{{ 7 }}" is not extension 7, and *98 not extension 98."""
    Pbx.objects.update(dial_prefix="0")
    texts = [text for text in KEPT.values() if text.strip() and clean_text(text).trouble is not None]
    call_and_miss(stand, texts)
    for page in (*PLACES, *(f"/calls/{pk}" for pk in Call.objects.values_list("pk", flat=True)[::10])):
        assert {*offered_on(stand.client(), page)} <= {"202", "203"}, page  # colleagues
    cards = stand.client().get("/desk/cards").content.decode()
    assert cards.count("<article") and "data-dial>" not in cards
    print(f"{len(texts)} callers, 0 buttons")


def test_an_expensive_number_that_calls_is_offered_but_not_called_back(stand: Stand) -> None:
    Pbx.objects.update(dial_prefix="0")
    call_and_miss(stand, DEAR.values())
    offered = offered_on(stand.client(), "/calls")
    assert len(offered) == len(DEAR)
    press_all(stand.client(), offered)
    assert stand.untouched() and not CallCommand.objects.exists()


def press_verb(stand: Stand, pop: Pop, kind: str, **fields: str) -> int:
    fields = {name: plain(value) for name, value in fields.items()}
    answer = stand.client().post(f"/desk/pops/{pop.pk}/verbs/{kind}", {"key": uuid.uuid4().hex, **fields})
    return answer.status_code


@pytest.mark.parametrize("kind", ["blind_transfer", "attended_start"])
def test_nobody_is_transferred_to_a_hostile_text_or_an_expensive_number(stand: Stand, kind: str) -> None:
    pop = stand.card()
    Pbx.objects.update(dial_prefix="0")

    def way(stand: Stand, text: str) -> None:
        assert press_verb(stand, pop, kind, target=text) in (400, 409)
        found = stand.client().get(f"/desk/pops/{pop.pk}/targets", {"q": plain(text)})
        assert found.status_code == 200

    asks_for_nothing(stand, {**SENT, **DEAR}, way)


def test_the_keypad_sends_tones_and_nothing_else(stand: Stand) -> None:
    pop = stand.card()
    texts = {name: text for name, text in SENT.items() if not TONES.fullmatch(text)}
    texts |= {"keys": "1:2", "send": "1SEND", "letter": "A", "twenty-one": "1" * 21, "newline behind": "123\n"}

    def way(stand: Stand, text: str) -> None:
        assert press_verb(stand, pop, "dtmf", digits=text) == 400

    asks_for_nothing(stand, texts, way)


# --- keys of the phone's own page -------------------------------------------------------------------------------------

SMUGGLED = {
    "lower case": "keys=1:0:SEND:XFER", "reset": "RESET", "many": "1:" * 2_500, "line 99": "LINE99:1", "mpk 0": "MPK0",
    "soft -1": "SOFT-1", "a parameter": "1&request=RESET", "a break": "1\r\n2", "full-width": "１", "dot": "1.2",
    "a number": "0:0:3:7:1:2:1:2:3:4:5:6:7:SEND", "a premium one": "0:9:0:0:1:2:3:4:5:6:7", "one digit": "9",
    "a feature": "*:7:2:#", "by name": "STAR:7:2:POUND", "after the speaker": "SPEAKER:9:0:0:SEND",
    "on a line": "LINE1:9:0:0:1:SEND", "off the hook": "OFFHOOK:1:1:8:3:3:SEND",
}  # fmt: skip


def test_the_keys_of_a_phone_at_rest_dial_nothing(stand: Stand, boss: Client) -> None:
    phone = stand.office.phones[0]
    release_phone(phone=phone, at=utc_now())
    for name, keys in {**SMUGGLED, **{one: text[:200] for one, text in NAMED.items()}}.items():
        answer = boss.post(f"/phones/{phone.pk}/keys", {"keys": plain(keys), "key": uuid.uuid4().hex})
        stand.work()
        assert not stand.at_phone(), (name, answer.status_code)
    taken = set(DeviceOrder.objects.values_list("state", "reason_code"))
    assert taken == {("failed", "keys_would_dial")}
    print(f"{len(SMUGGLED) + len(NAMED)} lists of keys, 0 reached the phone")


def test_digits_are_tones_once_a_call_is_connected(stand: Stand, boss: Client) -> None:
    phone = stand.office.phones[0]
    release_phone(phone=phone, at=utc_now())
    stand.farm.incoming(stand.farm.first, "03012345678")
    stand.farm.user(stand.farm.first, "answer")
    boss.post(f"/phones/{phone.pk}/keys", {"keys": "1:2:#", "key": "tones"})
    stand.work()
    assert [told["keys"] for told in stand.at_phone()] == [["1:2:#"]]


# --- forms that decide what is dialled --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_no_hostile_text_becomes_a_prefix_a_country_or_a_night() -> None:
    for text in map(plain, SENT.values()):
        assert PbxDialForm({"dial_prefix": "", "dial_style": text}).errors.keys() == {"dial_style"}, text
        pbx, line = PbxDialForm({"dial_prefix": text, "dial_style": "e164"}), LinePrefixForm({"dial_prefix": text})
        assert bool(pbx.errors) is not bool(re.fullmatch(r"[0-9*#]{0,4}", text.strip())), text
        assert bool(line.errors) is not bool(re.fullmatch(r"[0-9*#]{0,8}", text.strip())), text
        for field in ("countries", "calls_a_minute", "night_from", "night_until"):
            sent = BrakesForm({"calls_a_minute": "5", field: text})
            assert not text.strip(" ,;") or sent.errors, (field, text)


def test_the_pages_of_the_rules_keep_none_of_it(stand: Stand, boss: Client) -> None:
    line, pbx, text = Line.objects.get(), stand.office.pbx, plain(SENT["a variable by AMI"])
    pages = {f"pbxes/{pbx.pk}": ("dial_prefix", "dial_style"), f"lines/{line.pk}": ("dial_prefix",),
             "": ("countries", "calls_a_minute", "night_from", "night_until")}  # fmt: skip
    right = {"dial_prefix": "", "dial_style": "national", "countries": "", "calls_a_minute": "5"}
    for page, field in ((page, field) for page, fields in pages.items() for field in fields):
        answer = boss.post(f"/dialling/{page}".rstrip("/"), {**right, field: text})
        assert answer.status_code == 200 and "aria-invalid" in answer.content.decode(), (page, field)
    boss.get(f"/dialling/pbxes/{pbx.pk}/examples", {"dial_prefix": text, "dial_style": "e164"})
    pbx.refresh_from_db()
    line.refresh_from_db()
    assert (pbx.dial_prefix, pbx.dial_style, line.dial_prefix) == ("", "national", "")
    assert not DialSettings.objects.exists() and stand.untouched()


@pytest.mark.parametrize("page", ["doctor/run", "calibrate"])
def test_nothing_but_an_extension_is_called_to_try_something(stand: Stand, boss: Client, page: str) -> None:
    phone = stand.office.phones[0]
    outside = {"berlin": "23125447", "service": "11833", "premium": "11899", "forwarding": "*72030", "hash": "#31#030",
               "emergency": "112", "behind a 9": "9112", "long": "030231254"}  # fmt: skip
    harmless = {name for name, text in SENT.items() if EXTENSION.fullmatch(text.strip())} - {"feature", "pickup"}

    def way(_stand: Stand, text: str) -> None:
        fields = {"extension": text, "first": text, "second": "203", "trials": "blind", "typed_name": phone.name}
        answer = boss.post(f"/phones/{phone.pk}/{page}", {**fields, "key": uuid.uuid4().hex})
        assert answer.status_code in (200, 400)  # 400: more than a form may have

    texts = {**{one: plain(text) for one, text in NAMED.items() if one not in harmless and text.strip()}, **outside}
    asks_for_nothing(stand, texts, way)


@pytest.mark.django_db(transaction=True)  # the doctor asks outside of any transaction
def test_while_everything_is_stopped_nothing_is_tried_either(stand: Stand, boss: Client) -> None:
    phone = stand.office.phones[0]
    boss.post(f"/phones/{phone.pk}/doctor/run", {"extension": "202", "key": "before"})
    assert DeviceOrder.objects.count() == 1
    stop_dialling(by="Marek", because="fraud", now=utc_now())
    stand.work()
    page = boss.post(f"/phones/{phone.pk}/doctor/run", {"extension": "202", "key": "after"}).content.decode()
    assert "All dialling is stopped, so nothing is called" in page and DeviceOrder.objects.count() == 1
    assert not stand.at_phone()
    checks = {one["name"]: one for one in DeviceOrder.objects.get().result["checks"]}
    assert "all dialling is stopped" in str(checks["pop_up"])


# --- past every form: rows as nobody could have written them ----------------------------------------------------------


@pytest.mark.parametrize("path", list(CommandPath))
@pytest.mark.parametrize("column", ["far_number", "dial_string"])
def test_a_row_with_a_hostile_number_is_refused_when_it_is_taken_up(stand: Stand, path: str, column: str) -> None:
    right = {"far_number": "+493023125447", "dial_string": "03023125447"}
    most = {"far_number": 20, "dial_string": 40}[column]
    texts = {name: text for name, text in KEPT.items() if text.strip() and len(text) <= most}
    for text in texts.values():
        row_of(stand, path, **{**right, column: text})
        stand.work()
    assert set(CallCommand.objects.values_list("state", flat=True)) == {CommandState.REFUSED}
    assert not stand.at_phone() and not stand.at_pbx()
    print(f"{len(texts)} rows, 0 reached phone or PBX")


def row_of(stand: Stand, path: str, **columns: str) -> CallCommand:
    now = utc_now()
    return CallCommand.objects.create(
        kind=CommandKind.MAKE_CALL, user=stand.office.users[0], phone=stand.office.phones[0], pbx=stand.office.pbx,
        endpoint="PJSIP/201", path=path, requested_at=now, not_after=now.replace(year=now.year + 1),
        idempotency_key=uuid.uuid4().hex, **columns,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["make_call", "blind_transfer", "attended_start"])
def test_even_past_the_grant_no_hostile_text_becomes_an_action(stand: Stand, kind: str) -> None:
    """The last gate: what makes the AMI action takes only what looks like a number, in full."""
    leg = None if kind == "make_call" else stand.card().call.legs.get()
    taken = []
    for name, text in SENT.items():
        if re.fullmatch(r"\+?[0-9*#]{1,32}", text):
            continue  # codes and odd digits: what they mean is judged before
        command = CallCommand(
            kind=kind, user=stand.office.users[0], phone=stand.office.phones[0], pbx=stand.office.pbx, leg=leg,
            endpoint="PJSIP/201", path=CommandPath.PBX, far_number="+493023125447", dial_string=text,
        )  # fmt: skip
        outcome = by_pbx(Grant(command, 1, 1e12))
        if outcome.state != CommandState.FAILED or not outcome.nothing_happened:
            taken.append((name, outcome))
    assert not taken and not stand.at_pbx()


# --- what may be dialled ----------------------------------------------------------------------------------------------

ODD = {  # text -> (what is dialled, with an outside prefix of 0)
    BERLIN: ("03023125447", "003023125447"), "+49 (30) 231-254 47": ("03023125447", "003023125447"),
    "tel:+49-30-23125447": ("03023125447", "003023125447"), "\u202a+49 30 23125447\u202c": ("03023125447",) * 2,
    "0049 30 23125447": ("03023125447", "003023125447"), "tel:%2B493023125447;ext=12": ("03023125447", "003023125447"),
    "030 23125447 ext. 5": ("03023125447", "003023125447"), "202": ("202", "202"), "112": ("112", "0112"),
    "11833": ("11833", "011833"),
}  # fmt: skip


def said_to_be_dialled(stand: Stand, text: str) -> str:
    """The digits of "This will dial …" on the page that asks."""
    page = stand.client().get("/dial", {"number": text}).content.decode()
    told = re.sub(r"<[^>]+>", "", page.split("This will dial", 1)[1])
    return re.sub(r"[^0-9+*#]", "", re.split(r"[(.:]", told, maxsplit=1)[0])


@pytest.mark.parametrize("prefix", ["", "0"])
@pytest.mark.parametrize("text", ODD, ids=lambda text: re.sub(r"[^0-9a-z]+", "-", text))
def test_the_phone_gets_one_request_with_just_the_digits_that_were_shown(stand: Stand, text: str, prefix: str) -> None:
    Pbx.objects.update(dial_prefix=prefix)
    said = said_to_be_dialled(stand, text)
    answer = stand.client().post("/dial", {"number": text, "key": "k", "sure": "1", "shown": said}, headers=JSON)
    stand.work()
    assert answer.status_code == 202
    [asked] = stand.at_phone()
    assert asked == {"passcode": ["***"], "phonenumber": [said], "account": ["0"]}
    assert not stand.at_pbx()
    if not text.startswith("\u202a"):
        assert said == ODD[text][bool(prefix)]


def test_the_pbx_gets_one_action_with_just_these_headers(stand: Stand) -> None:
    PathPolicy.objects.create(phone=None, kind="make_call", path="pbx")
    Pbx.objects.update(dial_prefix="0", snippet_context="")
    said = said_to_be_dialled(stand, BERLIN)
    assert stand.client().post("/dial", {"number": BERLIN, "key": "k"}, headers=JSON).status_code == 202
    stand.work()
    [action] = stand.at_pbx()
    command = CallCommand.objects.get()
    names = [line.partition(": ")[0] for line in action.lines]
    assert sorted(names) == sorted(["Action", "ActionID", "Channel", "Context", "Exten", "CallerID", "Priority",
                                    "Async", "Timeout", "Variable", "Variable", "Variable"])  # fmt: skip
    told = action.headers
    assert (told["Action"], told["ActionID"], told["Channel"]) == ("Originate", str(command.pk), "PJSIP/201")
    assert (told["Exten"], told["Context"]) == (said, stand.office.pbx.inside_context) and said == "003023125447"
    assert not stand.at_phone()


def test_a_transfer_gives_the_pbx_one_action_with_just_these_headers(stand: Stand) -> None:
    pop = stand.card()
    assert press_verb(stand, pop, "blind_transfer", target=BERLIN) == 202
    stand.work()
    [action] = stand.at_pbx()
    assert {name: value for name, value in action.headers.items() if name not in ("ActionID", "Channel")} == {
        "Action": "BlindTransfer", "Context": stand.office.pbx.inside_context, "Exten": "03023125447",
    }  # fmt: skip
    assert len(action.lines) == 5


# --- brakes of transfers ----------------------------------------------------------------------------------------------


def test_the_sixth_transfer_outside_within_a_minute_waits_and_is_written_down(stand: Stand) -> None:
    pop = stand.card()
    for place in range(5):
        row = row_of(stand, CommandPath.PBX, far_number=f"+49302312541{place}", dial_string=f"0302312541{place}")
        CallCommand.objects.filter(pk=row.pk).update(kind="blind_transfer", state="confirmed", settled=True)
    answer = stand.client().post(f"/desk/pops/{pop.pk}/verbs/blind_transfer", {"key": "k", "target": BERLIN})
    assert answer.status_code == 429 and 1 <= int(answer["Retry-After"]) <= 60
    event = AuditEvent.objects.get()
    assert (event.action, event.details["code"], event.details["kind"]) == (
        "dial.refused", "person_rate", "blind_transfer"
    )  # fmt: skip
    assert press_verb(stand, pop, "blind_transfer", target="202") == 202
