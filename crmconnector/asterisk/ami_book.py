"""What is remembered about a PBX's links from one to the next, for the status row and the banner."""

from __future__ import annotations

import logging

from .ami_items import LinkState
from .ami_pace import Clock
from .ami_protocol import LinkProtocol
from .ami_reasons import Ending

BOOTED_WITHIN_SECONDS = 1.0  # Asterisk says so in the same breath as its yes to the login

log = logging.getLogger("crmconnector.asterisk.ami")


class LinkBook:
    """Tries, reasons and counts. What a living link knows itself is read from it, so that the state is never late."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._version = ""
        self._down_since = clock.wall()
        self._last_heard_at: float | None = None
        self._ending = Ending("never")
        self._next_try_at: float | None = None
        self._attempts = 0
        self._tries = 0
        self._overflows = 0
        self._oversized = 0
        self._malformed = 0
        self._late = 0
        self._passed_over = 0

    def trying(self) -> None:
        """A try begins."""
        self._attempts += 1
        self._tries += 1
        self._next_try_at = None

    def keep(self, link: LinkProtocol) -> None:
        """A link ended: keep what it counted."""
        self._last_heard_at = _heard_at(link) or self._last_heard_at
        self._version = link.framer.version or self._version
        self._oversized += link.framer.oversized
        self._malformed += link.malformed
        self._late += link.late
        self._passed_over += link.passed_over
        if link.up_at_wall is not None:
            self._attempts = 0
            self._down_since = self._clock.wall()

    def ended(self, ending: Ending, *, next_try_in: float | None) -> None:
        """A try ended; seconds to the next, or None if there will be none.

        Said in the log once for each new reason, so that a night without a PBX does not fill it.
        """
        level = logging.DEBUG if ending.code in (self._ending.code, "closed") else logging.WARNING
        after = "" if next_try_in is None else f" Next try in {next_try_in:.1f} s."
        log.log(level, "AMI: %s%s", ending.sentence, after)
        self._ending = ending
        self._overflows += ending.code == "overflow"
        self._next_try_at = None if next_try_in is None else self._clock.wall() + next_try_in

    def state(self, link: LinkProtocol | None, *, queued: int) -> LinkState:
        """How things stand; `link` is the one being tried or up, if any."""
        up_at = None if link is None or link.ended.done() else link.up_at_wall
        ending = link.ended.result() if link is not None and link.ended.done() else self._ending
        return LinkState(
            connected=up_at is not None,
            version=(link and link.framer.version) or self._version,
            since=self._down_since if up_at is None else up_at,
            last_heard_at=_heard_at(link) or self._last_heard_at,
            reason_code="" if up_at is not None else ending.code,
            reason="" if up_at is not None else ending.sentence,
            attempts=0 if up_at is not None else self._attempts,
            tries=self._tries,
            next_try_at=self._next_try_at,
            queued=queued,
            overflows=self._overflows,
            oversized=self._oversized + (link.framer.oversized if link else 0),
            malformed=self._malformed + (link.malformed if link else 0),
            late=self._late + (link.late if link else 0),
            passed_over=self._passed_over + (link.passed_over if link else 0),
            booted=None if up_at is None or link is None else self._booted(link),
        )

    def _booted(self, link: LinkProtocol) -> bool | None:
        early = link.up_at is None or self._clock.monotonic() - link.up_at < BOOTED_WITHIN_SECONDS
        return True if link.booted else None if early or not link.hears else False


def _heard_at(link: LinkProtocol | None) -> float | None:
    """When it was last heard; a link that was never let in has told nothing, though it greeted us."""
    return None if link is None or link.up_at_wall is None else link.heard_at_wall
