"""When no event has told: what do the rows, the PBX's list of channels and the phone's lines say of a command?

Asked in that order, each a function of values. A finding is a Proof, an Absent ("that source surely does not show it"),
or None ("that source cannot tell"). Only when nobody can still show it is a command called not done: `together`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from crmconnector.asterisk.ami_events import RINGING, CoreShowChannel
from crmconnector.calls.confirmation import Disproof, Meant, Proof, Verdict, same_number
from crmconnector.calls.graph import endpoint_of
from phones.drivers.base import LineState, LineWord

SETTLES_SECONDS: Final = 1.0  # so long after our end went, the call of one who hung up has ended too


@dataclass(frozen=True, slots=True)
class Absent:
    """The source was read whole and does not show it. `evidence` is a part of a sentence, without a full stop."""

    evidence: str


Finding = Proof | Absent | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How the rows stand: `own` and `other` are the states of the two legs that are meant ("" = there is none).

    `gone_for`, `other_gone_for`: seconds since that end went; None while it is there. `call_open`: the call goes on.
    `heard`: the PBX is heard now, so that the rows are true.
    """

    own: str = ""
    other: str = ""
    gone_for: float | None = None
    other_gone_for: float | None = None
    call_open: bool = False
    heard: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """One line of the PBX's list. `numbers`: what it dialled and whom it is connected to; `bridge` "" = none."""

    uniqueid: str
    linkedid: str
    endpoint: str
    ringing: bool
    bridge: str
    numbers: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, line: CoreShowChannel) -> Channel:
        facts = line.channel
        numbers = tuple(text for text in (facts.exten, facts.connected_number) if text)
        return cls(facts.uniqueid, facts.linkedid or "", endpoint_of(facts.name or ""), facts.state == RINGING,
                   line.bridge or "", numbers)  # fmt: skip


# --- rows -----------------------------------------------------------------------------------------------------------


def by_rows(meant: Meant, standing: Standing, *, at: float) -> Verdict | None:
    """What the rows prove by themselves; they may say it a moment after the events, when no more is to come."""
    if meant.kind in HANDS_OVER and standing.gone_for is not None and standing.gone_for >= SETTLES_SECONDS:
        if standing.call_open and standing.heard:
            said = f"{meant.endpoint} has left the call and the other party is still on the PBX."
            return Proof(meant.leg, at, said)
        return None
    asked_left = standing.other_gone_for is not None and standing.other_gone_for >= SETTLES_SECONDS
    if meant.kind == "attended_complete" and asked_left and standing.own in _UP:
        return Disproof(meant.leg, at, "The one who was asked has hung up. The first party is still with you.")
    if meant.kind in _SHOWN_BY and standing.own in _SHOWN_BY[meant.kind]:
        return Proof(meant.leg, at, f"The PBX's events show {meant.endpoint} as {standing.own}.")
    return None


def still_as_before(meant: Meant, standing: Standing) -> str:
    """At the end: a sentence on why it surely had no effect, because the PBX is heard and all is as it was; or ""."""
    states, said = _BEFORE.get(meant.kind, (frozenset[str](), ""))
    return said if standing.heard and standing.own in states else ""


_UP: Final = frozenset({"talking", "held"})
HANDS_OVER: Final = ("blind_transfer", "attended_complete", "park")
_SHOWN_BY: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "answer": _UP,
        "hang_up": frozenset({"ended"}),
        "hold": frozenset({"held"}),
        "resume": frozenset({"talking"}),
    }
)
_BEFORE: Final[Mapping[str, tuple[frozenset[str], str]]] = MappingProxyType(
    {
        "answer": (frozenset({"ringing"}), "the PBX still hears your phone ring"),
        "reject": (frozenset({"ringing"}), "the PBX still hears your phone ring"),
        "hang_up": (frozenset({"dialling", *_UP}), "the PBX still has your call"),
        "hold": (frozenset({"talking"}), "the PBX heard no hold"),
        "resume": (frozenset({"held"}), "the PBX still hears the hold"),
        "blind_transfer": (_UP, "the PBX still has the caller with you"),
        "attended_complete": (_UP, "the PBX still has the caller with you"),
        "park": (_UP, "the PBX still has the caller with you"),
    }
)


# --- the PBX's list of channels -------------------------------------------------------------------------------------


def by_channels(meant: Meant, channels: Collection[Channel], *, complete: bool, at: float) -> Finding:
    """What the list shows. A list that did not come whole never says that something is not there."""
    look = _IN_THE_LIST.get(meant.kind)
    found = look(meant, list(channels), at) if look else None
    return found if complete or isinstance(found, Proof) else None


def _list_make_call(meant: Meant, channels: list[Channel], at: float) -> Finding:
    mine = [one for one in channels if one.endpoint == meant.endpoint]
    for one in mine:
        if any(same_number(seen, number) for seen in one.numbers for number in meant.numbers):
            return Proof(one.uniqueid, at, f"The PBX has a call of {meant.endpoint} to this number.")
    return None if mine else Absent("The PBX has no such call")


def _list_answer(meant: Meant, channels: list[Channel], at: float) -> Finding:
    own = _own(meant, channels)
    if own is None:
        return None
    if _with(own, channels):
        return Proof(meant.leg, at, f"The PBX has {meant.endpoint} together with the other party.")
    return Absent("The PBX still lets your phone ring") if own.ringing else None


def _list_reject(meant: Meant, channels: list[Channel], at: float) -> Finding:
    own = _own(meant, channels)
    return Absent("The PBX still lets your phone ring") if own is not None and own.ringing else None


def _list_hang_up(meant: Meant, channels: list[Channel], at: float) -> Finding:
    if _own(meant, channels) is not None:
        return Absent("The PBX still has your call")
    return Proof(meant.leg, at, f"The PBX has no channel of {meant.endpoint} in that call any more.")


def _list_handed_over(meant: Meant, channels: list[Channel], at: float) -> Finding:
    if _own(meant, channels) is not None:
        return Absent("The PBX still has the caller with you")
    others = [one for one in channels if one.linkedid in meant.calls and one.endpoint != meant.endpoint]
    if not others:
        return None  # it ended meanwhile: its end will be told
    return Proof(meant.leg, at, f"{meant.endpoint} has left the call and the other party is still on the PBX.")


def _list_parked(meant: Meant, channels: list[Channel], at: float) -> Finding:
    """The PBX reads the place out to the one who parks, for some seconds, while the caller waits there already."""
    own = _own(meant, channels)
    theirs = [one for one in channels if one.linkedid in meant.calls and one.endpoint == meant.customer]
    if own is not None and len(theirs) == 1 and theirs[0].bridge and theirs[0].bridge != own.bridge:
        return Proof(meant.leg, at, f"The PBX has the other party in a place of their own, away from {meant.endpoint}.")
    return _list_handed_over(meant, channels, at)


def _list_start(meant: Meant, channels: list[Channel], at: float) -> Finding:
    second = [one for one in channels if one.endpoint == meant.endpoint and one.uniqueid != meant.leg]
    for one in second:
        if any(same_number(seen, number) for seen in one.numbers for number in meant.numbers):
            return Proof(one.uniqueid, at, f"The PBX has a second call of {meant.endpoint}, to the one to be asked.")
    called = [one for one in channels if one.endpoint in meant.targets and one.endpoint != meant.customer]
    if any(one.linkedid in meant.calls for one in called):
        return Proof("", at, f"The PBX calls the one to be asked for {meant.endpoint}.")
    return None if second or called else Absent("The PBX calls nobody for you")


def _list_back(meant: Meant, channels: list[Channel], at: float) -> Finding:
    own = _own(meant, channels)
    if own is None:
        return None
    with_us = _with(own, channels)
    if any(one.endpoint == meant.customer for one in with_us) and len(with_us) == 1:
        return Proof(meant.leg, at, f"The PBX has {meant.endpoint} together with the first party.")
    return None


def _list_conference(meant: Meant, channels: list[Channel], at: float) -> Finding:
    mine = [one for one in channels if one.endpoint == meant.endpoint]
    if any(len(_with(one, channels)) >= 2 for one in mine):
        return Proof(meant.leg, at, "The PBX has all three in one bridge.")
    return Absent("The PBX has no three of you together") if meant.by_pbx else None


_IN_THE_LIST: Final[Mapping[str, Callable[[Meant, list[Channel], float], Finding]]] = MappingProxyType(
    {
        "make_call": _list_make_call,
        "answer": _list_answer,
        "reject": _list_reject,
        "hang_up": _list_hang_up,
        "blind_transfer": _list_handed_over,
        "attended_start": _list_start,
        "attended_complete": _list_handed_over,
        "attended_cancel": _list_back,
        "conference": _list_conference,
        "park": _list_parked,
    }
)


def _own(meant: Meant, channels: Iterable[Channel]) -> Channel | None:
    return next((one for one in channels if one.uniqueid == meant.leg), None)


def _with(own: Channel, channels: Iterable[Channel]) -> list[Channel]:
    """Who else is in the same bridge. Halves of Local channels count, a party is behind each; announcers do not."""
    there = [one for one in channels if own.bridge and one.bridge == own.bridge and one.uniqueid != own.uniqueid]
    return [one for one in there if not one.endpoint.startswith(_NOBODY)]


# Asterisk's own helpers in a bridge: they speak or record, and nobody is behind them.
_NOBODY: Final = ("Announcer/", "CBAnn/", "CBRec/", "ConfBridgeRecorder/", "Recorder/", "Snoop/")


# --- the phone's lines ----------------------------------------------------------------------------------------------


def by_lines(meant: Meant, lines: Collection[LineState], *, far_number: str, at: float) -> Finding:
    """What the phone's lines show; the last source, for a phone knows lines and not legs. `far_number`: of the leg."""
    used = [line for line in lines if line.state not in _IDLE]
    if meant.kind == "make_call":
        return _lines_make_call(meant, used, at)
    if meant.kind not in _ON_THE_LINE:
        return None
    done, undone = _ON_THE_LINE[meant.kind]
    theirs = [line for line in used if same_number(line.remote_number, far_number)]
    if len(used) != 1 or (far_number and len(theirs) != 1):
        return None  # which line is that call, it cannot be told
    if used[0].state in done:
        return Proof(meant.leg, at, f"The line of your phone says {used[0].state.replace('_', ' ')}.")
    return Absent(f"the line of your phone says {used[0].state.replace('_', ' ')}") if used[0].state in undone else None


def _lines_make_call(meant: Meant, used: list[LineState], at: float) -> Finding:
    for line in used:
        if line.state in _CALLING and any(same_number(line.remote_number, number) for number in meant.numbers):
            return Proof("", at, f"A line of your phone is {line.state.replace('_', ' ')} with this number.")
    return None if used else Absent("every line of your phone is idle")


_IDLE: Final = (LineWord.IDLE, LineWord.FAILED)
_CALLING: Final = (LineWord.CALLING, LineWord.CONNECTED, LineWord.ON_HOLD)
_ON_THE_LINE: Final[Mapping[str, tuple[frozenset[LineWord], frozenset[LineWord]]]] = MappingProxyType(
    {
        "answer": (frozenset({LineWord.CONNECTED}), frozenset({LineWord.RINGING})),
        "reject": (frozenset[LineWord](), frozenset({LineWord.RINGING})),
        "hold": (frozenset({LineWord.ON_HOLD}), frozenset({LineWord.CONNECTED})),
        "resume": (frozenset({LineWord.CONNECTED}), frozenset({LineWord.ON_HOLD})),
    }
)
# The PBX's list does not tell a hold, so that the line alone says what is so.
LINES_ALONE: Final = ("hold", "resume")


# --- together -------------------------------------------------------------------------------------------------------


def together(meant: Meant, listed: Finding, lines: Finding, *, at: float) -> Verdict | None:
    """Both sources. Proved by either; disproved only when every source that could show it surely does not.

    By the PBX the phone dials nothing by itself, so that its lines are not needed for saying that nothing happened.
    """
    for finding in (listed, lines):
        if isinstance(finding, Proof):
            return finding
    first = listed.evidence if isinstance(listed, Absent) else ""
    second = lines.evidence if isinstance(lines, Absent) else ""
    if meant.kind in LINES_ALONE:
        return Disproof(meant.leg, at, f"{second[0].upper()}{second[1:]}.") if second else None
    if first and (second or meant.by_pbx):
        return Disproof(meant.leg, at, f"{first} and {second}." if second else f"{first}.")
    return None
