"""What the pages of calibrations show: one run as it goes on, and what was learnt by model and firmware. Pure over rows
but for `kind_views` and `calibration_context`, which load them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.users.models import User
from crmconnector.web.calibration_acts import why_not_now
from crmconnector.web.forms.calibrations import CalibrationForm
from crmconnector.web.phone_acts import new_confirmation
from phones.identity import identity_of_phone
from phones.learned import Learned, learned_kinds
from phones.models import Calibration, DeviceOrder, OrderKind, OrderState, Phone
from phones.orders import STOP_ASKED
from phones.trials import TRIALS, plan_of

LIVE = (OrderState.REQUESTED, OrderState.GRANTED)


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a trial. `state`: done, warn, fail or todo, as on the doctor's page."""

    state: str
    icon: str
    word: str
    title: str
    seen: str
    milliseconds: int | None


@dataclass(frozen=True, slots=True)
class TrialView:
    title: str
    tone: str
    icon: str
    word: str
    sentence: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as it is now. `said` is the line that is read out while it goes on."""

    order: DeviceOrder
    live: bool
    stopping: bool
    heading: str
    said: str
    rings: tuple[str, ...]
    trials: tuple[TrialView, ...]
    tone: str
    icon: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class KindView:
    """One model and firmware: each sequence with how its newest run went."""

    model: str
    firmware: str
    rows: list[tuple[str, Calibration | None]]
    seconds: Mapping[str, str]


def calibration_context(
    user: User, phone: Phone, form: CalibrationForm, order: DeviceOrder | None = None
) -> dict[str, object]:
    """Everything of the page, with this run or the last one."""
    last = order or phone.orders.filter(kind=OrderKind.CALIBRATE).select_related("user").first()
    identity = identity_of_phone(phone)
    return {
        "phone": phone, "form": form, "identity": identity, "blocked": why_not_now(phone),
        "run": run_of(last) if last else None,
        "confirmation": new_confirmation(user=user, phone=phone, kind=OrderKind.CALIBRATE),
        "known": [one for one in kind_views() if (one.model, one.firmware) == (identity.model, identity.firmware)],
    }  # fmt: skip


def run_of(order: DeviceOrder) -> RunView:
    told = _rows(order.result.get("trials"))
    live = order.state in LIVE
    trials = tuple(_trial(row, live=live) for row in told)
    tone, icon, title = _verdict(order, told)
    stopping = live and order.reason_code == STOP_ASKED
    return RunView(order, live, stopping, _heading(order, told), _said(order, trials, stopping), _rings(order), trials,
                   tone, icon, title, "" if live else order.sentence)  # fmt: skip


def _rings(order: DeviceOrder) -> tuple[str, ...]:
    try:
        plan = plan_of(order.argument)
    except ValueError:
        return ()
    return (plan.first, plan.second)


def _rows(told: object) -> list[Mapping[str, Any]]:
    """A row may have been written by an older version: what is not understood is left out."""
    return [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []


def kind_views() -> list[KindView]:
    return [_kind(one) for one in learned_kinds()]


def _kind(one: Learned) -> KindView:
    names = [*_SEQUENCES, *(name for name in one.newest if name not in _SEQUENCES)]
    rows = [(_(_SEQUENCES.get(name, name)), one.newest.get(name)) for name in names]
    seconds = {name: _total(row.timings) for name, row in one.newest.items()}
    return KindView(one.model, one.firmware, rows, seconds)


def _total(timings: object) -> str:
    steps = timings if isinstance(timings, list) else []
    known = [
        one["milliseconds"] for one in steps if isinstance(one, Mapping) and isinstance(one.get("milliseconds"), int)
    ]
    return _("%(seconds).1f s") % {"seconds": sum(known) / 1000} if known else ""


def _trial(row: Mapping[str, Any], *, live: bool) -> TrialView:
    state = str(row.get("state", "waiting"))
    tone, icon, word = _TRIAL_STATES.get(state, _TRIAL_STATES["waiting"])
    if state == "waiting" and not live:
        word = gettext_noop("Not run")
    steps = tuple(_step(one) for one in _rows(row.get("steps")))
    known = TRIALS.get(str(row.get("name")))
    return TrialView(
        _(known.title) if known else str(row.get("name")), tone, icon, _(word), str(row.get("sentence", "")), steps
    )


def _step(row: Mapping[str, Any]) -> StepView:
    state, icon, word = _STEP_STATES.get(str(row.get("state")), _STEP_STATES["sent"])
    took = row.get("milliseconds")
    return StepView(
        state,
        icon,
        _(word),
        capfirst(_(str(row.get("step", "")))),
        str(row.get("seen", "")),
        took if isinstance(took, int) else None,
    )


def _heading(order: DeviceOrder, told: list[Mapping[str, Any]]) -> str:
    if order.state == OrderState.REQUESTED:
        return _("Asked, waiting for a worker")
    ended = sum(row.get("state") not in ("waiting", "running") for row in told)
    if order.state == OrderState.GRANTED:
        return _("%(done)d of %(all)d tried") % {"done": ended, "all": len(told)}
    return _("%(done)d of %(all)d tried, ended") % {"done": ended, "all": len(told)}


def _said(order: DeviceOrder, trials: tuple[TrialView, ...], stopping: bool) -> str:
    if order.state == OrderState.REQUESTED:
        return _("Asked, waiting for a worker.")
    if stopping:
        return _("Stopping.")
    if order.state == OrderState.GRANTED:
        under_way = next((one for one in trials if one.steps and one.word == _("Under way")), None)
        return f"{under_way.title}: {under_way.steps[-1].title}." if under_way else _("It has begun.")
    return order.sentence


def _verdict(order: DeviceOrder, told: list[Mapping[str, Any]]) -> tuple[str, str, str]:
    if order.state in LIVE:
        return "note", "note", ""
    if order.state != OrderState.CONFIRMED:
        return "stop", "refused", _("The calibration did not come to its end")
    if any(row.get("state") == "failed" for row in told):
        return "", "warn", _("Not all of it works on this phone")
    if all(row.get("state") == "worked" for row in told):
        return "ok", "done", _("All of it worked")
    return "note", "note", _("It was not tried to the end")


_TRIAL_STATES = {
    "waiting": ("", "asked", gettext_noop("To come")),
    "running": ("", "asked", gettext_noop("Under way")),
    "worked": ("good", "done", gettext_noop("Worked")),
    "failed": ("bad", "refused", gettext_noop("Did not work")),
    "stopped": ("care", "unknown", gettext_noop("Nothing learnt")),
}
_STEP_STATES = {
    "waiting": ("todo", "asked", gettext_noop("To come")),
    "sent": ("todo", "asked", gettext_noop("Under way")),
    "seen": ("done", "done", gettext_noop("Seen")),
    "missed": ("fail", "refused", gettext_noop("Not seen")),
}
_SEQUENCES = {
    "blind_transfer": gettext_noop("Transfer without asking"),
    "attended_start": gettext_noop("Ask before transferring"),
    "attended_complete": gettext_noop("Put them together"),
    "attended_cancel": gettext_noop("Back to the caller"),
    "conference": gettext_noop("All three"),
}
