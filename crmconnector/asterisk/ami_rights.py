"""What our AMI user may do on the PBX, held against what the product needs. Pure: the PBX's answer in, sentences out.

A user has classes for writing (which actions it may send) and classes for reading (which events it is sent). The first
can be asked: the answer to `ListCommands`, for which no class is needed, names just the actions that this user may
send, each with the classes of which one is enough:

    CoreShowChannels: List currently active channels.  (Priv: system,reporting,all)

Nobody tells the second: one only notices that events which must have happened did not come.

What each class is for, as Asterisk 22 behaves (the lab tests prove it):

    none       Login, Ping, Logoff, ListCommands, QueueStatus: every user may
    reporting  CoreShowChannels, and Getvar for the model, firmware and registration of each phone
    call       every verb of a call that is up or rings: Hangup, BlindTransfer, Atxfer, CancelAtxfer, Redirect, Bridge,
               Park, PlayDTMF, and Setvar to mute (MuteAudio would need `system`)
    originate  Originate: the PBX rings the user's own phone, which then dials; do-not-disturb by our dialplan
    read       system: FullyBooted, Shutdown; agent: QueueCaller…, AgentCalled …; call: every other event that we
               follow, also AttendedTransfer, ParkedCall, Pickup and OriginateResponse
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .ami_items import Headers

LEAST_READ = "system,call,agent"
LEAST_WRITE = "reporting"  # to hear and list; who gives no more has the verbs of the desk phone
VERBS_WRITE = "call,originate,reporting"  # and to command calls through the PBX

# The actions for which the product would use a class; more than one class may allow the same action.
USED_FOR = {
    "reporting": ("CoreShowChannels",),
    "originate": ("Originate",),
    "call": ("Hangup", "BlindTransfer", "Atxfer", "CancelAtxfer", "Redirect", "Bridge", "Park", "PlayDTMF", "Setvar"),
}
_WITHOUT_WRITE = {
    "reporting": "may not list the calls that go on, so calls that begin or end while there is no link are missed",
    "originate": "may not start calls, so the PBX cannot call where a desk phone does not take the number",
    "call": "may not put calls through, park, mute or end them, so these verbs are left to the desk phone or missing",
}
_WITHOUT_READ = {
    "system": "is not told when Asterisk has started or stops, so a restart is noticed late",
    "call": "is told nothing of calls, so no card can open",
    "agent": "is told nothing of callers who wait in queues, so their cards lack the queue",
}
# What whoever learns the secret could do. Each was tried on Asterisk 22: all but `originate` end in running programs as
# the PBX. Not here: what disturbs but neither takes over nor costs money (call, agent, user, message, aoc), and what
# allows no action at all (log, verbose, dtmf, cdr, dialplan, cc, security).
_DANGERS = {
    "command": "run commands on the PBX",
    "config": "rewrite its settings and add users",
    "system": "add to its dialplan, unload its modules and read its passwords",
    "agi": "run programs from calls that AGI controls",
    "originate": "place calls at the company's expense",
}
# An action of Asterisk's own core that this class alone allows: where it is not listed the class is not held.
_OWN_ACTION = {
    "call": "redirect",
    "command": "command",
    "config": "updateconfig",
    "originate": "originate",
    "system": "moduleload",
    "user": "userevent",
}
_classes = re.compile(r"\(Priv: ([a-z,]+)\)\s*\Z")


@dataclass(frozen=True, slots=True)
class Rights:
    """What an AMI user may send: names of actions in lower case, and the classes that it surely holds for writing."""

    actions: frozenset[str]
    write: frozenset[str]

    def may(self, action: str) -> bool:
        return action.lower() in self.actions


def rights_of(headers: Headers) -> Rights:
    """Read the answer to ListCommands. Text that is no list of actions gives a user who may do nothing."""
    allowing = dict(_actions(headers))
    sets = [classes for classes in allowing.values() if classes]
    held = frozenset(only for classes in sets if len(classes) == 1 for only in classes)
    absent = frozenset(right for right, action in _OWN_ACTION.items() if action not in allowing)
    # Several classes allow an action: it proves one of them when the others are known to be missing.
    left = [classes - absent for classes in sets if not classes & held]
    held |= frozenset(only for classes in left if len(classes) == 1 for only in classes)
    return Rights(frozenset(allowing), held)


def _actions(headers: Headers) -> Iterator[tuple[str, frozenset[str]]]:
    for name, told in headers.items():
        text = told if isinstance(told, str) else told[0]
        if "(Priv: " in text:  # not the answer's own headers
            found = _classes.search(text)  # not `(Priv: <none>)`
            yield name.lower(), frozenset(found[1].split(",") if found else ()) - {"all"}


def missing(rights: Rights, wanted: Collection[str]) -> tuple[str, ...]:
    """The classes of `wanted` that are not there: those whose actions this user may not all send, by whatever class."""
    return tuple(right for right in sorted(wanted) if not _has(rights, right))


def _has(rights: Rights, right: str) -> bool:
    used_for = USED_FOR.get(right)
    return right in rights.write if used_for is None else all(rights.may(action) for action in used_for)


def excessive(rights: Rights, wanted: Collection[str] = ()) -> tuple[str, ...]:
    """The dangerous classes that this user surely holds for writing, the worst first; never one that is wanted."""
    return tuple(right for right in _DANGERS if right in rights.write and right not in wanted)


def write_sentences(rights: Rights, wanted: Collection[str], used: Collection[str] = ()) -> tuple[str, ...]:
    """For people: a sentence for each right that is missing, and one for all that are too much. What is `used` when it
    is there is neither."""
    return (
        *(missing_sentence(right) for right in missing(rights, wanted)),
        *_excess(excessive(rights, [*wanted, *used]), instead=sorted(set(wanted) - rights.write)),
    )


def missing_sentence(right: str) -> str:
    """For people: this class for writing is not there."""
    return _lacks(_WITHOUT_WRITE.get(right, f"lacks `{right}`"), right, "write")


def verb_sentences(may_send: Collection[str]) -> tuple[str, ...]:
    """For people: what cannot be commanded through the PBX with these actions (lower case), a sentence a class."""
    rights = Rights(frozenset(may_send), frozenset())
    return tuple(missing_sentence(right) for right in ("call", "originate") if not _has(rights, right))


def read_sentence(right: str) -> str:
    """For people: the events of this class for reading (system, call, agent) do not come."""
    return _lacks(_WITHOUT_READ[right], right, "read")


def _lacks(what: str, right: str, line: str) -> str:
    return f"The AMI user {what}: add `{right}` to `{line}` in manager.conf."


def _excess(rights: Collection[str], *, instead: Collection[str]) -> tuple[str, ...]:
    if not rights:
        return ()
    deeds = _listed([f"{_DANGERS[right]} (write={right})" for right in rights])
    # Asterisk lets `system` list calls as well: taken away alone it would take that too.
    rest = f" Leave it {_listed([f'`{right}`' for right in instead])}." if instead else ""
    away = "it" if len(rights) == 1 else "them"
    return (f"The AMI user may also {deeds}. The product never does: take {away} away.{rest}",)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{'; '.join(words[:-1])}; and {words[-1]}"
