"""From the rehearsal to the own PBX: the next steps, each done when its rows exist."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from crmconnector.contacts.models import Contact
from crmconnector.pbx.models import Pbx
from crmconnector.users.models import User
from crmconnector.web.views.health import all_parts_ok
from phones.models import Phone


@dataclass(frozen=True, slots=True)
class Step:
    state: str  # done, now or todo
    title: str
    text: str
    url: str
    action: str


def first_steps(user: User) -> list[Step]:
    """The first that is not done is marked as the one to do now."""
    rows: list[tuple[bool, str, str, str, str]] = [
        (all_parts_ok(), _("Everything is running"), _("Web, listener, worker, database and broker."), "health",
         _("Health")),
        (True, _("You are signed in as %(name)s") % {"name": user.username},
         _("The password stands in the terminal that started this."), "", ""),
        (Pbx.objects.filter(simulated=False).exists(), _("Connect a PBX"),
         _("Its address and a manager user that may listen. The lines to paste are shown there."),
         "pbx-new", _("Add PBX")),
        (Phone.objects.filter(accounts__pbx__simulated=False).exists(), _("Add a desk phone"),
         _("Its address, its passcode, who sits there."), "phone-new", _("Add phone")),
        (Contact.objects.filter(owner__isnull=False).exists(), _("Bring your contacts"),
         _("The next call from a number you added shows its name."), "contact-new", _("Add contact")),
    ]  # fmt: skip
    first_open = next((place for place, row in enumerate(rows) if not row[0]), None)
    return [
        Step(_state(row[0], place == first_open), row[1], row[2], reverse(row[3]) if row[3] else "", row[4])
        for place, row in enumerate(rows)
    ]


def _state(done: bool, is_next: bool) -> str:
    return "done" if done else ("now" if is_next else "todo")
