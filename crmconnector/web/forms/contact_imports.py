"""Forms for bringing in a file of contacts: the file; then how it is read and what is to be done with it."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.common.numbers import is_country
from crmconnector.contacts.columns import COLUMNS, PHONE, PHONE_LABEL
from crmconnector.contacts.imports.encodings import CHOICES
from crmconnector.contacts.imports.guessing import FIRST_NAME, IGNORE, LAST_NAME, ColumnUse, shown_text
from crmconnector.contacts.imports.limits import MOST_BYTES, too_large
from crmconnector.contacts.imports.options import Options
from crmconnector.contacts.imports.plan import Duplicates, Same
from crmconnector.contacts.imports.source import CSV, Reading
from crmconnector.users.models import Team, User
from crmconnector.users.selectors import people_seen_by

MOST_MAPPED = 120  # columns that can be changed on the page; the others stay as guessed
_NAMES = {
    "name": gettext_lazy("Name"), "kind": gettext_lazy("Person or company"), "company": gettext_lazy("Company"),
    "title": gettext_lazy("Role or title"), "email": gettext_lazy("E-mail"), "owner": gettext_lazy("Owner (user name)"),
    "team": gettext_lazy("Team (its name)"), "tags": gettext_lazy("Tags"),
    "external_id": gettext_lazy("Id in the CRM"), "external_link": gettext_lazy("Link to the CRM"),
    "notes": gettext_lazy("Notes"),
}  # fmt: skip
FIELD_CHOICES = [
    (IGNORE, gettext_lazy("not read")),
    *((column.field, _NAMES[column.field]) for column in COLUMNS),
    (FIRST_NAME, gettext_lazy("First name")),
    (LAST_NAME, gettext_lazy("Last name")),
    (PHONE, gettext_lazy("Number")),
    (PHONE_LABEL, gettext_lazy("Label of a number")),
]
SEPARATOR_CHOICES = [
    ("comma", gettext_lazy("comma")), ("semicolon", gettext_lazy("semicolon")), ("tab", gettext_lazy("tab")),
    ("bar", gettext_lazy("vertical bar")),
]  # fmt: skip
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
SEPARATOR_NAMES = {sign: name for name, sign in SEPARATORS.items()}


class ContactFileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV or vCard, at most 200 MB and 1,000,000 contacts."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.vcf,.vcard,text/csv,text/vcard"}),
        error_messages={"empty": gettext_lazy("The file is empty.")},
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(too_large())
        return file


class ContactImportForm(forms.Form):
    """Everything that was guessed, and everything one may choose."""

    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), choices=list(CHOICES.items()))
    separator = forms.ChoiceField(label=gettext_lazy("Separator"), choices=SEPARATOR_CHOICES, required=False)
    header = forms.BooleanField(label=gettext_lazy("The first row names the columns"), required=False)
    country = forms.CharField(
        label=gettext_lazy("Country of numbers without a plus"),
        max_length=2,
        help_text=gettext_lazy("Two letters, such as DE."),
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "size": "4"}),
    )
    same = forms.MultipleChoiceField(
        label=gettext_lazy("A contact is known again by"),
        choices=[
            (Same.EXTERNAL_ID, gettext_lazy("the same id in the CRM")),
            (Same.NAME, gettext_lazy("the same name and company")),
            (Same.NUMBER, gettext_lazy("the same number (one number may be that of a whole company)")),
        ],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    duplicates = forms.ChoiceField(
        label=gettext_lazy("A contact that is here already"),
        choices=[
            (Duplicates.SKIP, gettext_lazy("stays as it is")),
            (Duplicates.FILL, gettext_lazy("gets what it lacks: empty fields, missing numbers and tags")),
            (Duplicates.OVERWRITE, gettext_lazy("takes what the file says; empty cells change nothing")),
            (Duplicates.ADD, gettext_lazy("is not looked for: every row becomes a new contact")),
        ],
        widget=forms.RadioSelect,
    )
    team = forms.ModelChoiceField(
        Team.objects.none(), label=gettext_lazy("Seen by"), required=False, empty_label=gettext_lazy("everybody")
    )
    owner = forms.ModelChoiceField(
        User.objects.none(), label=gettext_lazy("Owner"), required=False, empty_label=gettext_lazy("nobody")
    )
    tag = forms.CharField(
        label=gettext_lazy("Tag for all of them"), max_length=40, required=False,
        help_text=gettext_lazy("So that they can be found together later."),
    )  # fmt: skip

    def __init__(self, *args: Any, reading: Reading, options: Options, user: User, **kwargs: Any) -> None:
        self.reading, self.options = reading, options
        kwargs["initial"] = _initial(reading, options)
        super().__init__(*args, **kwargs)
        self._choice("team").queryset = _teams(user)
        self._choice("owner").queryset = people_seen_by(user).filter(is_active=True).order_by("full_name", "username")
        for place, use in enumerate(reading.columns[:MOST_MAPPED]):
            label = use.heading or _("Column %(n)d") % {"n": place + 1}
            self.fields[f"c{place}"] = forms.ChoiceField(
                label=label, choices=FIELD_CHOICES, required=False, initial=use.field
            )

    def clean_country(self) -> str:
        country = str(self.cleaned_data["country"]).upper()
        if not is_country(country):
            raise forms.ValidationError(_("This is no country. Two letters, such as DE, AT or GB."))
        return country

    def clean_tag(self) -> str:
        tag = str(self.cleaned_data["tag"]).strip()
        if "," in tag or ";" in tag:
            raise forms.ValidationError(_("One tag only, without comma or semicolon."))
        return tag

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        fields = {use.field for use in self.columns()} if self.reading.format == CSV else {"name"}
        if not self.errors and not self.reread() and not fields & {"name", "company", FIRST_NAME, LAST_NAME}:
            self.add_error(None, _("Say which column holds the name, or the company."))
        return cleaned

    def reread(self) -> bool:
        """Whether the file is to be cut otherwise, so that its columns must be guessed anew."""
        chosen, old = self.cleaned_data, self.reading
        encoding = chosen.get("encoding") != old.encoding
        if old.format != CSV:
            return encoding
        return encoding or self.chosen_separator() != old.separator or bool(chosen.get("header")) != old.header

    def chosen_separator(self) -> str:
        return SEPARATORS.get(self.cleaned_data.get("separator", ""), self.reading.separator)

    def columns(self) -> tuple[ColumnUse, ...]:
        return tuple(
            _as(use, self.cleaned_data.get(f"c{place}", use.field)) for place, use in enumerate(self.reading.columns)
        )

    def chosen(self) -> Options:
        wanted = self.cleaned_data
        return Options(
            country=wanted["country"], duplicates=Duplicates(wanted["duplicates"]),
            same=tuple(Same(one) for one in wanted["same"]), tag=wanted["tag"],
            owner_id=wanted["owner"].pk if wanted["owner"] else None,
            team_id=wanted["team"].pk if wanted["team"] else None,
        )  # fmt: skip

    def _choice(self, name: str) -> Any:
        return self.fields[name]


def _as(use: ColumnUse, chosen: str) -> ColumnUse:
    """A column that a person calls a number gets its heading as the label."""
    if chosen == use.field:
        return use
    return ColumnUse(use.heading, chosen, use.place, use.heading[:40] if chosen == PHONE else "")


def _teams(user: User) -> QuerySet[Team]:
    return Team.objects.all() if user.is_administrator else user.teams.all()


def _initial(reading: Reading, options: Options) -> dict[str, Any]:
    return {
        "encoding": reading.encoding, "separator": SEPARATOR_NAMES.get(reading.separator, "comma"),
        "header": reading.header, "country": options.country, "duplicates": options.duplicates,
        "same": list(options.same), "team": options.team_id, "owner": options.owner_id, "tag": options.tag,
    }  # fmt: skip


def example_cells(rows: Sequence[Sequence[str]], place: int, *, most: int = 3) -> list[str]:
    """What stands in a column, cut, for the person who says what it holds."""
    found = (shown_text(row[place])[:60] for row in rows if place < len(row) and row[place].strip())
    return [text for text, _n in zip(dict.fromkeys(found), range(most), strict=False)]
