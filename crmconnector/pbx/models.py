"""The telephone systems we listen to: address, trunks, lines, queues, and how well we hear them."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from crmconnector.common.fields import EncryptedTextField

no_controls = RegexValidator(r"\A[^\x00-\x1f\x7f]*\Z", _("Control characters are not allowed."))
host_name = RegexValidator(
    r"\A[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?\Z", _("A host name or address, without a port or a path.")
)
country_code = RegexValidator(r"\A[A-Z]{2}\Z", _("Two capital letters, such as DE."))


context_name = RegexValidator(r"\A[A-Za-z0-9_-]{0,80}\Z", _("Letters, digits, dashes and underscores."))


class DialStyle(models.TextChoices):
    NATIONAL = "national", _("national at home, international elsewhere")
    INTERNATIONAL = "international", _("always with the international prefix")
    E164 = "e164", _("always with + and the country code")


class Pbx(models.Model):
    """One Asterisk or FreePBX, reached through its manager interface (AMI)."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    host = models.CharField(_("host"), max_length=253, validators=[host_name])
    port = models.PositiveIntegerField(
        _("AMI port"), default=5038, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    tls = models.BooleanField(_("TLS"), default=False)
    tls_certificate = models.TextField(_("CA certificate (PEM)"), blank=True)
    username = models.CharField(_("manager user"), max_length=80, validators=[no_controls])
    secret = EncryptedTextField(_("manager secret"))
    country = models.CharField(
        _("country"), max_length=2, validators=[country_code], help_text=_("How numbers without a country are read.")
    )
    outside_prefixes = models.CharField(
        _("outside-line prefixes"),
        max_length=80,
        blank=True,
        validators=[RegexValidator(r"\A([0-9*#]{1,4}(,[0-9*#]{1,4})*)?\Z", _("Digits separated by commas: 0,9"))],
    )
    # How our people's phones dial out through this PBX; see calls.dial_rules.
    dial_prefix = models.CharField(
        _("digits for an outside line"),
        max_length=4,
        blank=True,
        validators=[RegexValidator(r"\A[0-9*#]{0,4}\Z", _("Digits."))],
    )
    dial_style = models.CharField(
        _("numbers are dialled"), max_length=16, choices=DialStyle.choices, default=DialStyle.NATIONAL
    )
    inside_context = models.CharField(  # where transfers and calls of the PBX itself begin
        _("context of the extensions"), max_length=80, default="from-internal", validators=[context_name]
    )
    snippet_context = models.CharField(  # of deploy/asterisk: conference, do not disturb; empty: not installed
        _("context of our dialplan"), max_length=80, blank=True, validators=[context_name]
    )
    enabled = models.BooleanField(_("listen to it"), default=True)
    simulated = models.BooleanField(default=False, editable=False)  # the rehearsal's own; never beside a real one
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        verbose_name = "PBX"
        verbose_name_plural = "PBXes"

    def __str__(self) -> str:
        return self.name

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Changes whenever the link must be made anew."""
        secret = self.secret.reveal() if self.secret else ""
        return (self.pk, self.host, self.port, self.tls, self.tls_certificate, self.username, hash(secret),
                self.country, self.outside_prefixes)  # fmt: skip

    @property
    def outside_prefix_list(self) -> tuple[str, ...]:
        return tuple(part for part in self.outside_prefixes.split(",") if part)


class Trunk(models.Model):
    """An endpoint that leads to the outside. The listener proposes; the administrator's word is final."""

    pbx = models.ForeignKey(Pbx, models.CASCADE, related_name="trunks")
    endpoint = models.CharField(max_length=120)  # "PJSIP/provider": a channel name without its last part
    is_trunk = models.BooleanField(default=True)
    confirmed = models.BooleanField(default=False)
    found_because = models.CharField(max_length=200, blank=True)
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("endpoint",)
        constraints = [models.UniqueConstraint(fields=["pbx", "endpoint"], name="trunk_once_per_pbx")]

    def __str__(self) -> str:
        return self.endpoint


class Line(models.Model):
    """A public number (DID) that callers dial, and what we call it on the card."""

    pbx = models.ForeignKey(Pbx, models.CASCADE, related_name="lines")
    did = models.CharField(_("number as the PBX sees it"), max_length=40, validators=[no_controls])
    label = models.CharField(_("label"), max_length=80, validators=[no_controls])
    # What is dialled before a number so that this line's number is shown; empty: it cannot be chosen.
    dial_prefix = models.CharField(
        _("dial first to show this line"),
        max_length=8,
        blank=True,
        validators=[RegexValidator(r"\A[0-9*#]{0,8}\Z", _("Digits."))],
    )
    country = models.CharField(  # of callers who show a number without one; empty: the PBX's
        _("country"), max_length=2, blank=True, validators=[country_code]
    )

    class Meta:
        ordering = ("label",)
        constraints = [models.UniqueConstraint(fields=["pbx", "did"], name="line_once_per_pbx")]

    def __str__(self) -> str:
        return self.label


class Queue(models.Model):
    pbx = models.ForeignKey(Pbx, models.CASCADE, related_name="queues")
    name = models.CharField(_("name on the PBX"), max_length=80, validators=[no_controls])
    label = models.CharField(_("label"), max_length=80, blank=True, validators=[no_controls])

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["pbx", "name"], name="queue_once_per_pbx")]

    def __str__(self) -> str:
        return self.label or self.name


class PbxLink(models.Model):
    """How well we hear one PBX now. `epoch` is the fence: each new leader adds one and writes only under its own."""

    class State(models.TextChoices):
        NEVER = "never", _("not connected yet")
        CONNECTED = "connected", _("connected")
        DOWN = "down", _("not connected")

    pbx = models.OneToOneField(Pbx, models.CASCADE, related_name="link")
    state = models.CharField(max_length=12, choices=State.choices, default=State.NEVER)
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    epoch = models.BigIntegerField(default=0)
    version = models.CharField(max_length=80, blank=True)
    warning = models.TextField(blank=True)  # "works, but": sentences, one a line, such as of rights that are missing
    # Names of the AMI actions that our user may send, of those that verbs need, in lower case; null: not known.
    may_send = models.JSONField(null=True, blank=True)
    unwritten = models.PositiveIntegerField(default=0)  # facts heard and not yet in the rows, when this was written
    dropped_facts = models.BigIntegerField(default=0)  # small facts left out because the database was away too long
    dropped_at = models.DateTimeField(null=True, blank=True)  # the last of them

    def __str__(self) -> str:
        return f"{self.pbx_id}: {self.state}"


class LinkGap(models.Model):
    """A time in which we did not hear a PBX. `until_at` is empty while it lasts."""

    pbx = models.ForeignKey(Pbx, models.CASCADE, related_name="gaps")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    lost = models.BooleanField(default=False)  # events were surely lost: told however short it was

    class Meta:
        ordering = ("-from_at",)
        indexes = [models.Index(fields=["pbx", "-from_at"], name="gap_recent")]

    def __str__(self) -> str:
        return f"{self.from_at:%H:%M:%S}"
