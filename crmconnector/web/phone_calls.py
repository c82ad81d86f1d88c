"""The calls on a phone as the PBX tells them, a row each: on the desk, on the phone's page and on My phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.models import Leg
from crmconnector.pbx.selectors import LinkView
from crmconnector.web.words import clock_time, far_party
from phones.models import Phone

LEG_WORDS = {
    "ringing": gettext_noop("Ringing"),
    "dialling": gettext_noop("Calling"),
    "talking": gettext_noop("Talking"),
    "held": gettext_noop("On hold"),
}


@dataclass(frozen=True, slots=True)
class LineView:
    lamp: str
    who: str
    word: str
    place: str = ""
    since: datetime | None = None


def calls_on(phone: Phone, legs: Sequence[Leg], deaf: Sequence[LinkView]) -> list[LineView]:
    """One row per call among `legs` on this phone; a free phone is one row. Unknown while its PBX is not heard."""
    accounts, lost = list(phone.accounts.all()), {link.pbx_id: link for link in deaf}
    extensions = ", ".join(account.extension for account in accounts)
    place = _("ext. %(extension)s") % {"extension": extensions} if accounts else phone.name
    alone = place[:1].upper() + place[1:]
    gone = next((lost[account.pbx_id] for account in accounts if account.pbx_id in lost), None)
    if gone is not None:
        since = clock_time(gone.since)
        return [LineView("off", alone, _("Unknown since %(at)s") % {"at": since} if since else _("Unknown"))]
    mine = [leg for leg in legs if leg.phone_id == phone.pk and leg.state in LEG_WORDS]
    return [_call(leg, place) for leg in mine] or [LineView("idle", alone, _("Free"))]


def _call(leg: Leg, place: str) -> LineView:
    return LineView(leg.state, far_name(leg), _(LEG_WORDS[leg.state]), place, since_when(leg))


def since_when(leg: Leg) -> datetime | None:
    """When it began to be what it is now."""
    if leg.state == "dialling":
        return leg.call.started_at
    return leg.rang_at if leg.state == "ringing" else leg.answered_at


def far_name(leg: Leg) -> str:
    """Who is at the other end of this leg, as far as it may be shown."""
    if leg.call.direction == "inbound" or (leg.placed and leg.call.contact):
        return far_party(leg.call).name
    if leg.far_restricted:
        return _("Number withheld")
    return leg.far_name or leg.far_number or leg.call.dialled or _("Number not known")
