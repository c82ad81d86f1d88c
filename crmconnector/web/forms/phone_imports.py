"""Forms for bringing in a file of phones, for swapping two, and for giving many to people."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.users.models import User
from phones.imports.plan import Options
from phones.imports.reading import MOST_BYTES, too_large
from phones.models import Phone

KEEP, MOVE = "keep", "move"


class FileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy("At most 2 MB and 10,000 lines. The first line names the columns."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
        error_messages={"empty": gettext_lazy("The file is empty.")},
    )
    others = forms.ChoiceField(
        label=gettext_lazy("People who have another phone"),
        choices=[
            (KEEP, gettext_lazy("keep it beside the one in the file")),
            (MOVE, gettext_lazy("leave it when they get the one in the file")),
        ],
        initial=KEEP,
        widget=forms.RadioSelect,
    )
    take_over = forms.BooleanField(
        label=gettext_lazy("Take phones over from the people who have them now"),
        required=False,
        help_text=gettext_lazy("Otherwise a line that gives away somebody’s phone is a bad line."),
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(too_large())
        return file

    def options(self) -> Options:
        wanted = self.cleaned_data
        return Options(take_over=wanted["take_over"], move=wanted["others"] == MOVE)

    def content(self) -> bytes:
        """Never more than may be read, whatever the form was told of its size."""
        file: UploadedFile = self.cleaned_data["file"]
        return file.read(MOST_BYTES + 1)


class OtherPhoneForm(forms.Form):
    """Another phone by its name; the browser offers the names while one types."""

    other = forms.CharField(
        label=gettext_lazy("Other phone"),
        max_length=80,
        widget=forms.TextInput(attrs={"list": "phone-names", "autocomplete": "off"}),
        help_text=gettext_lazy("Type some letters of its name and choose."),
    )

    def clean_other(self) -> Phone:
        name = self.cleaned_data["other"]
        found = list(Phone.objects.filter(name__iexact=name)[:2])
        just_so = [phone for phone in found if phone.name == name]
        if len(found) != 1 and not just_so:
            raise forms.ValidationError(_("There is no phone of this name."))
        return (just_so or found)[0]


class PeopleForm(forms.Form):
    """A person's user name for each of these phones; an empty field leaves the phone as it is."""

    def __init__(self, *args: Any, phones: Iterable[Phone], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.phones = list(phones)
        for phone in self.phones:
            self.fields[self.name_of(phone)] = forms.CharField(
                label=phone.name,
                required=False,
                max_length=150,
                widget=forms.TextInput(attrs={"list": "people", "autocomplete": "off", "autocapitalize": "none"}),
            )

    @staticmethod
    def name_of(phone: Phone) -> str:
        return f"user-{phone.pk}"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        people = {user.username.casefold(): user for user in User.objects.filter(is_active=True)}
        for phone in self.phones:
            name = self.name_of(phone)
            typed = cleaned.get(name, "")
            if typed and typed.casefold() not in people:
                self.add_error(name, _("Nobody who may sign in has this user name."))
            elif typed:
                cleaned[name] = people[typed.casefold()]
        if not any(cleaned.get(self.name_of(phone)) for phone in self.phones) and not self.errors:
            self.add_error(None, _("Name at least one person."))
        return cleaned

    def pairs(self) -> dict[int, User]:
        chosen = {phone.pk: self.cleaned_data.get(self.name_of(phone)) for phone in self.phones}
        return {pk: user for pk, user in chosen.items() if user}
