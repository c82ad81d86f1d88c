"""It works, but: what the PBX lets us do and hear, held against what we need. Pure: signs in, sentences out.

What our user may send the PBX tells itself; of what it may hear one can only notice that events which must have
happened did not come. The words are those of asterisk/ami_rights.py.
"""

from dataclasses import dataclass

from crmconnector.asterisk.ami_rights import (
    LEAST_WRITE,
    VERBS_WRITE,
    Rights,
    missing_sentence,
    read_sentence,
    write_sentences,
)
from crmconnector.calls.verbs import PBX_ACTIONS

WANTED = frozenset(LEAST_WRITE.split(","))  # without these something is wrong
USED = frozenset(VERBS_WRITE.split(","))  # these are never too much
# Events by the read class that brings them; one of each is proof enough.
HEARD_AS = {"Newchannel": "call", "QueueCallerJoin": "agent", "AgentCalled": "agent"}


@dataclass(slots=True)
class Signs:
    """What this link has shown so far. `heard` holds the read classes of which an event has come."""

    booted: bool | None = None  # False: the PBX did not tell that it is up, as it must to whoever reads `system`
    heard: frozenset[str] = frozenset()
    list_refused: bool = False
    silent_calls: bool = False  # listed channels began since we are connected, and no event told of them
    silent_queue: bool = False  # the same of callers in a queue
    rights: Rights | None = None  # None: the PBX did not say


def remarks(signs: Signs) -> tuple[str, ...]:
    """Sentences for people: what is wrong and what to do; none when all is well."""
    said = write_sentences(signs.rights, WANTED, USED) if signs.rights is not None else ()
    if signs.rights is None and signs.list_refused:
        said = (missing_sentence("reporting"),)
    silent = [
        right
        for right, is_silent in (
            ("system", signs.booted is False),
            ("call", signs.silent_calls and "call" not in signs.heard),
            ("agent", signs.silent_queue and "agent" not in signs.heard),
        )
        if is_silent
    ]
    return (*said, *(read_sentence(right) for right in silent))


def may_send(rights: Rights | None) -> list[str] | None:
    """The AMI actions that our user may send, of those that the verbs of a call take, in lower case; None: not known.
    A verb whose action is not there is not offered by the PBX."""
    return None if rights is None else sorted(PBX_ACTIONS & rights.actions)
