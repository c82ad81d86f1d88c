"""People and companies we know, and their numbers."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

no_controls = RegexValidator(r"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z", _("Control characters are not allowed."))


class Contact(models.Model):
    name = models.CharField(_("name"), max_length=200, validators=[no_controls])
    company = models.CharField(_("company"), max_length=200, blank=True, validators=[no_controls])
    title = models.CharField(_("role or title"), max_length=120, blank=True, validators=[no_controls])
    email = models.EmailField(_("e-mail"), blank=True)
    notes = models.TextField(_("notes"), blank=True, validators=[no_controls])
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name", "id")
        indexes = [models.Index(fields=["name", "id"], name="contact_by_name")]

    def __str__(self) -> str:
        return self.name


class ContactNumber(models.Model):
    """One number of a contact: as written, as E.164 when it could be read so, and its matching key.

    `match_key` is the last nine digits (fewer when the number is shorter) of the national significant number; see
    `crmconnector.common.numbers`.
    """

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="numbers")
    label = models.CharField(_("label"), max_length=40, blank=True, validators=[no_controls])
    written = models.CharField(_("number"), max_length=60, validators=[no_controls])
    e164 = models.CharField(max_length=16, blank=True, db_index=True)
    match_key = models.CharField(max_length=9, blank=True, db_index=True)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["contact", "written"], name="number_once_per_contact")]

    def __str__(self) -> str:
        return self.written
