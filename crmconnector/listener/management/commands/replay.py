"""`manage.py replay FILE`: the calls that a recorded AMI stream tells, by the code that runs live."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import tee
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crmconnector.asterisk.recording import Entry, NotARecording, read_recording
from crmconnector.calls.replay import Told, calls_from_events, told_from_events
from crmconnector.calls.timeline import words
from crmconnector.listener.trunk_hints import trunk_hint

_A_CLOCK = 1_000_000_000  # seconds: above it a time is a date, below it the seconds of a recording


class Command(BaseCommand):
    help = "Tell the calls of a recorded AMI stream: raw bytes of the socket, a JSON list, or one JSON event a line."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the recording; - reads it from standard input")
        parser.add_argument("--json", action="store_true", help="print the calls as JSON instead of a timeline")
        parser.add_argument(
            "--trunks",
            default="",
            help="lines to the outside, separated by commas (PJSIP/provider); guessed from the contexts if left out",
        )

    def handle(self, *args: object, **options: Any) -> None:
        events = _events_of(options["file"])
        trunks = [name.strip() for name in options["trunks"].split(",") if name.strip()] or _guessed(events)
        if options["json"]:
            calls = calls_from_events(events, trunks=trunks)
            self.stdout.write(json.dumps(calls, ensure_ascii=False, indent=1))
            return
        for line in _timeline(events, trunks):
            self.stdout.write(line)


def _events_of(name: str) -> list[Entry]:
    try:
        with Path("/dev/stdin" if name == "-" else name).open("rb") as file:
            return list(read_recording(file))
    except (OSError, NotARecording) as error:
        raise CommandError(f"{name} cannot be replayed. {error}") from None


def _guessed(events: Iterable[Entry]) -> list[str]:
    hints = (trunk_hint(entry.get("headers", entry)) for entry in events)
    return sorted({hint[0] for hint in hints if hint is not None})


def _timeline(events: Iterable[Entry], trunks: list[str]) -> Iterable[str]:
    """The calls one after the other, each with what happened in it."""
    events, again = tee(events)
    names: dict[str, str] = {}
    stories: dict[str, list[str]] = {}
    for told in told_from_events(again, trunks=trunks):
        names.setdefault(told.call, str(len(names) + 1))
        stories.setdefault(told.call, []).append(f"  {_time(told.at)}  {words(told, names)}")
    yield f"Lines to the outside: {', '.join(trunks) or 'none known (say which with --trunks)'}"
    for call in calls_from_events(events, trunks=trunks):
        yield ""
        yield f"Call {names.get(call['linkedid'], '?')} ({call['linkedid']}): {_summary(call, names)}"
        yield from stories.get(call["linkedid"], [])


def _summary(call: Told, names: dict[str, str]) -> str:
    caller = call["caller"] or {}
    parts = [
        f"{call['direction']} from {caller.get('number') or caller.get('endpoint') or 'unknown'}"
        f" to {call['dialled'] or 'unknown'}"
    ]
    if call["merged_into"]:
        parts.append(f"became part of call {names.get(call['merged_into'], call['merged_into'])}")
    else:
        parts.append(call["disposition"] or ("ended" if call["ended"] else "still going on"))
    if call["answered_by"]:
        parts.append(f"answered by {call['answered_by']}")
    parts += [f"{transfer['kind']} transfer by {transfer['by']}" for transfer in call["transfers"]]
    parts += [f"card for {pop['endpoint']} with {pop['number'] or 'no number'}" for pop in call["pops"]]
    return "; ".join(parts)


def _time(at: float) -> str:
    if at < _A_CLOCK:
        return f"{at:10.3f} s"
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
