"""The page of a PBX says which verbs cannot go through it, and what to add; the desk is not bothered with it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from crmconnector.calls.verbs import PBX_ACTIONS
from crmconnector.pbx.models import PbxLink
from crmconnector.users.models import Role, User
from tests.support.office import RowOffice

CALL, ORIGINATE = "may not put calls through", "may not start calls"


@pytest.fixture
def page(office: RowOffice, client: Client) -> str:
    boss = User.objects.create_user("boss", password="correct horse battery", full_name="Boss", role=Role.ADMINISTRATOR)
    client.force_login(boss)
    return reverse("pbx", args=[office.pbx.pk])


@pytest.mark.parametrize(
    ("may_send", "said"),
    [
        (None, ()),
        (sorted(PBX_ACTIONS), ()),
        (["coreshowchannels"], (CALL, ORIGINATE)),
        (sorted(PBX_ACTIONS - {"originate"}), (ORIGINATE,)),
        (sorted(PBX_ACTIONS - {"atxfer"}), (CALL,)),
    ],
    ids=["not_known", "all", "listens_only", "no_originate", "no_transfer"],
)
def test_what_is_missing_is_told_with_its_cure(
    office: RowOffice, client: Client, page: str, may_send: list[str] | None, said: tuple[str, ...]
) -> None:
    PbxLink.objects.filter(pbx=office.pbx).update(may_send=may_send)
    text = client.get(page).content.decode()
    assert tuple(words for words in (CALL, ORIGINATE) if words in text) == said
    assert "write = call,originate,reporting" in text
