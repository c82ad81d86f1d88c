"""Whole stories: the simulated office, the product's processes, a real database and Valkey."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from crmconnector.pbx.models import PbxLink
from crmconnector.simulator.running import RunningOffice, running_office
from tests.support.office import RowOffice
from tests.support.processes import Product, eventually
from tests.support.simulated import rows_for, small_story


@dataclass
class Stage:
    office: RunningOffice
    rows: RowOffice
    product: Product

    def in_step(self) -> None:
        """Wait until a listener hears the PBX."""
        eventually(
            lambda: PbxLink.objects.get(pbx=self.rows.pbx).state == "connected", seconds=30, what=self.product.said
        )


@pytest.fixture
def stage_of(transactional_db, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Make a stage with so many phones; nothing of the product runs yet."""
    from django.conf import settings

    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    opened = []

    def make(phones: int = 3) -> Stage:
        running = running_office(small_story(tmp_path, phones=phones))
        office = running.__enter__()
        opened.append(running)
        rows = rows_for(office, [str(201 + place) for place in range(phones)])
        PbxLink.objects.update(state=PbxLink.State.NEVER, heard_at=None)
        stage = Stage(office, rows, Product(tmp_path, REHEARSAL="1"))
        opened.append(stage.product)
        return stage

    yield make
    for one in reversed(opened):
        one.stop() if isinstance(one, Product) else one.__exit__(None, None, None)


@pytest.fixture
def stage(stage_of) -> Stage:
    return stage_of()
