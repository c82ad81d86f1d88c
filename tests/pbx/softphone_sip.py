"""The SIP half of a soft desk phone: lines and calls over PJSIP, no sound hardware.

PJSIP is run in one thread: `SipPhone.run` pumps it, other threads hand over closures with `SipPhone.do`.
"""

from __future__ import annotations

import os
import queue
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import pjsua2 as pj

from tests.pbx.softphone_settings import PhoneSettings

T = TypeVar("T")
LIVE = ("calling", "ringing", "connected", "onhold")
BUSY_HERE, DECLINE, MOVED, OK, RINGING = 486, 603, 302, 200, 180


class Refused(Exception):
    """The phone cannot do that now (no such call, no free line)."""


@dataclass
class Line:
    """One call appearance of the phone."""

    number: int  # 1 is the first
    call: SoftCall | None = None
    state: str = "idle"  # idle, calling, ringing, connected, onhold
    remote_number: str = ""
    remote_name: str = ""
    dialled: str = ""  # incoming: the number that was called
    digits_heard: str = ""

    def clear(self) -> None:
        self.call, self.state = None, "idle"
        self.remote_number = self.remote_name = self.dialled = self.digits_heard = ""


class SoftCall(pj.Call):  # type: ignore[misc]
    """One SIP call. PJSIP calls the on… methods in the pumping thread."""

    def __init__(self, phone: SipPhone, line: Line, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone.account, call_id)
        self.phone, self.line = phone, line
        self.invited = ""  # incoming: the INVITE as it came
        self.rang_back = ""  # incoming: our 180 to it

    def onCallTsxState(self, prm: Any) -> None:
        sent = prm.e.body.tsxState.src.tdata.wholeMsg if prm.e.body.tsxState.type == pj.PJSIP_EVENT_TX_MSG else ""
        if sent.startswith("SIP/2.0 180"):
            self.rang_back = sent

    def onCallState(self, prm: Any) -> None:
        call = self.getInfo()
        if call.state == pj.PJSIP_INV_STATE_CONFIRMED and self.line.state != "onhold":
            self.phone.change(self.line, "connected")
        elif call.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.note(self.line, "ended", code=call.lastStatusCode)
            if self.line.call is self:
                self.line.clear()

    def onDtmfDigit(self, prm: Any) -> None:
        self.line.digits_heard += prm.digit

    def onCallMediaState(self, prm: Any) -> None:
        self.phone.plug_sound(self.line)

    def onCallTransferStatus(self, prm: Any) -> None:
        if prm.finalNotify:
            self.phone.note(self.line, "transfer-result", code=prm.statusCode)
            if prm.statusCode == OK and self.line.call is self:
                self.hangup(pj.CallOpParam())


class SoftAccount(pj.Account):  # type: ignore[misc]
    """The phone's SIP account."""

    def __init__(self, phone: SipPhone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, prm: Any) -> None:
        self.phone.registered = self.getInfo().regIsActive and prm.code == OK

    def onIncomingCall(self, prm: Any) -> None:
        self.phone.take_incoming(prm.callId, prm.rdata.wholeMsg)


class SipPhone:
    """A phone with lines. Everything but `do` and `run` belongs to the thread that runs it."""

    def __init__(self, settings: PhoneSettings) -> None:
        self.settings = settings
        self.lines = [Line(number) for number in range(1, settings.line_count + 1)]
        self.registered = not settings.registers
        self.on_ring = "ring"  # what it does by itself: ring, busy (486), reject (603), answer or forward (302)
        self.forward_to = ""
        self.timeline: list[dict[str, Any]] = []
        self._joined: tuple[Line, ...] = ()
        self._work: queue.Queue[Callable[[], None]] = queue.Queue()
        # An ended Call object is kept for ever: deleting it would unbind a newer call that got the same number.
        self._ended_calls: list[SoftCall] = []
        self._endpoint = _endpoint(settings)
        self.account = SoftAccount(self)
        self.account.create(_account(settings))

    # --- the pump ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        while True:
            self._endpoint.libHandleEvents(20)
            while not self._work.empty():
                self._work.get()()

    def do(self, deed: Callable[[], T]) -> T:
        """Run `deed` in the phone's thread, return what it returns or raise what it raises. For other threads."""
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(deed())
            except pj.Error as error:
                future.set_exception(Refused(error.info()))
            except Exception as error:
                future.set_exception(error)

        self._work.put(work)
        return future.result(5)

    # --- what it shows ----------------------------------------------------------------------------------------------

    def note(self, line: Line, event: str, **more: Any) -> None:
        """Write down what the phone saw, by the clock all processes of the machine share."""
        seen = {"at": time.monotonic(), "line": line.number, "event": event, "number": line.remote_number}
        self.timeline.append({**seen, "name": line.remote_name, "dialled": line.dialled, **more})

    def change(self, line: Line, state: str) -> None:
        if line.state != state:
            line.state = state
            self.note(line, state)

    def live_lines(self, *states: str) -> list[Line]:
        return [line for line in self.lines if line.state in (states or LIVE)]

    def line_in(self, *states: str) -> Line:
        """The line to act on: the first in the first of these states that any line has."""
        for state in states:
            for line in self.live_lines(state):
                return line
        raise Refused(f"no call is {' or '.join(states)}")

    def register(self) -> None:
        """Register anew now; `registered` is false until the PBX has agreed."""
        if self.settings.registers:
            self.registered = False
            self.account.setRegistration(True)

    def set_on_ring(self, do: str, forward_to: str = "") -> None:
        if do not in ("ring", "answer", "busy", "reject", "forward"):
            raise Refused(f"unknown: {do}")
        self.on_ring, self.forward_to = do, forward_to

    # --- deeds ------------------------------------------------------------------------------------------------------

    def take_incoming(self, call_id: int, invited: str = "") -> None:
        free = self._free_line()
        if free is None or self.on_ring == "busy":
            self._turn_away(call_id, BUSY_HERE)
            return
        if self.on_ring == "reject":
            self._turn_away(call_id, DECLINE)
            return
        if self.on_ring == "forward":
            self._turn_away(call_id, MOVED)
            return
        call = self._bind(free, call_id)
        call.invited = invited
        about = call.getInfo()
        free.remote_number, free.remote_name = split_address(about.remoteUri)
        free.dialled = split_address(about.localUri)[0]
        if self.on_ring == "answer":
            free.state = "ringing"  # for a moment, and without a sound: the caller hears no ringing either
            call.answer(_with_code(OK))
            return
        self.change(free, "ringing")
        call.answer(_with_code(RINGING))

    def call(
        self,
        number: str,
        *,
        from_number: str | None = None,
        from_name: str | None = None,
        replaces: str = "",
        hold_others: bool = True,
    ) -> Line:
        """Dial. A phone that talks puts that call on hold first, as desk phones do; a carrier does not."""
        line = self._free_line()
        if line is None:
            raise Refused("no free line")
        if hold_others:
            self._hold_all()
        options = pj.CallOpParam(True)
        if replaces:
            _add_header(options, "Replaces", replaces)
        if from_number is not None:
            _set_caller(options, from_number, from_name, self.settings.address)
        line.remote_number = number
        self.change(line, "calling")
        call = self._bind(line)
        try:
            call.makeCall(self._address_of(number), options)
        except pj.Error:
            line.clear()
            raise
        return line

    def answer(self, line: Line | None = None, *, hold_others: bool = True) -> None:
        ringing = line or self.line_in("ringing")
        if hold_others:
            self._hold_all()
        _call_of(ringing).answer(_with_code(OK))

    def deflect(self, number: str) -> None:
        """Send the ringing call on to `number`: 302 with that Contact, as a phone's forward key does."""
        _call_of(self.line_in("ringing")).hangup(self._moved_to(number))

    def ringing_dialog(self) -> str:
        """What another phone must write into Replaces to take the ringing call."""
        call = _call_of(self.line_in("ringing"))
        to_tag, from_tag = _header_tag(call.rang_back, "To"), _header_tag(call.invited, "From")
        call_id = re.search(r"^Call-ID:\s*(\S+)", call.invited, re.MULTILINE | re.IGNORECASE)
        # The tags are named as the PBX sees them: it sent the INVITE, so its own tag is the one in From.
        return f"{call_id.group(1) if call_id else ''};to-tag={from_tag};from-tag={to_tag};early-only"

    def reject(self, code: int = DECLINE) -> None:
        _call_of(self.line_in("ringing")).hangup(_with_code(code))

    def hang_up(self, line: Line | None = None) -> None:
        ending = line or self.line_in("connected", "calling", "onhold")
        _call_of(ending).hangup(pj.CallOpParam())

    def hold(self, line: Line) -> None:
        _call_of(line).setHold(pj.CallOpParam(True))
        self.change(line, "onhold")

    def resume(self, line: Line) -> None:
        self._hold_all()
        options = pj.CallOpParam(True)
        options.opt.flag = pj.PJSUA_CALL_UNHOLD
        _call_of(line).reinvite(options)
        self.change(line, "connected")

    def join(self, held: Line, talking: Line) -> None:
        """A conference of three, mixed here: the held one is taken back, and the two far parties hear each other."""
        self._joined = (held, talking)
        options = pj.CallOpParam(True)
        options.opt.flag = pj.PJSUA_CALL_UNHOLD
        _call_of(held).reinvite(options)
        self.change(held, "connected")

    def plug_sound(self, line: Line) -> None:
        """The sound of a call has begun or changed: plug in what it is to hear."""
        joined = [one.call for one in self._joined if one.call is not None and one.state == "connected"]
        if line in self._joined and len(joined) == 2 and all(call.hasMedia() for call in joined):
            one, other = (call.getAudioMedia(-1) for call in joined)
            one.startTransmit(other)
            other.startTransmit(one)

    def send_digits(self, line: Line, digits: str) -> None:
        _call_of(line).dialDtmf(digits)

    def transfer_blind(self, line: Line, number: str) -> None:
        """REFER: the PBX is to connect the far party with `number`."""
        _call_of(line).xfer(self._address_of(number), pj.CallOpParam(True))

    def transfer_attended(self, line: Line, other: Line) -> None:
        """REFER with Replaces: the PBX is to connect the far parties of both lines."""
        _call_of(line).xferReplaces(_call_of(other), pj.CallOpParam(True))

    def _address_of(self, number: str) -> str:
        return f"sip:{quote(number, safe='+*')}@127.0.0.1:{self.settings.pbx_port}"

    def _moved_to(self, number: str) -> Any:
        options = _with_code(MOVED)
        _add_header(options, "Contact", f"<{self._address_of(number)}>")
        return options

    def _hold_all(self) -> None:
        for talking in self.live_lines("connected"):
            self.hold(talking)

    def _free_line(self) -> Line | None:
        return next((line for line in self.lines if line.state == "idle"), None)

    def _bind(self, line: Line, call_id: int = pj.PJSUA_INVALID_ID) -> SoftCall:
        call = SoftCall(self, line, call_id)
        line.call = call
        self._ended_calls.append(call)
        return call

    def _turn_away(self, call_id: int, code: int) -> None:
        call = self._bind(Line(0), call_id)
        call.line.remote_number, call.line.remote_name = split_address(call.getInfo().remoteUri)
        self.note(call.line, "turned-away", code=code)
        call.answer(self._moved_to(self.forward_to) if code == MOVED else _with_code(code))


def split_address(address: str) -> tuple[str, str]:
    """`"Ada" <sip:+4930@host>` -> (number, name); both may be empty."""
    name = re.match(r'\s*"((?:[^"\\]|\\.)*)"', address)
    user = re.search(r"sips?:([^@;>]*)@", address)
    shown = re.sub(r"\\(.)", r"\1", name.group(1)) if name else ""
    return (unquote(user.group(1)) if user else ""), shown


def _call_of(line: Line) -> SoftCall:
    if line.call is None:
        raise Refused(f"line {line.number} has no call")
    return line.call


def _with_code(code: int) -> Any:
    options = pj.CallOpParam(True)
    options.statusCode = code
    return options


def _add_header(options: Any, name: str, value: str) -> None:
    header = pj.SipHeader()
    header.hName, header.hValue = name, value
    options.txOption.headers.append(header)


def _header_tag(message: str, header: str) -> str:
    found = re.search(rf"^{header}:.*;tag=([^;\s]+)", message, re.MULTILINE | re.IGNORECASE)
    return found.group(1) if found else ""


def _set_caller(options: Any, number: str, name: str | None, address: str) -> None:
    """Write From as a carrier would; `anonymous` asks for privacy as RFC 3323 has it."""
    host = address
    if number == "anonymous":
        host, name = "anonymous.invalid", name or "Anonymous"
        _add_header(options, "Privacy", "id")
    escaped = (name or "").replace("\\", "\\\\").replace('"', '\\"')
    shown = f'"{escaped}" ' if name is not None else ""
    options.txOption.localUri = f"{shown}<sip:{quote(number, safe='+*')}@{host}>"


def _endpoint(settings: PhoneSettings) -> Any:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = 32
    config.uaConfig.userAgent = "lab-phone"
    config.logConfig.level = config.logConfig.consoleLevel = int(os.environ.get("LAB_PHONE_LOG", "1"))
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
    config.medConfig.quality, config.medConfig.ecTailLen = 1, 0
    config.medConfig.sndAutoCloseTime = -1  # its clock drives the sound and the tones of every call
    config.medConfig.noVad = True  # steady sound, as a real phone sends
    endpoint.libInit(config)
    endpoint.audDevManager().setNullDev()
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress = settings.sip_port, settings.address
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    return endpoint


def _account(settings: PhoneSettings) -> Any:
    account = pj.AccountConfig()
    account.idUri = f"sip:{settings.extension}@{settings.address}"
    account.mediaConfig.transportConfig.port = settings.rtp_port
    account.mediaConfig.transportConfig.portRange = 100
    account.mediaConfig.transportConfig.boundAddress = settings.address
    if settings.registers:
        account.regConfig.registrarUri = f"sip:127.0.0.1:{settings.pbx_port}"
        account.regConfig.timeoutSec = 120
        account.regConfig.retryIntervalSec = account.regConfig.firstRetryIntervalSec = 1
        account.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", settings.extension, 0, settings.sip_secret))
    return account
