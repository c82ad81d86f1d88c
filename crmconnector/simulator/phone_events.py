"""Which action URL events a change of a line means. The names are the vendor's own."""

from __future__ import annotations

CHANGES: dict[tuple[str, str], tuple[str, ...]] = {
    ("idle", "ringing"): ("incomingCall",),
    ("dialing", "calling"): ("outgoingCall",),
    ("calling", "connected"): ("establishedCall",),
    ("ringback", "connected"): ("establishedCall",),
    ("ringing", "connected"): ("answerNewInCall", "establishedCall"),
    ("connected", "onhold"): ("holdCall",),
    ("onhold", "connected"): ("unholdCall",),
}
RANG_ONLY: dict[str, tuple[str, ...]] = {"rejected": ("rejectIncomingCall",), "elsewhere": ()}
IN_A_CALL = ("calling", "ringback", "connected", "onhold")
OFF_HOOK = (*IN_A_CALL, "dialing")


def events_of(before: str, after: str, why: str = "") -> tuple[str, ...]:
    """`why` says how ringing ended; see PhoneLine.end."""
    if (before, after) in CHANGES:
        return CHANGES[before, after]
    if before == "ringing" and after == "idle":
        return RANG_ONLY.get(why, ("missedCall",))
    if before in IN_A_CALL and after in ("idle", "ending", "failed"):
        return ("terminatedCall",)
    return ()
