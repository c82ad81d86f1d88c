"""Stop signals, and a sleep that ends at once when one arrives."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Counts the requests to stop: the first means in order, the second means now."""

    def __init__(self, wake: int) -> None:
        self._wake = wake
        self.stops = 0

    def pause(self, seconds: float) -> None:
        """Sleep until the time is over, or a signal comes, or a child ends."""
        ready, _, _ = select.select([self._wake], [], [], max(seconds, 0.0))
        if ready:
            os.read(self._wake, 4096)

    def sleep(self, seconds: float) -> None:
        """Sleep the whole time unless we are asked to stop."""
        deadline = time.monotonic() + seconds
        while not self.stops and (left := deadline - time.monotonic()) > 0:
            self.pause(left)

    def count(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1


@contextlib.contextmanager
def listen_for_signals() -> Iterator[Signals]:
    """Take over the stop signals and SIGCHLD of this process; give them back at the end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signals = Signals(reading)
    # Handlers only count. An exception out of a handler could come between starting a child and noting it down.
    earlier = {number: signal.signal(number, signals.count) for number in STOP_SIGNALS}
    earlier[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield signals
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
