"""Test cards: somebody asks for a pretended ring, the listener takes it up, each step leaves its time.

Nothing here rings a phone. The row is the wish and the record at once; listener/pretended_ring.py carries it out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from crmconnector.calls.models import Leg
from crmconnector.screenpop.models import Pop, PopTest
from crmconnector.users.models import User
from phones.models import Assignment, SipAccount

MOST_A_MINUTE = 5
RINGS_SECONDS = 10.0
VOID_SECONDS = 15.0  # one that no listener took up by then is over
OLDEST_OPEN_HOURS = 12  # of a leg: one whose end nobody saw must not forbid tests for ever
ASK_LOCK = 7002  # advisory lock class: two requests for one person ask one after the other


class TrialProblem(Exception):
    """Why no test was begun; a sentence that may be shown."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


@dataclass(frozen=True, slots=True)
class Seated:
    """Where a person's calls ring: the endpoint on the PBX that we pretend rings."""

    pbx_id: int
    endpoint: str
    extension: str


@transaction.atomic
def ask_trial(*, user: User, by: User, number: str, now: datetime) -> PopTest:
    """May raise TrialProblem. `number`: who is to call; empty: a number that nobody has."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [ASK_LOCK, user.pk])
    if PopTest.objects.filter(user=user, ended_at=None, asked_at__gt=now - timedelta(minutes=1)).exists():
        raise TrialProblem("under_way", _("A test is under way already. It ends by itself after some seconds."))
    if PopTest.objects.filter(by=by, asked_at__gt=now - timedelta(minutes=1)).count() >= MOST_A_MINUTE:
        raise TrialProblem("too_many", _("Five tests in a minute are enough. Wait a minute, then try again."))
    if is_on_a_call(user_id=user.pk, now=now):
        raise TrialProblem("on_a_call", _("A call rings or is talked on this phone now. Try again when it is over."))
    test = PopTest(user=user, by=by, number=number, asked_at=now)
    if not user.is_active:
        test.problem, test.ended_at = "account_closed", now
    elif not seats_of_person(user_id=user.pk, at=now):
        test.problem, test.ended_at = "no_phone", now
    test.save()
    return test


def is_on_a_call(*, user_id: int, now: datetime) -> bool:
    """A real call rings on, or is talked at, a phone of this person."""
    return Leg.objects.filter(
        user=user_id, ended_at=None, call__ended_at=None, call__test=False,
        call__started_at__gte=now - timedelta(hours=OLDEST_OPEN_HOURS),
    ).exists()  # fmt: skip


def seats_of_person(*, user_id: int, at: datetime) -> list[Seated]:
    """Every account of the phones that this person has at that time, the phone's first account first."""
    phones = Assignment.objects.filter(user=user_id, during__contains=at).values("phone")
    accounts = SipAccount.objects.filter(phone__in=phones).order_by("phone", "position")
    return [Seated(one.pbx_id, one.endpoint, one.extension) for one in accounts]


def open_trials() -> Iterable[PopTest]:
    """Those that the listener still has to begin or to end; a partial index, usually empty."""
    return PopTest.objects.filter(ended_at=None).select_related("user", "call").order_by("asked_at")


def note_taken(*, test_id: UUID, now: datetime) -> bool:
    """Claim it for one listener; False when another was quicker."""
    return PopTest.objects.filter(pk=test_id, taken_at=None, ended_at=None).update(taken_at=now) == 1


def note_written(*, test: PopTest, linkedid: str, now: datetime) -> None:
    """The call is in the rows, and the card, if there is one, is committed."""
    pop = Pop.objects.filter(call__linkedid=linkedid, call__test=True, user=test.user_id).first()
    call_id = pop.call_id if pop else Leg.objects.filter(call__linkedid=linkedid).values_list("call", flat=True).first()
    written_at = now if pop else None
    PopTest.objects.filter(pk=test.pk).update(call=call_id, pop=pop, written_at=written_at)


def note_ended(*, test_id: UUID, now: datetime, problem: str = "") -> bool:
    rows = PopTest.objects.filter(pk=test_id, ended_at=None)
    return (rows.update(ended_at=now, problem=problem) if problem else rows.update(ended_at=now)) == 1
