"""Forms of the card (a new contact, a note, an outcome) and of its settings (outcomes, links)."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.calls.models import Disposition
from crmconnector.contacts.models import Contact, no_controls
from crmconnector.screenpop.links import NAMES, LinkProblem, check_template
from crmconnector.screenpop.models import CardLink

_LINK_WORDS = {
    "no_address": gettext_lazy("Write a whole address, such as https://crm.example.org/find?number={e164}."),
    "scheme": gettext_lazy("“%(shown)s” does not begin with https:// or http://. Only those are opened."),
    "host": gettext_lazy("“%(shown)s” is no host name that can be opened. No user names, no passwords."),
    "host_from_name": gettext_lazy("The host may not come from the call: write it out in place of “%(shown)s”."),
    "unknown_name": gettext_lazy("{%(shown)s} is not known. You can use: %(names)s."),
    "braces": gettext_lazy("A brace is left over. A name stands between one { and one }."),
    "character": gettext_lazy("The character %(shown)s cannot stand in an address. Write it with a percent sign."),
    "step": gettext_lazy("A step “.” or “..” leads elsewhere than it says. Write the path as it is."),
}


class NewContactForm(forms.ModelForm):
    """The one step on the card of an unknown caller; the number is the call's, never the browser's."""

    label = forms.CharField(label=gettext_lazy("Label"), required=False, max_length=40, validators=[no_controls])

    class Meta:
        model = Contact
        fields = ["name", "company"]


class OutcomeForm(forms.ModelForm):
    key = forms.TypedChoiceField(
        label=gettext_lazy("Key"), coerce=int, choices=[(key, str(key)) for key in range(1, 10)],
        help_text=gettext_lazy("Pressed on the keyboard after the call. Keep 9 for what must not slip."),
    )  # fmt: skip

    class Meta:
        model = Disposition
        fields = ["key", "label", "explanation", "enabled"]
        help_texts = {"enabled": gettext_lazy("Switched off, it stays on the calls that have it.")}


class CardLinkForm(forms.ModelForm):
    class Meta:
        model = CardLink
        fields = ["label", "template", "position"]
        labels = {"position": gettext_lazy("Position")}
        widgets = {
            "template": forms.TextInput(
                attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off", "inputmode": "url"}
            )
        }
        help_texts = {
            "label": gettext_lazy("The word on the button, such as CRM."),
            "position": gettext_lazy("The smallest stands first."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["template"].help_text = _("https://crm.example.org/find?number={e164}. Names: %(names)s.") % {
            "names": braced_names()
        }

    def clean_template(self) -> str:
        template = self.cleaned_data["template"].strip()
        try:
            check_template(template)
        except LinkProblem as problem:
            raise forms.ValidationError(link_words(problem)) from None
        return template


def braced_names() -> str:
    return " ".join(f"{{{name}}}" for name in NAMES)


def link_words(problem: LinkProblem) -> str:
    return _LINK_WORDS[problem.code] % {"shown": problem.shown, "names": braced_names()}
