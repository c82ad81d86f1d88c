"""What stands around every page: navigation, the PBX links, the user's own phone. Lazy, and one query at most."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from crmconnector.calls.models import DialSettings
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Pbx
from crmconnector.pbx.selectors import LinkView, pbxes_heard_here
from crmconnector.screenpop.payload import initials
from crmconnector.web.link_news import LinkNews, news_of
from phones.models import SipAccount

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Entry:
    label: str
    url: str
    icon: str
    here: bool
    tab: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    heading: str
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class OwnPhone:
    extension: str
    label: str


@dataclass(frozen=True, slots=True)
class DialStop:
    by: str
    at: datetime
    because: str


def shell(request: HttpRequest) -> dict[str, object]:
    return {"shell": Shell(request)}


class Shell:
    """Read by the templates; nothing is asked of the database until a template asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def theme(self) -> str:
        chosen = self._request.COOKIES.get("theme", "")
        return chosen if chosen in THEMES else ""

    @property
    def initials(self) -> str:
        return initials(self._request.user.display_name) or "–"  # type: ignore[union-attr]

    @property
    def nav(self) -> list[Group]:
        """Only what this role may open: no entry leads to a refusal."""
        work = [("desk", _("Desk"), "desk"), ("calls", _("Calls"), "calls"), ("contacts", _("Contacts"), "contacts")]
        groups = [Group(_("Work"), [self._entry(*entry) for entry in work])]
        groups[0].entries.append(self._entry("numbers", _("Numbers"), "numbers", tab=False))
        if getattr(self._request.user, "is_administrator", False):
            run = [("phones", _("Phones"), "phones"), ("pbxes", _("PBXes"), "pbxes")]
            less = [("card-settings", _("Cards"), "note"), ("people", _("People"), "people")]
            less.append(("dialling", _("Dialling"), "handset"))
            less.append(("health", _("Health"), "live"))
            entries = [self._entry(*entry) for entry in run] + [self._entry(*entry, tab=False) for entry in less]
            groups.append(Group(_("Run"), entries))
        return groups

    @property
    def without_tab(self) -> list[Entry]:
        """What the tabs of a narrow screen have no room for; the account menu shows it there."""
        return [entry for group in self.nav for entry in group.entries if not entry.tab]

    @property
    def links(self) -> list[LinkView]:
        return [one.view for one in self.news]

    @cached_property
    def news(self) -> list[LinkNews]:
        now = utc_now()
        return [news_of(pbx, now) for pbx in self._pbxes]

    @property
    def dial_stop(self) -> DialStop | None:
        """Who stopped all dialling, while it is stopped. Of the same query as the links."""
        rows = [pbx.dial_stop for pbx in self._pbxes if pbx.dial_stop]  # type: ignore[attr-defined]
        return DialStop(rows[0]["by"], datetime.fromisoformat(rows[0]["at"]), rows[0]["because"]) if rows else None

    @property
    def own_phones(self) -> list[OwnPhone]:
        rows = [row for pbx in self._pbxes for row in pbx.own_phones]  # type: ignore[attr-defined]
        return [OwnPhone(row["extension"], row["model"] or row["name"]) for row in rows]

    @cached_property
    def _pbxes(self) -> list[Pbx]:
        """The PBXes with their links and, in the same query, the accounts of the user's own phones."""
        own = SipAccount.objects.filter(
            pbx=OuterRef("pk"),
            phone__assignments__user=self._request.user.pk,
            phone__assignments__during__contains=utc_now(),
        ).order_by("position")
        row: Any = JSONObject(extension="extension", name="phone__name", model="phone__model")
        stop: Any = JSONObject(by="stopped_by", at="stopped_at", because="stopped_because")
        stopped = DialSettings.objects.filter(pk=1, stopped_at__isnull=False).values(row=stop)
        pbxes = pbxes_heard_here().annotate(own_phones=ArraySubquery(own.values(row=row)), dial_stop=Subquery(stopped))
        return list(pbxes)

    def _entry(self, name: str, label: str, icon: str, *, tab: bool = True) -> Entry:
        url = reverse(name)
        path = self._request.path
        return Entry(label, url, icon, here=path == url or path.startswith(f"{url}/"), tab=tab)
