"""Writes about PBXes: their settings, trunks, lines and queues."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from crmconnector.pbx.models import Line, Pbx, PbxLink, Queue, Trunk


class PbxProblem(Exception):
    """What could not be done, and what to do instead; safe to show."""


@transaction.atomic
def save_pbx(*, pbx: Pbx) -> Pbx:
    """Store a PBX and the row in which the listener writes how well it hears it."""
    pbx.save()
    PbxLink.objects.get_or_create(pbx=pbx)
    return pbx


def decide_trunk(*, trunk: Trunk, is_trunk: bool) -> Trunk:
    """An administrator's word about a trunk; the listener's proposals never change it again."""
    trunk.is_trunk, trunk.confirmed = is_trunk, True
    trunk.save(update_fields=["is_trunk", "confirmed"])
    return trunk


def add_trunk(*, pbx: Pbx, endpoint: str) -> Trunk:
    """Name a trunk by hand; one that was found already is confirmed."""
    trunk, _made = Trunk.objects.update_or_create(
        pbx=pbx, endpoint=endpoint, defaults={"is_trunk": True, "confirmed": True}
    )
    return trunk


def add_line(*, pbx: Pbx, did: str, label: str, country: str = "") -> Line:
    """`country` of callers who show a number without one; empty: the PBX's."""
    try:
        with transaction.atomic():
            return Line.objects.create(pbx=pbx, did=did, label=label, country=country)
    except IntegrityError:
        raise PbxProblem(_("%(did)s has a label already. Remove that line first.") % {"did": did}) from None


def set_line_country(*, line: Line, country: str) -> Line:
    line.country = country
    line.save(update_fields=["country"])
    return line


def add_queue(*, pbx: Pbx, name: str, label: str) -> Queue:
    """Give a queue of the PBX a readable name; again for the same queue changes it."""
    queue, _made = Queue.objects.update_or_create(pbx=pbx, name=name, defaults={"label": label})
    return queue


def set_dial_rules(*, pbx: Pbx, dial_prefix: str, dial_style: str) -> Pbx:
    """How our people's phones dial out through this PBX."""
    pbx.dial_prefix, pbx.dial_style = dial_prefix, dial_style
    pbx.save(update_fields=["dial_prefix", "dial_style"])
    return pbx


def set_line_prefix(*, line: Line, dial_prefix: str) -> Line:
    """What is dialled before a number so that this line's number is shown; empty: it cannot be chosen."""
    line.dial_prefix = dial_prefix
    line.save(update_fields=["dial_prefix"])
    return line
