"""One press of a button at a simulated phone that misbehaves, and what the screen says against what the PBX knows."""

from __future__ import annotations

import contextlib
import itertools
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import OperationalError, connection

from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, CommandState, Leg
from crmconnector.calls.services import request_command
from crmconnector.calls.wanted import Wanted
from crmconnector.common.clock import SAME_DIAL_SECONDS, utc_now
from crmconnector.screenpop.callbar import still_true
from crmconnector.screenpop.callbar_rows import bar_for
from crmconnector.screenpop.models import Pop
from crmconnector.simulator.operator import Impossible, Operator
from crmconnector.simulator.running import RunningOffice
from crmconnector.web.words import said_of
from phones.models import Phone, PhoneLease, PhoneStatus
from tasks.call_control import enqueue
from tests.support.pbx_truth import End, PbxTruth
from tests.support.processes import eventually
from tests.support.stage import Stage

TRUTH_SECONDS, END_SECONDS = 3.0, 15.0
STILL_SECONDS = 1.0  # so long nothing may have happened at the PBX before both sides are compared
DIGITS = "42"
TALKING = ("hold", "hang_up", "blind_transfer", "attended_start", "dtmf")
DEEDS: Mapping[str, str] = {  # the request of the phone that does it
    "make_call": "api-make_call", "answer": "api-phone_operation", "hold": "api-phone_operation",
    "resume": "api-phone_operation", "hang_up": "api-phone_operation", "blind_transfer": "api-send_key",
    "attended_start": "api-make_call", "dtmf": "api-send_key",
}  # fmt: skip
_serials = itertools.count(1)


@dataclass(frozen=True)
class Case:
    kind: str
    fault: str = ""
    path: str = "phone"
    may_fall_back: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.fault or 'well'}-{self.path}"


@dataclass(frozen=True)
class Look:
    """The screen beside the PBX at one moment. `says`: done, not, unsure, asked or nothing."""

    says: str
    text: str
    card: str
    happened: bool | None  # None: nobody can tell
    ends: tuple[End, ...]
    seconds: float
    lies: tuple[str, ...] = ()


@dataclass
class Result:
    case: Case
    looks: list[Look] = field(default_factory=list)
    problem: str = ""
    rang_after: float | None = None  # seconds from the press to the PBX's INVITE at the own phone
    rings: int = 0

    @property
    def lies(self) -> list[str]:
        return [f"{self.case.name} at {look.seconds:.1f} s: {lie}" for look in self.looks for lie in look.lies]


@dataclass
class Actor:
    """One person with a phone, and a colleague whose phone rings when it is called and answers nothing."""

    stage: Stage
    truth: PbxTruth
    place: int
    target: str

    def __post_init__(self) -> None:
        self.user, self.phone = self.stage.rows.users[self.place], self.stage.rows.phones[self.place]
        self.extension = str(201 + self.place)
        self.office = self.stage.office

    def play(self, case: Case) -> Result:
        result = Result(case)
        try:
            self._prepare(case)
            self._spoil(case)
            began = time.monotonic()
            command = self._press(case)
            result.looks.append(self._look(case, command, began, at=TRUTH_SECONDS))
            rung = self.truth.since(self.pressed, "Newchannel", self.extension)
            result.rings, result.rang_after = len(rung), rung[0].at - self.pressed if rung else None
            eventually(lambda: _is_over(command) or time.monotonic() > began + END_SECONDS, seconds=END_SECONDS + 5)
            connection.close()
            result.looks.append(self._look(case, command, began, at=0.0))
        except (AssertionError, OperationalError) as error:
            result.problem = str(error)[:300]
        try:
            self._tidy()
        except (AssertionError, OperationalError) as error:
            result.problem = f"{result.problem} afterwards: {error}"[:400]
        return result

    # --- before ---

    def _prepare(self, case: Case) -> None:
        self.uniqueid = ""
        if case.kind == "make_call":  # the same number again within five seconds is the same call
            since = utc_now() - timedelta(seconds=SAME_DIAL_SECONDS + 1)
            dials = CallCommand.objects.filter(user=self.user, kind=case.kind)
            last = dials.filter(requested_at__gt=since).values_list("requested_at", flat=True).first()
            eventually(lambda: last is None or utc_now() > last + timedelta(seconds=SAME_DIAL_SECONDS + 1))
            return
        number = f"0302312{5000 + self.place * 20 + next(_serials) % 20}"
        self.office.incoming(number, target=self.extension, gives_up_after=120)
        eventually(lambda: self._line("ringing"), what=f"{case.name}: a ring")
        if case.kind != "answer":
            self.office.user(self.extension, "answer")
        if case.kind == "resume":
            self.office.user(self.extension, "hold")
        wanted = {"answer": "ringing", "resume": "held"}.get(case.kind, "talking")
        (own,) = self.truth.ends(self.extension)
        self.uniqueid = own.uniqueid
        rows = Leg.objects.filter(uniqueid=own.uniqueid, state=wanted, user=self.user)
        eventually(rows.exists, what=f"{case.name}: the row of a leg that is {wanted}")

    def _spoil(self, case: Case) -> None:
        if case.fault == "wrong_passcode":
            self.office.change_passcode(self.extension, "another one")
        elif case.fault in ("refuse", "moved"):
            self.office.fault(self.extension, case.fault)
        elif case.fault in ("delayed_state", "unknown_state", "stale_line"):
            self.office.fault(self.extension, case.fault, count=None, function="api-get_line_status")
        elif case.fault:
            self.office.fault(self.extension, case.fault, count=1, function=DEEDS[case.kind])

    def _press(self, case: Case) -> CallCommand:
        """As the button does: the row, then the word to the workers."""
        leg = Leg.objects.filter(uniqueid=self.uniqueid).first() if self.uniqueid else None
        to_somebody = case.kind in ("make_call", "blind_transfer", "attended_start")
        number = self.target if to_somebody else ""
        wanted = Wanted(
            CommandKind(case.kind), self.phone, f"PJSIP/{self.extension}", self.stage.rows.pbx.pk, leg,
            target=number, far_number=number, dial_string=number, digits=DIGITS if case.kind == "dtmf" else "",
        )  # fmt: skip
        self.pressed = time.monotonic()
        command, _ = request_command(
            user=self.user, wanted=wanted, path=CommandPath(case.path), key=uuid.uuid4().hex, now=utc_now(),
            may_fall_back=case.may_fall_back,
        )  # fmt: skip
        enqueue([command.pk])
        return command

    # --- the comparison ---

    def _look(self, case: Case, command: CallCommand, began: float, *, at: float) -> Look:
        """At this moment, or as soon after it as the PBX has stood still for a moment: news takes its way."""
        connection.close()  # connections are few, and actors many
        eventually(lambda: time.monotonic() >= began + at, seconds=at + 5)
        for _ in range(6):
            before = self._known(case)
            look = self._read(case, command, began)
            still = not any(self.truth.moved(one, time.monotonic() - STILL_SECONDS) for one in self._places())
            if still and before == self._known(case):
                break
            eventually(lambda: not any(self.truth.moved(one, time.monotonic() - STILL_SECONDS)
                                       for one in self._places()), seconds=10)  # fmt: skip
        return look

    def _known(self, case: Case) -> tuple[bool | None, tuple[End, ...]]:
        return HAPPENED[case.kind](self), self.truth.ends(*self._places())

    def _read(self, case: Case, command: CallCommand, began: float) -> Look:
        command = CallCommand.objects.select_related("leg", "other_leg").get(pk=command.pk)
        happened, ends = self._known(case)
        card = ""
        pop = Pop.objects.filter(user=self.user, call__legs__uniqueid=self.uniqueid).first() if self.uniqueid else None
        if pop is not None:
            card = pop.state
        dropped = pop is not None and _undone(command, pop)
        text = "" if dropped else said_of(command, now=utc_now()).text
        says = "nothing" if dropped else SAYS.get(CommandState(command.state), "asked")
        seconds = time.monotonic() - began
        lies = tuple(self._lies(case, says, text, card, happened, ends))
        return Look(says, text, card, happened, ends, seconds, lies)

    def _lies(
        self, case: Case, says: str, text: str, card: str, happened: bool | None, ends: tuple[End, ...]
    ) -> list[str]:
        own = next((end for end in ends if end.uniqueid == self.uniqueid), None)
        lies = []
        if says == "done" and happened is False:
            lies.append(f"it says “{text}”, and the PBX did not see it ({card} {own})")
        if happened and (says == "not" or (says == "asked" and "still" in text)):
            lies.append(f"it says “{text}”, and the PBX saw it")
        if says in ("not", "asked") and self.uniqueid and own is None and "still" in text:
            lies.append(f"it says “{text}”, and the call is gone")
        if card and card != _card_of(own):
            lies.append(f"the card says {card}, and the PBX {_card_of(own)}")
        return lies

    def _places(self) -> tuple[str, str]:
        return self.extension, self.target

    # --- afterwards ---

    def _tidy(self) -> None:
        self.office.clear_faults(self.extension)
        self.office.change_passcode(self.extension, self.phone.passcode.reveal())
        for extension in self._places():
            eventually(lambda one=extension: self._end_all(one), what=lambda one=extension: self.truth.ends(one))
        eventually(lambda: self.office.snapshot()["phones"][self.extension]["is_up"], seconds=30)
        self.office._office.phone(self.extension).dnd = False
        Phone.objects.filter(pk=self.phone.pk).update(
            passcode_refused_at=None, port=self.office.phone_port(self.extension)
        )
        PhoneStatus.objects.filter(phone=self.phone).update(breaker_until=None)
        eventually(lambda: not Leg.objects.filter(user=self.user, ended_at=None).exists(), seconds=20,
                   what=f"{self.extension}: every leg to end")  # fmt: skip
        CallCommand.objects.filter(user=self.user, settled=False).update(settled=True)
        eventually(lambda: _lease_free(self.phone), seconds=35)

    def _end_all(self, extension: str) -> bool:
        ends = self.truth.ends(extension)
        for end in ends:
            self.truth._in_office(_cut(self.office, end.uniqueid))
        lines = self.office.snapshot()["phones"][extension]["lines"]
        if not ends and lines:
            self.truth._in_office(_put_down(self.office, extension))
        return not ends and not lines

    def _line(self, state: str) -> bool:
        return any(line["state"] == state for line in self.office.snapshot()["phones"][self.extension]["lines"])


# --- what happened, from the PBX alone ---


def _dialled(actor: Actor) -> bool:
    """A new channel of the own phone since the press: towards the target, or rung by the PBX (s) to dial it then."""
    made = actor.truth.since(actor.pressed, "Newchannel", actor.extension)
    return any(one.exten in (actor.target, "s") and one.uniqueid != actor.uniqueid for one in made)


def _handed_over(actor: Actor) -> bool:
    """The target is dialled for the first party's call, in which our own phone has no part any more."""
    first = next((one for one in actor.truth.begun if one.uniqueid == actor.uniqueid), None)
    rung = actor.truth.since(actor.pressed, "Newchannel", actor.target)
    return first is not None and any(one.linkedid == first.linkedid for one in rung) and _own(actor) is None


def _own(actor: Actor) -> End | None:
    return next((end for end in actor.truth.ends(actor.extension) if end.uniqueid == actor.uniqueid), None)


def _consulted(actor: Actor) -> bool:
    """By a call of its own, or for the own phone in the same call."""
    return _dialled(actor) or (bool(actor.truth.since(actor.pressed, "Newchannel", actor.target)) and bool(_own(actor)))


HAPPENED: Mapping[str, Callable[[Actor], bool | None]] = {
    "make_call": _dialled,
    "answer": lambda actor: any(
        one.uniqueid == actor.uniqueid for one in actor.truth.since(actor.pressed, "BridgeEnter", actor.extension)
    ),
    "hold": lambda actor: bool((own := _own(actor)) and own.held),
    "resume": lambda actor: bool((own := _own(actor)) and not own.held),
    "hang_up": lambda actor: _own(actor) is None,
    "blind_transfer": _handed_over,
    "attended_start": _consulted,
    "dtmf": lambda actor: actor.truth.tones(actor.extension).endswith(DIGITS) if _own(actor) else None,
}
SAYS = {
    CommandState.CONFIRMED: "done", CommandState.REFUSED: "not", CommandState.FAILED: "not",
    CommandState.EXPIRED: "not", CommandState.CANCELLED: "nothing", CommandState.UNKNOWN: "unsure",
}  # fmt: skip


def _undone(command: CallCommand, pop: Pop) -> bool:
    return still_true(command, bar_for(pop, now=utc_now())) is None


def _card_of(own: End | None) -> str:
    if own is None:
        return "closed"
    return "ringing" if own.state == "ringing" else "held" if own.held else "talking"


def _is_over(command: CallCommand) -> bool:
    over = CallCommand.objects.filter(pk=command.pk, settled=True).exists()
    connection.close()
    return over


def _lease_free(phone: Phone) -> bool:
    return not PhoneLease.objects.filter(phone=phone, held_until__gt=utc_now()).exists()


async def _cut(office: RunningOffice, uniqueid: str) -> None:
    with contextlib.suppress(Impossible):
        Operator(office._office.board).hang_up(uniqueid)


async def _put_down(office: RunningOffice, extension: str) -> None:
    phone = office._office.phone(extension)
    phone.keypad.forget()
    phone.screen.close()
    for line in phone.lines:
        if not line.is_free and line.leg is None:
            line.show("idle")
