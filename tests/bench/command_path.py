"""From the press on Call to the number at the desk phone; and five thousand commands through one worker.

Every process of the product is real: web, listener, and one worker as it is shipped. The phones are canned: they tell
idle lines and take every number at once; the pretend PBX then tells of the call, so that each command is proved. Beside
it a bare httpx call to such a phone under the same load. The product asks a phone twice, for its lines and then to
dial: what counts is when the second has arrived.
"""

import itertools
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import httpx
from django.db import connection

from crmconnector.calls.models import CallCommand, CommandChange, CommandState
from crmconnector.common.clock import utc_now
from phones.models import SipAccount
from tasks.call_control import look_now
from tests.bench.command_load import (
    PEOPLE,
    WORKER_THREADS,
    CallingOffice,
    bare_calls,
    calling_office,
    number_of,
    press_calls,
)
from tests.bench.figures import Figure, percentile
from tests.bench.phone_fleet import cpu_seconds
from tests.bench.readers import rss_mb
from tests.support.processes import eventually
from tests.support.table import print_table

PER_SECOND, SECONDS, WARM_SECONDS = 50.0, 30.0, 4.0
QUIETER_PER_SECOND, QUIETER_SECONDS = 15.0, 20.0  # where no process waits for a core
ADDED_P50_MS, ADDED_P99_MS = 25.0, 100.0
QUEUED, BARE_LOOPS = 5_000, 1_000
BARE_PER_SECOND = 10.0


def measure(folder: Path) -> list[Figure]:
    with calling_office(folder) as calling:
        calling.worker = calling.office.product.worker(WORKER_THREADS)
        _, calling.address = calling.office.product.web()
        quieter = _press_to_dial(calling, per_second=QUIETER_PER_SECOND, seconds=QUIETER_SECONDS)
        figures = _press_to_dial(calling, per_second=PER_SECOND, seconds=SECONDS)
        return quieter + figures + _through_one_worker(calling)


# --- from the press to the phone


def _press_to_dial(calling: CallingOffice, *, per_second: float, seconds: float) -> list[Figure]:
    warm, count = int(WARM_SECONDS * per_second), int(seconds * per_second)
    first = CallCommand.objects.count()
    press_calls(calling, first, warm, per_second / 2)
    _all_ended(calling)
    known, spent = CallCommand.objects.count(), _cpu(calling)
    bare = BareBeside(calling, mark=f"9{per_second:02.0f}")
    pressed = press_calls(calling, first + warm, count, per_second)
    plain = bare.stop()
    _all_ended(calling)
    spent = {name: 1000 * (cpu - spent[name]) / count for name, cpu in _cpu(calling).items()}
    ours = _delays(calling, pressed.at)
    _tell({"press to dial at the phone": ours, "press to its answer": pressed.answered,
           "bare httpx call, same load": plain, **_stages(known)})  # fmt: skip
    states = Counter(CallCommand.objects.order_by("requested_at").values_list("state", flat=True)[known:])
    print(f"\n{count} presses at {per_second:g} a second by {len(calling.users)} people: {dict(states)}")
    print("refused:", dict(pressed.refused) or "none")
    print("CPU a command, ms:", ", ".join(f"{name} {cpu:.1f}" for name, cpu in spent.items()))
    return [
        *(Figure(f"press to the phone at {per_second:g} a second, {name}", 1000 * percentile(ours, share), "ms",
                 f"bare httpx, {name}", 1000 * percentile(plain, share))
          for name, share in (("p50", 0.5), ("p99", 0.99))),
        *(_added(f"{per_second:g} a second, {name}", percentile(ours, share) - percentile(plain, share), target)
          for name, share, target in (("p50", 0.5, ADDED_P50_MS), ("p99", 0.99, ADDED_P99_MS))),
        Figure(f"at {per_second:g} a second, never came to the phone", count - len(ours), "calls", "presses", count),
        Figure("numbers that came twice by then", _twice(calling), "calls", "presses", first + warm + count),
    ]  # fmt: skip


def _tell(found: dict[str, list[float]]) -> None:
    rows = [(name, len(seconds), *(f"{1000 * percentile(seconds, share):.1f}" for share in (0.5, 0.95, 0.99, 1.0)))
            for name, seconds in found.items() if seconds]  # fmt: skip
    print_table(("from … to", "times", "p50 ms", "p95 ms", "p99 ms", "most ms"), rows)


def _cpu(calling: CallingOffice) -> dict[str, float]:
    """Seconds of CPU that each process of the product has had."""
    return {process.log.stem.partition("-")[0]: cpu_seconds(process.pid)
            for process in calling.office.product.processes if process.popen.poll() is None}  # fmt: skip


def _added(name: str, seconds: float, target: float) -> Figure:
    told = "met" if 1000 * seconds <= target else "MISSED"
    return Figure(f"added at {name}: {told}", 1000 * seconds, "ms", "target", target)


class BareBeside:
    """Bare calls at an even pace while the product works."""

    def __init__(self, calling: CallingOffice, *, mark: str) -> None:
        """`mark`: with which its numbers begin, for what came later to tell them apart."""
        self._calling, self._mark, self._over = calling, mark, threading.Event()
        self._began: dict[str, float] = {}
        self._thread = threading.Thread(target=self._call)
        self._thread.start()

    def stop(self) -> list[float]:
        """Seconds of each from its call to its arrival at the phone."""
        self._over.set()
        self._thread.join(10)
        return [dial.at - self._began[dial.number] for dial in self._calling.dials.all if dial.number in self._began]

    def _call(self) -> None:
        marks = (f"{self._mark}{turn:05d}" for turn in itertools.count())
        for turn, at in enumerate(bare_calls(self._calling.beside, marks)):
            self._began[f"{self._mark}{turn:05d}"] = at
            if self._over.wait(1 / BARE_PER_SECOND):
                return


def _delays(calling: CallingOffice, pressed: dict[str, float]) -> list[float]:
    arrived = {dial.number: dial.at for dial in reversed(calling.dials.all)}
    return [arrived[number] - at for number, at in pressed.items() if number in arrived]


def _twice(calling: CallingOffice) -> int:
    """Of the phones that the product asked; the bare calls dial what they like."""
    asked = Counter(dial.number for dial in calling.dials.all if dial.port not in calling.beside)
    return sum(1 for times in asked.values() if times > 1)


def _stages(known: int) -> dict[str, list[float]]:
    """Where the time goes, by the rows' own clocks; without the `known` oldest."""
    names = ("requested_at", "granted_at", "sent_at", "ended_at")
    rows = list(CallCommand.objects.order_by("requested_at").values_list(*names)[known:])
    return {
        f"{first} to {second}": [(row[place + 1] - row[place]).total_seconds() for row in rows
                                 if row[place] is not None and row[place + 1] is not None]
        for place, (first, second) in enumerate(itertools.pairwise(names))
    }  # fmt: skip


# --- five thousand through one worker


def _through_one_worker(calling: CallingOffice, count: int = QUEUED) -> list[Figure]:
    """All are written and queued before the worker looks at the first; as valid as it takes."""
    product, first = calling.office.product, 50_000
    assert calling.worker is not None
    calling.worker.stop()
    before = len(calling.dials.all)
    ids = _ask(calling, first, count)
    for command_id in ids:
        look_now.apply_async(args=[command_id], retry=False)
    worker = product.worker(WORKER_THREADS)
    eventually(lambda: len(calling.dials.all) > before, seconds=60, what=product.said)
    began, memory = calling.dials.all[before].at, rss_mb(worker.pid)
    calling.dials.until(before + count, seconds=600)
    rate = (len(calling.dials.all) - before) / (calling.dials.all[-1].at - began)
    _all_ended(calling, seconds=120)
    after = rss_mb(worker.pid)
    states = Counter(CallCommand.objects.filter(pk__in=ids).values_list("state", flat=True))
    print(f"\n{count} queued: {dict(states)}; {len(calling.dials.all) - before} dials")
    return [
        Figure(f"{count} queued commands through one worker", rate, "a second", "bare loop: httpx GET and 3 statements",
               _bare_loop_rate(calling)),
        Figure("worker's memory after them (RSS)", after, "MB", "at the first", memory),
        Figure("of them without an end", CallCommand.objects.filter(pk__in=ids, settled=False).count(), "commands",
               "queued", count),
        Figure("numbers that came twice by then", _twice(calling), "calls", "dials", len(calling.dials.all)),
    ]  # fmt: skip


def _ask(calling: CallingOffice, first: int, count: int) -> list[str]:
    """Rows as the page writes them. Those of one person are half a minute apart, or the brakes would hold them back."""
    now, people = utc_now(), len(calling.users)
    accounts = {account.phone_id: account for account in SipAccount.objects.all()}
    rows = []
    for place in range(count):
        phone, user = calling.office.rows.phones[place % people], calling.users[place % people]
        asked = now - timedelta(seconds=30 * (count // people - place // people))
        number = number_of(first + place)
        rows.append(
            CallCommand(
                kind="make_call",
                user=user,
                idempotency_key=f"queued{place}",
                phone=phone,
                pbx=calling.office.rows.pbx,
                endpoint=accounts[phone.pk].endpoint,
                target=number,
                far_number=f"+49{number[1:]}",
                dial_string=number,
                account=1,
                requested_at=asked,
                not_after=now + timedelta(hours=1),
            )
        )
    CallCommand.objects.bulk_create(rows)
    CommandChange.objects.bulk_create(
        CommandChange(command=row, state=CommandState.REQUESTED, at=row.requested_at, by="user") for row in rows
    )
    return [str(row.pk) for row in rows]


def _bare_loop_rate(calling: CallingOffice) -> float:
    """The least that would do: write that it goes out, one GET, write what came, keep a line of history."""
    row = CallCommand.objects.latest("requested_at")
    with httpx.Client(trust_env=False) as client, connection.cursor() as cursor:
        url = f"http://127.0.0.1:{calling.beside[0]}/cgi-bin/api-make_call?passcode=x&phonenumber=901"
        began = time.monotonic()
        for _ in range(BARE_LOOPS):
            cursor.execute("update calls_callcommand set token = 1 where id = %s", [row.pk])
            client.get(url, headers={"Connection": "close"}).json()
            cursor.execute("update calls_callcommand set token = 2 where id = %s", [row.pk])
            cursor.execute(
                "insert into calls_commandchange (command_id, at, state, by, path, evidence)"
                " values (%s, now(), 'sent', 'bench', '', '')", [row.pk],
            )  # fmt: skip
        return BARE_LOOPS / (time.monotonic() - began)


def _all_ended(calling: CallingOffice, seconds: float = 60.0) -> None:
    """Every command asked for so far has come to its end."""
    still = CallCommand.objects.filter(settled=False)
    eventually(lambda: not still.exists(), seconds=seconds, what=lambda: _what_is_open(calling))


def _what_is_open(calling: CallingOffice) -> str:
    rows = CallCommand.objects.filter(settled=False).values_list("state", "reason_code", "sentence")
    return f"{Counter(rows).most_common(5)}\n{calling.office.product.said()[-3000:]}"


assert PEOPLE * 2 > PER_SECOND * 60 / 5  # nobody dials more often than the brakes allow
