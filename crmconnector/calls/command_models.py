"""What a person asked of a call or of their phone, step by step; by which way; and the rules for dialling.

The names are used by `crmconnector.calls.models`, which is where everybody imports them from.
"""

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

LIVE = Q(state__in=["requested", "granted", "sent"]) | Q(state="unknown", settled=False)

# What brings somebody else into a call: a new call, a transfer, a conference.
DIALS = Q(kind__in=["make_call", "blind_transfer", "attended_start", "conference"])


class CommandKind(models.TextChoices):
    MAKE_CALL = "make_call", _("Call")
    ANSWER = "answer", _("Answer")
    REJECT = "reject", _("Reject")
    HANG_UP = "hang_up", _("Hang up")
    HOLD = "hold", _("Hold")
    RESUME = "resume", _("Resume")
    BLIND_TRANSFER = "blind_transfer", _("Transfer without asking")
    ATTENDED_START = "attended_start", _("Ask before transferring")
    ATTENDED_COMPLETE = "attended_complete", _("Put them together")
    ATTENDED_CANCEL = "attended_cancel", _("Back to the caller")
    CONFERENCE = "conference", _("All three")
    DTMF = "dtmf", _("Tones")
    MUTE = "mute", _("Mute")
    UNMUTE = "unmute", _("Unmute")
    PARK = "park", _("Park")
    DND_ON = "dnd_on", _("Do not disturb on")
    DND_OFF = "dnd_off", _("Do not disturb off")
    KEYS = "keys", _("Named keys")


class CommandState(models.TextChoices):
    REQUESTED = "requested", _("asked")
    GRANTED = "granted", _("being sent")
    SENT = "sent", _("sent")
    CONFIRMED = "confirmed", _("done")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("not done")
    UNKNOWN = "unknown", _("not sure")
    EXPIRED = "expired", _("withdrawn")
    CANCELLED = "cancelled", _("not needed")


class CommandPath(models.TextChoices):
    PHONE = "phone", _("desk phone")
    PBX = "pbx", _("PBX")


class CallCommand(models.Model):
    """What a person asked for; its own outbox. The row is written before the deed, always, and is sent at most once.

    `leg` is the user's own end of the call that is meant; empty for a new call until the PBX shows it. A second way
    (the PBX calls when the phone did not take the number) is a row of its own, `fallback_of` the first, with a life
    and a single sending of its own.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=24, choices=CommandKind.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="commands")
    idempotency_key = models.CharField(max_length=80)
    fingerprint = models.CharField(max_length=64, blank=True)  # of what was asked: the same key means the same thing
    phone = models.ForeignKey("phones.Phone", models.PROTECT, related_name="+")
    pbx = models.ForeignKey("pbx.Pbx", models.PROTECT, null=True, related_name="+", db_index=False)
    endpoint = models.CharField(max_length=120, blank=True)  # of the user's own end: "PJSIP/204"
    leg = models.ForeignKey("calls.Leg", models.PROTECT, null=True, blank=True, related_name="commands")
    other_leg = models.ForeignKey(  # the user's end of the consultation
        "calls.Leg", models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    part_of = models.ForeignKey(  # of a complete or cancel: the attended transfer that it ends
        "self", models.PROTECT, null=True, blank=True, related_name="parts", db_index=False
    )
    fallback_of = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="fallback")
    path = models.CharField(max_length=12, choices=CommandPath.choices, default=CommandPath.PHONE)
    may_fall_back = models.BooleanField(default=False)
    target = models.CharField(max_length=80, blank=True)  # as the person wrote it
    far_number = models.CharField(max_length=20, blank=True)  # whom: E.164, or the bare digits of an extension
    dial_string = models.CharField(max_length=40, blank=True)  # what is sent: digits, * and #
    account = models.PositiveSmallIntegerField(null=True, blank=True)  # on the phone, from 1
    digits = models.CharField(max_length=40, blank=True)  # of tones; emptied when the command has ended
    sequence = models.CharField(max_length=40, blank=True)  # name of a key sequence
    state = models.CharField(max_length=12, choices=CommandState.choices, default=CommandState.REQUESTED)
    settled = models.BooleanField(default=False)  # an unknown that stays unknown: no more looking
    reason_code = models.CharField(max_length=40, blank=True)
    sentence = models.CharField(max_length=300, blank=True)
    evidence = models.CharField(max_length=300, blank=True)
    token = models.BigIntegerField(null=True, blank=True)  # of the phone's lease, or by chance, when granted
    requested_at = models.DateTimeField()
    not_after = models.DateTimeField()
    relayed_at = models.DateTimeField(null=True, blank=True)  # when "look now" was last handed to the broker
    granted_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-requested_at",)
        constraints = [
            models.UniqueConstraint(fields=["user", "idempotency_key"], name="command_once_per_key"),
            # Two buttons, two browsers, one leg: at most one live attempt.
            models.UniqueConstraint(fields=["leg", "kind"], condition=LIVE, name="command_one_live_per_leg"),
            models.UniqueConstraint(
                fields=["user", "far_number"],
                condition=LIVE & Q(kind="make_call"),
                name="command_one_live_dial",
            ),
        ]
        indexes = [
            models.Index(fields=["requested_at"], name="command_open", condition=LIVE),
            # Brakes: how many were dialled by a person, or to a number, in the last minute.
            models.Index(fields=["user", "-requested_at"], name="command_dials_of_user", condition=DIALS),
            models.Index(
                fields=["far_number", "-requested_at"], name="command_dials_to", condition=Q(kind="make_call")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class CommandChange(models.Model):
    """One step in the life of a command: when, to what, by whom, on what evidence."""

    command = models.ForeignKey(CallCommand, models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=CommandState.choices)
    by = models.CharField(max_length=40)  # "user", "worker", "listener", "sweeper"
    path = models.CharField(max_length=12, blank=True)
    evidence = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.state} by {self.by}"


class StepState(models.TextChoices):
    WAITING = "waiting", _("not yet")
    SENT = "sent", _("sent")
    SEEN = "seen", _("seen")
    MISSED = "missed", _("not seen")


class CommandStep(models.Model):
    """One step of a key sequence; written before its keys are sent. It goes on only from a state that was seen."""

    command = models.ForeignKey(CallCommand, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()  # from 1
    name = models.CharField(max_length=40)  # "open the transfer screen", in English, marked
    keys = models.CharField(max_length=80, blank=True)  # "XFER"; of digits only how many
    expected = models.CharField(max_length=120, blank=True)
    observed = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=8, choices=StepState.choices, default=StepState.WAITING)
    sent_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["command", "position"], name="step_once_per_position")]

    def __str__(self) -> str:
        return f"{self.position} {self.state}"


class PathPolicy(models.Model):
    """Which way a verb goes at one phone (empty phone: at all that have no row), and whether another may follow."""

    phone = models.ForeignKey("phones.Phone", models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=24, choices=CommandKind.choices)
    path = models.CharField(max_length=12, choices=CommandPath.choices)
    fall_back = models.BooleanField(default=False)

    class Meta:
        ordering = ("kind", "phone")
        constraints = [
            models.UniqueConstraint(
                fields=["phone", "kind"], name="policy_once_per_phone_and_kind", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.path}"


class DialSettings(models.Model):
    """The one row of brakes on dialling by people (pk 1). Emergency numbers are never subject to any of it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    countries = models.JSONField(default=list, blank=True)  # ISO 3166; those of the PBXes are always allowed
    premium = models.BooleanField(_("premium-rate numbers"), default=False)
    satellite = models.BooleanField(_("satellite and international networks"), default=False)
    calls_a_minute = models.PositiveSmallIntegerField(
        _("calls a minute"), default=5, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )  # by one person, and to one number
    night_from = models.TimeField(_("night from"), null=True, blank=True)
    night_until = models.TimeField(_("night until"), null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True, editable=False)
    stopped_by = models.CharField(max_length=150, blank=True, editable=False)
    stopped_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="dial_settings_one_row")]

    def __str__(self) -> str:
        return "dial settings"
