"""Only one listener writes for a PBX: each new leader raises the link's epoch, and every write checks its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.db.models import F

from crmconnector.pbx.models import PbxLink


class Fenced(Exception):
    """Another listener leads this PBX; what we still know must not be written."""


@transaction.atomic  # the row is ours from the update to the read
def next_epoch(*, pbx_id: int, now: datetime) -> int:
    """Begin to lead: the old leader's writes are refused from this commit on."""
    PbxLink.objects.get_or_create(pbx_id=pbx_id, defaults={"since": now})
    PbxLink.objects.filter(pbx_id=pbx_id).update(epoch=F("epoch") + 1)
    return PbxLink.objects.values_list("epoch", flat=True).get(pbx_id=pbx_id)


def check_epoch(*, pbx_id: int, epoch: int) -> None:
    """Inside the batch's transaction; the share lock holds off a new leader until we have committed."""
    found = (
        PbxLink.objects.select_for_update(of=("self",), no_key=True).values_list("epoch", flat=True).get(pbx_id=pbx_id)
    )
    if found != epoch:
        raise Fenced(f"epoch {epoch} of PBX {pbx_id} is over; {found} leads")


@contextmanager
def under_epoch(*, pbx_id: int, epoch: int) -> Iterator[None]:
    """A transaction in which we surely lead; raises `Fenced` before anything is written."""
    with transaction.atomic():
        check_epoch(pbx_id=pbx_id, epoch=epoch)
        yield
