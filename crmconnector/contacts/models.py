"""People and companies we know, their numbers, and what was done to them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import RegexValidator, URLValidator
from django.db import models
from django.db.models.functions import Reverse
from django.utils.translation import gettext_lazy as _

from crmconnector.contacts.folding import Fold, SearchText

no_controls = RegexValidator(r"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z", _("Control characters are not allowed."))
web_address = URLValidator(schemes=["https", "http"])


class ContactKind(models.TextChoices):
    PERSON = "person", _("Person")
    COMPANY = "company", _("Company")


class Contact(models.Model):
    """A person, or a company as such. `team` empty: everybody may see it; else that team and administrators."""

    kind = models.CharField(_("kind"), max_length=8, choices=ContactKind.choices, default=ContactKind.PERSON)
    name = models.CharField(_("name"), max_length=200, validators=[no_controls])
    company = models.CharField(_("company"), max_length=200, blank=True, validators=[no_controls])
    title = models.CharField(_("role or title"), max_length=120, blank=True, validators=[no_controls])
    email = models.EmailField(_("e-mail"), blank=True)
    notes = models.TextField(_("notes"), blank=True, validators=[no_controls])
    tags = ArrayField(models.CharField(max_length=40, validators=[no_controls]), default=list, blank=True, size=20)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    team = models.ForeignKey("users.Team", models.PROTECT, null=True, blank=True, related_name="+")
    external_id = models.CharField(_("id in the CRM"), max_length=120, blank=True, validators=[no_controls])
    external_link = models.URLField(_("link to the CRM"), max_length=500, blank=True, validators=[web_address])
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search = models.GeneratedField(  # what a search looks in; see folding.py
        expression=SearchText("name", "company", "title", "email", "external_id", "tags"),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        ordering = ("name", "id")
        indexes = [
            models.Index(fields=["name", "id"], name="contact_by_name"),
            models.Index(fields=["external_id"], name="contact_by_external_id", condition=~models.Q(external_id="")),
            GinIndex(fields=["tags"], name="contact_by_tag"),
            GinIndex(OpClass("search", name="gin_trgm_ops"), name="contact_by_text"),
            models.Index(Fold("name"), "id", name="contact_sorted_by_name"),
            models.Index(Fold("company"), "id", name="contact_sorted_by_company"),
            models.Index(fields=["-updated_at", "-id"], name="contact_by_change"),
            models.Index(fields=["id"], name="contact_companies", condition=models.Q(kind="company")),
        ]

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
        # By its last digits, which is how people remember a number.
        indexes = [models.Index(OpClass(Reverse("match_key"), name="text_pattern_ops"), name="number_by_ending")]

    def __str__(self) -> str:
        return self.written


class NumberChoice(models.Model):
    """Who of several people with one number it was, as one user chose on the card; offered to the whole team next time.

    `number` is the E.164 form, else the matching key.
    """

    number = models.CharField(max_length=16)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="choices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    chosen_at = models.DateTimeField()

    class Meta:
        ordering = ("-chosen_at",)
        constraints = [models.UniqueConstraint(fields=["number", "user"], name="choice_once_per_number_and_user")]

    def __str__(self) -> str:
        return f"{self.number} is {self.contact_id}"


class ContactChange(models.Model):
    """One entry of a contact's history. `details`: field -> [before, after], or what fits the kind."""

    class Kind(models.TextChoices):
        CREATED = "created", _("created")
        EDITED = "edited", _("edited")
        MERGED = "merged", _("merged")
        IMPORTED = "imported", _("imported")
        ATTACHED = "attached", _("number added")

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    by_name = models.CharField(max_length=150, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("-at", "-id")
        indexes = [models.Index(fields=["contact"], name="change_that_merged", condition=models.Q(kind="merged"))]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.kind}"


class Erasure(models.Model):
    """The ledger of people erased on request: that it was done, by whom, and how much; nothing of the person.

    `digests` are keyed digests of the numbers, so that one can prove later that a given number was erased.
    """

    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    by_name = models.CharField(max_length=150)
    reason = models.CharField(_("reason"), max_length=200, blank=True, validators=[no_controls])
    digests = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    counts = models.JSONField(default=dict, blank=True)  # {"calls": 12, "cards": 3, ...}

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} by {self.by_name}"


class ContactImport(models.Model):
    """One file of contacts on its way in. Its text lies in `chunks` until it is brought in or given up."""

    class State(models.TextChoices):
        RECEIVED = "received", _("received")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        RUNNING = "running", _("being brought in")
        DONE = "done", _("brought in")
        FAILED = "failed", _("not brought in")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")

    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    file_name = models.CharField(max_length=200, validators=[no_controls])
    byte_count = models.BigIntegerField(default=0)
    format = models.CharField(max_length=8, blank=True)  # csv or vcard
    reading = models.JSONField(default=dict, blank=True)  # guessed or chosen: encoding, separator, header, mapping, …
    options = models.JSONField(default=dict, blank=True)  # country, duplicate rule, team, owner, tag
    counts = models.JSONField(default=dict, blank=True)  # rows, created, updated, skipped, refused, numbers
    rows_done = models.PositiveIntegerField(default=0)
    sentence = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.file_name} ({self.state})"


class ContactImportChunk(models.Model):
    """A piece of the file as it came: web and worker may live on different machines, and neither holds it whole."""

    source = models.ForeignKey(ContactImport, models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["source", "position"], name="chunk_once_per_import")]


class ContactImportProblem(models.Model):
    """A row that was refused, or brought in with something left out: its line in the file, and why."""

    source = models.ForeignKey(ContactImport, models.CASCADE, related_name="problems")
    line = models.PositiveIntegerField()
    refused = models.BooleanField(default=True)
    code = models.CharField(max_length=40)
    sentence = models.CharField(max_length=300)
    shown = models.CharField(max_length=200, blank=True)  # the part of the row that it is about, cut

    class Meta:
        ordering = ("line", "id")
        indexes = [models.Index(fields=["source", "line"], name="import_problem_by_line")]


class ContactImportRow(models.Model):
    """What an import did to one contact, for undoing it: made it, or changed it from `before`."""

    source = models.ForeignKey(ContactImport, models.CASCADE, related_name="rows")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    before = models.JSONField(null=True, blank=True)  # null: the import made this contact

    class Meta:
        indexes = [models.Index(fields=["source", "contact"], name="import_row_by_contact")]
