"""What is known to work on a phone: by its model and firmware, and by the newest word."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crmconnector.common.clock import utc_now
from phones.calibrations import begin, calibrated_verbs, finish, timings_of
from phones.models import Calibration, Phone
from tests.support.office import RowOffice

ATTENDED = ("attended_start", "attended_complete", "attended_cancel")


@pytest.fixture
def phone(office: RowOffice) -> Phone:
    one = office.phones[0]
    one.firmware = "1.0.13.24"
    one.save()
    return one


def ran(phone: Phone, *sequences: str, outcome: str = "worked", seconds: int = 0) -> None:
    now = utc_now() + timedelta(seconds=seconds)
    for sequence in sequences:
        assert finish(begin(phone, sequence, "205", "root", now).pk, outcome, "", [], now)


def test_nothing_is_known_of_a_phone_on_which_nothing_was_run(phone: Phone) -> None:
    assert calibrated_verbs(phone) == frozenset()


def test_what_worked_on_one_phone_counts_for_every_phone_of_its_model_and_firmware(
    phone: Phone, office: RowOffice
) -> None:
    ran(phone, "blind_transfer")
    twin, other = office.phones[1:3]
    twin.firmware, other.firmware = "1.0.13.24", "1.0.13.25"
    twin.save()
    other.save()
    found = [calibrated_verbs(one) for one in (phone, twin, other)]
    assert found == [{"blind_transfer"}, {"blind_transfer"}, frozenset()]


def test_an_attended_transfer_needs_all_of_its_three_sequences(phone: Phone) -> None:
    ran(phone, *ATTENDED[:2])
    assert calibrated_verbs(phone) == frozenset()
    ran(phone, ATTENDED[2], "conference")
    assert calibrated_verbs(phone) == {"attended_transfer", "conference"}


def test_the_newest_word_counts_and_a_run_that_was_stopped_says_nothing(phone: Phone) -> None:
    ran(phone, "blind_transfer")
    ran(phone, "blind_transfer", outcome="stopped", seconds=1)
    begin(phone, "blind_transfer", "205", "root", utc_now() + timedelta(seconds=2))
    assert calibrated_verbs(phone) == {"blind_transfer"}
    ran(phone, "blind_transfer", outcome="failed", seconds=3)
    assert calibrated_verbs(phone) == frozenset()


def test_a_phone_of_unknown_model_has_learnt_nothing(phone: Phone) -> None:
    phone.model = ""
    phone.save()
    ran(phone, "blind_transfer")
    assert calibrated_verbs(phone) == frozenset()


def test_a_run_ends_once(phone: Phone) -> None:
    row = begin(phone, "conference", "205", "root", utc_now())
    assert finish(row.pk, "failed", "x" * 400, [], utc_now())
    assert not finish(row.pk, "worked", "", [], utc_now())
    assert Calibration.objects.get().outcome == "failed"


def test_timings_are_those_of_the_newest_run_that_worked_and_nonsense_is_left_out(phone: Phone) -> None:
    now = utc_now()
    for place, (outcome, milliseconds) in enumerate((("worked", 300), ("worked", 700), ("failed", 9))):
        row = begin(phone, "conference", "205", "root", now + timedelta(seconds=place))
        timings = [{"step": "press conference", "milliseconds": milliseconds}, {"step": "x"}, {"milliseconds": -1}]
        finish(row.pk, outcome, "", timings, now)
    assert timings_of(phone, "conference") == {"press conference": 700}
    assert timings_of(phone, "blind_transfer") == {}


def test_a_sequence_that_nobody_knows_is_not_begun(phone: Phone) -> None:
    with pytest.raises(ValueError, match="no such sequence"):
        begin(phone, "RESET", "205", "root", utc_now())
