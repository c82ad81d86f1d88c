"""Every key of the vendor's CTI guide: its name, its way onto the wire, and when it means what its name says.

    checked(["1", "0", "POUND", "SEND"], lines, plan)  -> "1:0:#:SEND"

Pure: no request is made here. What is not on the list is refused, never repaired ("vup", "LINE01" and " HOLD" are no
keys). The same key is often two deeds, by what the phone is doing just then: a digit dials or is a tone in the
caller's ear, MUTE silences the microphone or stops the agent's calls. So a list of keys is walked through, key by key,
from what the lines show; where a key changes what the next ones would do in a way that can only be seen by looking,
the rest is refused. A caller who wants more looks and sends again.

The phone answers before it presses: "complete" means queued. No real GRP26xx was at hand when this was written; what
keys do comes from the guide and from manuals of sister models.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from crmconnector.common.marked import gettext_noop as _  # only marked: the page looks it up
from phones.drivers.base import KeyPlan, Lines, LineWord, MuteKey
from phones.drivers.errors import NothingSent, Reason
from phones.drivers.grandstream.models import most_mpk_keys, most_soft_keys
from phones.drivers.grandstream.situation import Situation, situation_of

S = Situation
MOST_KEYS: Final = 64


class Danger(StrEnum):
    """The worst that a key can do where it is allowed."""

    HARMLESS = "harmless"
    CALL = "call"  # touches the call that is up or rings
    DIALS = "dials"  # may place a call
    SETTING = "setting"  # changes how the phone behaves from now on
    SCREEN = "screen"  # does what the screen or the key's programming says; its name tells nothing
    GUARDED = "guarded"  # never among other keys: a method of its own, a permission of its own


class Numbered(StrEnum):
    """Keys that come with a number, and where its end is known from."""

    NO = "no"
    LINE = "line"  # the lines in the phone's own answer
    SOFT = "soft"  # the model; 4 where it is not documented
    MPK = "mpk"  # what somebody has counted on this phone, at most the model's


@dataclass(frozen=True, slots=True)
class Key:
    """`name` as in the guide, without a number; `wire`: what is sent; `means`: words for people.

    `leads`: in which situations it may be pressed, and what the phone is doing then. Elsewhere `otherwise` says why
    not. `idle_needs`: how the mute key must be set for it to be pressed while no call is up.
    """

    name: str
    wire: str
    means: str
    danger: Danger
    otherwise: Reason
    leads: Mapping[Situation, Situation] = field(default_factory=dict, hash=False)
    numbered: Numbered = Numbered.NO
    idle_needs: frozenset[MuteKey] | None = None


def _stays(*situations: Situation) -> dict[Situation, Situation]:
    return {situation: situation for situation in situations}


def _ends(*situations: Situation) -> dict[Situation, Situation]:
    return dict.fromkeys(situations, S.AFTERWARDS)


# Tones for the one connected call. Otherwise they open a dial screen or go on with it, and the phone dials what was
# entered by itself, four seconds after the last digit, SEND or not. A held party hears nothing: there the digits go
# to the transfer screen, or to that of a second call. While something rings, or rings at the far end, nobody knows.
_TONES: Final = _stays(S.CONNECTED, S.TWO_CALLS)
_DIGIT: Final = {
    **_TONES,
    **dict.fromkeys([S.IDLE, S.DIAL_SCREEN, S.DIALING], S.DIALING),
    **dict.fromkeys([S.HELD, S.SECOND_NUMBER], S.SECOND_NUMBER),
}
# "Use # as dial key" is on by default: the number is gone after it, and a further digit may be a tone in a stranger's
# ear.
_POUND: Final = {**_TONES, **dict.fromkeys([S.IDLE, S.DIAL_SCREEN, S.DIALING, S.HELD, S.SECOND_NUMBER], S.NUMBER_ENDED)}
_UP_AND_TALKING: Final = _ends(S.CONNECTED, S.TWO_CALLS)
_SOFT: Final = _ends(S.IDLE, S.DIAL_SCREEN, S.DIALING, S.SECOND_NUMBER, S.CALLING, S.CONNECTED, S.HELD, S.TWO_CALLS)
_MENU: Final = {S.IDLE: S.MENU, S.MENU: S.MENU}
_FITS_IDLE: Final = frozenset({MuteKey.DO_NOT_DISTURB, MuteKey.IDLE_MUTE})


def _digit(name: str, wire: str) -> Key:
    means = _("A digit of a number; a tone while a call is connected. The phone dials it by itself after 4 seconds.")
    return Key(name, wire, means, Danger.DIALS, Reason.KEY_AMBIGUOUS, _DIGIT)


def _pound(name: str) -> Key:
    means = _("Ends a number, which is dialled then; a tone while a call is connected.")
    return Key(name, "#", means, Danger.DIALS, Reason.KEY_AMBIGUOUS, _POUND)


def _arrow(name: str) -> Key:
    means = _("Moves in the phone's menu; nothing tells where one is in it.")
    return Key(name, name, means, Danger.SCREEN, Reason.KEY_NEEDS_IDLE, _MENU)


def _volume(name: str, means: str) -> Key:
    return Key(name, name, means, Danger.HARMLESS, Reason.KEY_AMBIGUOUS, _stays(*Situation))


def _dial_tone(name: str, means: str) -> Key:
    # In a call it may hang up or move the voice elsewhere; while it rings it answers.
    return Key(name, name, means, Danger.DIALS, Reason.KEY_NEEDS_IDLE, {S.IDLE: S.DIAL_SCREEN})


_ALL: Final = (
    *(_digit(sign, sign) for sign in "0123456789*"),
    _digit("STAR", "STAR"),
    _pound("#"),
    _pound("POUND"),  # an alias that other clients use; the sign itself is what the guide knows
    Key(
        "SEND", "SEND", _("Dials the number that was entered."), Danger.DIALS, Reason.NO_NUMBER_ENTERED,
        _ends(S.DIALING, S.SECOND_NUMBER, S.NUMBER_ENDED),
    ),
    _volume("VUP", _("Louder: the bell, or the voice in a call.")),
    _volume("VDOWN", _("Quieter: the bell, or the voice in a call.")),
    _dial_tone("SPEAKER", _("Dial tone on the speaker.")),
    _dial_tone("HEADSET", _("Dial tone on the headset.")),
    Key(
        "MUTE", "MUTE", _("Microphone off, or on again. While no call is up, whatever the mute key is set to."),
        Danger.SETTING, Reason.KEY_NEEDS_CALL, _stays(S.CONNECTED, S.TWO_CALLS, S.IDLE), idle_needs=_FITS_IDLE,
    ),
    # The guide has no key of this name on the wire: its example sends MUTE.
    Key(
        "DND", "MUTE", _("Do not disturb on, or off again, where the mute key is set to it."),
        Danger.SETTING, Reason.KEY_NEEDS_IDLE, _stays(S.IDLE), idle_needs=frozenset({MuteKey.DO_NOT_DISTURB}),
    ),
    Key("HOLD", "HOLD", _("Puts the connected call on hold."), Danger.CALL, Reason.KEY_NEEDS_CALL, _UP_AND_TALKING),
    Key("XFER", "XFER", _("Opens the transfer screen."), Danger.CALL, Reason.KEY_NEEDS_CALL, _UP_AND_TALKING),
    Key("CONF", "CONF", _("Begins a conference."), Danger.CALL, Reason.KEY_NEEDS_CALL, _UP_AND_TALKING),
    Key(
        "LINE", "LINE", _("Selects a line: answers what rings on it, takes back what is held, or gives a dial tone."),
        Danger.CALL, Reason.KEY_AMBIGUOUS, numbered=Numbered.LINE,
    ),
    Key(
        "SOFT", "SOFT", _("What the screen shows above this key."), Danger.SCREEN, Reason.SOMETHING_RINGS, _SOFT,
        Numbered.SOFT,
    ),
    # In a call such a key may transfer it, blindly, to whom it watches.
    Key(
        "MPK", "MPK", _("What this key is programmed to."), Danger.SCREEN, Reason.KEY_NEEDS_IDLE, _ends(S.IDLE),
        Numbered.MPK,
    ),
    Key("VM", "VM", _("Calls the mailbox."), Danger.DIALS, Reason.KEY_NEEDS_IDLE, _ends(S.IDLE)),
    # Like the handset: it ends whatever the phone looks at, so only what is alone may be meant.
    Key(
        "ONHOOK", "ONHOOK", _("Handset down: refuses the one call that rings, or ends a dial tone."),
        Danger.CALL, Reason.IN_A_CALL, {**_stays(S.IDLE), **_ends(S.RINGING, S.DIALING, S.DIAL_SCREEN)},
    ),
    Key(
        "OFFHOOK", "OFFHOOK", _("Handset up: answers the one call that rings, or gives a dial tone."),
        Danger.CALL, Reason.IN_A_CALL, {S.IDLE: S.DIAL_SCREEN, S.RINGING: S.AFTERWARDS},
    ),
    # With a number on the screen it would dial it.
    Key("OK", "OK", _("Confirms in the phone's menu."), Danger.SCREEN, Reason.KEY_NEEDS_IDLE, _ends(S.IDLE, S.MENU)),
    *(_arrow(name) for name in ("UP", "DOWN", "LEFT", "RIGHT")),
    Key("LOCK", "LOCK", _("Locks the keypad."), Danger.GUARDED, Reason.KEY_GUARDED),
    Key("UNLOCK", "UNLOCK", _("Unlocks the keypad."), Danger.GUARDED, Reason.KEY_GUARDED),
)  # fmt: skip
KEYS: Final[Mapping[str, Key]] = MappingProxyType({key.name: key for key in _ALL})

# ASCII, anchored by fullmatch. No leading zero: nothing is repaired. A number of 0 is understood, and out of range.
_NUMBERED: Final = re.compile(r"(LINE|SOFT|MPK)(0|[1-9][0-9]{0,2})")
# Where it is not the key that is wrong but what we know.
_UNSURE: Final = {
    S.SEVERAL: Reason.SEVERAL_CALLS,
    S.UNKNOWN: Reason.KEY_AMBIGUOUS,
    S.NUMBER_ENDED: Reason.KEY_AMBIGUOUS,
    S.MENU: Reason.KEY_AMBIGUOUS,
    S.AFTERWARDS: Reason.KEY_AMBIGUOUS,
}
_LINE_FROM: Final = frozenset(Situation) - {
    S.DIALING, S.SECOND_NUMBER, S.DIAL_SCREEN, S.NUMBER_ENDED, S.MENU, S.AFTERWARDS
}  # fmt: skip
_LINE_WORDS: Final = frozenset({LineWord.RINGING, LineWord.CALLING, LineWord.CONNECTED, LineWord.ON_HOLD})


def checked(keys: Sequence[str], lines: Lines, plan: KeyPlan) -> str:
    """The value of the wire's `keys`, not yet percent-encoded: capitals, digits, * and #, with : between.

    NothingSent says why not, and nothing else is raised, whatever `keys` holds.
    """
    named = _named(keys)
    situation = situation_of(lines)
    wire = []
    for name in named:
        key, number = _key_of(name)
        _check_range(key, number, lines, plan)
        situation = _press(key, number, situation, lines, plan)
        wire.append(key.wire if key.numbered is Numbered.NO else f"{key.wire}{number}")
    return ":".join(wire)


def _named(keys: Sequence[str]) -> Sequence[str]:
    # A text is a sequence of texts too: "VUP" would become V, U, P.
    if not isinstance(keys, Sequence) or isinstance(keys, (str, bytes)):
        raise NothingSent(Reason.KEY_UNKNOWN)
    if not keys:
        raise NothingSent(Reason.KEYS_MISSING)
    if len(keys) > MOST_KEYS:
        raise NothingSent(Reason.KEYS_TOO_MANY)
    return keys


def _key_of(name: object) -> tuple[Key, int]:
    """The key and its number; 0 for keys without one."""
    if not isinstance(name, str):
        raise NothingSent(Reason.KEY_UNKNOWN)
    numbered = _NUMBERED.fullmatch(name)
    if numbered:
        return KEYS[numbered[1]], int(numbered[2])
    key = KEYS.get(name)
    if key is None or key.numbered is not Numbered.NO:
        raise NothingSent(Reason.KEY_UNKNOWN)
    return key, 0


def _check_range(key: Key, number: int, lines: Lines, plan: KeyPlan) -> None:
    known = {
        Numbered.NO: number == 0,
        Numbered.LINE: any(line.line == number for line in lines),
        Numbered.SOFT: 1 <= number <= most_soft_keys(plan.model),
        Numbered.MPK: 1 <= number <= min(plan.mpk_keys, most_mpk_keys(plan.model)),
    }
    if not known[key.numbered]:
        raise NothingSent(Reason.KEY_OUT_OF_RANGE)


def _press(key: Key, number: int, now: Situation, lines: Lines, plan: KeyPlan) -> Situation:
    """What the phone is doing after this key; NothingSent when it may not be pressed now."""
    if key.danger is Danger.GUARDED:
        raise NothingSent(key.otherwise)
    if key.numbered is Numbered.LINE:
        return _select_line(number, now, lines)
    if now not in key.leads:
        raise NothingSent(_UNSURE.get(now, key.otherwise))
    if key.idle_needs is not None and now is S.IDLE and plan.mute_key not in key.idle_needs:
        unknown = plan.mute_key is MuteKey.UNKNOWN
        raise NothingSent(Reason.MUTE_KEY_UNKNOWN if unknown else Reason.MUTE_KEY_OTHERWISE)
    return key.leads[now]


def _select_line(number: int, now: Situation, lines: Lines) -> Situation:
    """It names its line, so what the line itself does decides, as long as no key before it has changed that."""
    state = next(line.state for line in lines if line.line == number)
    if now not in _LINE_FROM:
        raise NothingSent(Reason.KEY_AMBIGUOUS)
    if state is LineWord.IDLE:
        if any(line.state is LineWord.RINGING for line in lines):
            raise NothingSent(Reason.SOMETHING_RINGS)
        # With a call up the phone should hold it first; whether it does must be seen before a digit is pressed.
        return S.DIAL_SCREEN if now is S.IDLE else S.AFTERWARDS
    if state not in _LINE_WORDS:
        raise NothingSent(Reason.KEY_AMBIGUOUS)
    return S.AFTERWARDS
