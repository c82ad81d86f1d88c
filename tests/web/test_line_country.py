"""The country of a line on the page of its PBX."""

import pytest
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.pbx.models import Line
from tests.support.office import RowOffice


def test_a_new_line_keeps_its_country(office: RowOffice, administrator: Client) -> None:
    answer = administrator.post(
        f"/pbxes/{office.pbx.pk}/lines", {"did": "+43720116123", "label": "Wien", "country": "at"}
    )
    assert answer.status_code == 302 and Line.objects.get(label="Wien").country == "AT"
    assert AuditEvent.objects.get(action="line.added").details["country"] == "AT"


def test_the_country_of_a_line_is_changed_and_taken_back(office: RowOffice, administrator: Client) -> None:
    line = office.pbx.lines.get()
    address = f"/pbxes/{office.pbx.pk}/lines/{line.pk}/country"
    assert administrator.post(address, {"country": "pl"}).status_code == 302
    line.refresh_from_db()
    assert line.country == "PL" and AuditEvent.objects.get(action="line.country_changed").details == {"country": "PL"}
    administrator.post(address, {"country": ""})
    line.refresh_from_db()
    assert line.country == ""


@pytest.mark.parametrize("country", ["XX", "D", "Germany", "<b>", "٠١"])
def test_a_country_without_telephone_numbers_is_refused_at_its_line(
    office: RowOffice, administrator: Client, country: str
) -> None:
    line = office.pbx.lines.get()
    answer = administrator.post(f"/pbxes/{office.pbx.pk}/lines/{line.pk}/country", {"country": country})
    page = answer.content.decode()
    assert answer.status_code == 200 and "Nothing was saved" in page and 'aria-invalid="true"' in page
    assert Line.objects.get().country == "" and "<b>" not in page.split("Lines</h2>")[1].split("<footer>")[0].replace(
        "<b><bdi>", ""
    )


def test_a_line_of_another_pbx_is_not_found(office: RowOffice, administrator: Client) -> None:
    line = office.pbx.lines.get()
    address = f"/pbxes/{office.pbx.pk + 1}/lines/{line.pk}/country"
    assert administrator.post(address, {"country": "PL"}).status_code == 404
