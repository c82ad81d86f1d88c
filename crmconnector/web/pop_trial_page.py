"""The steps of one test card as its page tells them: what is proven, how long each took, where it stopped and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.pbx.models import PbxLink
from crmconnector.screenpop.explain import Explained, desks_of, explain_call, isolated
from crmconnector.screenpop.models import PopTest
from crmconnector.screenpop.trials import VOID_SECONDS, seats_of_person
from crmconnector.users.models import User

PATIENCE_SECONDS = 3.0  # so long a step may take before its silence is called a stop
PROBLEMS = {
    "no_phone": gettext_noop("No desk phone is assigned to %(who)s, so a real call would not show a card either."),
    "account_closed": gettext_noop("The account of %(who)s is closed, so a real call would not show a card either."),
    "no_listener": gettext_noop(
        "No listener took it up: none leads the PBX of this phone. Real calls do not show either."
    ),
    "on_a_call": gettext_noop("A real call began meanwhile. Nothing was shown; try again when it is over."),
    "real_call": gettext_noop("A real call came, so the test ended early."),
}


@dataclass(frozen=True, slots=True)
class TrialStep:
    """`state` proven, asked (under way), refused or "" (not reached). `after_ms`: since the test was asked for."""

    what: str
    why: str = ""
    state: str = ""
    icon: str = "point"
    at: datetime | None = None
    after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    test: PopTest
    steps: Sequence[TrialStep]
    live: bool
    good: bool  # a desk has shown the card
    stopped: str = ""  # why it went no further
    cure: tuple[str, str] = ("", "")  # address and label
    deaf: str = ""  # it worked, but the PBX itself is not heard


def trial_page(test: PopTest, *, viewer: User, now: datetime) -> Trial:
    desks = desks_of(test.pop)
    reason = _reason(test)
    stopped, cure = _stopped(test, desks=bool(desks), reason=reason, viewer=viewer, now=now)
    seen = [desk.seen_at for desk in desks if desk.seen_at]
    first = desks[0] if desks else None
    reached = [
        (_("Asked for"), "", test.asked_at),
        (_("Taken by the listener"), _("As if the PBX had told of a ring."), test.taken_at),
        (_("Card written"), reason.sentence if reason and not reason.shown else "", test.written_at),
        (_("Shown by a browser"), first.browser if first else "", first.delivered_at if first else None),
        (_("Looked at"), "", min(seen) if seen else None),
    ]
    over = bool(stopped) or test.ended_at is not None
    live = (test.ended_at is None or (not seen and now - test.ended_at < timedelta(seconds=2))) and not _void(test, now)
    return Trial(
        test=test, steps=_steps(test, reached, over=over), live=live, good=first is not None,
        stopped=stopped, cure=cure, deaf=_deaf(test, now),
    )  # fmt: skip


def _steps(test: PopTest, reached: Sequence[tuple[str, str, datetime | None]], *, over: bool) -> list[TrialStep]:
    steps, waiting = [], False
    for what, why, at in reached:
        if at is not None:
            steps.append(TrialStep(what, why, "proven", "proven", at, _ms(test.asked_at, at)))
        elif waiting:
            steps.append(TrialStep(what))
        else:
            waiting = True
            state = "refused" if over else "asked"
            steps.append(TrialStep(what, why, state, state))
    return steps


def _reason(test: PopTest) -> Explained | None:
    if test.call is None:
        return None
    return next((one for one in explain_call(test.call) if one.who == test.user.display_name), None)


def _stopped(
    test: PopTest, *, desks: bool, reason: Explained | None, viewer: User, now: datetime
) -> tuple[str, tuple[str, str]]:
    who = {"who": isolated(test.user.display_name)}
    if test.problem:
        return _(PROBLEMS.get(test.problem, test.problem)) % who, _cure(test, viewer)
    if test.taken_at is None:
        late = now - test.asked_at > timedelta(seconds=PATIENCE_SECONDS)
        return (_(PROBLEMS["no_listener"]), _cure(test, viewer)) if late else ("", ("", ""))
    if reason is not None and not reason.shown:
        own = reason.for_user == viewer.pk
        url = reverse("pop-rules") if own else reason.action_url if viewer.is_administrator else ""
        return reason.sentence, (url, reason.action_label)
    if test.written_at is not None and not desks and now - test.written_at > timedelta(seconds=PATIENCE_SECONDS):
        return _("The card was made, but no desk of %(who)s was open. Open the desk and try again.") % who, _desk(
            test, viewer
        )
    return "", ("", "")


def _desk(test: PopTest, viewer: User) -> tuple[str, str]:
    return (reverse("desk"), _("Open the desk")) if test.user_id == viewer.pk else ("", "")


def _cure(test: PopTest, viewer: User) -> tuple[str, str]:
    if not viewer.is_administrator:
        return "", ""
    pages = {
        "no_phone": ("phones", _("Assign a phone")),
        "no_listener": ("health", _("See health")),
        "": ("health", _("See health")),
    }
    name, label = pages.get(test.problem, ("", ""))
    return (reverse(name), label) if name else ("", "")


def _deaf(test: PopTest, now: datetime) -> str:
    """A test needs no PBX; a real call does."""
    seats = seats_of_person(user_id=test.user_id, at=now)
    links = PbxLink.objects.filter(pbx__in={seat.pbx_id for seat in seats}).exclude(state=PbxLink.State.CONNECTED)
    return _("The PBX itself is not heard now: a real call would not be told to us.") if links.exists() else ""


def _void(test: PopTest, now: datetime) -> bool:
    """Nobody came for it and nobody is there to end it: the page need not ask for ever."""
    return test.taken_at is None and now - test.asked_at > timedelta(seconds=2 * VOID_SECONDS)


def _ms(since: datetime, at: datetime) -> int:
    return max(0, round((at - since).total_seconds() * 1000))
