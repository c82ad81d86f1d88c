"""A process that reads the pretend PBX to the end of its play, and what that cost it.

    python -m tests.bench.readers ours|panoramisk PORT [COUNT …]

With counts `ours` has the product's own limits and notes its memory at each; without, the whole play finds room.
Prints JSON: {"cpu_seconds": …, "events": …, "calls": …, "open": …, "links": …, "rss_mb": {COUNT: …}}. No Django here.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import panoramisk

from crmconnector.asterisk.ami import AmiAddress, AmiClient, LinkUp, RawEvent
from crmconnector.asterisk.ami_events import FOLLOWED, parse
from crmconnector.asterisk.ami_inbox import QUEUE_BYTES
from crmconnector.calls.events import CallStarted
from crmconnector.calls.tracker import CallTracker
from tests.bench.mix import TRUNK

LAST_ID = "1999999999.1"


async def ours(port: int, counts: list[int]) -> dict[str, Any]:
    """As the listener does it, without rows."""
    size, size_bytes = (50_000, QUEUE_BYTES) if counts else (10_000_000, 1 << 40)
    address = AmiAddress("127.0.0.1", port, "crm", "secret")
    client = AmiClient(address, queue_size=size, queue_bytes=size_bytes, wanted=FOLLOWED)
    began = time.process_time()
    running = asyncio.create_task(client.run())
    tracker = CallTracker(trunks=(TRUNK,))
    told: dict[str, Any] = {"events": 0, "calls": 0, "links": 0, "rss_mb": {}}
    last = False
    while not last:
        for item in await client.next_batch():
            told["links"] += isinstance(item, LinkUp)
            if not isinstance(item, RawEvent):
                continue
            told["events"] += 1
            event = parse(item.headers, item.received_at)
            if event is not None:
                told["calls"] += sum(isinstance(one, CallStarted) for one in tracker.feed(event))
            if item.headers.get("Uniqueid") == LAST_ID:
                last = True
        if counts and told["events"] + client.state().passed_over >= counts[0]:
            told["rss_mb"][str(counts.pop(0))] = rss_mb("self")
    told["cpu_seconds"] = time.process_time() - began
    told["events"] += client.state().passed_over
    told["open"] = len([call for call in tracker.open_calls() if call.call != LAST_ID])
    await client.close()
    await running
    return told


async def bare_panoramisk(port: int, _counts: list[int]) -> dict[str, Any]:
    """panoramisk's own Manager and parser, and one callback for everything that does nothing."""
    loop = asyncio.get_running_loop()
    manager = panoramisk.Manager(host="127.0.0.1", port=port, username="crm", secret="secret", loop=loop)
    done, told = asyncio.Event(), {"events": 0}

    def came(_manager: panoramisk.Manager, message: panoramisk.Message) -> None:
        told["events"] += 1
        if message.uniqueid == LAST_ID:
            done.set()

    manager.register_event("*", came)
    began = time.process_time()
    await manager.connect()
    await done.wait()
    seconds = time.process_time() - began
    manager.connection_lost = lambda _: None  # or it would connect again
    manager.close()
    return {**told, "cpu_seconds": seconds}


def rss_mb(pid: int | str) -> float:
    """Memory that a process holds now, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    reader = {"ours": ours, "panoramisk": bare_panoramisk}[sys.argv[1]]
    counts = [int(count) for count in sys.argv[3:]]
    print(json.dumps(asyncio.run(reader(int(sys.argv[2]), counts))))


if __name__ == "__main__":
    main()
