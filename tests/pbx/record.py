"""Record what the product's AMI user sees of each story: `python -m tests.pbx.record [story …]`.

Writes two files a story: `<story>.jsonl`, one event a line, `{"t": seconds, "headers": {…}}`, a header that came twice
as a list; and `<story>.truth.json`: what the phones themselves lived through, by the same clock.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.pbx.ami_wire import AmiWire, Message
from tests.pbx.asterisk_root import REPOSITORY
from tests.pbx.children import wait_until
from tests.pbx.stories import STORIES, Story, product_user
from tests.support.lab import Lab, prepare_lab

RECORDINGS = REPOSITORY / "tests/recordings"
STILL_SECONDS = 0.4  # no event for so long after the last channel went: the story is over
TRUNKS = ["PJSIP/trunk"]


def record(lab: Lab, name: str, tell: Story, folder: Path) -> int:
    """Live through one story and write its files; return the number of events."""
    lab.quiet()
    with product_user(lab) as wire:
        started = time.monotonic() - wire.now
        wire.wait(lambda message: message.event == "FullyBooted", "FullyBooted")
        tell(lab)
        _wait_still(lab, wire)
        events = [message for message in wire.messages if message.event]
    lines = [_line(event) for event in events]
    (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    truth = json.dumps(_truth(lab, tell, started), ensure_ascii=False, indent=1)
    (folder / f"{name}.truth.json").write_text(truth + "\n", encoding="utf-8")
    return len(events)


def _line(event: Message) -> str:
    return json.dumps({"t": round(event.t, 3), "headers": event.headers}, ensure_ascii=False) + "\n"


def _wait_still(lab: Lab, wire: AmiWire) -> None:
    with lab.truth() as truth:
        wait_until(lambda: "0 active channels" in truth.command("core show channels count"), "no channel left")

    def still() -> bool:
        return wire.now - wire.messages[-1].t > STILL_SECONDS

    wait_until(still, "the last event of the story")


def _truth(lab: Lab, tell: Story, started: float) -> dict[str, Any]:
    phones = {
        phone.endpoint: [
            {"t": round(seen["at"] - started, 3), **{key: value for key, value in seen.items() if key != "at"}}
            for seen in phone.timeline()
            if seen["at"] >= started
        ]
        for phone in [*lab.phones.values(), lab.trunk]
    }
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
        for name in names or STORIES:
            print(f"{name}: {record(lab, name, STORIES[name], folder)} events", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
