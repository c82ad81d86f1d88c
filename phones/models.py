"""Desk phones: accounts, who sits where from when until when, what was last seen, what was asked of them."""

import uuid

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from crmconnector.common.fields import EncryptedTextField

no_controls = RegexValidator(r"\A[^\x00-\x1f\x7f]*\Z", _("Control characters are not allowed."))
mac_address = RegexValidator(r"\A([0-9A-F]{2}:){5}[0-9A-F]{2}\Z", _("A MAC address looks like 00:0B:82:A1:4C:07."))
firmware_version = RegexValidator(r"\A[0-9]{1,4}(\.[0-9]{1,4}){1,5}\Z", _("A firmware version looks like 1.0.13.24."))
endpoint_name = RegexValidator(
    r"\A(PJSIP|SIP|IAX2|SCCP|DAHDI)/[A-Za-z0-9_.+@-]{1,80}\Z", _("An endpoint looks like PJSIP/204.")
)


class Phone(models.Model):
    """A desk phone with a CTI interface over HTTP. The passcode is its user-level web password."""

    class Scheme(models.TextChoices):
        HTTPS_PINNED = "https-pinned", _("HTTPS, certificate pinned")
        HTTPS_UNVERIFIED = "https-unverified", _("HTTPS, certificate not checked")
        HTTP = "http", _("HTTP, not encrypted")

    class MuteKey(models.TextChoices):
        """The phone's setting "Mute Key Functions while idle": the same key is two different deeds."""

        UNKNOWN = "unknown", _("not known")
        DO_NOT_DISTURB = "dnd", _("do not disturb")
        IDLE_MUTE = "idle_mute", _("idle mute")
        OFF = "off", _("nothing")

    name = models.CharField(_("name"), max_length=80, unique=True, validators=[no_controls])
    vendor = models.CharField(max_length=24, default="grandstream", editable=False)
    # Typed in by a person; what the PBX was told by the phone itself is on its accounts. See phones.identity.
    model = models.CharField(_("model"), max_length=24, blank=True, validators=[no_controls])
    firmware = models.CharField(_("firmware"), max_length=24, blank=True, validators=[firmware_version])
    identity_typed_at = models.DateTimeField(null=True, blank=True, editable=False)
    mac = models.CharField(_("MAC address"), max_length=17, blank=True, validators=[mac_address])
    address = models.GenericIPAddressField(_("address"))
    port = models.PositiveIntegerField(
        _("port"), default=80, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    scheme = models.CharField(_("connection"), max_length=20, choices=Scheme.choices, default=Scheme.HTTP)
    certificate = models.TextField(_("pinned certificate (PEM)"), blank=True)
    passcode = EncryptedTextField(_("user-level passcode"))
    # One wrong passcode stops everything for this phone until a person acts: phones lock out after a few.
    passcode_refused_at = models.DateTimeField(null=True, blank=True, editable=False)
    mute_key = models.CharField(
        _("mute key while idle"), max_length=12, choices=MuteKey.choices, default=MuteKey.UNKNOWN
    )
    mpk_keys = models.PositiveSmallIntegerField(_("multi-purpose keys"), default=0, validators=[MaxValueValidator(160)])
    # The word in the path by which the phone's own notifications are known. The page shows it to administrators, so it
    # must be readable again; it is looked up by its digest.
    event_token = EncryptedTextField(blank=True, default="", editable=False)
    event_token_digest = models.CharField(max_length=64, null=True, blank=True, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=["mac"], condition=~models.Q(mac=""), name="phone_mac_once"),
            models.UniqueConstraint(fields=["address", "port"], name="phone_address_once"),
        ]
        # Beyond the role of administrator: each is granted to a person by name.
        permissions = [
            ("reboot_phone", _("May restart phones")),
            ("reset_phone", _("May set phones back to factory settings")),
            ("lock_phone", _("May lock and unlock the keys of phones")),
        ]

    def __str__(self) -> str:
        return self.name


class SipAccount(models.Model):
    """An account on a phone, and the PBX endpoint it registers as."""

    phone = models.ForeignKey(Phone, models.CASCADE, related_name="accounts")
    pbx = models.ForeignKey("pbx.Pbx", models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(_("account on the phone"), default=1)
    extension = models.CharField(
        _("extension"), max_length=20, validators=[RegexValidator(r"\A[0-9*#]{1,20}\Z", _("Digits only."))]
    )
    endpoint = models.CharField(_("endpoint"), max_length=90, validators=[endpoint_name])
    # What the PBX knows of it: None = never told.
    registered_at_pbx = models.BooleanField(null=True, editable=False)
    user_agent = models.CharField(max_length=160, blank=True, editable=False)
    contact_address = models.GenericIPAddressField(null=True, blank=True, editable=False)
    contact_seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("position",)
        constraints = [
            models.UniqueConstraint(fields=["pbx", "endpoint"], name="endpoint_once_per_pbx"),
            models.UniqueConstraint(fields=["phone", "position"], name="position_once_per_phone"),
        ]

    def __str__(self) -> str:
        return self.endpoint


class Assignment(models.Model):
    """A user has a phone during a time range. The database itself refuses two users on one phone at one time."""

    phone = models.ForeignKey(Phone, models.CASCADE, related_name="assignments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="assignments")
    during = DateTimeRangeField(_("from and until"))

    class Meta:
        ordering = ("-during",)
        constraints = [
            ExclusionConstraint(
                name="phone_has_one_user_at_a_time",
                expressions=[("phone", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
                violation_error_message=_("This phone is assigned to somebody in that time."),
            ),
        ]
        indexes = [models.Index(fields=["user"], name="assignment_user")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.during}"


class PhoneStatus(models.Model):
    """What a worker last saw of a phone; the web reads this and never asks the phone itself. See phones.health."""

    phone = models.OneToOneField(Phone, models.CASCADE, related_name="status")
    reachable = models.BooleanField(null=True)
    reason_code = models.CharField(max_length=40, blank=True)
    sentence = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    answer_milliseconds = models.PositiveIntegerField(null=True, blank=True)
    lines = models.JSONField(default=list, blank=True)  # words in the phone's order: ["idle", "connected", …]
    accounts = models.JSONField(default=list, blank=True)  # [{"account": 1, "sip_id": "204", "registered": true}, …]
    registered = models.BooleanField(null=True)  # by the phone's own word: every account of ours that it has
    accounts_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)  # looks in a row without an answer
    breaker_until = models.DateTimeField(null=True, blank=True)  # until then nothing asks it but a person's order
    next_look_at = models.DateTimeField(null=True, blank=True)  # None: as soon as possible
    # By the phone's own notifications.
    do_not_disturb = models.BooleanField(null=True)
    do_not_disturb_at = models.DateTimeField(null=True, blank=True)
    held_by_key = models.BooleanField(null=True)
    held_by_key_at = models.DateTimeField(null=True, blank=True)
    started_up_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["next_look_at"], name="phone_next_look")]

    def __str__(self) -> str:
        return f"{self.phone_id}: {self.reachable}"


class PhoneLease(models.Model):
    """One request at a time per phone. The token only grows: a late worker's writes carry an old one: refused."""

    phone = models.OneToOneField(Phone, models.CASCADE, primary_key=True, related_name="lease")
    token = models.BigIntegerField(default=0)
    held_until = models.DateTimeField(null=True, blank=True)
    holder = models.CharField(max_length=60, blank=True)  # "command <id>", "look", "order <id>"

    def __str__(self) -> str:
        return f"{self.phone_id}: {self.token}"


class PhoneHint(models.Model):
    """The last notification of a kind that a phone sent about itself. Unauthenticated in the end: a hint, no proof."""

    phone = models.ForeignKey(Phone, models.CASCADE, related_name="hints")
    kind = models.CharField(max_length=32)
    at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    call_id = models.CharField(max_length=150, blank=True)  # SIP Call-ID
    local = models.CharField(max_length=80, blank=True)
    remote = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ("-at",)
        constraints = [models.UniqueConstraint(fields=["phone", "kind"], name="hint_once_per_kind")]

    def __str__(self) -> str:
        return f"{self.phone_id} {self.kind}"


class OrderKind(models.TextChoices):
    LOOK = "look", _("Look at the phone")
    DOCTOR = "doctor", _("Doctor")
    CALIBRATE = "calibrate", _("Calibration")
    KEYS = "keys", _("Press keys")
    OPERATION = "operation", _("Phone operation")
    LOCK = "lock", _("Lock the keys")
    UNLOCK = "unlock", _("Unlock the keys")
    REBOOT = "reboot", _("Restart")
    RESET = "reset", _("Factory reset")


class OrderState(models.TextChoices):
    REQUESTED = "requested", _("asked")
    GRANTED = "granted", _("being sent")
    SENT = "sent", _("sent")
    CONFIRMED = "confirmed", _("done")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("not done")
    UNKNOWN = "unknown", _("not sure")
    EXPIRED = "expired", _("withdrawn")


class DeviceOrder(models.Model):
    """What a person asked of a phone itself, not of a call on it. The row is written before the deed, always.

    requested -> granted -> sent -> confirmed, or refused, failed, unknown, expired. Sent at most once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    phone = models.ForeignKey(Phone, models.CASCADE, related_name="orders")
    kind = models.CharField(max_length=12, choices=OrderKind.choices)
    argument = models.CharField(max_length=200, blank=True)  # the keys, the operation, the test extension; no secret
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    user_name = models.CharField(max_length=150)
    idempotency_key = models.CharField(max_length=80)
    state = models.CharField(max_length=12, choices=OrderState.choices, default=OrderState.REQUESTED)
    reason_code = models.CharField(max_length=40, blank=True)
    sentence = models.CharField(max_length=300, blank=True)
    evidence = models.CharField(max_length=300, blank=True)
    result = models.JSONField(default=dict, blank=True)  # of a doctor: {"checks": […]}
    token = models.BigIntegerField(null=True, blank=True)  # of the phone's lease, when granted
    requested_at = models.DateTimeField()
    not_after = models.DateTimeField()
    relayed_at = models.DateTimeField(null=True, blank=True)
    granted_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-requested_at",)
        constraints = [
            models.UniqueConstraint(fields=["user", "idempotency_key"], name="order_once_per_key"),
            models.UniqueConstraint(
                fields=["phone", "kind"],
                condition=models.Q(state__in=["requested", "granted"]),
                name="order_one_live_per_kind",
            ),
            # A calibration rings other people's phones: one at a time in the whole house.
            models.UniqueConstraint(
                fields=["kind"],
                condition=models.Q(state__in=["requested", "granted"], kind="calibrate"),
                name="order_one_calibration",
            ),
        ]
        indexes = [
            models.Index(fields=["phone", "-requested_at"], name="order_of_phone"),
            models.Index(
                fields=["requested_at"], name="order_open", condition=models.Q(state__in=["requested", "granted"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class PhoneImport(models.Model):
    """A CSV file of phones and seats: checked first, then brought in whole or not at all, and undone while nothing
    has changed since."""

    class State(models.TextChoices):
        CHECKED = "checked", _("checked")
        APPLIED = "applied", _("brought in")
        UNDONE = "undone", _("undone")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    file_name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.CHECKED)
    rows = EncryptedTextField()  # JSON; there may be passcodes in it. Emptied once applied
    summary = models.JSONField(default=dict, blank=True)  # counts, without secrets
    problems = models.JSONField(default=list, blank=True)  # [{"line": 7, "column": "user", "cause": "…"}, …]
    undo = models.JSONField(default=list, blank=True)  # what was made and what was there before; no secret
    checked_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-checked_at",)

    def __str__(self) -> str:
        return f"{self.file_name} {self.state}"


class Calibration(models.Model):
    """How one key sequence went on one phone against a test extension; it holds for its model and firmware.

    `timings`: [{"step": name, "milliseconds": from the keys to the state that was awaited}, …].
    """

    class Outcome(models.TextChoices):
        RUNNING = "running", _("under way")
        WORKED = "worked", _("worked")
        FAILED = "failed", _("did not work")
        STOPPED = "stopped", _("stopped")

    phone = models.ForeignKey(Phone, models.SET_NULL, null=True, related_name="calibrations")
    phone_name = models.CharField(max_length=80)
    model = models.CharField(max_length=24)
    firmware = models.CharField(max_length=24, blank=True)
    sequence = models.CharField(max_length=40)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.RUNNING)
    sentence = models.CharField(max_length=300, blank=True)
    timings = models.JSONField(default=list, blank=True)
    extension = models.CharField(max_length=20)  # that was called for it
    by_name = models.CharField(max_length=150)
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-at",)
        indexes = [models.Index(fields=["model", "firmware", "sequence", "-at"], name="calibration_newest")]

    def __str__(self) -> str:
        return f"{self.model} {self.sequence}: {self.outcome}"
