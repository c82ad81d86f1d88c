"""The looking thread of a worker on real phones, a real database, and without either."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from crmconnector.common.clock import utc_now
from phones.drivers.errors import CredentialRefused, NothingSent, Reason, Refused, Unclear
from phones.health import Health, Kind, Sight
from phones.lease import take_lease
from phones.looks import Claim, claim_of
from phones.models import Phone, PhoneLease, PhoneStatus
from tasks import device_health
from tasks.device_health import Looker, look_at, sight_of
from tests.support.canned_phone import canned_phones, lines
from tests.support.office import add_phone, make_office
from tests.support.processes import eventually


@pytest.fixture
def canned(transactional_db):
    with canned_phones(3) as phones:
        yield phones


@pytest.fixture
def rows(canned):
    return make_office(phone_ports=tuple(phone.port for phone in canned))


@pytest.fixture
def looker():
    """Starts lookers and ends them before the database goes."""
    started = []

    def start(**how):
        started.append(Looker(**how))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.stop()
        assert not one._thread.is_alive()


def status_of(phone):
    return PhoneStatus.objects.filter(phone=phone).first() or PhoneStatus()


def due_now():
    PhoneStatus.objects.update(next_look_at=None)


def seen(phone, reachable=True):
    return eventually(lambda: status_of(phone).reachable is reachable, what=lambda: status_of(phone).__dict__)


def test_phones_without_a_row_are_looked_at_lines_first_then_accounts(canned, rows, looker):
    canned[0].answers["api-get_line_status"] = lines("idle", "connected")
    looker()
    eventually(lambda: PhoneStatus.objects.count() == 3)
    due_now()
    for phone in rows.phones:
        seen(phone)
    status = status_of(rows.phones[0])
    assert (status.lines, status.registered) == (["idle", "connected"], True)
    assert status.accounts == [{"account": 1, "sip_id": "201", "registered": True}]
    assert canned[0].functions()[:2] == ["api-get_line_status", "api-get_accounts"]
    assert [phone.most_at_once for phone in canned] == [1, 1, 1]
    eventually(lambda: not PhoneLease.objects.exclude(held_until=None).exists(), what="leases given back")


def test_accounts_are_not_asked_again_within_five_minutes(canned, rows, looker):
    looker()
    due_now()
    seen(rows.phones[0])
    looked_at = status_of(rows.phones[0]).looked_at
    due_now()
    eventually(lambda: status_of(rows.phones[0]).looked_at > looked_at)
    assert canned[0].functions().count("api-get_accounts") == 1


def test_two_lookers_share_the_phones_and_never_ask_one_twice_at_once(canned, rows, looker):
    for phone in canned:
        phone.seconds = 0.05
    PhoneStatus.objects.bulk_create([PhoneStatus(phone=phone) for phone in rows.phones])
    looker()
    looker()
    for phone in rows.phones:
        seen(phone)
    for _ in range(3):
        before = {phone.pk: status_of(phone).looked_at for phone in rows.phones}
        due_now()
        eventually(lambda before=before: all(status_of(phone).looked_at > before[phone.pk] for phone in rows.phones))
    assert [phone.most_at_once for phone in canned] == [1, 1, 1]
    assert [phone.functions().count("api-get_line_status") for phone in canned] == [4, 4, 4]


def test_one_wrong_passcode_and_nothing_more_is_sent_until_a_person_acts(canned, rows, looker):
    canned[0].answers["api-get_line_status"] = 401
    looker()
    due_now()
    stopped = Phone.objects.filter(pk=rows.phones[0].pk).exclude(passcode_refused_at=None)
    PhoneStatus.objects.bulk_create([PhoneStatus(phone=phone) for phone in rows.phones], ignore_conflicts=True)
    due_now()
    eventually(stopped.exists)
    for _ in range(2):
        before = status_of(rows.phones[1]).looked_at
        due_now()
        eventually(lambda before=before: status_of(rows.phones[1]).looked_at != before)
    assert canned[0].functions() == ["api-get_line_status"]


def test_phones_that_stay_silent_do_not_hold_up_the_others(canned, rows, looker):
    """Ten silent ones, of which two at most may be asked at once; the sound one is looked at meanwhile."""
    for place in range(10):
        add_phone(rows.pbx, extension=str(300 + place), port=1 + place)
    silent = set(Phone.objects.filter(port__lt=100).values_list("pk", flat=True))
    PhoneStatus.objects.bulk_create(
        [PhoneStatus(phone=one, failures=int(one.pk in silent)) for one in Phone.objects.all()]
    )
    gate, asked = threading.Event(), []

    def look(claim, *, ask_accounts):
        if claim.phone.pk in silent:
            asked.append(claim.phone.pk)
            gate.wait(20)
            return Sight(Kind.SILENT, "no_answer", "Silent.")
        return look_at(claim, ask_accounts=ask_accounts)

    looker(threads=4, look=look)
    try:
        for phone in rows.phones:
            seen(phone)
        eventually(lambda: len(asked) == 2)
        before = status_of(rows.phones[0]).looked_at
        PhoneStatus.objects.filter(phone=rows.phones[0]).update(next_look_at=None)
        eventually(lambda: status_of(rows.phones[0]).looked_at > before)
        assert len(asked) == 2
    finally:
        gate.set()
    eventually(lambda: set(asked) == silent)


def test_a_phone_that_is_asked_by_somebody_is_left_alone(canned, rows, looker):
    PhoneStatus.objects.bulk_create([PhoneStatus(phone=phone) for phone in rows.phones])
    take_lease(phone_id=rows.phones[0].pk, holder="command x", now=utc_now(), seconds=60)
    looker()
    seen(rows.phones[1])
    assert canned[0].asked == []


def test_when_the_database_is_away_it_says_so_once_and_goes_on_when_it_is_back(canned, rows, looker, monkeypatch):
    away, tries, told = threading.Event(), [], []
    away.set()
    claim = device_health.claim_due_phones

    def perhaps(**how):
        if away.is_set():
            tries.append(1)
            raise OperationalError("the server closed the connection")
        return claim(**how)

    monkeypatch.setattr(device_health, "claim_due_phones", perhaps)
    monkeypatch.setattr(device_health, "CLAIM_SECONDS", 0.02)
    monkeypatch.setattr(device_health.log, "warning", lambda event, **how: told.append(event), raising=False)
    looker()
    eventually(lambda: len(tries) > 3)
    assert told == ["device_health.database_away"]
    away.clear()
    due_now()
    seen(rows.phones[0])


def test_what_was_found_while_the_database_was_away_is_written_when_it_is_back(canned, rows, looker, monkeypatch):
    """Above all a refused passcode: forgotten, it would be sent to the phone once more."""
    canned[0].answers["api-get_line_status"] = 401
    PhoneStatus.objects.create(phone=rows.phones[0])
    failures, record = [], device_health.record_looks

    def perhaps(looks):
        if len(failures) < 2:
            failures.append(1)
            raise OperationalError("the server closed the connection")
        return record(looks)

    monkeypatch.setattr(device_health, "record_looks", perhaps)
    monkeypatch.setattr(device_health, "CLAIM_SECONDS", 0.05)
    looker()
    eventually(Phone.objects.filter(pk=rows.phones[0].pk).exclude(passcode_refused_at=None).exists)
    assert canned[0].functions() == ["api-get_line_status"]


def test_a_phone_that_says_what_no_column_can_hold_does_not_cost_the_others_theirs(canned, rows, looker):
    PhoneStatus.objects.bulk_create([PhoneStatus(phone=phone) for phone in rows.phones])
    together = threading.Barrier(3)

    def look(claim, *, ask_accounts):
        if claim.before.looked_at is None:
            together.wait(10)  # all three are found at once, so they are written as one batch
        word = "\x00" if claim.phone.pk == rows.phones[0].pk else "idle"
        return Sight(Kind.ANSWERED, lines=(word,))

    looker(look=look)
    seen(rows.phones[1])
    seen(rows.phones[2])
    assert status_of(rows.phones[0]).reachable is None


def test_a_look_that_breaks_on_our_side_is_told_and_ends_nothing(canned, rows, looker):
    PhoneStatus.objects.bulk_create([PhoneStatus(phone=phone) for phone in rows.phones])

    def look(claim, *, ask_accounts):
        if claim.phone.pk == rows.phones[0].pk:
            raise RuntimeError("a fault of ours")
        return look_at(claim, ask_accounts=ask_accounts)

    looker(look=look)
    seen(rows.phones[0], reachable=False)
    seen(rows.phones[1])
    assert status_of(rows.phones[0]).reason_code == "not_looked"


def test_it_stops_cleanly_and_writes_what_was_under_way(canned, rows):
    canned[0].seconds = 0.4
    PhoneStatus.objects.create(phone=rows.phones[0])
    one = Looker()
    one.start()
    eventually(lambda: canned[0].asked)
    one.stop()
    assert not one._thread.is_alive()
    assert status_of(rows.phones[0]).reachable is True
    assert not PhoneLease.objects.filter(phone=rows.phones[0], held_until__gt=utc_now()).exists()


def test_a_look_that_waited_too_long_for_its_thread_sends_nothing(canned, rows):
    """A machine that was suspended: the lease may be somebody else's by now."""
    one, late = Looker(), claim_of(phone=rows.phones[0], token=1, now=utc_now())
    one._ask(late, True, deadline=device_health.time.monotonic() + 2.0)
    assert one._found.get(timeout=1).sight.reason_code == "not_looked"
    assert canned[0].asked == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CredentialRefused(Reason.UNAUTHORIZED), Kind.PASSCODE_REFUSED),
        (Refused(Reason.NO_SUCH_FUNCTION), Kind.REFUSED),
        (NothingSent(Reason.CONNECT_TIMEOUT), Kind.SILENT),
        (Unclear(Reason.NO_ANSWER), Kind.SILENT),
    ],
)
def test_every_error_of_a_phone_is_a_sight_with_a_sentence(error, kind):
    told = sight_of(error)
    assert (told.kind, told.reason_code) == (kind, error.reason_code)
    assert error.sentence in told.sentence


@pytest.mark.parametrize(
    ("answer", "kind", "asked"),
    [
        ({"response": "success", "body": []}, Kind.ANSWERED, True),
        (404, Kind.ANSWERED, True),  # it knows no accounts: not asked again for five minutes
        (500, Kind.ANSWERED, False),
        (None, Kind.ANSWERED, False),
        (401, Kind.PASSCODE_REFUSED, False),
    ],
)
def test_trouble_with_the_accounts_is_no_trouble_with_the_phone(canned, rows, answer, kind, asked):
    canned[0].answers["api-get_accounts"] = answer
    told = look_at(Claim(rows.phones[0], Health(), 1, {1: "201"}), ask_accounts=True)
    assert (told.kind, told.accounts_asked) == (kind, asked)


def test_a_slow_phone_is_not_asked_a_second_thing_within_the_same_lease(canned, rows):
    canned[0].seconds = 1.1
    told = look_at(Claim(rows.phones[0], Health(), 1), ask_accounts=True)
    assert (told.kind, told.accounts_asked) == (Kind.ANSWERED, False)
    assert canned[0].functions() == ["api-get_line_status"]


def test_no_look_uses_the_database_from_an_asking_thread(canned, rows, looker):
    used = []

    def look(claim, *, ask_accounts):
        sight = look_at(claim, ask_accounts=ask_accounts)
        used.append(connection.connection is not None)
        return sight

    PhoneStatus.objects.bulk_create([PhoneStatus(phone=phone) for phone in rows.phones])
    looker(look=look)
    for phone in rows.phones:
        seen(phone)
    assert used == [False, False, False]


def test_a_silent_phone_is_looked_at_again_within_seconds(canned, rows, looker):
    canned[0].answers["api-get_line_status"] = None
    PhoneStatus.objects.create(phone=rows.phones[0], reachable=True, since=utc_now() - timedelta(hours=1))
    looker()
    seen(rows.phones[0], reachable=False)
    status = status_of(rows.phones[0])
    assert 2 <= (status.next_look_at - status.looked_at).total_seconds() <= 5
    canned[0].answers["api-get_line_status"] = lines("idle")
    seen(rows.phones[0])
    assert canned[0].functions()[-1] == "api-get_accounts", "after trouble these too"
