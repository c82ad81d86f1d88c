"""A pretend PBX that says what a test wants, and one listener's term that hears it; both in threads of their own.

    with fake_office() as office, leading(office.row()) as term:
        call = office.ring("PJSIP/201")
        office.answer(call)
        office.hang_up(call)

The office keeps its own list of living channels (it shares nothing with the tracker), and says events as Asterisk 22.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from crmconnector.listener.lead import Lead
from crmconnector.listener.lock import LEADER_CLASS, LeaderLock
from crmconnector.pbx.models import Pbx
from tests.support.cut_stream import LivingChannels
from tests.support.fake_ami import SECRET, USERNAME, FakeAmi, Received, Session
from tests.support.processes import eventually

Headers = dict[str, str]
STATES = {0: "Down", 4: "Ring", 5: "Ringing", 6: "Up"}


class LoopThread:
    """An event loop in a thread; `do` runs one piece of work in it and waits for the end."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Any], seconds: float = 10) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def stop(self) -> None:
        # What a cancelled task began in the database goes on in a thread; the next test wants the tables for itself.
        self.do(self.loop.shutdown_default_executor(), seconds=30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@dataclass
class FakeCall:
    key: str
    caller: Headers
    phone: Headers
    bridge: str = ""


@dataclass
class FakeOffice:
    thread: LoopThread
    ami: FakeAmi = field(default_factory=FakeAmi)
    living: LivingChannels = field(default_factory=LivingChannels)
    queues: list[Headers] = field(default_factory=list)  # what QueueStatus answers
    commands: Headers = field(default_factory=lambda: {"CoreShowChannels": "List.  (Priv: system,reporting,all)"})
    before_list: Callable[[], None] | None = None  # runs in the office's thread when the list is asked
    after_list: Callable[[], None] | None = None  # … and when it is sent
    lists_asked: int = 0
    refuse_list: bool = False
    short_list: int = 0  # so many lines of the list cannot be understood
    lost_lines: int = 0  # so many lines get lost on the way
    _serials: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _boot: int = 1_700_000_000

    def row(self, pbx: Pbx, name: str = "Office") -> Pbx:
        """The PBX row that leads here."""
        pbx.name, pbx.host, pbx.port, pbx.username, pbx.secret = name, "127.0.0.1", self.ami.port, USERNAME, SECRET
        pbx.save()
        pbx.refresh_from_db()
        return pbx

    # --- stories (callable from the test's thread) ---

    def ring(self, endpoint: str = "PJSIP/201", number: str = "03023125447", *, did: str = "+493023125100") -> FakeCall:
        """A call comes in over the trunk and rings one phone."""
        call = self.make(endpoint, number, did=did)
        self.say(*ring_events(call))
        return call

    def make(self, endpoint: str, number: str, *, did: str = "+493023125100") -> FakeCall:
        one, two = next(self._serials), next(self._serials)
        key = f"{self._boot}.{one}"
        caller = _channel(key, key, f"PJSIP/trunk-{one:08x}", 4, number, did, context="from-trunk")
        phone = _channel(f"{self._boot}.{two}", key, f"{endpoint}-{two:08x}", 0, endpoint.partition("/")[2], "")
        return FakeCall(key, caller, phone)

    def answer(self, call: FakeCall) -> None:
        self.say(*answer_events(call))

    def hang_up(self, call: FakeCall, cause: int = 16) -> None:
        self.say(*hangup_events(call, cause))

    def say(self, *events: Headers, heard: bool = True) -> None:
        """Say events in this order, in one piece. `heard=False`: they happen while nobody can hear them."""

        async def work() -> None:
            for headers in events:
                self.note(headers, heard=heard)

        self.thread.do(work())

    def say_raw(self, raw: bytes) -> None:
        async def work() -> None:
            self.ami.say(raw)

        self.thread.do(work())

    def cut(self) -> None:
        async def work() -> None:
            self.ami.cut()

        self.thread.do(work())

    def restart(self, *, told: bool) -> None:
        """The PBX goes down with all its calls and is up again at once. `told`: it says Shutdown first."""

        async def work() -> None:
            if told:
                self.ami.say(wire({"Event": "Shutdown", "Shutdown": "Cleanly", "Restart": "True"}))
                await asyncio.sleep(0.05)
            self.living = LivingChannels()
            self._boot += 1000
            self.ami.cut()

        self.thread.do(work())

    def close_port(self) -> None:
        """Nobody gets in any more and who was in is cut off; the calls go on unheard."""
        self.thread.do(self.ami.stop())

    def open_port(self) -> None:
        self.thread.do(self.ami.listen())

    def new_life(self) -> None:
        """The PBX has begun anew: no channel lives, and the next have Uniqueids of a later start."""

        async def work() -> None:
            self.living = LivingChannels()
            self._boot += 1000

        self.thread.do(work())

    # --- in the office's own thread ---

    def note(self, headers: Headers, *, heard: bool = True) -> None:
        self.living.take(dict(headers))
        if heard:
            self.ami.say(wire(headers))

    def _list(self, session: Session, action: Received) -> None:
        self.lists_asked += 1
        if self.before_list is not None:
            self.before_list()
        if self.refuse_list:
            session.answer(action, "Error", "Permission denied")
            return
        session.answer(action, "Success", "Channels will follow", EventList="start")
        *channels, complete = self.living.listing()
        nonsense = {"Event": "CoreShowChannel", "Channel": "what is this"}
        channels = channels[self.lost_lines :]
        for row in [*channels, *[nonsense] * self.short_list, complete]:
            session.send(wire({**row, "ActionID": action.id}))
        if self.after_list is not None:
            self.after_list()

    def _queue_status(self, session: Session, action: Received) -> None:
        if not self.queues:
            session.answer(action, "Error", "Invalid/unknown command: QueueStatus. Use Action: ListCommands.")
            return
        session.answer(action, "Success", "Queue status will follow", EventList="start")
        for row in self.queues:
            session.send(wire({**row, "ActionID": action.id}))
        session.send(wire({"Event": "QueueStatusComplete", "ActionID": action.id, "EventList": "Complete"}))

    def _list_commands(self, session: Session, action: Received) -> None:
        session.answer(action, "Success", "", **self.commands)


@contextmanager
def fake_office() -> Iterator[FakeOffice]:
    """A pretend PBX on a free port; for several listeners at a time as well."""
    thread = LoopThread()
    office = FakeOffice(thread)
    office.ami.handlers = {
        "CoreShowChannels": office._list,
        "QueueStatus": office._queue_status,
        "ListCommands": office._list_commands,
    }
    thread.do(office.ami.listen())
    try:
        yield office
    finally:
        thread.do(office.ami.stop())
        thread.stop()


@dataclass
class Term:
    lead: Lead
    thread: LoopThread

    @property
    def outbox(self) -> Any:
        return self.lead.outbox


@contextmanager
def leading(pbx: Pbx, *, hears: bool = True, **options: Any) -> Iterator[Term]:
    """One term of leadership in a thread; `options` as for Lead. It is in step when the block begins, if it `hears`."""
    thread = LoopThread()
    lock = LeaderLock(LEADER_CLASS, pbx.pk)

    async def begin() -> tuple[Lead, asyncio.Task[None]]:
        assert await lock.try_to_get()
        lead = Lead(pbx, lock, **options)
        return lead, asyncio.create_task(lead.run())

    lead, running = thread.do(begin())

    async def end() -> None:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await lock.release()

    try:
        eventually(lambda: in_step(lead) or not hears, what=lambda: running)
        yield Term(lead, thread)
    finally:
        thread.do(end())
        thread.stop()


def in_step(lead: Lead) -> bool:
    """The calls were read and all that this told is written."""
    hearing = getattr(lead, "hearing", None)
    return bool(hearing and hearing._link and hearing._check is None and lead.outbox.oldest_at() is None)


def ring_events(call: FakeCall) -> list[Headers]:
    rung = {**call.phone, "ChannelState": "5", "ChannelStateDesc": "Ringing"}
    return [
        {"Event": "Newchannel", **call.caller},
        {"Event": "Newchannel", **call.phone},
        {"Event": "DialBegin", **call.caller, **_dest(call.phone), "DialString": "201"},
        {"Event": "Newstate", **rung},
    ]


def answer_events(call: FakeCall) -> list[Headers]:
    call.bridge = f"bridge-{call.key}"
    for channel in (call.phone, call.caller):
        channel.update(ChannelState="6", ChannelStateDesc="Up")
    bridge = {"BridgeUniqueid": call.bridge, "BridgeType": "basic", "BridgeTechnology": "simple_bridge"}
    return [
        {"Event": "Newstate", **call.phone},
        {"Event": "DialEnd", **call.caller, **_dest(call.phone), "DialStatus": "ANSWER"},
        {"Event": "Newstate", **call.caller},
        {"Event": "BridgeEnter", **call.phone, **bridge},
        {"Event": "BridgeEnter", **call.caller, **bridge},
    ]


def hangup_events(call: FakeCall, cause: int = 16) -> list[Headers]:
    ends = [{"Event": "Hangup", **channel, "Cause": str(cause)} for channel in (call.phone, call.caller)]
    if call.bridge:
        leaves = [
            {"Event": "BridgeLeave", **channel, "BridgeUniqueid": call.bridge} for channel in (call.phone, call.caller)
        ]
        return [*leaves, *ends]
    return [{"Event": "DialEnd", **call.caller, **_dest(call.phone), "DialStatus": "CANCEL"}, *ends]


def wire(headers: Headers) -> bytes:
    return "\r\n".join(f"{key}: {value}" for key, value in headers.items()).encode() + b"\r\n\r\n"


def _dest(channel: Headers) -> Headers:
    return {f"Dest{key}": value for key, value in channel.items()}


def _channel(
    uid: str, call: str, name: str, state: int, number: str, exten: str, *, context: str = "internal"
) -> Headers:
    return {
        "Channel": name, "ChannelState": str(state), "ChannelStateDesc": STATES[state], "CallerIDNum": number,
        "CallerIDName": "<unknown>", "ConnectedLineNum": "<unknown>", "ConnectedLineName": "<unknown>",
        "Exten": exten, "Context": context, "Uniqueid": uid, "Linkedid": call,
    }  # fmt: skip


def now() -> float:
    return time.time()
