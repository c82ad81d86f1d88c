"""Record what the product's AMI user sees of each story: `python -m tests.pbx.record [story …]`.

Writes two files a story: `<story>.jsonl`, one event a line, `{"t": seconds, "headers": {…}}`, a header that came twice
as a list; and `<story>.truth.json`: what the phones themselves lived through, by the same clock.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.pbx.asterisk_root import REPOSITORY
from tests.pbx.stories import STORIES
from tests.pbx.stories_with_gaps import GAP_STORIES
from tests.pbx.tape import Tape
from tests.support.lab import Lab, prepare_lab

RECORDINGS = REPOSITORY / "tests/recordings"
TRUNKS = ["PJSIP/trunk"]


def record(lab: Lab, name: str, folder: Path) -> int:
    """Live through one story and write its files; return the number of events."""
    lab.quiet()
    tape = Tape(lab)
    if name in STORIES:
        tape.connect()
        STORIES[name](lab)
    else:
        GAP_STORIES[name](lab, tape)
    tape.finish()
    (folder / f"{name}.jsonl").write_text("".join(tape.lines()), encoding="utf-8")
    truth = json.dumps(_truth(lab, name, tape.started), ensure_ascii=False, indent=1)
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
    tell = STORIES.get(name) or GAP_STORIES[name]
    return {
        "story": (tell.__doc__ or "").strip().splitlines()[0],
        "asterisk": lab.asterisk_version,
        "trunks": TRUNKS,
        "phones": {endpoint: seen for endpoint, seen in phones.items() if seen},
    }


def main(names: list[str]) -> None:
    prepare_lab(print)
    with Lab(print) as lab:
        folder = RECORDINGS / f"asterisk{lab.asterisk_version.split('.')[0]}"
        folder.mkdir(parents=True, exist_ok=True)
        for name in names or [*STORIES, *GAP_STORIES]:
            print(f"{name}: {record(lab, name, folder)} events", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
