"""Forms for contacts."""

import re
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.contacts.models import Contact, no_controls
from crmconnector.contacts.selectors import teams_offered_to
from crmconnector.contacts.services import MOST_NUMBERS, ContactProblem, read_contact_number
from crmconnector.users.models import User

MOST_TAGS = 20
LONGEST_TAG = 40


class ContactForm(forms.ModelForm):
    """`actor`: whose teams are offered; without one, all."""

    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        max_length=900,
        validators=[no_controls],
        help_text=gettext_lazy("With commas between them: VIP, prefers French."),
    )
    notes = forms.CharField(
        label=gettext_lazy("Notes"),
        required=False,
        max_length=10_000,
        validators=[no_controls],
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("The first words show on the card while the phone rings."),
    )
    external_link = forms.URLField(
        label=gettext_lazy("Link to the CRM"),
        required=False,
        max_length=500,
        assume_scheme="https",
        error_messages={
            "invalid": gettext_lazy("This is no web address. One looks like https://crm.example/people/7.")
        },
        help_text=gettext_lazy("A web address, beginning with https:// or http://."),
    )
    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    class Meta:
        model = Contact
        fields = [
            "kind", "name", "company", "title", "email", "tags", "owner", "team", "external_id", "external_link",
            "notes",
        ]  # fmt: skip
        labels = {"owner": gettext_lazy("Owner"), "team": gettext_lazy("Who sees it")}

    def __init__(self, *args: Any, actor: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["seen"] = self.instance.updated_at.isoformat()
        self.initial["tags"] = ", ".join(self.instance.tags)
        self.fields["kind"].required = False
        self._offer_owners()
        self._offer_teams(actor)

    def _offer_owners(self) -> None:
        """Whoever may sign in, and the one who owns it now."""
        owners = self.fields["owner"]
        assert isinstance(owners, forms.ModelChoiceField)
        owners.empty_label = _("Nobody")
        known = User.objects.filter(is_active=True) | User.objects.filter(pk=self.instance.owner_id)
        owners.queryset = known.order_by("full_name", "username")

    def _offer_teams(self, actor: User | None) -> None:
        teams = self.fields["team"]
        assert isinstance(teams, forms.ModelChoiceField)
        teams.empty_label = _("Everybody")
        teams.help_text = _("A team's contacts are seen by its members and by administrators.")
        teams.error_messages["invalid_choice"] = _("You are no member of this team. Choose one of your own.")
        if actor is not None:
            teams.queryset = teams_offered_to(actor)

    def clean_seen(self) -> datetime | None:
        """When the contact was last saved as this form was opened; nothing from a form that does not say."""
        try:
            return datetime.fromisoformat(self.cleaned_data["seen"]) if self.cleaned_data["seen"] else None
        except ValueError:
            self.add_error(None, _("Open the page anew: its time stamp is damaged."))
            return None

    def clean_kind(self) -> str:
        return str(self.cleaned_data["kind"] or self.instance.kind)

    def clean_owner(self) -> User | None:
        """A form that does not ask for the owner does not take it away."""
        owner: User | None = self.cleaned_data["owner"]
        return owner if "owner" in self.data else self.instance.owner

    def clean_external_link(self) -> str:
        link = str(self.cleaned_data["external_link"])
        if link and not link.lower().startswith(("https://", "http://")):
            raise forms.ValidationError(
                _("This link begins neither with https:// nor with http://, so it is not kept.")
            )
        return link

    def clean_tags(self) -> list[str]:
        tags = [one.strip() for one in re.split(r"[,;\n]", self.cleaned_data["tags"])]
        first: dict[str, str] = {}
        for one in tags:
            first.setdefault(one.casefold(), one)
        kept = [one for one in first.values() if one]
        if long := [one for one in kept if len(one) > LONGEST_TAG]:
            text = _("“%(tag)s” is longer than %(most)d characters.")
            raise forms.ValidationError(text % {"tag": long[0], "most": LONGEST_TAG})
        if len(kept) > MOST_TAGS:
            raise forms.ValidationError(
                _("%(n)d tags are too many: %(most)d at most.") % {"n": len(kept), "most": MOST_TAGS}
            )
        return kept


class NumberForm(forms.Form):
    """`country`: where a number without one is read; a text that is no number is refused at its row."""

    label = forms.CharField(label=gettext_lazy("Label"), required=False, max_length=40, validators=[no_controls])
    written = forms.CharField(label=gettext_lazy("Number"), required=False, max_length=60, validators=[no_controls])

    def __init__(self, *args: Any, country: str = "", **kwargs: Any) -> None:
        self._country = country
        super().__init__(*args, **kwargs)

    def clean_written(self) -> str:
        written = str(self.cleaned_data["written"])
        if written and self._country:
            try:
                read_contact_number(written=written, label="", country=self._country)
            except ContactProblem as problem:
                raise forms.ValidationError(str(problem)) from None
        return written


class NumberRows(forms.BaseFormSet):
    def clean(self) -> None:
        """Each number once: two rows with the same text would silently become one."""
        had: set[str] = set()
        for row in self.forms:
            written = row.cleaned_data.get("written", "") if row.is_valid() else ""
            if written and written in had:
                row.add_error("written", _("This number stands in another row already."))
            had.add(written)


NumberFormSet = forms.formset_factory(
    NumberForm, formset=NumberRows, extra=2, max_num=MOST_NUMBERS, absolute_max=MOST_NUMBERS, validate_max=True
)


class EraseForm(forms.Form):
    """`name`: what must be typed, so that nobody is erased by a slip."""

    typed_name = forms.CharField(label=gettext_lazy("Type the name to erase it"), max_length=200)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        validators=[no_controls],
        help_text=gettext_lazy("It stays in the ledger: “Request of 3 March, file 2291”, without the name."),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        self._name = name
        super().__init__(*args, **kwargs)
        self.fields["typed_name"].widget.attrs["autocomplete"] = "off"

    def clean_typed_name(self) -> str:
        typed = str(self.cleaned_data["typed_name"])
        if " ".join(typed.split()).casefold() != " ".join(self._name.split()).casefold():
            raise forms.ValidationError(_("This is not the name of this contact."))
        return typed


class NumberCheckForm(forms.Form):
    number = forms.CharField(label=gettext_lazy("Was this number erased?"), max_length=60, validators=[no_controls])


def number_forms(contact: Contact | None, *, first: str = "") -> list[dict[str, str]]:
    """What the number rows start with: the stored ones, or the number a card sent along."""
    if contact is not None and contact.pk:
        return [{"label": row.label, "written": row.written} for row in contact.numbers.all()]
    return [{"written": first[:60]}] if first else []


def typed_numbers(formset: forms.BaseFormSet) -> list[tuple[str, str]]:
    """(label, number) of the rows that are not empty."""
    return [(row["label"], row["written"]) for row in formset.cleaned_data if row.get("written")]


def rows_so_far(posted: Any) -> list[dict[str, str]]:
    """What stands in the number rows of a form that asks for more rows, checked or not."""
    rows = [
        {"label": posted.get(f"form-{place}-label", "")[:40], "written": posted.get(f"form-{place}-written", "")[:60]}
        for place in range(MOST_NUMBERS)
    ]
    return [row for row in rows if row["label"] or row["written"]]
