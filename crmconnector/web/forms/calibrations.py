"""What is asked before a calibration: whom to ring, what to try, and the phone's name, typed."""

import unicodedata
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.web.forms.doctor import refuse_outside
from phones.doctor.call import may_be_dialled
from phones.models import Phone
from phones.trials import TRIALS, Plan


def _extension(label: object, help_text: object) -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"})
    return forms.CharField(label=label, max_length=8, widget=widget, help_text=help_text)  # type: ignore[arg-type]


class CalibrationForm(forms.Form):
    first = _extension(
        gettext_lazy("First extension"),
        gettext_lazy("The phone calls it, aloud. Somebody there must pick up, or an echo test that answers."),
    )
    second = _extension(
        gettext_lazy("Second extension"),
        gettext_lazy("The call is transferred to it. Somebody there must pick up as well. Not the first one again."),
    )
    trials = forms.MultipleChoiceField(
        label=gettext_lazy("What to try"), widget=forms.CheckboxSelectMultiple, initial=list(TRIALS)
    )
    typed_name = forms.CharField(
        label=gettext_lazy("Type the phone’s name"), max_length=80,
        help_text=gettext_lazy("To confirm that two people’s phones will ring."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "auto"}),
    )  # fmt: skip
    confirmation = forms.CharField(widget=forms.HiddenInput, max_length=300, required=False)

    def __init__(self, *args: Any, phone: Phone, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.phone = phone
        accounts = list(phone.accounts.all())
        self._countries = tuple(sorted({account.pbx.country for account in accounts}))
        self._pbxes = [account.pbx for account in accounts]
        self._own = {account.extension for account in accounts}
        choices = [(trial.name, _(trial.title)) for trial in TRIALS.values()]
        self.fields["trials"].choices = choices  # type: ignore[attr-defined]

    def clean_first(self) -> str:
        return self._checked("first")

    def clean_second(self) -> str:
        second = self._checked("second")
        if second == self.cleaned_data.get("first"):
            raise forms.ValidationError(_("The same extension twice. A transfer needs two."))
        return second

    def clean_typed_name(self) -> str:
        typed = str(self.cleaned_data["typed_name"])
        if unicodedata.normalize("NFC", typed) != unicodedata.normalize("NFC", self.phone.name):
            raise forms.ValidationError(_("This is not the name of this phone. Type it as it stands above."))
        return typed

    def plan(self) -> Plan:
        trials = tuple(TRIALS[name] for name in TRIALS if name in self.cleaned_data["trials"])
        return Plan(self.cleaned_data["first"], self.cleaned_data["second"], trials)

    def _checked(self, name: str) -> str:
        extension = str(self.cleaned_data[name])
        if not may_be_dialled(extension, self._countries):
            raise forms.ValidationError(
                _("This is not dialled to try something. An extension has at most 8 digits and is no emergency number.")
            )
        refuse_outside(self._pbxes, extension)
        if extension in self._own:
            raise forms.ValidationError(_("This is the phone’s own extension. It cannot call itself."))
        return extension
