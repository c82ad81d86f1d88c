"""Calls, their legs, and the commands that people give their desk phones."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Reverse, Upper
from django.utils.translation import gettext_lazy as _

from crmconnector.calls.command_models import (
    CallCommand,
    CommandChange,
    CommandKind,
    CommandPath,
    CommandState,
    CommandStep,
    DialSettings,
    PathPolicy,
    StepState,
)
from crmconnector.contacts.models import no_controls

__all__ = [
    "MISSED",
    "MISSED_INBOUND",
    "Call",
    "CallCommand",
    "CallNote",
    "CallParty",
    "CallState",
    "CommandChange",
    "CommandKind",
    "CommandPath",
    "CommandState",
    "CommandStep",
    "DialSettings",
    "Direction",
    "Disposition",
    "Leg",
    "PathPolicy",
    "StepState",
]


class CallState(models.TextChoices):
    NEW = "new", _("new")
    WAITING = "waiting", _("waiting")
    RINGING = "ringing", _("ringing")
    TALKING = "talking", _("talking")
    ENDED = "ended", _("ended")


class Direction(models.TextChoices):
    INBOUND = "inbound", _("incoming")
    OUTBOUND = "outbound", _("outgoing")
    INTERNAL = "internal", _("internal")


# How an incoming call ended that nobody here talked in.
MISSED = ("no_answer", "cancelled", "abandoned", "busy", "rejected")
MISSED_INBOUND = Q(direction="inbound", disposition__in=MISSED, ended_at__isnull=False)


class Call(models.Model):
    """The whole story a person would tell. Key: the PBX and the Linkedid under which it began.

    `far_number` is the other party's number as far as it is known: of the caller when the call came in, else the
    dialled one; E.164, or the bare digits of what cannot be read so (an extension). Empty when withheld.
    """

    pbx = models.ForeignKey("pbx.Pbx", models.CASCADE, related_name="calls", db_index=False)
    linkedid = models.CharField(max_length=150)
    direction = models.CharField(max_length=10, choices=Direction.choices)
    originated = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=CallState.choices, default=CallState.NEW)
    caller_endpoint = models.CharField(max_length=120, blank=True)
    caller_number = models.CharField(max_length=80, blank=True)
    caller_name = models.CharField(max_length=80, blank=True)
    caller_restricted = models.BooleanField(default=False)
    caller_e164 = models.CharField(max_length=16, blank=True)
    dialled = models.CharField(max_length=80, blank=True)
    far_number = models.CharField(max_length=20, blank=True)
    line = models.ForeignKey("pbx.Line", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    queue_name = models.CharField(max_length=80, blank=True)
    contact = models.ForeignKey(
        "contacts.Contact", models.SET_NULL, null=True, blank=True, related_name="calls", db_index=False
    )
    disposition = models.CharField(max_length=16, blank=True)
    answered_by_endpoint = models.CharField(max_length=120, blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    merged_into = models.CharField(max_length=150, blank=True)  # linkedid
    # Of an ended call: [{"kind", "by", "connects": [endpoint, endpoint] or null, "ok", "at": epoch seconds}, …]
    transfers = models.JSONField(default=list, blank=True)
    talked_with = models.JSONField(default=list, blank=True)  # endpoints that heard the caller
    picked_up = models.BooleanField(default=False)  # by somebody whose phone did not ring
    test = models.BooleanField(default=False)  # a test pop's: no call that anybody made; in no log and no count
    parked_place = models.CharField(max_length=20, blank=True)  # the caller waits there, with nobody
    started_at = models.DateTimeField()
    queued_at = models.DateTimeField(null=True, blank=True)  # began to wait in the queue, for the first time
    left_queue_at = models.DateTimeField(null=True, blank=True)  # and waited no longer, for the last time
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    talk_seconds = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ("-started_at", "-id")
        constraints = [models.UniqueConstraint(fields=["pbx", "linkedid"], name="call_once_per_pbx")]
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="call_recent"),
            models.Index(fields=["caller_e164", "-started_at"], name="call_by_number", condition=~Q(caller_e164="")),
            models.Index(fields=["contact", "-started_at"], name="call_by_contact"),
            models.Index(fields=["pbx"], name="call_open", condition=Q(ended_at=None)),
            models.Index(fields=["line", "-started_at"], name="call_by_line", condition=Q(line__isnull=False)),
            models.Index(fields=["queue_name", "-started_at"], name="call_by_queue", condition=~Q(queue_name="")),
            models.Index(fields=["-started_at", "-id"], name="call_missed", condition=MISSED_INBOUND),
            models.Index(fields=["pbx", "merged_into"], name="call_by_winner", condition=~Q(merged_into="")),
            # Told apart by the operator class: LIKE '+4930%' finds its place in this one whatever the collation is.
            models.Index(
                OpClass("far_number", "varchar_pattern_ops"), models.F("started_at").desc(), name="call_by_far_number",
                condition=~Q(far_number=""),
            ),
            models.Index(
                OpClass(Reverse("far_number"), "text_pattern_ops"), name="call_by_last_digits",
                condition=~Q(far_number=""),
            ),
            models.Index(
                fields=["far_number", "answered_at"], name="call_talked_with",
                condition=Q(answered_at__isnull=False) & ~Q(far_number=""),
            ),
            GinIndex(
                OpClass(Upper("caller_name"), "gin_trgm_ops"), name="call_by_caller_name",
                condition=~Q(caller_name=""),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.direction} {self.linkedid}"


class CallParty(models.Model):
    """That a call is somebody's: their phone rang or talked, they answered it, or placed it. Who may see it rests on
    this. Narrow, with the call's start in it, so that the newest calls of a person are read in the order of an index.
    """

    call = models.ForeignKey(Call, models.CASCADE, related_name="parties", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    started_at = models.DateTimeField()  # of the call; it never changes

    class Meta:
        constraints = [models.UniqueConstraint(fields=["call", "user"], name="party_once_per_call_and_user")]
        indexes = [
            models.Index(fields=["user", "-started_at", "-call"], name="party_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} of {self.user_id}"


class Leg(models.Model):
    """One party's part of a call: a phone that rang, or talked. In Asterisk a channel."""

    call = models.ForeignKey(Call, models.CASCADE, related_name="legs")
    pbx = models.ForeignKey("pbx.Pbx", models.CASCADE, related_name="+", db_index=False)
    uniqueid = models.CharField(max_length=150)
    endpoint = models.CharField(max_length=120)
    phone = models.ForeignKey("phones.Phone", models.SET_NULL, null=True, blank=True, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="legs")
    far_number = models.CharField(max_length=80, blank=True)
    far_name = models.CharField(max_length=80, blank=True)
    far_endpoint = models.CharField(max_length=120, blank=True)
    far_restricted = models.BooleanField(default=False)
    pops = models.BooleanField(default=True)  # False: the first leg of our own click-to-call
    # True: the phone that began the call. It rings nowhere; its Uniqueid is that of the caller's channel.
    placed = models.BooleanField(default=False)
    state = models.CharField(max_length=10, default="ringing")  # ringing, dialling (placed), talking, held, ended
    outcome = models.CharField(max_length=24, blank=True)
    answered_by_endpoint = models.CharField(max_length=120, blank=True)  # who took it, when elsewhere
    rang_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["pbx", "uniqueid"], name="leg_once_per_pbx")]
        indexes = [
            models.Index(fields=["phone"], name="leg_open_on_phone", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.state}"


_one_to_nine = [MinValueValidator(1), MaxValueValidator(9)]


class Disposition(models.Model):
    """An outcome that people record after a call. Not the system's own (busy, no answer), which is Call.disposition."""

    label = models.CharField(_("outcome"), max_length=60, unique=True, validators=[no_controls])
    key = models.PositiveSmallIntegerField(
        _("key"), validators=[MinValueValidator(1), MaxValueValidator(9)], unique=True
    )
    explanation = models.CharField(_("what it means"), max_length=120, blank=True, validators=[no_controls])
    enabled = models.BooleanField(_("offered"), default=True)

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.label


class CallNote(models.Model):
    """What one person wrote about one call, while it lasted or after, and the outcome they chose."""

    call = models.ForeignKey(Call, models.CASCADE, related_name="notes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField(_("note"), blank=True, max_length=4000, validators=[no_controls])
    outcome = models.ForeignKey(Disposition, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("created_at", "id")
        constraints = [models.UniqueConstraint(fields=["call", "user"], name="note_once_per_call_and_user")]
        indexes = [GinIndex(OpClass(Upper("text"), "gin_trgm_ops"), name="note_by_text", condition=~Q(text=""))]

    def __str__(self) -> str:
        return f"{self.call_id} by {self.user_id}"
