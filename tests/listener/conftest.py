"""A pretend PBX and its row, for terms of leadership."""

from collections.abc import Iterator

import pytest

from crmconnector.pbx.models import PbxLink
from tests.support.listening_post import FakeOffice, fake_office
from tests.support.office import RowOffice, make_office


@pytest.fixture
def rows(transactional_db) -> RowOffice:
    """The office of rows, committed so that other threads see it; nobody has ever heard its PBX."""
    made = make_office()
    PbxLink.objects.update(state=PbxLink.State.NEVER, heard_at=None)
    return made


@pytest.fixture
def pbx(rows: RowOffice) -> Iterator[FakeOffice]:
    """A pretend PBX that the row leads to."""
    with fake_office() as office:
        office.row(rows.pbx)
        yield office
