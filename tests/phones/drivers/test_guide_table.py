"""Every function and every key of the vendor's guide against the simulated phone, and the table that comes of it.

For each: what it did where it was accepted; what we say when the phone refuses it; where it is refused before any
packet; and what we say when the phone did it and its answer got lost. The table is made of what these tests saw and
stands in guide_table.md; `GUIDE_TABLE=write` in the environment writes it anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from crmconnector.simulator.pace import VirtualPace
from crmconnector.simulator.phone import Phone
from phones.drivers.base import KeyPlan, Limits, Lines, MuteKey, PhoneAddress, PhoneDriver
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Refused, Unclear
from phones.drivers.grandstream.driver import GrandstreamDriver
from tests.support.canary import PASSCODE
from tests.support.phone_farm import RunningFarm, running_farm

TABLE = Path(__file__).with_name("guide_table.md")
HEAD = ("function or key", "accepted", "refused by the phone", "not sent", "answer lost")
FAR, CALLER = "0301111", "+493012345678"
Deed = Callable[[PhoneDriver, Lines], object]


@dataclass(frozen=True)
class Row:
    """One function or key: how it is asked for, in which situation, and in which other one it must not be sent."""

    name: str
    deed: Deed
    ready: str
    effect: str  # what the simulated phone has changed
    function: str
    blocked: str = ""  # "" = it may be sent in every situation
    reason: str = ""


PLAN = KeyPlan("GRP2614", MuteKey.DO_NOT_DISTURB, 4)


def key(name: str, ready: str, effect: str, blocked: str = "", reason: str = "", plan: KeyPlan = PLAN) -> Row:
    """A key, or several with a colon between."""
    names = name.split(":")
    return Row(
        f"key {name}", lambda phone, lines: phone.send_keys(names, lines=lines, plan=plan),
        ready, effect, "api-send_key", blocked, reason,
    )  # fmt: skip


def operation(name: str, deed: Deed, ready: str, effect: str, blocked: str, reason: str) -> Row:
    return Row(name, deed, ready, effect, "api-phone_operation", blocked, reason)


def system(name: str, deed: Deed, effect: str) -> Row:
    return Row(name, deed, "idle", effect, "api-sys_operation", "connected", "in_a_call")


ADMIN = Secret("fleet-admin-pass")
ROWS = [
    Row("api-get_line_status", lambda phone, _: phone.line_status(), "ringing", "", "api-get_line_status"),
    Row("api-get_phone_status", lambda phone, _: phone.phone_status(), "ringing", "", "api-get_phone_status"),
    Row("api-get_accounts", lambda phone, _: phone.accounts(), "idle", "", "api-get_accounts"),
    Row(
        "api-make_call", lambda phone, _: phone.make_call(FAR), "idle", "line 1 idle > calling",
        "api-make_call", "any, number 12&cmd=endcall", "number_refused",
    ),
    Row(
        "api-make_call, account and dial plan", lambda phone, _: phone.make_call(FAR, 1, "dialing"), "idle",
        "line 1 idle > calling", "api-make_call", "any, account 0", "account_refused",
    ),
    operation("acceptcall", lambda phone, _: phone.accept_call(), "ringing", "line 1 ringing > connected", "", ""),
    operation(
        "rejectcall", lambda phone, lines: phone.reject_call(lines=lines), "ringing", "line 1 ringing > idle",
        "connected", "nothing_rings",
    ),
    operation(
        "endcall", lambda phone, lines: phone.end_call(lines=lines), "connected", "line 1 connected > idle",
        "two calls", "several_calls",
    ),
    operation(
        "holdcall", lambda phone, lines: phone.hold_call(lines=lines), "connected", "line 1 connected > onhold",
        "held", "nothing_to_hold",
    ),
    operation(
        "holdcall, to take it back", lambda phone, lines: phone.resume_call(lines=lines), "held",
        "line 1 onhold > connected", "connected", "nothing_to_resume",
    ),
    operation(
        "cancel", lambda phone, lines: phone.cancel_call(lines=lines), "calling", "line 1 calling > idle",
        "ringing", "something_rings",
    ),
    system("REBOOT", lambda phone, lines: phone.reboot(lines=lines), "away, restarting"),
    system("RESET", lambda phone, lines: phone.reset(admin_passcode=ADMIN, lines=lines), "away, factory settings"),
    Row(
        "key LOCK", lambda phone, lines: phone.lock_keypad(lines=lines), "idle", "locked",
        "api-send_key", "connected", "in_a_call",
    ),
    Row("key UNLOCK", lambda phone, _: phone.unlock_keypad(), "locked", "unlocked", "api-send_key"),
    key("SPEAKER", "idle", "line 1 idle > dialing, screen idle > dial", "connected", "key_needs_idle"),
    key("HEADSET", "idle", "line 1 idle > dialing, screen idle > dial", "ringing", "key_needs_idle"),
    key("XFER", "connected", "line 1 connected > onhold, screen incall > transfer", "idle", "key_needs_call"),
    key("VUP", "idle", "volume 4 > 5"),
    key("VDOWN", "connected", "volume 4 > 3"),
    key("MUTE", "connected", "microphone off", "held", "key_needs_call"),
    key("MUTE", "idle", "do not disturb", "idle, mute key not known", "mute_key_unknown"),
    key("DND", "idle", "do not disturb", "connected", "key_needs_idle"),
    key("HOLD", "connected", "line 1 connected > onhold", "idle", "key_needs_call"),
    key("CONF", "two calls", "screen incall > confpick", "idle", "key_needs_call"),
    *(key(digit, "connected", f"tone {digit}", "ringing", "key_ambiguous") for digit in "0123456789*#"),
    key("STAR", "connected", "tone *", "ringing", "key_ambiguous"),
    key("1:0:0:0", "idle", "line 1 idle > dialing, screen idle > dial", "ringing", "key_ambiguous"),
    key("1:0:0:0:SEND", "idle", "line 1 idle > calling", "calling", "key_ambiguous"),
    key("LINE1", "ringing", "line 1 ringing > connected", "calling then LINE99", "key_out_of_range"),
    key("VM", "idle", "line 1 idle > calling", "connected", "key_needs_idle"),
    key("SEND", "dialling", "line 1 dialing > calling", "idle", "no_number_entered"),
    key("SOFT1", "connected", "line 1 connected > idle", "ringing", "something_rings"),
    key("MPK1", "idle", "line 1 idle > calling", "connected", "key_needs_idle"),
    key("ONHOOK", "ringing", "line 1 ringing > idle", "connected", "in_a_call"),
    key("OFFHOOK", "ringing", "line 1 ringing > connected", "connected", "in_a_call"),
    key("OK", "idle", "screen idle > menu", "connected", "key_needs_idle"),
    *(key(arrow, "idle", "", "connected", "key_needs_idle") for arrow in ("UP", "DOWN", "LEFT", "RIGHT")),
]  # fmt: skip


def driver(farm: RunningFarm, total_seconds: float = 3.0) -> GrandstreamDriver:
    return GrandstreamDriver(
        PhoneAddress("http", "127.0.0.1", farm.phone_port(farm.first)), Secret(farm.passcode(farm.first)),
        policy=AddressPolicy(["127.0.0.0/8"], allowed_ports=None), limits=Limits(total_seconds=total_seconds),
    )  # fmt: skip


def bring(farm: RunningFarm, situation: str) -> Lines:
    """Bring the phone there by its owner's hand; what the lines show then."""
    desk = farm.first
    if situation in ("ringing", "connected", "held", "two calls"):
        farm.incoming(desk, CALLER, "Ada")
    if situation in ("connected", "held", "two calls"):
        farm.user(desk, "answer")
    if situation == "held":
        farm.user(desk, "hold")
    if situation == "two calls":
        farm.far_end("0302", "answer", after_seconds=0.1)
        farm.dial(desk, "0302")
    if situation == "calling":
        farm.dial(desk, FAR)
    if situation == "dialling":
        farm.user(desk, "1")
    if situation == "locked":
        farm.user(desk, "LOCK")
    farm.advance(1.0)
    return driver(farm).line_status()


def picture(phone: Phone) -> dict[str, object]:
    """What may change on a phone."""
    lines = {f"line {line.number}": line.state for line in phone.lines}
    marks = {"locked": phone.locked, "dnd": phone.dnd, "muted": any(line.muted for line in phone.lines)}
    tones = "".join(line.dtmf for line in phone.lines)
    factory = phone.story.user_passcode != PASSCODE
    return {
        **lines, **marks, "screen": phone.screen.name, "volume": phone.volume, "up": phone.is_up, "tones": tones,
        "factory": factory,
    }  # fmt: skip


WORDS = {
    ("locked", True): "locked", ("locked", False): "unlocked", ("dnd", True): "do not disturb",
    ("muted", True): "microphone off", ("factory", True): "factory settings",
}  # fmt: skip


def change(before: dict[str, object], after: dict[str, object]) -> str:
    if before["up"] and not after["up"]:
        return "away, factory settings" if after["factory"] and not before["factory"] else "away, restarting"
    parts = []
    for what, was in before.items():
        now = after[what]
        if now == was:
            continue
        if what == "screen" and now in ("idle", "incall"):
            continue  # it follows the lines
        if what == "tones":
            parts.append(f"tone {str(now).removeprefix(str(was))}")
        else:
            parts.append(WORDS.get((what, bool(now)), f"{what} {was} > {now}"))
    return ", ".join(parts)


def outcome_of(deed: Callable[[], object]) -> tuple[type[PhoneError], str]:
    with pytest.raises(PhoneError) as caught:
        deed()
    return type(caught.value), caught.value.reason_code


def accepted(farm: RunningFarm, row: Row) -> str:
    lines = bring(farm, row.ready)
    phone = farm.farm.phone(farm.first)
    before = picture(phone)
    row.deed(driver(farm), lines)
    farm.advance(1.0)
    assert change(before, picture(phone)) == row.effect
    return f"{row.ready}: {row.effect or 'no change to be seen'}"


def refused(farm: RunningFarm, row: Row) -> str:
    lines = bring(farm, row.ready)
    phone = farm.farm.phone(farm.first)
    before = picture(phone)
    farm.profile(farm.first, action_uri=False, deny_mode="error_failed_json")
    kind, code = outcome_of(lambda: row.deed(driver(farm), lines))
    farm.advance(1.0)
    assert issubclass(kind, Refused)
    assert not issubclass(kind, CredentialRefused)
    assert change(before, picture(phone)) == ""
    return f"{kind.__name__}: {code}"


def not_sent(farm: RunningFarm, row: Row) -> str:
    if not row.blocked:
        return "may be sent always"
    situation = row.blocked.split(",")[0].split(" then ")[0]
    lines = bring(farm, situation)
    seen = len(farm.journal(farm.first))
    kind, code = outcome_of(lambda: blocked_deed(row)(driver(farm), lines))
    assert (kind, code) == (NothingSent, row.reason)
    assert len(farm.journal(farm.first)) == seen
    return f"{row.blocked}: {code}"


def blocked_deed(row: Row) -> Deed:
    """The same deed, with the bad value that the row names where it is not the situation that blocks it."""
    if row.reason == "number_refused":
        return lambda phone, _: phone.make_call("12&cmd=endcall")
    if row.reason == "account_refused":
        return lambda phone, _: phone.make_call(FAR, 0)
    if row.reason == "mute_key_unknown":
        return lambda phone, lines: phone.send_keys(["MUTE"], lines=lines, plan=KeyPlan())
    if row.reason == "key_out_of_range":
        return lambda phone, lines: phone.send_keys(["LINE99"], lines=lines, plan=PLAN)
    return row.deed


def answer_lost(farm: RunningFarm, row: Row) -> str:
    """The phone does it, and half of its answer arrives: it may have happened, and is not sent again."""
    lines = bring(farm, row.ready)
    phone = farm.farm.phone(farm.first)
    before, seen = picture(phone), len(farm.journal(farm.first))
    farm.fault(farm.first, "truncated", function=row.function)
    kind, code = outcome_of(lambda: row.deed(driver(farm), lines))
    farm.advance(1.0)
    assert issubclass(kind, Unclear)
    assert change(before, picture(phone)) == row.effect
    assert len(farm.journal(farm.first)) == seen + 1
    return f"{kind.__name__}: {code}"


COLUMNS = {"accepted": accepted, "refused": refused, "not_sent": not_sent, "answer_lost": answer_lost}
NAMES = [f"{row.name}-{row.ready}" for row in ROWS]


INTRODUCTION = (
    "Made by test_guide_table.py of what it saw. No real GRP26xx was at hand: the simulated phone does what the guide "
    "and other people's clients say. “Unclear” means that the phone did it and its answer got lost: nothing is sent "
    "again, the lines are looked at."
)


def line_of(row: Row) -> str:
    """The row's line of the table, from four new phones."""
    cells = [row.name]
    for look in COLUMNS.values():
        with running_farm(1, pace=VirtualPace()) as farm:
            farm.far_end(FAR, "answer", after_seconds=600.0)
            farm.profile(farm.first, mpk_keys=4)
            farm.farm.phone(farm.first).mpk_actions[1] = f"dial:{FAR}"
            cells.append(look(farm, row))
            assert set(farm.trip_kinds()) <= {"digits_in_call", "mute_idle", "RESET"}
    return _line(cells)


def head() -> list[str]:
    title = "# The vendor's CTI guide against the simulated phone"
    return [title, "", INTRODUCTION, "", _line(HEAD), _line(["---"] * len(HEAD))]


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if os.environ.get("GUIDE_TABLE") == "write":
    TABLE.write_text("\n".join([*head(), *map(line_of, ROWS)]) + "\n")
WRITTEN = TABLE.read_text().splitlines()


def test_the_table_has_a_line_for_each_function_and_key_and_no_other() -> None:
    assert WRITTEN[: len(head())] == head()
    assert [line.split(" | ")[0].removeprefix("| ") for line in WRITTEN[len(head()) :]] == [row.name for row in ROWS]


@pytest.mark.parametrize("place", range(len(ROWS)), ids=NAMES)
def test_each_function_and_key_of_the_guide_does_what_its_line_in_the_table_says(place: int) -> None:
    """Write the table anew with GUIDE_TABLE=write make test ARGS='-k guide_table'."""
    assert line_of(ROWS[place]) == WRITTEN[len(head()) + place]
