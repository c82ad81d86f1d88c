"""What is written with a command when it ends or is doubted: one row for each kind. Plain text, no Django.

`undone` begins the sentence of one that surely did not happen ("Not answered"); `maybe` is a whole sentence; `whether`
ends "nobody told us whether …"; `look` says what to do then; `by_hand` is said when a person was quicker than we;
`no_effect` begins the sentence of one that was sent and did nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Sentences:
    undone: str
    no_effect: str
    maybe: str
    whether: str
    by_hand: str
    look: str = "Look at your phone."
    again: str = "You can press again."


_ON_HANDSET: Final = "You were quicker: it was done before your phone was asked."
SENTENCES: Final[Mapping[str, Sentences]] = MappingProxyType(
    {
        "make_call": Sentences(
            "Not dialled", "It did not dial", "It may or may not have dialled.", "it dialled",
            "You were quicker: your phone called this number before it was asked.",
        ),
        "answer": Sentences(
            "Not answered", "It did not answer", "It may or may not have answered.", "it answered",
            "You were quicker: the call was answered before your phone was asked.",
        ),
        "reject": Sentences(
            "Not rejected", "It did not reject the call", "The call may or may not have been rejected.",
            "the call was rejected", "You were quicker: the call was rejected before your phone was asked.",
        ),
        "hang_up": Sentences(
            "Not hung up", "It did not hang up", "It may or may not have hung up.", "it hung up",
            "The call was over before anything was sent.",
        ),
        "hold": Sentences(
            "Not on hold", "It did not hold the call", "The other party may or may not hear you.",
            "the call is on hold", "You were quicker: the call was on hold before your phone was asked.",
            "Say nothing that they must not hear, and look at your phone.",
        ),
        "resume": Sentences(
            "Not resumed", "It did not resume the call", "The other party may or may not hear you again.",
            "the call was resumed", "You were quicker: the call was resumed before your phone was asked.",
        ),
        "blind_transfer": Sentences(
            "Not transferred", "It did not transfer the call", "The caller may or may not be on the way.",
            "the call was transferred", "You were quicker: the call was transferred before anything was sent.",
        ),
        "attended_start": Sentences(
            "Nobody was called", "It did not call the one to be asked",
            "The one to be asked may or may not be called now.", "the one to be asked was called",
            "You were quicker: your phone called them before it was asked.",
        ),
        "attended_complete": Sentences(
            "Not put together", "It did not put them together", "They may or may not hear each other.",
            "they hear each other", "You were quicker: they were put together before anything was sent.",
        ),
        "attended_cancel": Sentences(
            "Not back with the caller", "It did not bring you back to the caller",
            "You may or may not be back with the caller.", "you are back with the caller",
            "You were quicker: you were back with the caller before anything was sent.",
        ),
        "conference": Sentences(
            "Not put together", "It did not put the three of you together",
            "All three may or may not hear each other.", "all three hear each other", _ON_HANDSET,
        ),
        "dtmf": Sentences(
            "Tones not sent", "The tones were not sent", "The tones may or may not have been sent.",
            "the tones were sent", _ON_HANDSET, "Ask the other side before you type them again.",
        ),
        "mute": Sentences(
            "Not muted", "It did not mute", "The other party may or may not hear you.", "you are muted", _ON_HANDSET,
            "Say nothing that they must not hear, and look at your phone.",
        ),
        "unmute": Sentences(
            "Still muted", "It is still muted", "The other party may or may not hear you.", "you are heard again",
            _ON_HANDSET, "Ask the other party whether they hear you.",
        ),
        "park": Sentences(
            "Not parked", "It did not park the call", "The caller may or may not be parked.", "the call was parked",
            "You were quicker: the call was parked before anything was sent.",
        ),
        "dnd_on": Sentences(
            "Do not disturb is not on", "Do not disturb did not go on", "Do not disturb may or may not be on.",
            "do not disturb is on", _ON_HANDSET, "Calls may still ring.",
        ),
        "dnd_off": Sentences(
            "Do not disturb is still on", "Do not disturb did not go off", "Do not disturb may or may not be off.",
            "do not disturb is off", _ON_HANDSET, "Calls may still not ring.",
        ),
        "keys": Sentences(
            "Keys not pressed", "The keys were not pressed", "The keys may or may not have been pressed.",
            "the keys did what they should", _ON_HANDSET,
        ),
    }
)  # fmt: skip
# Nobody tells of these by an event: what the phone replied is all there will ever be.
NEVER_PROVED: Final = ("dtmf", "mute", "unmute", "keys")


def expired(kind: str) -> str:
    return f"Nothing happened in time, so it was withdrawn. {SENTENCES[kind].undone}."


def not_sure_yet(kind: str, *, phone: bool, replied: bool) -> str:
    """At three seconds."""
    row, who = SENTENCES[kind], "your phone" if phone else "the PBX"
    if replied and kind in NEVER_PROVED:
        return f"{who[0].upper()}{who[1:]} said yes, and nothing else can prove it. {row.maybe}"
    said = f"{who[0].upper()}{who[1:]} said yes" if replied else f"No answer from {who}"
    doubt = "but no event has confirmed it" if replied else "and no event has confirmed it"
    return f"{said}, {doubt}. {row.maybe} We watch the PBX; do not press again."


def still_pressing(kind: str) -> str:
    """At three seconds without a new step: the keys went out, and what they should bring about is waited for."""
    return f"The keys were pressed, and nothing shows yet what came of it. {SENTENCES[kind].maybe} Do not press again."


def still_not_sure(kind: str, *, phone: bool, replied: bool) -> str:
    """When we stop looking."""
    row = SENTENCES[kind]
    if kind in NEVER_PROVED:
        said = f"{'Your phone' if phone else 'The PBX'} said yes" if replied else "Nobody answered"
        return f"Not sure: {said}, and nothing else can prove it. {row.maybe} {row.look}"
    source = "neither your phone nor the PBX" if phone else "nothing that the PBX shows"
    told = "told us" if phone else "tells us"
    return f"Not sure: {source} {told} whether {row.whether}. {row.look}"


def no_effect(kind: str, evidence: str) -> str:
    """It was sent, and surely did nothing."""
    row = SENTENCES[kind]
    return f"{row.no_effect}: {evidence} {row.again}"


def undone(kind: str, evidence: str) -> str:
    """The PBX's events say that it cannot come true any more."""
    return f"{SENTENCES[kind].undone}: {evidence}"
