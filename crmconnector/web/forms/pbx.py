"""Forms for PBXes, their trunks, lines and queues."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.common.numbers import is_country
from crmconnector.pbx.models import Line, Pbx, Queue, Trunk, country_code
from crmconnector.web.forms.phones import BLANK_KEEPS
from phones.models import endpoint_name


class CapitalsField(forms.CharField):
    def to_python(self, value: object) -> str:
        return str(super().to_python(value) or "").upper()


class PbxForm(forms.ModelForm):
    country = CapitalsField(
        label=gettext_lazy("Country"),
        max_length=2,
        validators=[country_code],
        help_text=gettext_lazy("Two letters, such as DE. How numbers without a country are read."),
    )

    class Meta:
        model = Pbx
        fields = [
            "name", "host", "port", "username", "secret", "country", "outside_prefixes", "tls", "tls_certificate",
            "enabled",
        ]  # fmt: skip
        widgets = {"tls_certificate": forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"})}
        help_texts = {
            "host": gettext_lazy("A name or address, such as 192.0.2.10."),
            "outside_prefixes": gettext_lazy("What people dial first to get an outside line, such as 0 or 0,9."),
            "tls_certificate": gettext_lazy("Only with TLS, and only for a certificate of your own."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = bool(self.instance.pk and self.instance.secret)
        self.fields["secret"].required = not stored
        if stored:
            self.fields["secret"].help_text = BLANK_KEEPS

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("tls_certificate") and not cleaned.get("tls"):
            self.add_error("tls", _("A certificate is given, so switch TLS on, or take the certificate out."))
        return cleaned


class LineCountryField(CapitalsField):
    """Whose callers show numbers without a country as they are written there; empty: the PBX's country."""

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Country"),
            required=False,
            max_length=2,
            widget=forms.TextInput(attrs={"size": 4, "autocomplete": "off", "spellcheck": "false"}),
        )

    def validate(self, value: str) -> None:
        super().validate(value)
        if value and not is_country(value):
            raise forms.ValidationError(
                _("%(country)s is no country of telephone numbers. Two letters, such as AT, or none for the PBX’s.")
                % {"country": value}
            )


class TrunkForm(forms.ModelForm):
    endpoint = forms.CharField(
        label=gettext_lazy("Endpoint"),
        max_length=90,
        validators=[endpoint_name],
        widget=forms.TextInput(attrs={"placeholder": "PJSIP/provider", "autocomplete": "off"}),
    )

    class Meta:
        model = Trunk
        fields = ["endpoint"]


class LineForm(forms.ModelForm):
    country = LineCountryField()

    class Meta:
        model = Line
        fields = ["did", "label", "country"]


class LineCountryForm(forms.Form):
    country = LineCountryField()


class QueueForm(forms.ModelForm):
    class Meta:
        model = Queue
        fields = ["name", "label"]
