"""What was asked of a phone, in words: orders to the phone itself and commands in calls, one list. Asked is dashed,
proven is solid; what the phone replied proves nothing. Pure over loaded rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.models import CallCommand
from crmconnector.web.command_story import COMMAND_ENDS
from crmconnector.web.words import clock_time, said_of
from phones.models import DeviceOrder, OrderKind, OrderState

# A restart takes about 90 s; what is not proved after this is not looked at every second any more.
PROOF_SECONDS = 150
UNDER_WAY = (OrderState.REQUESTED, OrderState.GRANTED)
# state -> (class in the timeline, drawing, tone of the badge, word)
_STATES: dict[str, tuple[str, str, str, str]] = {
    OrderState.REQUESTED: ("asked", "asked", "", gettext_noop("Asked")),
    OrderState.GRANTED: ("asked", "asked", "", gettext_noop("Being sent")),
    OrderState.SENT: ("asked", "asked", "", gettext_noop("Sent, not proven")),
    OrderState.CONFIRMED: ("proven", "proven", "good", gettext_noop("Done")),
    OrderState.REFUSED: ("refused", "refused", "bad", gettext_noop("Refused")),
    OrderState.FAILED: ("refused", "refused", "bad", gettext_noop("Not done")),
    OrderState.UNKNOWN: ("unknown", "unknown", "care", gettext_noop("Not sure")),
    OrderState.EXPIRED: ("refused", "refused", "care", gettext_noop("Withdrawn")),
}
_USUAL: dict[str, str] = {
    OrderState.REQUESTED: gettext_noop("Waiting for a worker. It is sent at most once."),
    OrderState.GRANTED: gettext_noop("A worker has it. It is sent at most once."),
    OrderState.SENT: gettext_noop("Sent once. What the phone replied proves nothing yet."),
    OrderState.REFUSED: gettext_noop("The phone refused. Nothing changed."),
    OrderState.FAILED: gettext_noop("Nothing was sent."),
    OrderState.UNKNOWN: gettext_noop("The phone did not reply. It may or may not have happened; it is not sent again."),
    OrderState.EXPIRED: gettext_noop("Nobody took it up in time, so it was withdrawn. Nothing was sent."),
}
_NAMES: dict[str, str] = {
    OrderKind.LOOK: gettext_noop("Check"),
    OrderKind.DOCTOR: gettext_noop("Doctor"),
    OrderKind.CALIBRATE: gettext_noop("Calibration"),
    OrderKind.KEYS: gettext_noop("Press keys"),
    OrderKind.OPERATION: gettext_noop("Phone operation"),
    OrderKind.LOCK: gettext_noop("Lock the keys"),
    OrderKind.UNLOCK: gettext_noop("Unlock the keys"),
    OrderKind.REBOOT: gettext_noop("Restart"),
    OrderKind.RESET: gettext_noop("Factory reset"),
}
_SHOWS_ARGUMENT = (OrderKind.KEYS, OrderKind.OPERATION)


@dataclass(frozen=True, slots=True)
class DeedView:
    """One thing asked of a phone. `state`, `icon`: of its dot; `pending`: its end is near, look again in a second."""

    key: str
    at: datetime
    what: str
    argument: str
    who: str
    state: str
    icon: str
    tone: str
    word: str
    sentence: str
    evidence: str = ""
    url: str = ""
    pending: bool = False


def name_of(kind: str) -> str:
    return _(_NAMES[kind])


def tell_order(order: DeviceOrder, *, now: datetime) -> DeedView:
    state, icon, tone, word = _STATES[order.state]
    url = reverse("phone-doctor", args=[order.phone_id]) if order.kind == OrderKind.DOCTOR else ""
    sent = order.sent_at or order.requested_at
    proof_due = order.state == OrderState.SENT and order.ended_at is None and order.kind in _PROVED_LATER
    young = proof_due and now - sent < timedelta(seconds=PROOF_SECONDS)
    return DeedView(
        key=f"order-{order.pk}", at=order.requested_at, what=name_of(order.kind),
        argument=order.argument if order.kind in _SHOWS_ARGUMENT else "",
        who=order.user.display_name if order.user else order.user_name,
        state=state, icon=icon, tone=tone, word=_(word), sentence=order.sentence or _usual(order),
        evidence=order.evidence, url=url, pending=order.state in UNDER_WAY or young,
    )  # fmt: skip


_PROVED_LATER = (OrderKind.REBOOT, OrderKind.RESET, OrderKind.LOCK, OrderKind.UNLOCK)


def _usual(order: DeviceOrder) -> str:
    if order.state == OrderState.CONFIRMED:
        return _("Proven at %(at)s.") % {"at": clock_time(order.ended_at)} if order.ended_at else ""
    return _(_USUAL[order.state])


def tell_command(command: CallCommand, *, now: datetime) -> DeedView:
    """A command in a call, told like an order. Its steps are on the page of the call."""
    said = said_of(command, now=now)
    state, icon, _tone, _word = _STATES.get(command.state, ("refused", "refused", "care", ""))
    usual = ("", "asked", gettext_noop("Asked"))
    tone, _icon, word = COMMAND_ENDS.get(command.state, usual)  # type: ignore[call-overload]
    return DeedView(
        key=f"command-{command.pk}", at=command.requested_at, what=command.get_kind_display(), argument="",
        who=command.user.display_name, state=state, icon=icon, tone=tone, word=_(word), sentence=said.text,
        evidence=command.evidence, url=reverse("call", args=[command.leg.call_id]) if command.leg else "",
        pending=said.asked,
    )  # fmt: skip


def deeds(
    orders: Iterable[DeviceOrder], commands: Iterable[CallCommand], *, now: datetime, most: int
) -> list[DeedView]:
    """Both sorts in one list, newest first."""
    told = [tell_order(order, now=now) for order in orders] + [tell_command(one, now=now) for one in commands]
    return sorted(told, key=lambda deed: deed.at, reverse=True)[:most]
