"""Dial rules and brakes against the rows: settings, prefixes, known extensions, what was dialled lately.

The same question is asked twice: when a person asks for a call, and again by the worker just before it is sent, as
somebody may have stopped dialling in between.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from crmconnector.audit.models import AuditEvent
from crmconnector.audit.services import record_act
from crmconnector.calls.brakes import (
    STOPPED,
    Brake,
    Limits,
    Recent,
    alarm_of,
    range_of,
    why_not_dial,
)
from crmconnector.calls.dial_rows import dial_settings, settings_and_recent
from crmconnector.calls.dial_rules import Cost, DialKind, DialPlan, NoDial, could_dial, is_emergency, plan_dial
from crmconnector.calls.models import CallCommand, CommandKind, DialSettings
from crmconnector.common.marked import gettext_noop as _
from crmconnector.common.sentences import Sentence
from crmconnector.pbx.models import Line, Pbx
from crmconnector.pbx.selectors import home_country
from crmconnector.users.models import Role, User

# Verbs that bring somebody else into a call: to outside numbers they pass the same rules as a new call.
BRINGS_IN: Final = (CommandKind.BLIND_TRANSFER, CommandKind.ATTENDED_START, CommandKind.CONFERENCE)
MOST_NAMED: Final = 2
PERSON_LOCK, NUMBER_LOCK = 7003, 7004  # advisory lock classes: whose dials are counted one after the other
_test_code = re.compile(r"\A\*[0-9]{2}\Z")
_like_an_extension = re.compile(r"\A[0-9*#]{1,20}\Z")

_IS_AN_EXTENSION: Final = """
    select exists (select from phones_sipaccount where pbx_id = %(pbx)s and extension = %(text)s)
        or exists (select from pbx_queue where pbx_id = %(pbx)s and name = %(text)s)
"""

CHANGED = Brake(
    "rules_changed", Sentence(_("Not dialled: the dial rules were changed meanwhile. Press again.")), may_allow=False
)


def limits_of(row: DialSettings, pbx_countries: Iterable[str] | None = None) -> Limits:
    """The settings as plain values. `pbx_countries`: where those know it already."""
    if pbx_countries is None:
        pbx_countries = Pbx.objects.filter(enabled=True).values_list("country", flat=True)
    return Limits(
        frozenset({*row.countries, *pbx_countries}), row.premium, row.satellite, row.calls_a_minute,
        row.night_from, row.night_until, stopped_words(row),
    )  # fmt: skip


def stopped_words(row: DialSettings) -> str:
    """Who stopped dialling, when and why, in one clause; empty while it is allowed."""
    if row.stopped_at is None:
        return ""
    at = timezone.localtime(row.stopped_at).strftime("%H:%M")
    text = (
        _("%(who)s stopped all dialling at %(at)s (%(why)s)")
        if row.stopped_because
        else _("%(who)s stopped all dialling at %(at)s")
    )
    return Sentence(text, who=row.stopped_by, at=at, why=row.stopped_because)


def plan_on(*, pbx: Pbx, text: str, line: Line | None = None) -> DialPlan | NoDial:
    """What a phone of this PBX dials for the text; `line`: whose number is to be shown."""
    return plan_dial(
        text, country=pbx.country, dial_prefix=pbx.dial_prefix, style=pbx.dial_style,
        line_prefix=line.dial_prefix if line else "", outside_prefixes=pbx.outside_prefix_list,
        extensions=KnownExtensions(pbx.pk),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownExtensions:
    """Accounts of our phones and named queues of one PBX; asked for short texts only, each once."""

    pbx_id: int
    _known: dict[str, bool] = field(default_factory=dict, compare=False)

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str) or not _like_an_extension.match(text):
            return False
        if text not in self._known:
            with connection.cursor() as cursor:
                cursor.execute(_IS_AN_EXTENSION, {"pbx": self.pbx_id, "text": text})
                self._known[text] = cursor.fetchone()[0]
        return self._known[text]


def brake_of(
    *, plan: DialPlan, now: datetime, user: User | None = None, command: CallCommand | None = None,
    kind: CommandKind = CommandKind.MAKE_CALL,
) -> Brake | None:  # fmt: skip
    """What holds this dial back now, or None. Without a user only what holds for everybody.

    `command`: the row that is about to be sent; only what was asked for before it counts. A transfer or a conference
    with somebody inside is no dial that costs anything. For an emergency number nothing is even looked up.
    """
    return judged(plan=plan, now=now, user=user, command=command, kind=kind)[0]


def judged(
    *, plan: DialPlan, now: datetime, user: User | None = None, command: CallCommand | None = None,
    kind: CommandKind = CommandKind.MAKE_CALL,
) -> tuple[Brake | None, str]:  # fmt: skip
    """The same, and why somebody should be told of this dial though nothing holds it back: see `alarm_of`."""
    if plan.kind is DialKind.EMERGENCY:
        return None, "emergency"
    if kind in BRINGS_IN and not plan.outside:
        return None, ""
    limits, recent = _limits_and_recent(plan, user, now, command)
    at = timezone.localtime(now)
    return why_not_dial(plan, limits, recent, at), alarm_of(plan, limits, at)


def take_turns(*, plan: DialPlan, user: User) -> None:
    """Until this transaction ends nobody else asks for a dial of this person or to this hundred of numbers: of many
    that are asked for at the same instant none would see the others. An emergency number waits for nobody.

    Always the person first, then the number, so that two never wait for each other.
    """
    if plan.kind is DialKind.EMERGENCY:
        return
    number = range_of(plan.far_number) or plan.far_number
    with connection.cursor() as cursor:  # the columns are taken from left to right
        cursor.execute(
            "select pg_advisory_xact_lock(%s, %s), pg_advisory_xact_lock(%s, hashtext(%s))",
            [PERSON_LOCK, user.pk, NUMBER_LOCK, number],
        )


def check_dial_now(command: CallCommand, now: datetime) -> Brake | None:
    """What holds back a command that is about to be sent; None for every other verb. Called under its row's lock.

    The refusal, and a dial that should be noticed, are written to the audit log here: nothing is sent without.
    """
    if command.kind not in (CommandKind.MAKE_CALL, *BRINGS_IN) or (
        command.kind != CommandKind.MAKE_CALL and not command.far_number
    ):
        return None  # a conference of the calls that are there already brings nobody in
    if command.pbx is None:
        return None if is_emergency(command.far_number, home_country()) else _without_pbx(command)
    plan = plan_on(pbx=command.pbx, text=command.far_number)
    if isinstance(plan, NoDial):
        return _noted(command, Brake(plan.code, plan.sentence, may_allow=False))
    if plan.far_number != command.far_number or not could_dial(
        plan, command.dial_string or plan.dial_string, country=command.pbx.country, prefixes=Prefixes(command.pbx)
    ):
        return _noted(command, CHANGED)
    kind = CommandKind(command.kind)
    brake, alarm = judged(plan=plan, now=now, user=command.user, command=command, kind=kind)
    if brake is None and alarm:
        _alarm(command, alarm)
    return _noted(command, brake) if brake else None


def bar_of_test_call(*, pbxes: Iterable[Pbx], extension: str) -> str:
    """Why a phone does not call this to try something: "stopped", "outside", or empty when it may.

    The doctor and a calibration ring somebody inside, by rules of their own; past the dial rules they lead nowhere. The
    code of an echo test (often *43) is let through, a code with anything behind it may forward calls and is not.
    """
    if stopped_words(dial_settings()):
        return "stopped"
    if _test_code.match(extension):
        return ""
    plans = [plan_on(pbx=pbx, text=extension) for pbx in pbxes]
    inside = all(not isinstance(plan, NoDial) and not plan.outside and plan.cost is Cost.USUAL for plan in plans)
    return "" if inside else "outside"


def asks_whom(reader: User | None = None) -> Sentence:
    """Who may change a brake, by name as far as there are few: "Ask Marek Rybář to allow it."; perhaps the reader."""
    if reader is not None and reader.is_administrator:
        return Sentence(_("You can allow it on the page Dialling."))
    bosses = User.objects.filter(Q(role=Role.ADMINISTRATOR) | Q(is_superuser=True), is_active=True)
    names = [boss.display_name for boss in bosses.order_by("username")[: MOST_NAMED + 1]]
    if not names or len(names) > MOST_NAMED:
        return Sentence(_("An administrator can allow it on the page Dialling."))
    if len(names) == 1:
        return Sentence(_("Ask %(name)s to allow it."), name=names[0])
    return Sentence(_("Ask %(name)s or %(other)s to allow it."), name=names[0], other=names[1])


def sentence_of(brake: Brake, reader: User | None = None) -> Sentence:
    """The brake in words, with who may change it; `reader`: to whom it is said."""
    if not brake.may_allow or brake.retry_after_seconds:
        return brake.sentence
    return Sentence.of(brake.sentence, asks_whom(reader))


def _without_pbx(command: CallCommand) -> Brake | None:
    """No PBX, no rules: only the stop can be known."""
    stopped = stopped_words(dial_settings())
    return _noted(command, Brake("stopped", Sentence(STOPPED, who=stopped))) if stopped else None


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What a phone of this PBX may dial in front of a number; looked up only for digits that stand there."""

    pbx: Pbx

    def __contains__(self, text: object) -> bool:
        return text == self.pbx.dial_prefix or self.pbx.lines.exclude(dial_prefix="").filter(dial_prefix=text).exists()


def _limits_and_recent(
    plan: DialPlan, user: User | None, now: datetime, command: CallCommand | None
) -> tuple[Limits, Recent]:
    if user is None:
        return limits_of(dial_settings()), Recent()
    row, countries, recent = settings_and_recent(far_number=plan.far_number, user_id=user.pk, now=now, command=command)
    return limits_of(row, countries), recent


def _noted(command: CallCommand, brake: Brake) -> Brake:
    """Without the number: the command has it for as long as it may be kept."""
    details = {"code": brake.code, "alarm": brake.alarm, "kind": command.kind}
    record_act(actor=command.user, action="dial.refused", target=command, details=details)
    return brake


def _alarm(command: CallCommand, alarm: str) -> None:
    """Once for a command: it may be looked at again before it is sent."""
    action = f"dial.{alarm}"
    known = AuditEvent.objects.filter(target_type="calls.callcommand", target_id=str(command.pk), action=action)
    if not known.exists():
        record_act(actor=command.user, action=action, target=command, details={"kind": command.kind})
