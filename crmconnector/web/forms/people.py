"""Forms for people, teams and passwords."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.contacts.models import no_controls
from crmconnector.users.models import Role, Team, User
from crmconnector.web.phone_acts import grantable_by, rights_given, who_may_grant

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

LONGEST_PASSWORD = 1024  # a longer one would only cost time to hash
ROLES_MEAN = gettext_lazy(
    "Agents see their own calls, supervisors those of their teams. Administrators see all and set everything up."
)
EMPTY_MAKES_ONE = gettext_lazy("At least 12 characters. Leave blank and we make one, shown to you once.")


def password_field(
    label: "str | StrPromise", *, known: bool = False, required: bool = True, help_text: "str | StrPromise" = ""
) -> forms.CharField:
    """Never rendered back, never stripped."""
    attrs = {"autocomplete": "current-password" if known else "new-password"}
    return forms.CharField(
        label=label, required=required, strip=False, max_length=LONGEST_PASSWORD, help_text=help_text,
        widget=forms.PasswordInput(attrs=attrs),
    )  # fmt: skip


PHONE_RIGHTS = {
    "reboot_phone": gettext_lazy("May restart phones"),
    "reset_phone": gettext_lazy("May set phones back to factory settings"),
    "lock_phone": gettext_lazy("May lock and unlock the keys of phones"),
}
RIGHTS_MEAN = gettext_lazy("Administrators only, and each by name. You can give and take what you have yourself.")


class RightsBoxes(forms.CheckboxSelectMultiple):
    """Boxes that the one who looks may not change are shown as they are, and cannot be ticked."""

    fixed: frozenset[str] = frozenset()

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if str(value) in self.fixed:
            option["attrs"]["disabled"] = True
        return option


class PersonForm(forms.ModelForm):
    phone_rights = forms.MultipleChoiceField(
        label=gettext_lazy("Rights over phones"),
        choices=list(PHONE_RIGHTS.items()),
        required=False,
        widget=RightsBoxes,
        help_text=RIGHTS_MEAN,
    )
    teams = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Teams"),
        queryset=Team.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("A supervisor sees the calls of everybody in these teams."),
    )

    class Meta:
        model = User
        fields = ["full_name", "username", "role", "is_active"]
        labels = {"username": gettext_lazy("User name"), "is_active": gettext_lazy("May sign in")}
        help_texts = {
            "full_name": gettext_lazy("As colleagues see it."),
            "username": gettext_lazy("Typed to sign in."),
            "role": ROLES_MEAN,
            "is_active": gettext_lazy("When off, the person is signed out everywhere. Calls and history stay."),
        }
        widgets = {"username": forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"})}

    def __init__(self, *args: Any, actor: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["full_name"].required = True
        self._offer_rights(actor)
        self.fields["full_name"].validators.append(no_controls)
        if self.instance.pk and self.instance.is_superuser:
            self.initial["role"] = Role.ADMINISTRATOR  # what a superuser is here, whatever the column says
        if self.instance.pk:
            self.initial["teams"] = list(self.instance.teams.all())
        else:
            del self.fields["is_active"]

    def _offer_rights(self, actor: User | None) -> None:
        """As they are stored; what the actor may not change cannot be ticked, and who could is told."""
        person, boxes = self.instance, cast(RightsBoxes, self.fields["phone_rights"].widget)
        if person.pk:
            self.initial["phone_rights"] = sorted(rights_given(person))
        if person.pk and person.is_superuser:
            boxes.fixed, told = frozenset(PHONE_RIGHTS), _("The first administrator has all of them.")
        else:
            boxes.fixed = frozenset(PHONE_RIGHTS) - (grantable_by(actor) if actor else set())
            told = " ".join(self._who_could(boxes.fixed))
        self.fields["phone_rights"].help_text = f"{RIGHTS_MEAN} {told}".strip()

    @staticmethod
    def _who_could(codenames: frozenset[str]) -> list[str]:
        names = who_may_grant(codenames) if codenames else {}
        text = _("“%(right)s” can be changed by %(names)s.")
        known = [(PHONE_RIGHTS[one], ", ".join(names[one])) for one in PHONE_RIGHTS if names.get(one)]
        return [text % {"right": right, "names": told} for right, told in known]

    def clean_username(self) -> str:
        username = User.normalize_username(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=username).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Somebody has this user name already. Choose another one."))
        return username


class PasswordForm(forms.Form):
    """A new password for somebody; blank when we shall make one."""

    password = password_field(gettext_lazy("New password"), required=False, help_text=EMPTY_MAKES_ONE)

    def __init__(self, *args: Any, person: User | None = None, **kwargs: Any) -> None:
        self.person = person
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if password:
            validate_password(password, self.person)
        return password


class OwnPasswordForm(forms.Form):
    old = password_field(gettext_lazy("Password now"), known=True)
    new = password_field(gettext_lazy("New password"), help_text=gettext_lazy("At least 12 characters."))
    again = password_field(gettext_lazy("New password again"))

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        self.person = person
        super().__init__(*args, **kwargs)

    def clean_new(self) -> str:
        password = str(self.cleaned_data["new"])
        validate_password(password, self.person)
        return password

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "new" in cleaned and "again" in cleaned and cleaned["new"] != cleaned["again"]:
            self.add_error("again", _("This is not the same as the field above. Type both again."))
        return cleaned


class TeamForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("New team"), max_length=80, validators=[no_controls])
