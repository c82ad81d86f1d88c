"""Who waits in which queue, and since when: from the PBX's two lists to events that the tracker understands. Pure."""

from collections.abc import Iterable, Mapping

from crmconnector.asterisk.ami_events import ChannelFacts, QueueCallerJoin

Headers = Mapping[str, str | list[str]]
LONGEST_WAIT_SECONDS = 24 * 3600


def waiting_callers(rows: Iterable[Headers], listed: Mapping[str, ChannelFacts], at: float) -> list[QueueCallerJoin]:
    """One event a caller who waits, stamped with the moment of joining: `at` (epoch seconds) less the wait.

    `rows` is the answer to QueueStatus: QueueParams, QueueMember and QueueEntry events; only the last are callers.
    `listed` has the facts of each channel by Uniqueid, from CoreShowChannels: a queue tells neither the Linkedid nor
    the state, and writes `unknown` for a number that it has not. Who is not in it came later or has left already; the
    events tell of them.
    """
    found = []
    for row in rows:
        queue, channel = _word(row, "Queue"), listed.get(_word(row, "Uniqueid"))
        if row.get("Event") == "QueueEntry" and queue and channel is not None:
            found.append(QueueCallerJoin(at - wait_seconds(row), channel, queue))
    return found


def wait_seconds(row: Headers) -> int:
    """How long the caller of a QueueEntry waits; 0 when the PBX says nothing sensible."""
    text = _word(row, "Wait")
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return seconds if seconds <= LONGEST_WAIT_SECONDS else 0


def _word(row: Headers, name: str) -> str:
    value = row.get(name, "")
    return value.strip()[:80] if isinstance(value, str) else ""
