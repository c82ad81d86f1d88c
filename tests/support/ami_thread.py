"""The misbehaving PBX of `fake_ami` beside a test that is not asynchronous: in an event loop of its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from crmconnector.pbx.models import Pbx
from tests.pbx.children import wait_until
from tests.support.fake_ami import SECRET, USERNAME, FakeAmi, Received, Session, event


@contextlib.contextmanager
def ami_in_thread(**fields: Any) -> Iterator[FakeAmi]:
    """A running FakeAmi; what reached it is in its `actions`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-ami")
    thread.start()
    fake = FakeAmi(**fields)

    def in_loop(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    try:
        in_loop(fake.listen())
        yield fake
    finally:
        in_loop(fake.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def pbx_at(fake: FakeAmi, **changes: Any) -> Pbx:
    """A row, not saved, that leads there."""
    values = {"pk": 1, "name": "Fake", "host": "127.0.0.1", "port": fake.port, "username": USERNAME, "secret": SECRET}
    return Pbx(**{**values, "country": "DE", "inside_context": "inside", **changes})


def came(fake: FakeAmi, name: str, times: int) -> None:
    """Wait until an action of that name has come so often."""
    wait_until(lambda: fake.count(name) >= times, f"{times} × {name}")


def lists(*channels: dict[str, str]) -> Callable[[Session, Received], None]:
    """A handler for CoreShowChannels that tells these channels."""

    def tell(session: Session, action: Received) -> None:
        session.answer(action, EventList="start")
        for channel in channels:
            session.send(event("CoreShowChannel", ActionID=action.id, **channel))
        count = str(len(channels))
        session.send(event("CoreShowChannelsComplete", ActionID=action.id, EventList="Complete", ListItems=count))

    return tell
