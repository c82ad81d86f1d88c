"""What a card sends with a verb: the key of the try, tones, and whom a transfer is for."""

from django import forms
from django.core.validators import RegexValidator

from crmconnector.contacts.models import no_controls

LONGEST_KEY = 80
MOST_TONES = 20


class VerbForm(forms.Form):
    key = forms.CharField(max_length=LONGEST_KEY, strip=False, validators=[no_controls])


class TonesForm(VerbForm):
    """A batch of tones; longer ones are typed in two goes."""

    digits = forms.CharField(strip=False, validators=[RegexValidator(rf"\A[0-9*#]{{1,{MOST_TONES}}}\Z")])


class TransferForm(VerbForm):
    """`target`: an extension, or a number as somebody typed it or as it stands with a contact."""

    target = forms.CharField(max_length=80)
