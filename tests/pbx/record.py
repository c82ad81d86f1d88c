"""Record what the product's AMI user sees of each story: `python -m tests.pbx.record [--lab asterisk16sip] [story …]`.

Writes two files a story into tests/recordings/<lab>/: `<story>.jsonl`, one event a line,
`{"t": seconds, "headers": {…}}`, a header that came twice as a list; and `<story>.truth.json`: what the phones
themselves lived through, by the same clock.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.pbx.asterisk_root import REPOSITORY
from tests.pbx.asterisk_server import ASTERISK16, ASTERISK16SIP, ASTERISK22, VARIANTS
from tests.pbx.stories import STORIES
from tests.pbx.stories_with_gaps import GAP_STORIES
from tests.pbx.tape import Tape
from tests.pbx.told_otherwise import telling
from tests.support.lab import Lab, prepare_lab

RECORDINGS = REPOSITORY / "tests/recordings"
# Told once more by a PBX that writes the time on every event.
STAMPED = {"inbound_answered_other_clock": "inbound_answered"}
# Asterisk 16 only ends at a restart, for its loader cannot name it: what follows would be our supervisor's story.
_NO_RESTART = {"pbx_restarted"}
# chan_sip answers no call whose name ends in a backslash ("No closing quote found"): nothing to be seen on AMI.
_NO_NAME = {"name_backslash"}
LEFT_OUT: dict[str, set[str]] = {ASTERISK16.name: _NO_RESTART, ASTERISK16SIP.name: _NO_RESTART | _NO_NAME}


def stories_of(variant_name: str) -> list[str]:
    """The names of all that is recorded of this kind of PBX."""
    return [name for name in [*STORIES, *STAMPED, *GAP_STORIES] if name not in LEFT_OUT.get(variant_name, set())]


def record(lab: Lab, name: str, folder: Path) -> int:
    """Live through one story and write its files; return the number of events."""
    lab.quiet()
    lab.server.stamp_events(name in STAMPED)
    tape = Tape(lab)
    told = STAMPED.get(name, name)
    tell = telling(told, lab.variant.technology)
    if tell is not None:
        tape.connect()
        tell(lab)
    else:
        GAP_STORIES[told](lab, tape)
    tape.finish()
    (folder / f"{name}.jsonl").write_text("".join(tape.lines()), encoding="utf-8")
    truth = json.dumps(_truth(lab, told, tape.started), ensure_ascii=False, indent=1)
    (folder / f"{name}.truth.json").write_text(truth + "\n", encoding="utf-8")
    return len(tape.lines())


def _truth(lab: Lab, name: str, started: float) -> dict[str, Any]:
    """Times are seconds of the recording's clock; below zero: before the first connection."""
    phones = {
        phone.endpoint: [
            {"t": round(seen["at"] - started, 3), **{key: value for key, value in seen.items() if key != "at"}}
            for seen in phone.timeline()
        ]
        for phone in [*lab.phones.values(), lab.trunk]
    }
    tell = telling(name, lab.variant.technology) or GAP_STORIES[name]
    return {
        "story": (tell.__doc__ or "").strip().splitlines()[0],
        "asterisk": lab.asterisk_version,
        "trunks": [lab.trunk.endpoint],
        "phones": {endpoint: seen for endpoint, seen in phones.items() if seen},
    }


def record_all(lab: Lab, names: list[str], folder: Path) -> list[str]:
    """Record each story; return those that did not go as told. One that fails does not spoil the rest."""
    failed = []
    for name in names:
        try:
            print(f"{name}: {record(lab, name, folder)} events", flush=True)
        except (TimeoutError, LookupError, AssertionError) as error:
            failed.append(name)
            print(f"{name}: NOT RECORDED: {type(error).__name__} {error}", flush=True)
    return failed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.pbx.record", description="Record stories of the lab.")
    parser.add_argument("--lab", choices=sorted(VARIANTS), default=ASTERISK22.name)
    parser.add_argument("stories", nargs="*", metavar="story", help="none: all")
    asked = parser.parse_args(arguments)
    variant = VARIANTS[asked.lab]
    prepare_lab(print, variant)
    folder = RECORDINGS / variant.name
    folder.mkdir(parents=True, exist_ok=True)
    with Lab(print, variant) as lab:
        failed = record_all(lab, asked.stories or stories_of(variant.name), folder)
    if failed:
        print(f"Not recorded: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
