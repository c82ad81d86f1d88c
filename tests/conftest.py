"""Fixtures for everybody: an office of rows. Servers are started by tests/settings.py."""

import pytest

from tests.support.office import RowOffice, make_office


@pytest.fixture
def office(db) -> RowOffice:
    """A PBX, three users with a phone each (201, 202, 203), a trunk, a line and some contacts."""
    return make_office()
