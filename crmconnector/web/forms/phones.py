"""Forms for phones: settings, SIP accounts, who sits there."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.common.network import AddressPolicy, AddressRefused
from crmconnector.users.models import User
from phones.models import Phone, SipAccount, mac_address

MOST_ACCOUNTS = 16
BLANK_KEEPS = gettext_lazy("Leave blank to keep the one that is stored. It is never shown.")
HOW_TO_FIND = gettext_lazy(
    "The user-level web password of the phone, not the administrator's. It is never shown again."
)


class MacField(forms.CharField):
    """Any common spelling is taken: 000b82a14c07, 00-0B-82-…"""

    def to_python(self, value: object) -> str:
        digits = "".join(char for char in str(super().to_python(value) or "").upper() if char.isalnum())
        return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


class PhoneForm(forms.ModelForm):
    mac = MacField(
        label=gettext_lazy("MAC address"),
        required=False,
        max_length=40,
        validators=[mac_address],
        help_text=gettext_lazy("On the label under the phone, such as 00:0B:82:A1:4C:07."),
    )

    class Meta:
        model = Phone
        fields = ["name", "model", "address", "port", "mac", "passcode", "scheme", "certificate"]
        widgets = {
            "address": forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url"}),
            "certificate": forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
        }
        help_texts = {
            "name": gettext_lazy("As people call it, for example: Front desk left."),
            "address": gettext_lazy("An address looks like 192.0.2.30."),
            "certificate": gettext_lazy("Only for the pinned connection: the phone's own certificate."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = bool(self.instance.pk and self.instance.passcode)
        self.fields["passcode"].required = not stored
        self.fields["passcode"].help_text = BLANK_KEEPS if stored else HOW_TO_FIND

    def clean_mac(self) -> str:
        mac = self.cleaned_data["mac"]
        if mac and Phone.objects.filter(mac=mac).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Another phone has this MAC address. Each phone has its own."))
        return mac

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self._check_address(cleaned.get("address"), cleaned.get("port"))
        if cleaned.get("scheme") == Phone.Scheme.HTTPS_PINNED and not cleaned.get("certificate"):
            self.add_error("certificate", _("A pinned connection needs the phone's certificate. Paste it as PEM."))
        return cleaned

    def passcode_entered(self) -> bool:
        return bool(self.cleaned_data.get("passcode"))

    def _check_address(self, address: str | None, port: int | None) -> None:
        """The same rule as when the socket opens: only the networks where phones may be."""
        if not address or not port:
            return
        try:
            AddressPolicy(settings.PHONE_NETWORKS, allowed_ports=None).check(address, port)
        except AddressRefused as refused:
            cure = _("Phones may be in: %(networks)s. An operator can change PHONE_NETWORKS.")
            networks = ", ".join(str(network) for network in settings.PHONE_NETWORKS)
            self.add_error("address", f"{refused} {cure % {'networks': networks}}")


class AccountForm(forms.ModelForm):
    class Meta:
        model = SipAccount
        fields = ["pbx", "extension", "endpoint"]
        labels = {"pbx": "PBX"}
        widgets = {"endpoint": forms.TextInput(attrs={"placeholder": "PJSIP/204", "autocomplete": "off"})}


class AccountForms(forms.BaseInlineFormSet):
    """Positions follow the order of the rows; a person never counts them."""

    def number_positions(self) -> None:
        """Give every row that stays its place; rows that go make room first."""
        kept = [form for form in self.forms if form.has_changed() or form.instance.pk]
        kept = [form for form in kept if form not in self.deleted_forms]
        taken = {form.instance.position for form in kept if form.instance.pk}
        free = (place for place in range(1, MOST_ACCOUNTS + 1) if place not in taken)
        for form in kept:
            if not form.instance.pk:
                form.instance.position = next(free)


AccountFormSet = forms.inlineformset_factory(
    Phone,
    SipAccount,
    form=AccountForm,
    formset=AccountForms,
    extra=1,
    max_num=MOST_ACCOUNTS,
    absolute_max=MOST_ACCOUNTS,
    can_delete=True,
)


class AssignForm(forms.Form):
    user = forms.ModelChoiceField(label=gettext_lazy("Person"), queryset=User.objects.none())
    from_at = forms.DateTimeField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Empty: from now on."),
    )
    until_at = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Empty: until released."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True).order_by("full_name", "username")
        self.fields["user"].queryset = people  # type: ignore[attr-defined]
