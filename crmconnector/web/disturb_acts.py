"""Do not disturb at the own phone: what the desk shows of it, and asking the PBX to change it.

The PBX keeps it, so the phone may show nothing. What we know of it is what was asked here and proved: a code dialled on
the phone itself is not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from crmconnector.audit.services import record_act
from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, CommandState
from crmconnector.calls.services import LIVE, request_command
from crmconnector.calls.verbs import Ground, choose_way
from crmconnector.calls.wanted import CommandProblem, Wanted
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.pbx.selectors import pbxes_heard_here
from crmconnector.screenpop.publisher import wake
from crmconnector.users.models import User
from crmconnector.web.command_words import why_not
from crmconnector.web.words import Said, said_of
from phones.models import Phone
from tasks.call_control import enqueue

KINDS = (CommandKind.DND_ON, CommandKind.DND_OFF)
SAID_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Disturb:
    """The switch of one phone. `on`: proved. `why_not`: it is absent, and this is the reason. `key`: of the next press;
    it grows with every press that was made, so a double click is one."""

    phone_id: int
    place: str
    on: bool
    asked: bool
    why_not: str
    key: str
    said: Said | None = None


def disturb_switches(user: User, phones: Sequence[Phone], now: datetime) -> list[Disturb]:
    """One for each of the own phones; a fixed number of queries, and few where no PBX offers it."""
    if not phones:
        return []
    pbxes = {pbx.pk: pbx for pbx in pbxes_heard_here()}
    missing = {phone.pk: why_absent(phone, _pbx_of(phone, pbxes)) for phone in phones}
    offered = [pk for pk, why in missing.items() if not why]
    asked = CallCommand.objects.filter(user=user, phone__in=offered, kind__in=KINDS).order_by("-requested_at")
    rows = list(asked[:50]) if offered else []
    return [
        _switch(phone, [row for row in rows if row.phone_id == phone.pk], missing[phone.pk], now) for phone in phones
    ]


def why_absent(phone: Phone, pbx: Pbx | None) -> str:
    """Why this phone has no such switch; empty when it has. Only the PBX offers it, so nobody decides on a way."""
    link = getattr(pbx, "link", None)
    ground = Ground(
        pbx_actions=(link.may_send or ()) if link is not None else (),
        pbx_linked=link is not None and link.state == PbxLink.State.CONNECTED,
        snippet=pbx is not None and bool(pbx.snippet_context),
    )
    choice = choose_way(CommandKind.DND_ON, ground)
    return "" if choice.way else why_not(choice.why_not)


def _pbx_of(phone: Phone, pbxes: dict[int, Pbx]) -> Pbx | None:
    account = next(iter(phone.accounts.all()), None)
    return pbxes.get(account.pbx_id) if account else None


def _switch(phone: Phone, rows: Sequence[CallCommand], missing: str, now: datetime) -> Disturb:
    account = next(iter(phone.accounts.all()), None)
    proved = next((told for row in rows if (told := _told(row)) is not None), False)
    last = rows[0] if rows else None
    fresh = last is not None and (
        last.state == CommandState.UNKNOWN or now - last.requested_at < timedelta(seconds=SAID_SECONDS)
    )
    return Disturb(
        phone.pk, account.extension if account else phone.name, proved,
        last is not None and _live(last), missing, f"dnd:{phone.pk}:{last.pk.hex if last else 'first'}",
        said_of(last, now=now) if last and fresh else None,
    )  # fmt: skip


def _told(command: CallCommand) -> bool | None:
    """Whether the PBX had the note when this one ended: as was asked, or surely not so; None when nobody knows."""
    if command.state == CommandState.CONFIRMED:
        return command.kind == CommandKind.DND_ON
    read_back = command.state == CommandState.FAILED and command.reason_code == "no_effect"
    return command.kind != CommandKind.DND_ON if read_back else None


def _live(command: CallCommand) -> bool:
    waiting = (CommandState.REQUESTED, CommandState.GRANTED, CommandState.SENT)
    return command.state in waiting or (command.state == CommandState.UNKNOWN and not command.settled)


@transaction.atomic
def ask_not_to_be_disturbed(*, actor: User, phone: Phone, on: bool, key: str, now: datetime) -> CallCommand:
    """Ask for it once; while one is under way another is refused, so that the last press is the last word."""
    kind = CommandKind.DND_ON if on else CommandKind.DND_OFF
    if known := CallCommand.objects.filter(user=actor, idempotency_key=key).first():
        if known.kind != kind or known.phone_id != phone.pk:
            raise CommandProblem("key_reused", why_not("asked"))
        return known
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=actor.pk)
    if CallCommand.objects.filter(LIVE, user=actor, phone=phone, kind__in=KINDS).exists():
        raise CommandProblem("asked", why_not("asked"))
    seat = phone.accounts.select_related("pbx__link").first()
    if seat is None:
        raise CommandProblem("no_way", why_not("no_way"))
    if missing := why_absent(phone, seat.pbx):
        raise CommandProblem("absent", missing)
    wanted = Wanted(kind, phone, seat.endpoint, seat.pbx_id, account=seat.position)
    command, made = request_command(user=actor, wanted=wanted, path=CommandPath.PBX, key=key, now=now)
    if made:
        record_act(actor=actor, action=f"call.{kind}_requested", target=command, details={"phone": phone.pk})
        transaction.on_commit(partial(enqueue, [command.pk]))
        transaction.on_commit(partial(wake, {actor.pk}))
    return command
