"""Forms of the page Dialling: the brakes, the stop, how each PBX and line is dialled out through."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.calls.models import DialSettings
from crmconnector.common.numbers import is_country
from crmconnector.pbx.models import Line, Pbx
from crmconnector.web.forms.pop_rules import clock_field

MOST_COUNTRIES = 250
DIGITS = {"autocomplete": "off", "spellcheck": "false", "inputmode": "tel", "size": 6}


class CountriesField(forms.CharField):
    """Two letters each, by commas or blanks; kept as a sorted list."""

    def to_python(self, value: object) -> list[str]:  # type: ignore[override]
        if isinstance(value, list):
            return value
        words = re.split(r"[\s,;]+", str(super().to_python(value) or "").upper())
        return sorted({word for word in words if word})[:MOST_COUNTRIES]

    def prepare_value(self, value: object) -> object:
        return ", ".join(value) if isinstance(value, list) else value

    def validate(self, value: list[str]) -> None:
        for one in value:
            if not is_country(one):
                said = _("%(country)s is no country of telephone numbers. Two letters each, such as AT, CH.")
                raise forms.ValidationError(said % {"country": one[:20]})


class BrakesForm(forms.ModelForm):
    countries = CountriesField(
        label=gettext_lazy("Countries that may be called"), required=False, max_length=1200,
        help_text=gettext_lazy("Two letters each: AT, CH. Those of your PBXes are always allowed."),
    )  # fmt: skip
    night_from = clock_field(gettext_lazy("Night from"))
    night_until = clock_field(gettext_lazy("Night until"))

    class Meta:
        model = DialSettings
        fields = ["countries", "premium", "satellite", "calls_a_minute", "night_from", "night_until"]
        labels = {
            "premium": gettext_lazy("Allow premium-rate numbers"),
            "satellite": gettext_lazy("Allow satellite and international networks"),
            "calls_a_minute": gettext_lazy("Calls a minute"),
        }
        help_texts = {"calls_a_minute": gettext_lazy("By one person, and to one number.")}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("night_from"), cleaned.get("night_until")
        if (start is None) != (end is None) and not self.errors:
            self.add_error("night_until" if end is None else "night_from", _("Both times are needed, or neither."))
        elif start is not None and start == end:
            self.add_error("night_until", _("The same time twice. Leave both blank for no night."))
        return cleaned


class StopForm(forms.Form):
    """Why everything is stopped; the reason is shown to everybody."""

    because = forms.CharField(label=gettext_lazy("Reason, shown to everybody"), max_length=200)


class PbxDialForm(forms.ModelForm):
    class Meta:
        model = Pbx
        fields = ["dial_prefix", "dial_style"]
        widgets = {"dial_prefix": forms.TextInput(attrs=DIGITS)}
        help_texts = {
            "dial_prefix": gettext_lazy("What a desk phone dials first to get outside, such as 0. Often none.")
        }


class LinePrefixForm(forms.ModelForm):
    class Meta:
        model = Line
        fields = ["dial_prefix"]
        labels = {"dial_prefix": gettext_lazy("Dial first")}
        widgets = {"dial_prefix": forms.TextInput(attrs=DIGITS)}
