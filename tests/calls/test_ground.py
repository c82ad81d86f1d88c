"""What is there for the verbs of a phone: by what the phone says it is, not by what somebody once typed."""

from collections.abc import Callable

import pytest

from crmconnector.calls.ground import Grounds, ground_of
from crmconnector.common.clock import utc_now
from phones.models import Calibration, Phone, SipAccount
from tests.support.office import RowOffice

TOLD = "Grandstream GRP2612W 1.0.13.24"


@pytest.fixture
def phones(office: RowOffice) -> list[Phone]:
    """Both typed in as the same; the second tells the PBX that it is another, with another firmware."""
    Phone.objects.update(model="GRP2614", firmware="1.0.9.1")
    SipAccount.objects.filter(phone=office.phones[1]).update(user_agent=TOLD, contact_seen_at=utc_now())
    Calibration.objects.create(
        model="GRP2614", firmware="1.0.9.1", sequence="blind_transfer", outcome="worked", extension="205", at=utc_now()
    )
    return list(Phone.objects.order_by("pk")[:2])


def test_a_calibration_counts_by_what_the_phone_said_it_is(office: RowOffice, phones: list[Phone]) -> None:
    now = utc_now()
    grounds = Grounds.of(phones, now=now)
    found = [set(grounds.at(phone, office.pbx).calibrated) for phone in phones]
    assert found == [{"blind_transfer"}, set()]
    assert found == [set(ground_of(phone, office.pbx, now=now).calibrated) for phone in phones]


def test_the_same_model_with_another_firmware_starts_from_nothing(office: RowOffice, phones: list[Phone]) -> None:
    SipAccount.objects.filter(phone=phones[1]).update(user_agent="Grandstream GRP2614 1.0.13.24")
    grounds = Grounds.of(Phone.objects.filter(pk__in=[one.pk for one in phones]), now=utc_now())
    assert [set(grounds.at(phone, None).calibrated) for phone in phones] == [{"blind_transfer"}, set()]


def test_fifty_cards_cost_no_more_questions_than_one(
    office: RowOffice, phones: list[Phone], django_assert_num_queries: Callable[..., object]
) -> None:
    cards = [Phone.objects.select_related("status").get(pk=phones[0].pk) for _ in range(50)]
    with django_assert_num_queries(3):  # accounts, decisions, calibrations
        grounds = Grounds.of(cards, now=utc_now())
        for card in cards:
            grounds.at(card, None)
