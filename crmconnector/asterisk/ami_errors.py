"""What may go wrong when the PBX is asked for something, sorted by what the caller must do.

    AmiError
    ├── NotSent        nothing left this machine: asking again later cannot do it twice
    │   ├── LinkLost       there is no logged-in link now: say so, or ask again once state().connected
    │   └── BadHeader      a name or value that cannot be a header: mend the caller, asking again is useless
    ├── Refused        the PBX answered no: nothing happened; `reply.message` is its own sentence
    └── Unclear        it left and no answer came: it MAY have happened; never repeat it, look for the event as proof

No text of ours carries a header's value, for they hold numbers, names and secrets; the PBX's own words may.
"""

from __future__ import annotations

from .ami_items import Reply


class AmiError(Exception):
    """Anything this boundary raises."""


class NotSent(AmiError):
    """Nothing went out."""


class LinkLost(NotSent):
    """Nothing went out, because there is no logged-in link."""


class BadHeader(NotSent):
    """Nothing went out, because a header's name or value could not be one."""


class Refused(AmiError):
    """The PBX said no."""

    def __init__(self, sentence: str, reply: Reply) -> None:
        super().__init__(sentence)
        self.reply = reply


class Unclear(AmiError):
    """It went out; whether it happened is not known."""
