"""Call events of calls that a phone of ours begins, as the tracker tells them."""

from crmconnector.calls import events as ev
from tests.support.story import T0, TRUNK

OWN = ev.Party("PJSIP/201", "201", None)
NUMBER = "03023125447"


def dials(number: str = NUMBER, *, key: str = "1.1", at: float = T0) -> list[ev.CallEvent]:
    """Phone 201 dials, and the line to the outside rings."""
    far = ev.Party(None, number, None)
    return [
        ev.CallStarted(key, at, "internal", False, OWN, number),
        ev.LegPlaced(key, at, key, "PJSIP/201", far),
        ev.CallChanged(key, at, "outbound", OWN, number),
        ev.LegRinging(key, at + 1, f"{key}-out", TRUNK, OWN, None, number),
    ]


def talks(number: str = NUMBER, *, key: str = "1.1", at: float = T0 + 5) -> list[ev.CallEvent]:
    far = ev.Party(TRUNK, number, None)
    return [
        ev.LegAnswered(key, at, f"{key}-out", TRUNK, OWN),
        ev.LegAnswered(key, at, key, "PJSIP/201", far),
        ev.CallAnswered(key, at, f"{key}-out", TRUNK),
    ]


def hangs_up(*, key: str = "1.1", at: float = T0 + 35) -> list[ev.CallEvent]:
    return [
        ev.LegEnded(key, at, f"{key}-out", TRUNK, "answered", None),
        ev.LegEnded(key, at, key, "PJSIP/201", "answered", None),
        ev.CallEnded(key, at, "answered", TRUNK, 30.0),
    ]


def fails(outcome: ev.LegOutcome, disposition: ev.CallDisposition, *, key: str = "1.1") -> list[ev.CallEvent]:
    return [
        ev.LegEnded(key, T0 + 20, f"{key}-out", TRUNK, outcome, None),
        ev.LegEnded(key, T0 + 20, key, "PJSIP/201", outcome, None),
        ev.CallEnded(key, T0 + 20, disposition, None, None),
    ]


def calls_colleague(*, key: str = "1.1", at: float = T0) -> list[ev.CallEvent]:
    """Phone 201 calls extension 202, which rings."""
    return [
        ev.CallStarted(key, at, "internal", False, OWN, "202"),
        ev.LegPlaced(key, at, key, "PJSIP/201", ev.Party(None, "202", None)),
        ev.LegRinging(key, at, f"{key}-202", "PJSIP/202", OWN, None, "202"),
    ]


def colleague_answers(*, key: str = "1.1", at: float = T0 + 5) -> list[ev.CallEvent]:
    return [
        ev.LegAnswered(key, at, f"{key}-202", "PJSIP/202", OWN),
        ev.LegAnswered(key, at, key, "PJSIP/201", ev.Party("PJSIP/202", "202", None)),
        ev.CallAnswered(key, at, f"{key}-202", "PJSIP/202"),
    ]
