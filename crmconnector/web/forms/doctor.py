"""The doctor's one question: which extension may be dialled for a test call."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from phones.doctor.call import may_be_dialled


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

    def __init__(self, *args: Any, countries: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._countries = countries

    def clean_extension(self) -> str:
        extension: str = self.cleaned_data["extension"]
        if extension and not may_be_dialled(extension, self._countries):
            raise forms.ValidationError(
                _("This is not dialled to try something. An extension has at most 8 digits and is no emergency number.")
            )
        return extension
