"""What can be asked of a call, in which of its states, and by which way. One table; plain values, no Django.

Ways: *phone*, the desk phone's own CTI; *pbx*, an action of the manager interface (AMI). Asterisk has no action that
holds a call or answers a phone. Each cell was tried against a real Asterisk and real SIP phones: tests/pbx.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Way = Literal["phone", "pbx"]

RINGING: Final = frozenset({"ringing"})
TALKING: Final = frozenset({"talking"})
UP: Final = frozenset({"talking", "held"})
BEGUN: Final = frozenset({"dialling", "talking", "held"})
NO_LEG: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class VerbRow:
    """One verb. `states`: of the user's own leg in which it makes sense; empty: it needs no call.

    `phone`: the driver's verb (phones.drivers.base.Verb) or empty; `pbx`: the AMI actions that it takes, in order, or
    none; `snippet`: it needs our piece of dialplan on the PBX. When nobody decided otherwise `usual` is the way taken,
    and `falls_back` whether the other follows on proof that it did nothing.
    """

    states: frozenset[str]
    phone: str = ""
    pbx: tuple[str, ...] = ()
    snippet: bool = False
    usual: Way = "phone"
    falls_back: bool = False

    def ways(self) -> tuple[Way, ...]:
        return tuple(way for way, there in (("phone", self.phone), ("pbx", self.pbx)) if there)  # type: ignore[misc]


VERBS: Final[Mapping[str, VerbRow]] = MappingProxyType(
    {
        "make_call": VerbRow(NO_LEG, "make_call", ("Originate",), falls_back=True),
        "answer": VerbRow(RINGING, "accept_call"),
        "reject": VerbRow(RINGING, "reject_call", ("Hangup",)),
        "hang_up": VerbRow(BEGUN, "end_call", ("Hangup",)),
        "hold": VerbRow(TALKING, "hold_call"),
        "resume": VerbRow(frozenset({"held"}), "resume_call"),
        "blind_transfer": VerbRow(UP, "blind_transfer", ("BlindTransfer",), usual="pbx"),
        "attended_start": VerbRow(UP, "attended_transfer", ("Atxfer",), usual="pbx"),
        "attended_complete": VerbRow(UP, "attended_transfer", ("Hangup", "Bridge"), usual="pbx"),
        "attended_cancel": VerbRow(UP, "attended_transfer", ("CancelAtxfer",), usual="pbx"),
        "conference": VerbRow(UP, "conference", ("CoreShowChannels", "Redirect"), snippet=True, usual="pbx"),
        "dtmf": VerbRow(TALKING, "dtmf", ("CoreShowChannels", "PlayDTMF"), usual="pbx"),
        "mute": VerbRow(TALKING, "mute", ("Setvar",), usual="pbx"),
        "unmute": VerbRow(TALKING, "mute", ("Setvar",), usual="pbx"),
        "park": VerbRow(UP, "", ("CoreShowChannels", "Park"), usual="pbx"),
        "dnd_on": VerbRow(NO_LEG, "", ("Originate", "Getvar"), snippet=True, usual="pbx"),
        "dnd_off": VerbRow(NO_LEG, "", ("Originate", "Getvar"), snippet=True, usual="pbx"),
        "keys": VerbRow(UP, "send_keys"),
    }
)

# Every AMI action that some verb takes, in lower case.
PBX_ACTIONS: Final = frozenset(action.lower() for row in VERBS.values() for action in row.pbx)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is there for a verb: what the phone's driver can (verbs), what our AMI user may send (actions), whether the
    snippet is installed, which sequences were calibrated for this model and firmware, whether the phone takes commands.
    """

    phone_verbs: Collection[str] = ()
    calibrated: Collection[str] = ()
    phone_answers: bool = True
    pbx_actions: Collection[str] = ()
    pbx_linked: bool = True
    snippet: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The way a verb will go; `way` empty: none, and `why_not` names the reason."""

    way: Way | Literal[""]
    why_not: str = ""
    may_fall_back: bool = False


SEQUENCES: Final = frozenset({"blind_transfer", "attended_transfer", "conference"})


def choose_way(kind: str, ground: Ground, *, wanted: str = "", fall_back: bool = False) -> Choice:
    """By which way this verb goes: the one an administrator decided on (`wanted`, and whether it may `fall_back`), else
    the usual one, else the other.

    A way that was decided on is never left for another quietly; falling back is a command of its own, and only where
    both ways are there.
    """
    row, troubles = VERBS[kind], troubles_of(kind, ground)
    order = [wanted] if wanted in troubles else sorted(troubles, key=lambda way: way != row.usual)
    for way in order:
        if not troubles[way]:
            other = [each for each in troubles if each != way and not troubles[each]]
            return Choice(way, may_fall_back=(fall_back if wanted else row.falls_back) and bool(other))
    return Choice("", troubles[order[0]] if order else "no_way")


def troubles_of(kind: str, ground: Ground) -> dict[Way, str]:
    """Every way this verb has, with what is in its way now; empty: nothing. A way that is missing does not exist."""
    row = VERBS[kind]
    return {way: _trouble(row, way, ground) for way in row.ways()}


def _trouble(row: VerbRow, way: Way, ground: Ground) -> str:
    if way == "phone":
        if row.phone not in ground.phone_verbs:
            return "phone_cannot"
        if row.phone in SEQUENCES and row.phone not in ground.calibrated:
            return "not_calibrated"
        return "" if ground.phone_answers else "phone_refuses"
    if not ground.pbx_linked:
        return "pbx_away"
    if row.snippet and not ground.snippet:
        return "no_snippet"
    allowed = {action.lower() for action in ground.pbx_actions}
    return "" if all(action.lower() in allowed for action in row.pbx) else "pbx_forbids"
