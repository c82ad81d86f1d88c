"""Forms for phones: settings, SIP accounts, who sits there, keys to press, the confirmation of a guarded order."""

import re
import unicodedata
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.common.clock import utc_now
from crmconnector.common.network import AddressPolicy, AddressRefused
from crmconnector.common.secrets import Secret
from crmconnector.users.models import User
from phones.drivers.grandstream.keys import KEYS, MOST_KEYS, Danger, Key, Numbered
from phones.imports.cells import refusal_words
from phones.models import OrderKind, Phone, SipAccount, mac_address

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
        fields = [
            "name", "model", "firmware", "address", "port", "mac", "passcode", "scheme", "certificate", "mute_key",
            "mpk_keys",
        ]  # fmt: skip
        widgets = {
            "address": forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url"}),
            "certificate": forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
        }
        help_texts = {
            "name": gettext_lazy("As people call it, for example: Front desk left."),
            "address": gettext_lazy("An address looks like 192.0.2.30."),
            "certificate": gettext_lazy("Only for the pinned connection: the phone's own certificate."),
            "model": gettext_lazy("As printed on the phone, such as GRP2614. What the PBX is told later counts more."),
            "firmware": gettext_lazy("Such as 1.0.13.24. Leave blank when the PBX tells it."),
            "mute_key": gettext_lazy(
                "The phone's setting “Mute Key Functions while idle”. It cannot be asked for, and the same key is "
                "another deed with it."
            ),
            "mpk_keys": gettext_lazy("How many multi-purpose keys it has, with extension modules. 0: none are used."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = bool(self.instance.pk and self.instance.passcode)
        self.fields["passcode"].required = not stored
        self.fields["passcode"].help_text = BLANK_KEEPS if stored else HOW_TO_FIND
        for name in ("mute_key", "mpk_keys"):
            self.fields[name].required = False  # left out: as it was

    def clean_firmware(self) -> str:
        return str(self.cleaned_data["firmware"]).strip().removeprefix("V").removeprefix("v")

    def clean_mute_key(self) -> str:
        return self.cleaned_data["mute_key"] or self.instance.mute_key

    def clean_mpk_keys(self) -> int:
        typed = self.cleaned_data["mpk_keys"]
        return self.instance.mpk_keys if typed is None else typed

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
        if {"model", "firmware"} & set(self.changed_data):
            self.instance.identity_typed_at = utc_now()  # from now on it is newer than what the PBX was told before
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
            self.add_error("address", f"{refusal_words(refused)} {cure % {'networks': networks}}")


class AccountForm(forms.ModelForm):
    class Meta:
        model = SipAccount
        fields = ["pbx", "extension", "endpoint"]
        labels = {"pbx": gettext_lazy("PBX")}
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


class KeysForm(forms.Form):
    """Keys by the names of the vendor's guide, with : between. Whether each may be pressed just then, the worker sees
    when it has looked at the lines."""

    LONGEST = 200

    keys = forms.CharField(
        label=gettext_lazy("Keys"),
        max_length=LONGEST,
        help_text=gettext_lazy("With : between, such as VUP:VUP. At most 64."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "class": "mono"}
        ),
    )

    def clean_keys(self) -> str:
        names = [name.strip() for name in self.cleaned_data["keys"].upper().split(":")]
        if len(names) > MOST_KEYS:
            raise forms.ValidationError(_("These are %(n)s keys; at most 64 go in one order.") % {"n": len(names)})
        for name in names:
            key = key_named(name)
            if key is None:
                text = _("There is no key “%(name)s”. The list below has all names.")
                raise forms.ValidationError(text % {"name": name})
            if key.danger is Danger.GUARDED:
                raise forms.ValidationError(_("%(name)s has a button of its own under Guarded.") % {"name": name})
        return ":".join(names)


_NUMBERED_KEY = re.compile(r"(LINE|SOFT|MPK)[1-9][0-9]{0,2}")


def key_named(name: str) -> Key | None:
    """The key of the guide behind one name as a person types it: VUP, 5, LINE2."""
    numbered = _NUMBERED_KEY.fullmatch(name)
    if numbered:
        return KEYS[numbered[1]]
    key = KEYS.get(name)
    return key if key is not None and key.numbered is Numbered.NO else None


class ConfirmForm(forms.Form):
    """The phone's name, typed; for a factory reset the administrator passcode too, which is never rendered back."""

    typed_name = forms.CharField(
        label=gettext_lazy("Type the phone’s name"), max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "auto"}),
    )  # fmt: skip
    confirmation = forms.CharField(widget=forms.HiddenInput, max_length=300, required=False)
    admin_passcode = forms.CharField(
        label=gettext_lazy("Administrator passcode of the phone"), max_length=64, strip=False,
        help_text=gettext_lazy("Used once for this reset and kept nowhere."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def __init__(self, *args: Any, phone: Phone, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.phone = phone
        if kind != OrderKind.RESET:
            del self.fields["admin_passcode"]

    def clean_typed_name(self) -> str:
        typed = str(self.cleaned_data["typed_name"])
        if _composed(typed) != _composed(self.phone.name):
            raise forms.ValidationError(_("This is not the name of this phone. Type it as it stands above."))
        return typed

    def secret(self) -> Secret | None:
        """The passcode, wrapped; None for orders that need none."""
        passcode = self.cleaned_data.pop("admin_passcode", "")
        return Secret(passcode) if passcode else None


def _composed(text: str) -> str:
    """Keyboards write the same letter in one or in two signs."""
    return unicodedata.normalize("NFC", text)
