"""Transfers: who handed over, how, and whether the two others were put together."""

from __future__ import annotations

from crmconnector.asterisk.ami_events import UP, AttendedTransfer, BlindTransfer
from crmconnector.calls.events import CallEvent, CallTransferred, TransferKind
from crmconnector.calls.graph import Bridge, Channel, party_ahead, party_behind
from crmconnector.calls.story import Call, Leg, TransferNote


def note_blind(event: BlindTransfer, transferer: Channel, transferee: Channel | None, out: list[CallEvent]) -> None:
    """The transferee goes on alone to the new target; `connects` is known when somebody there answers."""
    token = f"blind {event.transferer.uniqueid}"
    one = transferee or transferer.partner
    call, by = transferer.call, transferer.endpoint
    if _note(call, TransferNote("blind", by, event.at, token, one, None)):
        out.append(CallTransferred(call.key, event.at, transferer.uid, by, "blind", to=event.to))


def note_attended(
    event: AttendedTransfer,
    call: Call,
    first: Channel,
    second: Channel,
    one: Channel | None,
    target: Channel | None,
    out: list[CallEvent],
) -> None:
    """`one` is handed over to `target`. Asterisk may leave the target out: then it is whom the second channel knows."""
    other = target or (second.partner if second is not first else None) or _rung_by(call, second)
    rings = event.target_rings or (other is not None and other.state != UP)
    kind: TransferKind = "blonde" if rings else "attended"
    token = f"attended {event.first.uniqueid} {event.second.uniqueid}"
    note = TransferNote(kind, first.endpoint, event.at, token, one, other)
    if kind == "attended" and one is not None and other is not None:
        note.result = (one.endpoint, other.endpoint)
    if kind == "blonde" and one is not None:
        for channel in call.channels:  # what the transferer dialled rings for the other party now
            if channel.dialer is second:
                channel.dialer = one
    if _note(call, note):
        out.append(CallTransferred(call.key, event.at, first.uid, first.endpoint, kind, second.uid))


def party(channel: Channel | None) -> Channel | None:
    """Who is handed over: an event names a Local half where one stays in between."""
    return party_behind(channel) if channel is not None else None


def put_together(bridge: Bridge | None, one: Channel | None, by: Channel) -> Channel | None:
    """The party in that bridge which the transferer put together with `one`."""
    members = bridge.members if bridge is not None else ()
    parties = (party_ahead(member) for member in members)
    return next((party for party in parties if party is not None and party is not one and party is not by), None)


def _rung_by(call: Call, transferer: Channel) -> Channel | None:
    legs = (leg for leg in call.legs.values() if not leg.ended and not leg.answered)
    return next((leg.channel for leg in legs if _rings_for(leg, transferer)), None)


def _rings_for(leg: Leg, transferer: Channel) -> bool:
    return leg.far_channel is transferer or leg.channel.dialer is transferer


def _note(call: Call, note: TransferNote) -> bool:
    """Whether it was not known before: an event may come twice."""
    fresh = all(known.token != note.token for known in call.transfers)
    if fresh:
        call.transfers.append(note)
    return fresh


def settle_transfers(call: Call, parties: list[Channel]) -> None:
    """Somebody hears somebody: is it what an open transfer was waiting for?"""
    for note in call.transfers:
        if note.result is not None or note.one is None or note.one not in parties:
            continue
        others = [party for party in parties if party is not note.one and party.endpoint != note.by]
        if note.other is not None and note.other not in others:
            continue
        if others:
            note.result = (note.one.endpoint, others[0].endpoint)
