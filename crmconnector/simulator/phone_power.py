"""A phone goes away and comes back: REBOOT, and RESET, which leaves a phone out of the box."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crmconnector.simulator.phone_line import Account

if TYPE_CHECKING:
    from crmconnector.simulator.phone import Phone

FACTORY_PASSCODE = "printed-on-the-label"


def reboot(phone: Phone) -> None:
    """Every call is lost. The keypad's lock, do not disturb and the volume are settings and stay."""
    if not phone.is_up:
        return
    if not phone.is_idle:
        phone.trip("reboot_in_call")
    phone.keypad.forget()
    for line in phone.lines:
        if not line.is_free:
            phone.hang_up(line)
    for line in phone.lines:
        if not line.is_free:  # it shows `ending` or `failed`
            line.leg = None
            line.show("idle")
    phone.screen.close()
    phone.frozen.clear()
    phone.says_instead.clear()
    phone.idle_muted = False
    phone.is_up = False
    phone.on_reboot()
    phone.pace.later(phone.profile.reboot_seconds, _boot, phone)


def _boot(phone: Phone) -> None:
    phone.is_up = True
    phone.on_boot()
    phone.emit("boot")
    if phone.registered:
        phone.emit("registered")


def reset(phone: Phone) -> None:
    """Factory settings: passcodes, accounts, remote control and its list of addresses, keys. There is no way back."""
    phone.trip("RESET")
    phone.story = replace(phone.story, admin_passcode=FACTORY_PASSCODE, user_passcode="")
    phone.profile = replace(phone.profile, action_uri=False, allowed_ips=(), click_to_dial=False, registered=False)
    phone.accounts[:] = [Account(account.number) for account in phone.accounts]
    phone.mpk_actions.clear()
    phone.dnd = phone.locked = False
    phone.last_number = ""
    phone.on_reset()
    phone.listeners.clear()  # the action URLs were settings
    reboot(phone)
