"""The doctor's one question: which extension may be dialled for a test call."""

from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.calls.dial_check import bar_of_test_call
from crmconnector.pbx.models import Pbx
from phones.doctor.call import may_be_dialled
from phones.models import Phone


class TestCallForm(forms.Form):
    __test__ = False  # not a test case

    extension = forms.CharField(
        label=gettext_lazy("Extension for a test call"),
        required=False,
        max_length=8,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "The phone will dial it at once, aloud, and hang up again. Take a colleague who knows, or an echo test. "
            "Empty: no call; then the pop-up and Click-To-Dial cannot be checked."
        ),
    )

    def __init__(self, *args: Any, phone: Phone, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pbxes = [account.pbx for account in phone.accounts.all()]

    def clean_extension(self) -> str:
        extension: str = self.cleaned_data["extension"]
        if extension and not may_be_dialled(extension, {pbx.country for pbx in self._pbxes}):
            raise forms.ValidationError(
                _("This is not dialled to try something. An extension has at most 8 digits and is no emergency number.")
            )
        if extension:
            refuse_outside(self._pbxes, extension)
        return extension


def refuse_outside(pbxes: Iterable[Pbx], extension: str) -> None:
    """Whoever is rung to try something is inside: a number that leads outside goes by the dial rules."""
    bar = bar_of_test_call(pbxes=pbxes, extension=extension)
    if bar:
        raise forms.ValidationError(_BARS[bar])


_BARS: Final = {
    "outside": gettext_lazy("This number may lead outside. Only an extension of the PBX is called to try something."),
    "stopped": gettext_lazy("All dialling is stopped, so nothing is called to try something."),
}
