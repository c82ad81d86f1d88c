"""What comes out of an AMI link, in the order in which it happened on the wire.

A link is up from the moment the PBX accepts the login. Every link that came up has its own epoch (1, 2, 3 … within this
process) and its stream reads: LinkUp, RawEvent 1, RawEvent 2 …, LinkDown. Between a LinkDown and the next LinkUp events
were lost for good (AMI has no replay): whoever consumes the stream rebuilds its picture after each LinkUp.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

Headers = dict[str, str | list[str]]
"""One AMI message: names as the PBX spelled them; a header that came more than once is a list, otherwise a string.

Values are exactly as on the wire: Asterisk writes `O'Neil` as `O\\'Neil`, and nobody has undone that yet."""


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The PBX accepted our login. `version` is AMI's own (such as 11.0.0), not Asterisk's; `at` is epoch seconds."""

    epoch: int
    version: str
    at: float


class RawEvent(NamedTuple):
    """One event as it came; a tuple, for there are thousands a second.

    `sequence` is 1, 2, 3 … within the epoch, without gaps; `received_at` is epoch seconds.
    """

    epoch: int
    sequence: int
    received_at: float
    headers: Headers


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link of this epoch ended; `reason_code` is one of ami_reasons, `reason` a sentence for people."""

    epoch: int
    reason_code: str
    reason: str
    at: float


Item = LinkUp | RawEvent | LinkDown


@dataclass(frozen=True, slots=True)
class Reply:
    """The PBX's answer to one action: its `Response:` told as a yes or no, its `Message:`, and all its headers."""

    success: bool
    message: str
    headers: Headers = field(repr=False)


class ListReply(list[Headers]):
    """The items of a list, one dictionary each, without the event that ended it; and whether they are all.

    `items` is how many the PBX says it sent (`ListItems`), None where it does not say (Asterisk before 13). What it
    counts is up to the action: CoreShowChannels its channels, Status too; QueueStatus every row, so the queues, their
    members and the waiting callers together. `complete`: nothing speaks against these being all of them.
    """

    def __init__(self, rows: Iterable[Headers] = (), *, items: int | None = None, complete: bool = True) -> None:
        super().__init__(rows)
        self.items = items
        self.complete = complete


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the link is now: for the status row and the banner. Times are epoch seconds."""

    connected: bool
    version: str  # AMI's, of this link or the last; "" before the first
    since: float  # of being connected, or of being without a link
    last_heard_at: float | None  # last byte from the PBX on a link that it had let in, this one or an earlier
    reason_code: str  # why there is no link; "" while there is one
    reason: str
    attempts: int  # tries since the link was last up
    tries: int  # tries since this process started
    next_try_at: float | None  # None while connected or just trying
    queued: int  # items nobody has taken yet: the consumer's lag
    overflows: int  # links given up because nobody took the items
    oversized: int  # messages of which only the beginning was kept
    malformed: int  # messages that were neither event nor response
    late: int  # answers that came after their deadline
    passed_over: int  # events that the consumer did not want to see
    # True: it said that it is up. False: a second after the login it had not yet, so it is still starting or we may not
    # read `system`. None: too early to tell, or no link, or one without events.
    booted: bool | None = None
