"""A stage without pytest: the simulated office, its rows, and the product's processes that one starts on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from django.conf import settings

from crmconnector.pbx.models import PbxLink
from crmconnector.simulator.running import RunningOffice, running_office
from tests.support.diary import Diary
from tests.support.office import RowOffice
from tests.support.processes import Product, eventually
from tests.support.simulated import rows_for, small_story


@dataclass
class Stage:
    office: RunningOffice
    rows: RowOffice
    product: Product
    diary: Diary

    @property
    def extensions(self) -> list[str]:
        return [str(201 + place) for place in range(len(self.rows.users))]

    def in_step(self, seconds: float = 30) -> None:
        """Wait until a listener hears the PBX."""
        eventually(
            lambda: PbxLink.objects.get(pbx=self.rows.pbx).state == "connected", seconds=seconds, what=self.product.said
        )


@contextmanager
def opened_stage(folder: Path, *, phones: int = 3) -> Iterator[Stage]:
    """A stage with so many phones, on an empty database; nothing of the product runs yet."""
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    with running_office(small_story(folder, phones=phones)) as office:
        rows = rows_for(office, [str(201 + place) for place in range(phones)])
        PbxLink.objects.update(state=PbxLink.State.NEVER, heard_at=None)
        product = Product(folder, REHEARSAL="1")
        try:
            yield Stage(office, rows, product, Diary(office))
        finally:
            product.stop()
