"""How many events one core takes from the socket to headers, against panoramisk's own parser in the same run.

The figures are printed (pytest -s); only the ratio is asserted, and loosely: the machine is shared.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import panoramisk
import pytest

from crmconnector.asterisk.ami import AmiAddress, AmiClient, LinkUp, RawEvent
from tests.support.fake_ami import LOOPS, event, run

EVENTS = 60_000


def stream() -> bytes:
    """60,000 events of some 530 bytes and 16 to 20 headers, such as a busy office makes."""
    events = []
    for number in range(EVENTS):
        channel = {
            "Channel": f"PJSIP/1001-{number:08x}",
            "ChannelState": "4",
            "ChannelStateDesc": "Ring",
            "CallerIDNum": f"+4420794{number:05d}",
            "CallerIDName": "Zoë Müller" if number % 10 == 0 else "Ada Smith",
            "ConnectedLineNum": "<unknown>",
            "ConnectedLineName": "<unknown>",
            "Language": "en",
            "AccountCode": "",
            "Context": "from-internal",
            "Exten": "1002",
            "Priority": "1",
            "Uniqueid": f"1700000000.{number}",
            "Linkedid": f"1700000000.{number // 60}",
        }
        if number % 3 == 0:
            bridge = {"BridgeUniqueid": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "BridgeNumChannels": "2"}
            events.append(event("BridgeEnter", Privilege="call,all", **bridge, **channel))
        else:
            events.append(event("Newstate", Privilege="call,all", SystemName="pbx-1", **channel, Extra="x" * 60))
    return b"".join(events)


STREAM = stream()


def serve(listener: socket.socket) -> None:
    """Answer one login, then send the stream: in a thread of its own, whose time is not counted."""
    connection, _ = listener.accept()
    with connection:
        connection.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(4096)
        lines = dict(line.split(b": ", 1) for line in request.split(b"\r\n") if line)
        connection.sendall(b"Response: Success\r\nActionID: " + lines[b"ActionID"] + b"\r\nMessage: Hello\r\n\r\n")
        connection.sendall(STREAM)
        connection.settimeout(20)
        connection.recv(1)


@contextmanager
def busy_pbx() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def measured(reader: Callable[[int], Coroutine[Any, Any, float]], loop: str) -> float:
    """Seconds of this thread's processor time that the reader needs for all events; the best of two.

    Whoever else uses this machine only ever makes it slower.
    """
    seconds: list[float] = []

    async def story(port: int) -> None:
        seconds.append(await reader(port))

    for _ in range(2):
        with busy_pbx() as port:
            run(story(port), loop, seconds=60)
    return min(seconds)


async def ours(port: int) -> float:
    client = AmiClient(AmiAddress("127.0.0.1", port, "crm", "secret"), queue_size=2 * EVENTS)
    running = asyncio.create_task(client.run())
    began = time.thread_time()
    seen = 0
    while seen < EVENTS:
        for item in await client.next_batch():
            if isinstance(item, RawEvent):
                seen += 1
                assert item.sequence == seen
            else:
                assert isinstance(item, LinkUp)
    seconds = time.thread_time() - began
    await client.close()
    await running
    return seconds


async def panoramisk_alone(port: int) -> float:
    """The same with panoramisk as it is and one callback for everything."""
    manager = panoramisk.Manager(
        host="127.0.0.1", port=port, username="crm", secret="secret", loop=asyncio.get_running_loop()
    )
    done = asyncio.Event()
    seen = 0

    def came(_manager: panoramisk.Manager, _message: panoramisk.Message) -> None:
        nonlocal seen
        seen += 1
        if seen == EVENTS:
            done.set()

    manager.register_event("*", came)
    began = time.thread_time()
    await manager.connect()
    await done.wait()
    seconds = time.thread_time() - began
    manager.connection_lost = lambda _: None  # or it would connect again
    manager.close()
    return seconds


@pytest.mark.parametrize("loop", LOOPS)
def test_sixty_thousand_events_are_read_not_slower_than_panoramisk_alone_reads_them(loop: str) -> None:
    mine, theirs = measured(ours, loop), measured(panoramisk_alone, loop)
    print(
        f"\n{loop}: {len(STREAM) // EVENTS} bytes an event; ours {EVENTS / mine:,.0f} events/s of one core, "
        f"panoramisk {EVENTS / theirs:,.0f}, ratio {theirs / mine:.2f}"
    )
    assert mine < 2 * theirs  # usually half of it; a neighbour on the same core may take as much again
