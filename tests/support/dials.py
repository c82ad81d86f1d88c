"""Calls asked for by the hundred, and the book of how often each was really dialled.

Each command has a number of its own, so all that reached a phone or the PBX can be counted by it: requests in the
phone's journal, channels of that phone towards the number (the INVITEs), Originates at the PBX.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, DialSettings, Leg
from crmconnector.calls.services import request_command
from crmconnector.calls.wanted import Wanted
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Pbx
from tasks.call_control import enqueue
from tests.support.fake_ami import SECRET, USERNAME, FakeAmi, Received, Session, event
from tests.support.processes import eventually
from tests.support.stage import Stage

MOST_A_MINUTE = 60
DIALLED = "api-make_call"
# How it may end, and how often it was dialled then: what the screen says must be what happened.
TRUE = {
    "confirmed": {1},
    "failed": {0},
    "refused": {0},
    "expired": {0},
    "cancelled": {0},
    "unknown": {0, 1},
}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that somebody asked for."""

    command: UUID
    extension: str
    number: str


@dataclass
class Ended:
    """How one ended: its state, and what reached phone and PBX."""

    asked: Asked
    state: str
    settled: bool
    requests: int
    invites: int
    originates: int

    @property
    def dials(self) -> int:
        """A request makes the phone send an INVITE: one dial, seen at both ends. An Originate is one more."""
        return max(self.requests, self.invites) + self.originates


@dataclass
class Switchboard:
    """Counts at the PBX: the office's own by its events, a second one that only takes actions by these."""

    stage: Stage
    second: FakeAmi | None = None
    second_pbx: Pbx | None = None
    slow: bool = False  # the second one does an Originate and does not answer it
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _invites: Counter[tuple[str, str]] = field(default_factory=Counter)
    _originated: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        DialSettings.objects.update_or_create(pk=1, defaults={"calls_a_minute": MOST_A_MINUTE})
        self.stage.office._office.pbx.listeners.insert(0, self._note)
        if self.second is not None:
            self.second.handlers |= {"Originate": self._originate, "CoreShowChannels": self._list}
            self.second_pbx = Pbx.objects.create(
                name="Second", host="127.0.0.1", port=self.second.port, username=USERNAME, secret=SECRET, country="DE"
            )

    def invites(self, asked: Asked) -> int:
        with self._lock:
            return self._invites[(f"PJSIP/{asked.extension}", asked.number)]

    def originates(self, asked: Asked) -> int:
        return sum(told.get("Exten") == asked.number for told in list(self._originated))

    def _note(self, headers: list[tuple[str, str]]) -> None:
        told = dict(headers)
        if told["Event"] == "Newchannel":
            with self._lock:
                self._invites[(told["Channel"].rpartition("-")[0], told["Exten"])] += 1

    def _originate(self, session: Session, action: Received) -> None:
        self._originated.append(action.headers)
        if not self.slow:
            session.answer(action, message="Originate successfully queued")

    def _list(self, session: Session, action: Received) -> None:
        session.answer(action, EventList="start")
        for place, told in enumerate(self._originated):
            session.send(event(
                "CoreShowChannel", ActionID=action.id, Channel=f"{told['Channel']}-{place:08x}", Uniqueid=f"1.{place}",
                Linkedid=f"1.{place}", ChannelState="5", ChannelStateDesc="Ringing", ConnectedLineNum=told["Exten"],
                Context="inside", Exten="", Priority="1", Application="AppDial2", BridgeId="",
            ))  # fmt: skip
        count = str(len(self._originated))
        session.send(event("CoreShowChannelsComplete", ActionID=action.id, EventList="Complete", ListItems=count))


def next_number() -> str:
    """A number in Berlin that nobody called before, each of another hundred: whoever dials through one is stopped."""
    return f"0302{next(_numbers):05d}00"


def ask_to_dial(stage: Stage, places: Iterable[int], *, by: Pbx | None = None, hand_out: bool = True) -> list[Asked]:
    """Everybody at these places asks for a call; `by`: that PBX rings the phone. Without `hand_out` no worker hears."""
    asked = []
    for place in places:
        number, extension, user = next_number(), str(201 + place), stage.rows.users[place]
        wanted = Wanted(
            CommandKind.MAKE_CALL, stage.rows.phones[place], f"PJSIP/{extension}", (by or stage.rows.pbx).pk,
            target=number, far_number=f"+49{number[1:]}", dial_string=number, account=1,
        )  # fmt: skip
        path = CommandPath.PBX if by else CommandPath.PHONE
        command, made = request_command(user=user, wanted=wanted, path=path, key=f"dial:{number}", now=utc_now())
        assert made, "it was not asked for anew"
        asked.append(Asked(command.pk, extension, number))
    if hand_out:
        assert enqueue([one.command for one in asked]), "the broker is away"
    return asked


def ends_of(board: Switchboard, asked: Sequence[Asked]) -> list[Ended]:
    """How each ended, as rows, journal and PBX tell."""
    rows = dict(CallCommand.objects.filter(pk__in=ids(asked)).values_list("pk", "state"))
    open_ids = set(CallCommand.objects.filter(pk__in=ids(asked), settled=False).values_list("pk", flat=True))
    requests = requests_by_number(board.stage)
    return [
        Ended(one, rows[one.command], one.command not in open_ids, requests[(one.extension, one.number)],
              board.invites(one), board.originates(one))
        for one in asked
    ]  # fmt: skip


def requests_by_number(stage: Stage) -> Counter[tuple[str, str]]:
    """(extension, number) -> requests to dial it that reached the phone."""
    found: Counter[tuple[str, str]] = Counter()
    for row in stage.office.journal():
        if row["path"].endswith(DIALLED):
            found[(row["extension"], _number_in(row))] += 1
    return found


def problems_in(ends: Iterable[Ended]) -> list[str]:
    """What must never be, one sentence each: dialled twice, without an end, or told otherwise than it was."""
    found = []
    for end in ends:
        name = f"the call of {end.asked.extension} to {end.asked.number}"
        seen = f"{end.requests} requests, {end.invites} INVITEs, {end.originates} Originates"
        if end.dials > 1:
            found.append(f"{name} was dialled {end.dials} times: {seen}")
        if not end.settled:
            found.append(f"{name} has not ended: {end.state}")
        elif end.dials not in TRUE.get(end.state, set()) and end.dials <= 1:
            found.append(f"{name} is told as {end.state}: {seen}")
    return found


def table_row(name: str, ends: Sequence[Ended]) -> tuple[str, ...]:
    """For the table of `DIAL_TABLE`."""
    dialled = Counter(min(end.dials, 2) for end in ends)
    states = Counter(end.state for end in ends)
    told = ", ".join(f"{state} {count}" for state, count in states.most_common())
    return (name, str(len(ends)), *(str(dialled[times]) for times in (0, 1, 2)), told)


DIAL_TABLE = ("what happened", "commands", "dialled 0", "1", "more", "ended as")


def ids(asked: Iterable[Asked]) -> list[UUID]:
    return [one.command for one in asked]


def wait_for_ends(board: Switchboard, asked: Sequence[Asked], seconds: float = 90) -> list[Ended]:
    """As soon as every command has ended; as they are after a generous while."""
    mine = CallCommand.objects.filter(pk__in=ids(asked), settled=False)
    try:
        eventually(lambda: not mine.exists(), seconds=seconds)
    except AssertionError:
        pass  # `problems_in` says which, better than a time-out
    return ends_of(board, asked)


def hang_up_all(stage: Stage) -> None:
    """Every phone is idle again when this returns, and the product knows it."""

    def busy() -> list[str]:
        phones = stage.office.snapshot()["phones"]
        return [extension for extension, phone in phones.items() if phone["lines"]]

    def all_idle() -> bool:
        for extension in busy():
            stage.office.user(extension, "hangup")
        return not busy()

    eventually(all_idle, seconds=30, what=busy)
    eventually(lambda: not Leg.objects.filter(ended_at=None).exists(), seconds=30, what=stage.product.said)


def _number_in(row: dict[str, Any]) -> str:
    pairs = (pair.partition("=") for pair in row["query"].split("&"))
    return next((value for key, _, value in pairs if key == "phonenumber"), "")
