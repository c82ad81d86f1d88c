"""Rows about how well we hear a PBX: its link, its gaps, its trunks, poison events."""

from datetime import datetime

from django.db import transaction

from crmconnector.listener.models import DeadLetter
from crmconnector.pbx.models import LinkGap, Pbx, PbxLink, Trunk

MOST_DEAD_LETTERS = 1000


def write_link(
    *,
    pbx_id: int,
    connected: bool,
    since: datetime | None,
    heard_at: datetime | None,
    reason_code: str,
    reason: str,
    version: str,
) -> None:
    """The link as the leader sees it now; one UPDATE, called on change and every other second."""
    state = PbxLink.State.CONNECTED if connected else PbxLink.State.DOWN
    changes: dict[str, object] = {
        "state": state,
        "reason_code": reason_code[:40],
        "reason": reason[:300],
        "since": since,
    }
    if heard_at:
        changes["heard_at"] = heard_at
    if version:
        changes["version"] = version[:80]
    PbxLink.objects.filter(pbx_id=pbx_id).update(**changes)


def open_gap(*, pbx_id: int, from_at: datetime, reason: str) -> None:
    """From now on we do not hear; one open gap per PBX at a time."""
    with transaction.atomic():
        if not LinkGap.objects.select_for_update().filter(pbx_id=pbx_id, until_at=None).exists():
            LinkGap.objects.create(pbx_id=pbx_id, from_at=from_at, reason=reason[:300])


def open_gap_of_former_leader(*, pbx_id: int) -> None:
    """A listener that dies says nothing: its successor tells from when nobody heard (to about two seconds)."""
    row = PbxLink.objects.get(pbx_id=pbx_id)
    if row.state == PbxLink.State.CONNECTED and row.heard_at:
        open_gap(pbx_id=pbx_id, from_at=row.heard_at, reason="The listener had stopped; another one took over.")


def close_gaps(*, pbx_id: int, until_at: datetime) -> None:
    LinkGap.objects.filter(pbx_id=pbx_id, until_at=None).update(until_at=until_at)


def note_trunk(*, pbx_id: int, endpoint: str, because: str) -> None:
    """A trunk the listener found; what an administrator decided about it stays."""
    Trunk.objects.get_or_create(pbx_id=pbx_id, endpoint=endpoint, defaults={"found_because": because[:200]})


def trunk_names(pbx: Pbx) -> tuple[frozenset[str], frozenset[str]]:
    """(endpoints that are trunks, endpoints that an administrator said are none)."""
    rows = list(pbx.trunks.all())
    return (
        frozenset(row.endpoint for row in rows if row.is_trunk),
        frozenset(row.endpoint for row in rows if not row.is_trunk),
    )


def bury(*, pbx_id: int, at: datetime, reason: str, raw: str) -> None:
    """Keep a poison event with its text, NUL taken out (PostgreSQL cannot store it); the oldest go."""
    DeadLetter.objects.create(pbx_id=pbx_id, at=at, reason=reason[:300], raw=raw.replace("\x00", "␀")[:20_000])
    newest = (
        DeadLetter.objects.filter(pbx_id=pbx_id)
        .order_by("-id")
        .values_list("id", flat=True)[MOST_DEAD_LETTERS : MOST_DEAD_LETTERS + 1]
    )
    if newest:
        DeadLetter.objects.filter(pbx_id=pbx_id, id__lte=newest[0]).delete()
