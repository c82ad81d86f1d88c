"""Stories that phones on chan_sip live through in another way, by the name of the story on the other labs."""

from __future__ import annotations

from tests.pbx.story_kit import STORIES, Story, ada_talks_with_1001, all_idle
from tests.support.lab import Lab


def blind_to_a_busy_phone(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1002, which is busy; 1001 is let go at once, then her call ends."""
    ada_talks_with_1001(lab)
    lab.phones["1002"].on_ring("busy")
    lab.phones["1001"].transfer("1002")
    all_idle(lab)


def blind_to_no_phone(lab: Lab) -> None:
    """Ada Smith calls 1001, who passes her to 1005, whose phone is not there; 1001 is let go, then her call ends."""
    ada_talks_with_1001(lab)
    lab.phones["1001"].transfer("1005")
    all_idle(lab)


# chan_sip tells the phone "200, done" as soon as the dialplan has the caller; chan_pjsip waits for what comes of it.
ON_CHAN_SIP: dict[str, Story] = {
    "transfer_blind_busy": blind_to_a_busy_phone,
    "transfer_blind_not_registered": blind_to_no_phone,
}


def telling(name: str, technology: str) -> Story | None:
    """How that story goes on phones of that driver; None if it is no such story."""
    return (ON_CHAN_SIP.get(name) if technology == "SIP" else None) or STORIES.get(name)
