"""Rows for two hundred people at the pretend PBX, and the product's listener in step with it."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import redis
from django.conf import settings

from crmconnector.pbx.models import PbxLink
from tests.bench.mix import FIRST_PHONE
from tests.bench.pbx_process import PbxProcess
from tests.support.office import RowOffice, make_office
from tests.support.processes import Process, Product

PEOPLE = 200
IN_STEP = "in_step"


@dataclass
class BusyOffice:
    rows: RowOffice
    product: Product
    pbx: PbxProcess

    def listener(self) -> Process:
        """A listener that is in step with the PBX when this returns."""
        listener = self.product.listener()
        until_said(listener, IN_STEP)
        return listener


def busy_office(folder: Path, pbx: PbxProcess, people: int = PEOPLE) -> BusyOffice:
    return busy_office_at(folder, pbx, range(8001, 8001 + people))


def busy_office_at(folder: Path, pbx: PbxProcess, phone_ports: Iterable[int]) -> BusyOffice:
    """One person to each of these phones."""
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    rows = make_office(port=pbx.port, phone_ports=tuple(phone_ports))
    PbxLink.objects.update(state=PbxLink.State.NEVER, heard_at=None)
    return BusyOffice(rows, Product(folder, DATABASE_POOL="12"), pbx)


def extension_of(username: str) -> str:
    return username.removeprefix("user")


def until_said(process: Process, word: str, seconds: float = 60.0) -> float:
    """Epoch seconds (to two milliseconds) at which a process has said this word."""
    deadline = time.monotonic() + seconds
    while word not in process.said():
        if process.popen.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{word} was not said:\n{process.said()[-3000:]}")
        time.sleep(0.002)
    return time.time()


assert FIRST_PHONE == 201  # the office's first extension
