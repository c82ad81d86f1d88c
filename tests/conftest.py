"""Fixtures for everybody: an office of rows. Servers are started by tests/settings.py."""

import pytest
from hypothesis import HealthCheck, settings

from tests.support.office import RowOffice, make_office

pytest_plugins = ["tests.support.canary_plugin"]

# A busy machine is no failure: no example has a deadline, and slow generation is not reported as an error.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture
def office(db) -> RowOffice:
    """A PBX, three users with a phone each (201, 202, 203), a trunk, a line and some contacts."""
    return make_office()
