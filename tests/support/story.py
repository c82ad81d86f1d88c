"""Call events of short stories, as the tracker tells them."""

import time

from crmconnector.calls import events as ev

T0 = float(round(time.time()) - 100)  # arrival times; the phones were assigned an hour ago
TRUNK = "PJSIP/trunk"


def caller(number: str, *, name: str | None = None, restricted: bool = False) -> ev.Party:
    return ev.Party(TRUNK, number, name, restricted)


def inbound_call(
    *, leg_endpoint: str, number: str, key: str = "1.1", dialled: str = "+493023125100", restricted: bool = False,
    name: str | None = None,
) -> list[ev.CallEvent]:  # fmt: skip
    """It comes in and rings one phone."""
    far = caller(number, name=name, restricted=restricted)
    return [
        ev.CallStarted(key, T0, "inbound", False, far, dialled),
        ev.LegRinging(key, T0, f"{key}-leg", leg_endpoint, far, None, dialled),
    ]


def answered_call(*, leg_endpoint: str, number: str, key: str = "1.1") -> list[ev.CallEvent]:
    far = caller(number)
    return [
        *inbound_call(leg_endpoint=leg_endpoint, number=number, key=key),
        ev.LegAnswered(key, T0 + 5, f"{key}-leg", leg_endpoint, far),
        ev.CallAnswered(key, T0 + 5, f"{key}-leg", leg_endpoint),
        ev.LegEnded(key, T0 + 35, f"{key}-leg", leg_endpoint, "answered", None),
        ev.CallEnded(key, T0 + 35, "answered", leg_endpoint, 30.0),
    ]


def missed_call(*, key: str = "1.1", leg_endpoint: str = "PJSIP/201") -> list[ev.CallEvent]:
    return [
        ev.LegEnded(key, T0 + 20, f"{key}-leg", leg_endpoint, "cancelled", None),
        ev.CallEnded(key, T0 + 20, "no_answer", None, None),
    ]


def group_call(
    *, endpoints: list[str], winner: str, number: str = "03023125447", key: str = "1.1"
) -> tuple[list[ev.CallEvent], list[ev.CallEvent], list[ev.CallEvent]]:
    """(rings all, one answers, it ends)."""
    far = caller(number)
    ring: list[ev.CallEvent] = [ev.CallStarted(key, T0, "inbound", False, far, "+493023125100")]
    ring += [ev.LegRinging(key, T0, f"{key}-{one}", one, far, None, "+493023125100") for one in endpoints]
    answer: list[ev.CallEvent] = [
        ev.LegEnded(key, T0 + 4, f"{key}-{one}", one, "elsewhere", winner) for one in endpoints if one != winner
    ]
    answer += [
        ev.LegAnswered(key, T0 + 4, f"{key}-{winner}", winner, far),
        ev.CallAnswered(key, T0 + 4, f"{key}-{winner}", winner),
    ]
    end: list[ev.CallEvent] = [
        ev.LegEnded(key, T0 + 24, f"{key}-{winner}", winner, "answered", None),
        ev.CallEnded(key, T0 + 24, "answered", winner, 20.0),
    ]
    return ring, answer, end
