"""Rows about how well we hear a PBX: its link, its gaps, its trunks, poison events. The leader writes under its epoch:
one that was frozen and does not know yet that another leads is `Fenced`."""

from dataclasses import dataclass
from datetime import datetime

from crmconnector.listener.fence import Fenced, under_epoch
from crmconnector.listener.models import DeadLetter
from crmconnector.pbx.models import LinkGap, Pbx, PbxLink, Trunk

MOST_DEAD_LETTERS = 1000
DEAD_LETTER_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class LinkNews:
    """The link as the leader sees it now. `heard_at`: all that was heard up to then is in the rows."""

    connected: bool
    since: datetime | None
    heard_at: datetime | None
    reason_code: str
    reason: str
    version: str
    warning: str = ""
    unwritten: int = 0
    dropped_facts: int = 0
    dropped_at: datetime | None = None
    may_send: list[str] | None = None  # None: not known, what was written before stays


def write_link(*, pbx_id: int, epoch: int, news: LinkNews) -> None:
    """One UPDATE, called on change and every other second; raises Fenced when another listener leads."""
    changes: dict[str, object] = {
        "state": PbxLink.State.CONNECTED if news.connected else PbxLink.State.DOWN,
        "reason_code": news.reason_code[:40],
        "reason": news.reason[:300],
        "since": news.since,
        "warning": news.warning,
        "unwritten": news.unwritten,
        "dropped_facts": news.dropped_facts,
    }
    optional = {"heard_at": news.heard_at, "version": news.version[:80], "dropped_at": news.dropped_at}
    changes |= {name: value for name, value in optional.items() if value}
    if news.may_send is not None:
        changes["may_send"] = news.may_send
    if not PbxLink.objects.filter(pbx_id=pbx_id, epoch=epoch).update(**changes):
        raise Fenced(f"epoch {epoch} of PBX {pbx_id} is over")


def open_gap(*, pbx_id: int, epoch: int, from_at: datetime, reason: str, lost: bool = False) -> None:
    """From now on we do not hear; one open gap per PBX at a time."""
    with under_epoch(pbx_id=pbx_id, epoch=epoch):
        if not LinkGap.objects.filter(pbx_id=pbx_id, until_at=None).exists():
            LinkGap.objects.create(pbx_id=pbx_id, from_at=from_at, reason=reason[:300], lost=lost)


def open_gap_of_former_leader(*, pbx_id: int, epoch: int) -> None:
    """A listener that dies says nothing: its successor tells from when nobody heard (to about two seconds).

    One that knew of its lost link may have died before it could write the gap: hence whatever the state was.
    """
    row = PbxLink.objects.get(pbx_id=pbx_id)
    if row.heard_at:
        was_up = row.state == PbxLink.State.CONNECTED
        reason = "The listener had stopped; another one took over." if was_up else row.reason
        open_gap(pbx_id=pbx_id, epoch=epoch, from_at=row.heard_at, reason=reason)


def close_gaps(*, pbx_id: int, epoch: int, until_at: datetime) -> None:
    """We hear again. A gap that seems to begin later than it ends (clocks) lasted no time at all."""
    with under_epoch(pbx_id=pbx_id, epoch=epoch):
        for gap in LinkGap.objects.filter(pbx_id=pbx_id, until_at=None):
            gap.until_at = max(until_at, gap.from_at)
            gap.save(update_fields=["until_at"])


def warn_of_frozen_holder(*, pbx_id: int, sentence: str) -> None:
    """Said by who stands by, about the leader: the only words in the link's row that are not the leader's own."""
    PbxLink.objects.filter(pbx_id=pbx_id).exclude(warning=sentence).update(warning=sentence)


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
    text = raw[:DEAD_LETTER_LENGTH].replace("\x00", "␀").encode(errors="replace").decode()
    DeadLetter.objects.create(pbx_id=pbx_id, at=at, reason=reason[:300], raw=text)
    newest = (
        DeadLetter.objects.filter(pbx_id=pbx_id)
        .order_by("-id")
        .values_list("id", flat=True)[MOST_DEAD_LETTERS : MOST_DEAD_LETTERS + 1]
    )
    if newest:
        DeadLetter.objects.filter(pbx_id=pbx_id, id__lte=newest[0]).delete()
