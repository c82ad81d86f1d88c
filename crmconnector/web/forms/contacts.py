"""Forms for contacts."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crmconnector.contacts.models import Contact, no_controls

MOST_NUMBERS = 12


class ContactForm(forms.ModelForm):
    notes = forms.CharField(
        label=_("Notes"),
        required=False,
        max_length=10_000,
        validators=[no_controls],
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("The first words show on the card while the phone rings."),
    )

    class Meta:
        model = Contact
        fields = ["name", "company", "title", "email", "notes"]


class NumberForm(forms.Form):
    label = forms.CharField(label=_("Label"), required=False, max_length=40, validators=[no_controls])
    written = forms.CharField(label=_("Number"), required=False, max_length=60, validators=[no_controls])


NumberFormSet = forms.formset_factory(NumberForm, extra=2, max_num=MOST_NUMBERS, absolute_max=MOST_NUMBERS)


def number_forms(contact: Contact | None, *, first: str = "") -> list[dict[str, str]]:
    """What the number rows start with: the stored ones, or the number a card sent along."""
    if contact is not None and contact.pk:
        return [{"label": row.label, "written": row.written} for row in contact.numbers.all()]
    return [{"written": first[:60]}] if first else []


def typed_numbers(formset: forms.BaseFormSet) -> list[tuple[str, str]]:
    """(label, number) of the rows that are not empty."""
    return [(row["label"], row["written"]) for row in formset.cleaned_data if row.get("written")]
