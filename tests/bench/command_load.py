"""Hundreds of people who each call from their own desk phone, and what their phones were asked to dial."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from django.db import connection

from crmconnector.users.models import User
from tests.bench.fleet_process import Dial, Dials, fleet_process
from tests.bench.office_of_many import BusyOffice, busy_office_at
from tests.bench.pbx_process import PbxProcess, pretend_pbx
from tests.bench.sse import session_of
from tests.support.processes import Process

PEOPLE, BESIDE = 600, 4  # phones of people; phones that are nobody's, for what it is compared with
WORKER_THREADS = 16  # as it is shipped
CSRF = "b" * 32
PATIENCE_SECONDS = 30.0


@dataclass
class CallingOffice:
    office: BusyOffice
    dials: Dials
    beside: list[int]  # ports
    address: str = ""
    worker: Process | None = None

    @property
    def users(self) -> list[User]:
        return self.office.rows.users


@contextmanager
def calling_office(folder: Path, people: int = PEOPLE) -> Iterator[CallingOffice]:
    """Listener in step, phones that take every number, a PBX that tells of the call. Web and worker are started by
    whoever wants them."""
    with ExitStack() as stack:
        pbx = stack.enter_context(pretend_pbx())
        ports, said = stack.enter_context(fleet_process(people + BESIDE))
        theirs, beside = ports[:people], ports[people:]
        office = busy_office_at(folder, pbx, theirs)
        stack.callback(office.product.stop)
        extensions = {port: str(place) for place, port in enumerate(theirs, start=201)}
        dials = Dials(said, lambda dial: _tell(pbx, extensions, dial))
        office.listener()
        yield CallingOffice(office, dials, beside)
        connection.close()


def number_of(place: int) -> str:
    """One of Berlin, each in another hundred: nobody dials through a range here."""
    return f"0302{place:05d}77"


@dataclass
class Presses:
    """`at`: number -> time.monotonic() of the press that was taken. `refused`: what the others were told, how often."""

    at: dict[str, float] = field(default_factory=dict)
    answered: list[float] = field(default_factory=list)  # seconds from the press to the answer to it
    refused: Counter[str] = field(default_factory=Counter)


def press_calls(calling: CallingOffice, first: int, count: int, per_second: float) -> Presses:
    """So many presses on Call, each by the next person."""
    sessions = [session_of(user) for user in calling.users]
    connection.close()
    return asyncio.run(_press_all(calling.address, sessions, range(first, first + count), per_second))


async def _press_all(address: str, sessions: list[str], places: range, per_second: float) -> Presses:
    told = Presses()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=PATIENCE_SECONDS, trust_env=False) as client:

        async def press(place: int) -> None:
            session, number = sessions[place % len(sessions)], number_of(place)
            cookies = f"sessionid={session}; csrftoken={CSRF}"
            headers = {"Cookie": cookies, "X-CSRFToken": CSRF, "Accept": "application/json"}
            form = {"number": number, "key": f"bench{place}"}
            at = time.monotonic()
            try:
                answer = await client.post("/dial", data=form, headers=headers)
            except httpx.HTTPError as error:  # the web process is overrun
                told.refused[type(error).__name__] += 1
                return
            told.answered.append(time.monotonic() - at)
            if answer.status_code == 202:
                told.at[number] = at
            else:
                told.refused[f"{answer.status_code}: {answer.text[:200]}"] += 1

        began = time.monotonic()
        presses = []
        for turn, place in enumerate(places):
            await asyncio.sleep(max(0.0, began + turn / per_second - time.monotonic()))
            presses.append(asyncio.create_task(press(place)))
        await asyncio.gather(*presses)
    return told


def bare_calls(ports: list[int], marks: Iterator[str]) -> Iterator[float]:
    """One bare httpx call after the other, on a new connection as a phone wants it: time.monotonic() of each; the
    number it dials is the next of `marks`."""
    with httpx.Client(trust_env=False) as client:
        for turn, mark in enumerate(marks):
            url = f"http://127.0.0.1:{ports[turn % len(ports)]}/cgi-bin/api-make_call?passcode=x&phonenumber={mark}"
            at = time.monotonic()
            client.get(url, headers={"Connection": "close"}).json()
            yield at


def _tell(pbx: PbxProcess, extensions: dict[int, str], dial: Dial) -> None:
    if dial.port in extensions:
        pbx.ask("placed", extension=extensions[dial.port], number=dial.number)
