"""The story of the pretend office: what its file may say, as frozen values.

The file is JSON. The simulator plays it; `load_demo` reads the same file (the file, not this module) so that the
people and contacts on the screen are those who call. All keys:

    about                 a sentence for the reader
    seed                  whole number; the same seed gives the same talk times and pauses
    pause_seconds         [from, to]: rest between two scenes
    pbx                   name; country (two letters, ISO 3166)
      trunks              name; endpoint (the part of the channel name: PJSIP/<endpoint>-00000001)
      lines               number (the DID in E.164); label; trunk (an endpoint above); target (extension that rings)
      queues              extension; label; members (extensions); ring_seconds; retry_seconds (rest between two rounds)
      groups              extension; label; members; ring_seconds: a ring group, all ring, the first one wins
    people                username; name; role (agent, supervisor or administrator); team; extension or null.
                          The FIRST person is the one who signs in.
    phones                name; mac (12 hex digits); model; extension; sip_account; port_offset (the phone listens on
                          the base port plus this); user_passcode (user level, plain text: the phone is a pretence);
                          profile (a name of profiles.py); answers_colleagues_after_seconds: what its owner does when a
                          colleague calls, null = nothing; optional admin_passcode, null = nobody knows it
    contacts              name; company (may be empty); title; email; numbers (label, number in E.164); notes
    far_end_default       what happens when a phone of the office dials out: outcome (answer, busy, no_answer or
                          not_found); after_seconds; talk_seconds [from, to], then the far end hangs up
    far_ends              the same for one number each (national and international spellings both match)
    scenes                played one after the other, again and again:
      name, title         a slug; a sentence
      kind incoming       line (a DID above); number (as the trunk presents it, `anonymous` = withheld); caller_name;
                          caller_gives_up_after_seconds; talk_seconds [from, to], then the caller hangs up;
                          colleagues: extension, deed (answer or reject), after_seconds of ringing;
                          optional target, which overrules the line's
      kind outgoing       extension (who dials); number (as dialled); far_end

Times are seconds of the story; `--speed` makes them shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FIRST_DAY = Path(__file__).parent / "stories" / "first_day.json"
Span = tuple[float, float]


@dataclass(frozen=True)
class Trunk:
    name: str
    endpoint: str


@dataclass(frozen=True)
class Line:
    """A public number (DID) of the office and what it rings."""

    number: str
    label: str
    trunk: str
    target: str


@dataclass(frozen=True)
class Queue:
    extension: str
    label: str
    members: tuple[str, ...]
    ring_seconds: float
    retry_seconds: float


@dataclass(frozen=True)
class Group:
    extension: str
    label: str
    members: tuple[str, ...]
    ring_seconds: float


@dataclass(frozen=True)
class Pbx:
    name: str
    country: str
    trunks: tuple[Trunk, ...]
    lines: tuple[Line, ...]
    queues: tuple[Queue, ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    role: str
    team: str
    extension: str | None


@dataclass(frozen=True)
class StoryPhone:
    name: str
    mac: str
    model: str
    extension: str
    sip_account: str
    port_offset: int
    user_passcode: str
    profile: str = "grp261x-guide"
    answers_colleagues_after_seconds: float | None = None
    admin_passcode: str | None = None

    def __repr__(self) -> str:
        return f"StoryPhone(extension={self.extension!r})"  # no passcode in a traceback


@dataclass(frozen=True)
class ContactNumber:
    label: str
    number: str


@dataclass(frozen=True)
class Contact:
    name: str
    company: str
    title: str
    email: str
    numbers: tuple[ContactNumber, ...]
    notes: str


@dataclass(frozen=True)
class FarEnd:
    """What the world outside does with a call from the office."""

    outcome: str = "answer"
    after_seconds: float = 4.0
    talk_seconds: Span = (30.0, 60.0)


@dataclass(frozen=True)
class FarEndOfNumber(FarEnd):
    number: str = ""


@dataclass(frozen=True)
class Colleague:
    """What the owner of another phone does while a scene rings there."""

    extension: str
    deed: str
    after_seconds: float


@dataclass(frozen=True)
class IncomingScene:
    name: str
    title: str
    kind: str
    line: str
    number: str
    caller_name: str
    caller_gives_up_after_seconds: float
    talk_seconds: Span
    colleagues: tuple[Colleague, ...] = ()
    target: str | None = None


@dataclass(frozen=True)
class OutgoingScene:
    name: str
    title: str
    kind: str
    extension: str
    number: str
    far_end: FarEnd


Scene = IncomingScene | OutgoingScene


@dataclass(frozen=True)
class Story:
    pbx: Pbx
    people: tuple[Person, ...]
    phones: tuple[StoryPhone, ...]
    contacts: tuple[Contact, ...] = ()
    scenes: tuple[Scene, ...] = ()
    far_end_default: FarEnd = FarEnd()
    far_ends: tuple[FarEndOfNumber, ...] = ()
    pause_seconds: Span = (12.0, 15.0)
    seed: int = 1
    about: str = ""

    def line(self, number: str) -> Line | None:
        return next((line for line in self.pbx.lines if line.number == number), None)

    def queue(self, extension: str) -> Queue | None:
        return next((queue for queue in self.pbx.queues if queue.extension == extension), None)

    def group(self, extension: str) -> Group | None:
        return next((group for group in self.pbx.groups if group.extension == extension), None)

    def far_end(self, dialled: str) -> FarEnd:
        """The script of a dialled number. The last nine digits decide: 0044…, +44… and 0… are one number."""
        tail = digits(dialled)[-9:]
        return next((end for end in self.far_ends if digits(end.number)[-9:] == tail), self.far_end_default)


def digits(text: str) -> str:
    return "".join(sign for sign in text if sign in "0123456789")
