"""Visitors of the pages."""

import pytest
from django.test import Client

from crmconnector.users.models import Role, User
from tests.support.office import RowOffice


@pytest.fixture
def boss(office: RowOffice) -> User:
    return User.objects.create_user("boss", password="correct horse battery", role=Role.ADMINISTRATOR)


@pytest.fixture
def administrator(boss: User) -> Client:
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def agent(office: RowOffice) -> Client:
    client = Client()
    client.force_login(office.users[0])
    return client
