"""The caller's card on a user's screen: one row per call and person, however many phones ring or tabs are open; the
rules by which it shows; and for everybody concerned why it did or did not.
"""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crmconnector.contacts.models import no_controls


class Pop(models.Model):
    """`version` grows with every change and is the event id of the browser's stream, so a reconnect replays rows."""

    class State(models.TextChoices):
        RINGING = "ringing", _("ringing")
        DIALLING = "dialling", _("calling")
        TALKING = "talking", _("talking")
        HELD = "held", _("on hold")
        CLOSED = "closed", _("closed")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="pops")
    call = models.ForeignKey("calls.Call", models.CASCADE, related_name="pops")
    leg = models.ForeignKey("calls.Leg", models.SET_NULL, null=True, related_name="+")  # the one Answer means
    state = models.CharField(max_length=10, choices=State.choices)
    payload = models.JSONField()
    version = models.BigIntegerField()
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ("version",)
        constraints = [models.UniqueConstraint(fields=["call", "user"], name="pop_once_per_call_and_user")]
        indexes = [
            models.Index(fields=["user", "version"], name="pop_stream"),
            models.Index(fields=["version"], name="pop_version"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.state}"


class PopReceipt(models.Model):
    """That one browser placed a card on its page (delivered), and that its tab was looked at then or later (seen)."""

    pop = models.ForeignKey(Pop, models.CASCADE, related_name="receipts")
    desk = models.CharField(max_length=32)  # a random name that the browser keeps
    browser = models.CharField(max_length=60, blank=True)  # "Firefox on Windows"
    delivered_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("delivered_at", "id")
        constraints = [models.UniqueConstraint(fields=["pop", "desk"], name="receipt_once_per_pop_and_desk")]

    def __str__(self) -> str:
        return f"{self.pop_id} on {self.desk}"


class PopDecision(models.Model):
    """Why somebody did, or did not, get a card for a call. One per call and user; without a user, one per phone.

    `reason` is a word of `crmconnector.screenpop.decisions`; `details` fills its sentence (rule id, who took it, …).
    """

    call = models.ForeignKey("calls.Call", models.CASCADE, related_name="pop_decisions")
    user = models.ForeignKey(  # its index is decision_by_user
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    endpoint = models.CharField(max_length=120, blank=True)
    shown = models.BooleanField()
    reason = models.CharField(max_length=24)
    details = models.JSONField(default=dict, blank=True)
    pop = models.ForeignKey(Pop, models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ("decided_at", "id")
        constraints = [
            models.UniqueConstraint(fields=["call", "user"], condition=~Q(user=None), name="decision_per_user"),
            models.UniqueConstraint(fields=["call", "endpoint"], condition=Q(user=None), name="decision_per_phone"),
        ]
        indexes = [
            models.Index(fields=["user", "-decided_at", "-id"], name="decision_by_user"),
            models.Index(fields=["-decided_at", "-id"], name="decision_recent"),
            models.Index(fields=["reason", "-decided_at", "-id"], name="decision_by_reason"),
            models.Index(fields=["-decided_at", "-id"], name="decision_unshown", condition=Q(shown=False)),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} {self.user_id} {self.reason}"


class PopRule(models.Model):
    """When cards show. Without user, queue and line it is the rule of the house; the most special rule wins."""

    class When(models.TextChoices):
        RING = "ring", _("when it rings")
        ANSWER = "answer", _("when I answer")
        NEVER = "never", _("never")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="pop_rules")
    queue = models.ForeignKey("pbx.Queue", models.CASCADE, null=True, blank=True, related_name="+")
    line = models.ForeignKey("pbx.Line", models.CASCADE, null=True, blank=True, related_name="+")
    when = models.CharField(_("show cards"), max_length=8, choices=When.choices)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["user", "queue", "line"], nulls_distinct=False, name="pop_rule_once_per_scope"
            ),
            models.CheckConstraint(condition=Q(queue=None) | Q(line=None), name="pop_rule_queue_or_line"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.queue_id} {self.line_id} {self.when}"


class QuietHours(models.Model):
    """Times in which somebody wants no cards, in the house's time zone. `ends` before `starts`: over midnight."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="quiet_hours")
    starts = models.TimeField(_("from"))
    ends = models.TimeField(_("until"))
    days = ArrayField(models.PositiveSmallIntegerField(), default=list, size=7)  # 0 is Monday; the day it starts on

    def __str__(self) -> str:
        return f"{self.starts:%H:%M} to {self.ends:%H:%M}"


class CardLink(models.Model):
    """A button on the card that opens the caller's record elsewhere, such as in the CRM.

    `template` is an https or http address with names in braces; crmconnector.screenpop.links says which, and escapes.
    """

    label = models.CharField(_("label"), max_length=40, unique=True, validators=[no_controls])
    template = models.CharField(_("address"), max_length=500, validators=[no_controls])
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.label


class PopTest(models.Model):
    """A pretended ring that goes the whole way to one user's desk, with the time of each step.

    The row is the wish; the listener that leads the PBX takes it up and puts recorded call events into its dispatch.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    number = models.CharField(max_length=40, blank=True)  # who is to call; empty: a number nobody has
    pop = models.ForeignKey(Pop, models.SET_NULL, null=True, blank=True, related_name="+")
    call = models.ForeignKey("calls.Call", models.SET_NULL, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True, blank=True)  # by the listener
    written_at = models.DateTimeField(null=True, blank=True)  # card committed
    ended_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-asked_at",)
        indexes = [models.Index(fields=["asked_at"], name="pop_test_open", condition=Q(ended_at=None))]

    def __str__(self) -> str:
        return f"{self.user_id} {self.asked_at}"
