"""What a person does with a call from its card: the row, the audit event and the card's new version in one transaction.
A worker is told, and the streams wake, after the commit.
"""

from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.audit.services import record_act
from crmconnector.calls.dial_check import plan_on
from crmconnector.calls.dial_rules import DialPlan
from crmconnector.calls.dialling import DialProblem, note_refused
from crmconnector.calls.ground import ground_of
from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, Leg
from crmconnector.calls.services import request_command
from crmconnector.calls.verbs import Choice, choose_way
from crmconnector.calls.wanted import CommandProblem, Wanted, own_leg, way_of
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.callbar import PARTS
from crmconnector.screenpop.callbar_rows import bar_for
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.publisher import touch_pops, wake
from crmconnector.users.models import User
from crmconnector.web.command_words import why_not
from crmconnector.web.targets import plan_of
from phones.models import Phone
from tasks.call_control import enqueue

TRANSFERS = (CommandKind.BLIND_TRANSFER, CommandKind.ATTENDED_START)


def ask(*, actor: User, pop: Pop, kind: CommandKind, fields: dict[str, Any]) -> CallCommand:
    """Ask for one verb of the card's call; `fields` are those of web.forms.verbs. CommandProblem: nothing was asked.

    The same key again is the same command, whatever became of the call since: a double click never acts twice. What
    the dial rules or a brake held back is written down.
    """
    try:
        with transaction.atomic():
            return _asked(actor, pop, kind, fields)
    except DialProblem as problem:
        note_refused(user=actor, text=fields["target"], problem=problem, kind=kind)
        raise


def _asked(actor: User, pop: Pop, kind: CommandKind, fields: dict[str, Any]) -> CallCommand:
    known = CallCommand.objects.filter(user=actor, idempotency_key=fields["key"]).first()
    if known is not None:
        return _same(known, pop, kind, fields)
    leg, start = _meant(pop, kind)
    phone = own_leg(user=actor, leg=leg, kind=kind, now=utc_now())
    choice = _way(kind, phone, leg, start)
    wanted = _wanted(actor, kind, phone, leg, start, fields)
    command, made = request_command(
        user=actor, wanted=wanted, path=CommandPath(choice.way), key=fields["key"], now=utc_now(),
        may_fall_back=choice.may_fall_back,
    )  # fmt: skip
    if made:
        _made(actor, pop, command)
    elif command.fingerprint != wanted.fingerprint():  # the same verb, meant otherwise, is under way
        raise CommandProblem("under_way", why_not("asked"))
    return command


def _same(known: CallCommand, pop: Pop, kind: CommandKind, fields: dict[str, Any]) -> CallCommand:
    """Tones are forgotten when they were sent, so they can be compared only until then."""
    same = known.kind == kind and known.leg is not None and known.leg.call_id == pop.call_id
    same = same and (not known.digits or known.digits == fields.get("digits"))
    if same and kind in TRANSFERS:
        plan = plan_on(pbx=pop.call.pbx, text=fields["target"])
        same = isinstance(plan, DialPlan) and plan.far_number == known.far_number
    if not same:
        raise CommandProblem("key_reused", _("This button was used for something else. Reload the page."))
    return known


def _meant(pop: Pop, kind: CommandKind) -> tuple[Leg, CallCommand | None]:
    """(the one open own end of this call, the consultation that this verb ends): just what the card offers."""
    bar = bar_for(pop, now=utc_now())
    offer = bar.offer(kind)
    if bar.leg is None or not (offer.possible or offer.asked):
        raise CommandProblem(offer.why_not, why_not(offer.why_not))
    return bar.leg, bar.consultation.start if kind in PARTS and bar.consultation else None


def _way(kind: CommandKind, phone: Phone, leg: Leg, start: CallCommand | None) -> Choice:
    """What the phone began, only the phone can end; so with the PBX."""
    ground = ground_of(phone, leg.pbx)
    found = choose_way(kind, ground, wanted=start.path) if start else way_of(kind=kind, phone=phone, ground=ground)
    if not found.way:
        raise CommandProblem(found.why_not, why_not(found.why_not))
    return found


def _wanted(
    actor: User, kind: CommandKind, phone: Phone, leg: Leg, start: CallCommand | None, fields: dict[str, Any]
) -> Wanted:
    more: dict[str, Any] = {}
    if kind in TRANSFERS:
        plan, name = plan_of(actor, fields["target"], kind=kind, pbx=leg.pbx, now=utc_now())
        more = {"target": name, "far_number": plan.far_number, "dial_string": plan.dial_string}
    if start is not None:
        more = {"part_of": start, "other_leg": start.other_leg, "target": start.target,
                "far_number": start.far_number, "dial_string": start.dial_string}  # fmt: skip
    return Wanted(kind, phone, leg.endpoint, leg.pbx_id, leg, digits=fields.get("digits", ""), **more)


def _made(actor: User, pop: Pop, command: CallCommand) -> None:
    """No number and no tone in the audit event: the command has them for as long as it may keep them."""
    details = {"call": pop.call_id, "path": command.path}
    record_act(actor=actor, action=f"call.{command.kind}_requested", target=command, details=details)
    users = touch_pops(legs=[(pop.call_id, pop.user_id)], now=utc_now())
    transaction.on_commit(partial(enqueue, [command.pk]))
    transaction.on_commit(partial(wake, users))
