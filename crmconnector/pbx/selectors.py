"""Reads about PBXes: how well we hear them, and what stands in their manager.conf."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from crmconnector.asterisk.ami_rights import LEAST_READ, VERBS_WRITE, verb_sentences
from crmconnector.pbx.models import LinkGap, Pbx, PbxLink

HEARD_STALE_SECONDS = 20.0  # the listener writes `heard_at` every other second; older means nobody listens
BLINK_SECONDS = 5.0
FALLBACK_COUNTRY = "US"  # README: set PBX_COUNTRY


@dataclass(frozen=True, slots=True)
class LinkView:
    """One PBX link in words: a lamp, a sentence without the name, and why it is so. `heard` decides the lamps.

    `warnings`: it works, but. `unwritten`: facts that wait for the database. `dropped_facts`: small ones left out
    because it was away for too long, the last at `dropped_at`.
    """

    pbx_id: int
    name: str
    heard: bool
    lamp: str
    tone: str
    words: str
    reason: str
    since: datetime | None
    version: str
    warnings: tuple[str, ...] = ()
    unwritten: int = 0
    dropped_facts: int = 0
    dropped_at: datetime | None = None


def pbxes_heard_here() -> QuerySet[Pbx]:
    """Enabled PBXes with their links; the pretend one only in a rehearsal, and then it alone."""
    return Pbx.objects.filter(heard_here()).select_related("link")


def heard_here(pbx: str = "") -> Q:
    """The same as a condition; `pbx`: where the PBX stands, "pbx__" of an account."""
    return Q(**{f"{pbx}enabled": True, f"{pbx}simulated": settings.REHEARSAL})


def pbx_overview() -> QuerySet[Pbx]:
    """Every PBX with its link and the count of its trunks, all and unconfirmed."""
    return Pbx.objects.select_related("link").annotate(
        trunk_count=Count("trunks", filter=Q(trunks__is_trunk=True)),
        unconfirmed_count=Count("trunks", filter=Q(trunks__confirmed=False)),
    )


def how_we_hear(pbx: Pbx, now: datetime) -> LinkView:
    """A link that nobody has written for a while is not believed, whatever it said last."""
    link = getattr(pbx, "link", None)
    if not pbx.enabled:
        return _view(pbx, link, heard=False, lamp="idle", tone="", words=_("not listened to"))
    if link is None or link.state == PbxLink.State.NEVER or link.heard_at is None:
        return _view(pbx, link, heard=False, lamp="idle", tone="care", words=_("not connected yet"))
    if link.state == PbxLink.State.CONNECTED and now - link.heard_at < timedelta(seconds=HEARD_STALE_SECONDS):
        words = _("heard since %(at)s") % {"at": _clock(link.since, now)} if link.since else _("heard")
        return _view(pbx, link, heard=True, lamp="ready", tone="good", words=words)
    words = _("not heard since %(at)s") % {"at": _clock(link.heard_at, now)}
    return _view(pbx, link, heard=False, lamp="off", tone="bad", words=words)


def recent_gaps(*, now: datetime, minutes: int) -> QuerySet[LinkGap]:
    """Times we did not hear a PBX that still last or ended a little while ago; not the blink of a takeover, unless
    events were surely lost in it."""
    long_enough = Q(lost=True) | Q(until_at__gte=F("from_at") + timedelta(seconds=BLINK_SECONDS))
    fresh = Q(until_at=None) | (long_enough & Q(until_at__gte=now - timedelta(minutes=minutes)))
    return LinkGap.objects.filter(fresh, pbx__in=pbxes_heard_here().values("pk")).select_related("pbx")


def home_country() -> str:
    """The country in which numbers typed on a page are read: that of the first PBX, else the configured one."""
    first = pbxes_heard_here().values_list("country", flat=True).first()
    return first or settings.PBX_COUNTRY or FALLBACK_COUNTRY


def manager_lines(*, username: str, permit: str) -> str:
    """The section of manager.conf to paste. The secret is never shown: only who set it knows it."""
    return "\n".join(
        [
            f"[{username or 'crmconnector'}]",
            "secret = " + _("(the secret you enter here)"),
            "deny = 0.0.0.0/0.0.0.0",
            f"permit = {permit}",
            f"read = {LEAST_READ}",
            f"write = {VERBS_WRITE}",
            "writetimeout = 5000",
        ]
    )


def verbs_missing(pbx: Pbx) -> tuple[str, ...]:
    """What cannot be commanded through this PBX, for our user there may not, with the cure; empty while not known."""
    link = getattr(pbx, "link", None)
    return () if link is None or link.may_send is None else verb_sentences(link.may_send)


def _view(pbx: Pbx, link: PbxLink | None, *, heard: bool, lamp: str, tone: str, words: str) -> LinkView:
    reason = "" if heard or link is None else link.reason
    if not heard and pbx.enabled and not reason and link is not None and link.state == PbxLink.State.CONNECTED:
        reason = _("The listener no longer writes what it hears. Is it running?")
    since = link.heard_at if link and not heard else None
    if link is None:
        return LinkView(pbx.pk, pbx.name, heard, lamp, tone, words, reason, since, "")
    warnings = tuple(link.warning.splitlines()) if pbx.enabled else ()
    return LinkView(pbx.pk, pbx.name, heard, lamp, tone, words, reason, since, link.version, warnings,
                    link.unwritten, link.dropped_facts, link.dropped_at)  # fmt: skip


def _clock(at: datetime, now: datetime) -> str:
    local = timezone.localtime(at)
    same_day = local.date() == timezone.localtime(now).date()
    return local.strftime("%H:%M:%S" if same_day else "%d.%m. %H:%M")
