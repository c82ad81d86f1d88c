"""Outcomes and links of the cards, as an administrator sets them up."""

import pytest
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.models import Disposition
from crmconnector.screenpop.models import CardLink


def test_the_usual_outcomes_come_with_one_button_and_only_once(administrator: Client) -> None:
    for _ in range(2):
        assert administrator.post("/cards/outcomes/usual").status_code == 302
    assert Disposition.objects.count() == 5
    assert AuditEvent.objects.filter(action="outcome.added").count() == 5
    assert "Call back" in administrator.get("/cards").content.decode()


def test_an_outcome_is_added_with_a_free_key_and_one_in_use_is_refused(administrator: Client) -> None:
    administrator.post("/cards/outcomes/usual")
    assert '<option value="6" selected>' in administrator.get("/cards/outcomes/new").content.decode()
    fields = {"key": "1", "label": "Spam", "enabled": "on"}
    assert "already exists" in administrator.post("/cards/outcomes/new", fields).content.decode()
    assert administrator.post("/cards/outcomes/new", {**fields, "key": "9"}).status_code == 302
    one = Disposition.objects.get(key=9)
    administrator.post(f"/cards/outcomes/{one.pk}", {"key": "9", "label": "Spam"})
    one.refresh_from_db()
    assert one.enabled is False


@pytest.mark.parametrize("key", ["0", "10", "x", ""])
def test_a_key_that_no_keyboard_row_has_is_refused(administrator: Client, key: str) -> None:
    assert administrator.post("/cards/outcomes/new", {"key": key, "label": "Spam"}).status_code == 200
    assert not Disposition.objects.exists()


def test_a_link_is_saved_previewed_and_removed(administrator: Client) -> None:
    fields = {"label": "CRM", "template": "https://crm.example.org/?q={name}", "position": "0"}
    assert administrator.post("/cards/links/new", fields).status_code == 302
    link = CardLink.objects.get()
    assert "https://crm.example.org/?q=Anna%20%26%20S%C3%B8n" in administrator.get("/cards").content.decode()
    assert administrator.post(f"/cards/links/{link.pk}/remove").status_code == 302
    assert not CardLink.objects.exists()
    assert list(AuditEvent.objects.order_by("pk").values_list("action", flat=True)) == [
        "card_link.added", "card_link.removed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("javascript:alert({name})", "Only those are opened"),
        ("https://{name}/", "The host may not come from the call"),
        ("https://crm.example.org/{password}", "{password} is not known. You can use: {number} {e164}"),
        ("https://crm.example.org/{name", "A brace is left over"),
        ("https://crm.example.org\\{name}", "cannot stand in an address"),
        ("https://u:p@crm.example.org/", "No user names, no passwords"),
        ("crm.example.org", "Write a whole address"),
        ("https://crm.example.org/../{name}", "leads elsewhere"),
    ],
    ids=["script", "host", "unknown", "brace", "backslash", "user", "short", "step"],
)
def test_a_bad_link_is_refused_with_the_same_sentence_in_form_and_preview(
    administrator: Client, template: str, words: str
) -> None:
    answer = administrator.post("/cards/links/new", {"label": "CRM", "template": template, "position": "0"})
    assert answer.status_code == 200 and words in answer.content.decode() and not CardLink.objects.exists()
    assert words in administrator.get("/cards/links/preview", {"template": template}).content.decode()
