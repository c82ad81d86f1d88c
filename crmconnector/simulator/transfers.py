"""Handing a call over by keys: blind, attended, and the conference. All second-hand: no real phone was at hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmconnector.simulator.phone import Phone
    from crmconnector.simulator.phone_line import PhoneLine
    from crmconnector.simulator.switch import NetworkLeg


def can_transfer(phone: Phone) -> bool:
    """The transfer key needs a call; with one that still rings it needs a held one beside it, and a phone that can."""
    if not phone.profile.xfer_enabled:
        return False
    return phone.first("connected") is not None or (_consulting(phone) is not None and phone.profile.semi_attended)


def press_transfer(phone: Phone) -> None:
    """Two calls: hand the held one over to the other, at once or after a pick. One call: ask for a number."""
    line = phone.in_focus("connected") or _consulting(phone)
    held = _held(phone)
    if line is None:
        return
    if held is not None:
        if phone.profile.att_mode == "dynamic":
            complete(phone, held, line)
        else:
            phone.focus = line
            phone.screen.open("xferpick")
        return
    phone.set_held(line, True)
    line.take_role("transfer")
    phone.screen.open("transfer", line, phone.profile.xfer_init_number)


def send_transfer(phone: Phone) -> bool:
    """SEND on the transfer screen, or no more digits came: what the phone is set to."""
    return start_attended(phone) if phone.profile.default_xfer == "attended" else send_blind(phone)


def send_blind(phone: Phone) -> bool:
    """The REFER. The line stays held until the network tells how it went, or has told nothing for some seconds."""
    origin, number = phone.screen.line, phone.screen.buffer
    if phone.screen.name != "transfer" or origin is None or not number:
        return False
    origin.take_role("transfered")
    phone.screen.close()
    phone.emit("blindTransfer", origin)
    referral = Referral(phone, origin, origin.leg)
    referral.patience = phone.pace.later(phone.profile.notify_seconds, referral.told, "silent")
    phone.switch.blind_transfer(origin, number, referral.told)
    return True


@dataclass(eq=False)
class Referral:
    """A blind transfer whose outcome is open."""

    phone: Phone
    origin: PhoneLine
    leg: NetworkLeg | None
    patience: asyncio.TimerHandle | None = None
    is_over: bool = False

    def told(self, outcome: str) -> None:
        """accepted, refused, busy, or silent: nothing was told in time. The first word counts."""
        if self.is_over:
            return
        self.is_over = True
        if self.patience is not None:
            self.patience.cancel()
        self.phone.emit("transferFinished" if outcome == "accepted" else "transferFailed", self.origin)
        if outcome != "accepted" and self.origin.leg is self.leg and self.leg is not None:
            self._recover()

    def _recover(self) -> None:
        self.origin.take_role("")
        if self.phone.profile.blind_recovery == "connected" and self.origin.state == "onhold":
            self.phone.resume(self.origin)
        elif self.phone.profile.blind_recovery == "off":
            self.phone.hang_up(self.origin)


def start_attended(phone: Phone) -> bool:
    """Ask first: the number is called on the next free line while the customer is held."""
    number = phone.screen.buffer
    if phone.screen.name != "transfer" or not number or phone.free_line() is None:
        return False
    phone.screen.close()
    return phone.start_call(number)


def complete(phone: Phone, held: PhoneLine, consulted: PhoneLine) -> bool:
    """Join the held party with the one consulted. Both lines end."""
    phone.screen.close()
    phone.emit("attendedTransfer", held)
    done = phone.switch.attended_transfer(held, consulted)
    phone.emit("transferFinished" if done else "transferFailed", held)
    return done


def can_confer(phone: Phone) -> bool:
    return phone.first("connected") is not None and phone.first("onhold") is not None


def press_conference(phone: Phone) -> None:
    phone.screen.open("confpick")


def merge(phone: Phone, held: PhoneLine) -> None:
    """The phone itself mixes the two calls; the network only sees that the held one is held no more."""
    talking = phone.in_focus("connected")
    phone.screen.close()
    if talking is None:
        return
    phone.set_held(held, False)
    for line in (talking, held):
        line.take_role("conference")
    phone.focus = talking


def _held(phone: Phone) -> PhoneLine | None:
    return next((line for line in phone.lines if line.state == "onhold" and line.role != "transfered"), None)


def _consulting(phone: Phone) -> PhoneLine | None:
    """A call that still rings at the far end, with a held one beside it."""
    return phone.in_focus("calling", "ringback") if _held(phone) is not None else None
