"""What the doctor's page shows: who may, the last run as steps, and what the driver can do with such a phone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from crmconnector.audit.services import record_act
from crmconnector.common.clock import utc_now
from crmconnector.users.models import User
from crmconnector.web.forms.doctor import TestCallForm
from phones.connection import driver_for
from phones.doctor.words import title_of
from phones.drivers.base import Support, Verb
from phones.drivers.registry import UnknownVendor
from phones.models import Assignment, DeviceOrder, OrderKind, OrderState, Phone
from phones.orders import OrderProblem, request_order
from tasks.device_control import enqueue_order

LIVE = (OrderState.REQUESTED, OrderState.GRANTED)
LONGEST_KEY = 80


@dataclass(frozen=True, slots=True)
class Step:
    """One check: `state` done, warn, fail or todo, `word` the same for who cannot see the drawing."""

    state: str
    icon: str
    word: str
    title: str
    evidence: tuple[str, ...] = ()
    cure: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    milliseconds: int | None = None


@dataclass(frozen=True, slots=True)
class Banner:
    """The one thing that matters."""

    tone: str
    icon: str
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A run as it is now. `said` is the line that is read out while it goes on."""

    order: DeviceOrder
    live: bool
    heading: str
    said: str
    steps: tuple[Step, ...]
    banner: Banner | None


def phone_to_examine(user: User, phone_id: int) -> Phone:
    """Any phone for an administrator; for others only the one they have now. PermissionDenied, or 404."""
    seats = Assignment.objects.filter(during__contains=utc_now()).select_related("user")
    phones = Phone.objects.prefetch_related("accounts__pbx", Prefetch("assignments", seats, to_attr="seats_now"))
    if user.is_administrator:
        return get_object_or_404(phones, pk=phone_id)
    own = phones.filter(pk=phone_id, pk__in=seats.filter(user=user).values("phone")).first()
    if own is None:
        raise PermissionDenied
    return own


def test_call_form(phone: Phone, posted: Any = None) -> TestCallForm:
    return TestCallForm(posted, phone=phone)


@transaction.atomic
def ask_doctor(*, actor: User, phone: Phone, key: str, extension: str) -> DeviceOrder:
    """Write the order and its audit event; handed to a worker after the commit. May raise OrderProblem."""
    if not key or len(key) > LONGEST_KEY or "\x00" in key:
        raise OrderProblem("bad_key", _("This button is out of date. Press it again."))
    order, made = request_order(
        phone=phone, kind=OrderKind.DOCTOR, user=actor, key=key, now=utc_now(), argument=extension
    )
    if made:
        details = {"test_extension": extension} if extension else {}
        record_act(actor=actor, action="phone.doctor_asked", target=phone, details=details)
        transaction.on_commit(partial(enqueue_order, order.pk))
    return order


def doctor_context(user: User, phone: Phone, form: TestCallForm, order: DeviceOrder | None = None) -> dict[str, object]:
    """Everything of the page, with this run or the last one."""
    last = order or phone.orders.filter(kind=OrderKind.DOCTOR).select_related("user").first()
    return {
        "phone": phone,
        "seat": phone.seats_now[0] if phone.seats_now else None,  # type: ignore[attr-defined]
        "report": report_of(last) if last else None,
        "can_do": capabilities(phone),
        "form": form if user.is_administrator else None,
        "key": uuid4().hex,
    }


def report_of(order: DeviceOrder) -> Report:
    rows = [row for row in order.result.get("checks", []) if isinstance(row, Mapping)]
    live = order.state in LIVE
    done = tuple(_step(row) for row in rows)
    known = {row.get("name") for row in rows}
    to_come = [name for name in order.result.get("names", []) if name not in known] if live else []
    waiting = tuple(Step("todo", "asked", _("To come"), _(title_of(name))) for name in to_come)
    heading = _heading(order, len(done), len(done) + len(waiting))
    return Report(order, live, heading, _said(order, done), (*done, *waiting), _banner(order, rows))


def capabilities(phone: Phone) -> list[tuple[str, str]]:
    """(verb, how) in words, of the phone's driver; nothing is asked of the phone."""
    try:
        support = driver_for(phone).capabilities()
    except UnknownVendor:
        return []
    return [(_(words), _(_HOW[support[verb]])) for verb, words in _VERBS.items() if verb in support]


def in_words(sentence: object) -> str:
    """A stored sentence in the reader's language; the row is ours, but an old one may not fit any more."""
    if not isinstance(sentence, Mapping):
        return ""
    text, values = str(sentence.get("text", "")), sentence.get("values", {})
    try:
        return _(text) % values if text else ""
    except (KeyError, TypeError, ValueError):
        return text


_STATES = {
    "pass": ("done", "done", gettext_noop("Passed")),
    "fail": ("fail", "refused", gettext_noop("Failed")),
    "cannot_tell": ("warn", "unknown", gettext_noop("Cannot tell")),
    "not_run": ("todo", "asked", gettext_noop("Not run")),
    "care": ("warn", "warn", gettext_noop("Passed, with a remark")),
}


def _step(row: Mapping[str, Any]) -> Step:
    state, icon, word = _STATES[_key(row)]
    sentences = {part: tuple(in_words(one) for one in row.get(part, [])) for part in ("evidence", "cure", "places")}
    return Step(state, icon, _(word), _(str(row.get("title", ""))), **sentences, milliseconds=row.get("milliseconds"))


def _key(row: Mapping[str, Any]) -> str:
    verdict = str(row.get("verdict"))
    if not row.get("ran", True) and verdict != "fail":
        return "not_run"
    if verdict == "pass" and row.get("cure"):
        return "care"
    return verdict if verdict in _STATES else "cannot_tell"


def _heading(order: DeviceOrder, done: int, all_of_them: int) -> str:
    if order.state == OrderState.REQUESTED:
        return _("Asked, waiting for a worker")
    if order.state == OrderState.GRANTED:
        return _("%(done)d of %(all)d checks") % {"done": done, "all": all_of_them}
    counted = ngettext("%(n)d check", "%(n)d checks", done) % {"n": done}
    if order.ended_at is None or order.granted_at is None:
        return counted
    seconds = (order.ended_at - order.granted_at).total_seconds()
    return _("%(checks)s, %(seconds).1f s") % {"checks": counted, "seconds": seconds}


def _said(order: DeviceOrder, done: tuple[Step, ...]) -> str:
    if order.state == OrderState.REQUESTED:
        return _("Asked, waiting for a worker.")
    if order.state == OrderState.GRANTED:
        return f"{done[-1].word}: {done[-1].title}." if done else _("The doctor has begun.")
    failed = sum(step.state == "fail" for step in done)
    if failed:
        return ngettext("Done. %(n)d check failed.", "Done. %(n)d checks failed.", failed) % {"n": failed}
    return _("Done. No check failed.") if order.state == OrderState.CONFIRMED else order.sentence


def _banner(order: DeviceOrder, rows: list[Mapping[str, Any]]) -> Banner | None:
    if order.state in LIVE:
        return None
    if order.state != OrderState.CONFIRMED:
        return Banner("stop", "refused", _("The doctor did not come to an end"), order.sentence)
    failed = [row for row in rows if row.get("verdict") == "fail"]
    if failed:
        return _bad_news(failed, rows)
    open_ones = sum(row.get("verdict") == "cannot_tell" for row in rows)
    if open_ones:
        count = {"n": open_ones}
        text = ngettext(
            "%(n)d check could not tell; it says why.", "%(n)d checks could not tell; each says why.", open_ones
        )
        return Banner("note", "note", _("Nothing wrong was found"), text % count)
    return Banner("ok", "done", _("All is well"), _("Every check passed."))


def _bad_news(failed: list[Mapping[str, Any]], rows: list[Mapping[str, Any]]) -> Banner:
    """What keeps orders from the phone comes before the rest; the checks are in that order."""
    first, others = failed[0], len(failed) - 1
    sentences = [in_words(first["evidence"][0])] if first.get("evidence") else []
    if any(row.get("name") == "pbx_accounts" and row.get("verdict") == "pass" for row in rows):
        sentences.append(_("Calls ring and cards show all the same."))
    if others:
        sentences.append(ngettext("%(n)d more check failed.", "%(n)d more checks failed.", others) % {"n": others})
    return Banner("stop", "refused", _(str(first.get("title", ""))), " ".join(sentences))


_VERBS = {
    Verb.MAKE_CALL: gettext_noop("Dial"),
    Verb.ACCEPT_CALL: gettext_noop("Answer"),
    Verb.REJECT_CALL: gettext_noop("Reject"),
    Verb.END_CALL: gettext_noop("Hang up"),
    Verb.CANCEL_CALL: gettext_noop("Take a dialled call back"),
    Verb.HOLD_CALL: gettext_noop("Hold"),
    Verb.RESUME_CALL: gettext_noop("Resume"),
    Verb.BLIND_TRANSFER: gettext_noop("Blind transfer"),
    Verb.ATTENDED_TRANSFER: gettext_noop("Attended transfer"),
    Verb.CONFERENCE: gettext_noop("Conference"),
    Verb.DTMF: gettext_noop("Tones in a call"),
    Verb.MUTE: gettext_noop("Mute"),
    Verb.DO_NOT_DISTURB: gettext_noop("Do not disturb"),
    Verb.SEND_KEYS: gettext_noop("Press keys"),
    Verb.LOCK_KEYPAD: gettext_noop("Lock the keys"),
    Verb.REBOOT: gettext_noop("Restart"),
    Verb.RESET: gettext_noop("Factory reset"),
    Verb.LINE_STATUS: gettext_noop("Tell its lines"),
    Verb.ACCOUNTS: gettext_noop("Tell its accounts"),
}
_HOW = {
    Support.NATIVE: gettext_noop("by the phone"),
    Support.TOGGLE: gettext_noop("by the phone; the same order undoes it, so we look first"),
    Support.SEQUENCE: gettext_noop("by pressing keys, one after another"),
    Support.VIA_PBX: gettext_noop("by the PBX"),
    Support.NONE: gettext_noop("not at all"),
}
