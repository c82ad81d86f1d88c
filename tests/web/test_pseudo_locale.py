"""Every text of every page is marked for translation: in a language nobody speaks, nothing stands outside of it."""

from collections.abc import Iterable

import pytest
from django.apps import apps
from django.db import models
from django.test import Client

from crmconnector.screenpop.callbar import TONES
from crmconnector.users.models import User
from tests.support.office import RowOffice
from tests.support.page_rows import make_world
from tests.support.pages import EMPTY, NO_PAGE, Case, World, catalogue, patterns, unnamed
from tests.support.pseudo_locale import spoken, unmarked

# Words that are the same in every language: names of products, protocols and files.
SAME = ["crmconnector", "TLS", "GRP26xx", "GRP2614", "UTC", "PJSIP/provider", "PJSIP/204", "Germany"]
SAME += [letters for _key, letters in TONES if letters]  # as they stand on the keys of every telephone
ENCODINGS = ["UTF-8", "UTF-16 (LE)", "UTF-16 (BE)", "Windows", "ISO", "DOS", "KOI8-R", "Mac Roman"]


def texts_of_rows() -> set[str]:
    """Everything that people typed or machines told, as it stands in the rows; not the words of a choice."""
    found: set[str] = set()
    for model in apps.get_models():
        fields = [
            each.name for each in model._meta.get_fields()
            if isinstance(each, models.CharField | models.TextField | models.GenericIPAddressField)
            and not each.choices and each.name != "session_data"
        ]  # fmt: skip
        if fields and model._meta.app_label not in ("sessions", "contenttypes", "admin", "auth"):
            found |= {str(text) for row in model._default_manager.values_list(*fields) for text in row if text}
    return found


def walk(world: World, cases: Iterable[Case]) -> list[str]:
    data, found = [*texts_of_rows(), *SAME, *ENCODINGS], []
    for case in cases:
        with spoken():
            answer = case.answer(world, Client())
            html = answer.content.decode()
        if answer.status_code != case.status:
            found.append(f"{case.key}: {answer.status_code} instead of {case.status}")
        found += [f"{case.key}: {one}" for one in unmarked(html, data)]
    return found


def test_every_address_has_a_page_in_the_catalogue_or_a_reason() -> None:
    assert unnamed() == set()
    assert set(NO_PAGE) <= {str(each.name) for each in patterns()}


def test_a_page_with_nothing_on_it_is_marked(db: None) -> None:
    boss = User.objects.create_user("boss", password="x", role="administrator", full_name="Ζεύς")
    world = World(RowOffice(None), {"boss": boss})  # type: ignore[arg-type]
    found = walk(world, EMPTY)
    assert not found, "\n".join(found)


def test_every_text_of_every_page_is_marked(office: RowOffice, boss: User) -> None:
    with spoken():  # sentences that are made and stored now
        world = make_world(office, boss)
    found = walk(world, catalogue())
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<p>Save</p>", ["p: Save"]), ("<p>⟦Save⟧</p>", []), ("<p>⟦Read as <bdi>x</bdi> now⟧ too</p>", ["p: too"]),
        ('<a title="Open">⟦a⟧</a>', ["a[title]: Open"]), ('<input placeholder="Name">', ["input[placeholder]: Name"]),
        ("<bdi>Anybody</bdi><time>Mon</time>", []), ("<p>Anybody</p>", []),
        ("<p>Anybody else</p>", ["p: Anybody else"]),
    ],
)  # fmt: skip
def test_what_is_not_in_brackets_is_found(html: str, found: list[str]) -> None:
    assert unmarked(html, ["Anybody"]) == found
