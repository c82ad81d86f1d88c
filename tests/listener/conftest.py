"""A pretend PBX and its row, for terms of leadership."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from crmconnector.asterisk.ami import AmiClient
from crmconnector.listener import lead
from crmconnector.pbx.models import PbxLink
from crmconnector.users.models import Role
from tests.support.fake_ami import QUICK
from tests.support.listening_post import FakeOffice, fake_office
from tests.support.office import RowOffice, make_office
from tests.support.said_to_people import People

HURRY: dict[str, Any] = {"back_off": QUICK, "ping_every": 0.1, "silent_after": 0.5, "login_deadline": 1.0}


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


@pytest.fixture
def people(rows: RowOffice) -> People:
    """User 201 is an agent; user 203, with a phone as well, runs the place."""
    rows.users[2].role = Role.ADMINISTRATOR
    rows.users[2].save()
    readers = People(Client(), Client())
    readers.agent.force_login(rows.users[0])
    readers.boss.force_login(rows.users[2])
    return readers


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The link's times, so short that a test can wait for them."""
    monkeypatch.setattr(lead.ami, "AmiClient", lambda address, **more: AmiClient(address, **{**HURRY, **more}))
