"""Desk phones, their SIP accounts, and who sits at which phone from when until when."""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from crmconnector.common.fields import EncryptedTextField

no_controls = RegexValidator(r"\A[^\x00-\x1f\x7f]*\Z", _("Control characters are not allowed."))
mac_address = RegexValidator(r"\A([0-9A-F]{2}:){5}[0-9A-F]{2}\Z", _("A MAC address looks like 00:0B:82:A1:4C:07."))
endpoint_name = RegexValidator(
    r"\A(PJSIP|SIP|IAX2|SCCP|DAHDI)/[A-Za-z0-9_.+@-]{1,80}\Z", _("An endpoint looks like PJSIP/204.")
)


class Phone(models.Model):
    """A desk phone with a CTI interface over HTTP. The passcode is its user-level web password."""

    class Scheme(models.TextChoices):
        HTTPS_PINNED = "https-pinned", _("HTTPS, certificate pinned")
        HTTPS_UNVERIFIED = "https-unverified", _("HTTPS, certificate not checked")
        HTTP = "http", _("HTTP, not encrypted")

    name = models.CharField(_("name"), max_length=80, unique=True, validators=[no_controls])
    vendor = models.CharField(max_length=24, default="grandstream", editable=False)
    model = models.CharField(_("model"), max_length=24, blank=True, validators=[no_controls])
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
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=["mac"], condition=~models.Q(mac=""), name="phone_mac_once"),
            models.UniqueConstraint(fields=["address", "port"], name="phone_address_once"),
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
    """What a worker last saw of a phone; the web reads this and never asks the phone itself."""

    phone = models.OneToOneField(Phone, models.CASCADE, related_name="status")
    reachable = models.BooleanField(null=True)
    reason_code = models.CharField(max_length=40, blank=True)
    sentence = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.phone_id}: {self.reachable}"
