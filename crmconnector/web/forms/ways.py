"""Which way each verb goes: for every verb with two ways a choice, and whether the other may follow."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from crmconnector.calls.models import CommandKind
from crmconnector.calls.verbs import VERBS
from crmconnector.calls.ways import NONE, Decision

BOTH: Sequence[str] = [kind for kind, row in VERBS.items() if len(row.ways()) > 1]


class WaysForm(forms.Form):
    """Fields `way-<verb>` and `fall-<verb>`. `own`: for one phone, where an empty choice means "as all phones"."""

    def __init__(
        self, *args: Any, decisions: Mapping[str, Decision], house: Mapping[str, Decision] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        own = house is not None
        for kind in BOTH:
            label = str(CommandKind(kind).label)
            now = decisions.get(kind, NONE)
            now = now if now.own == own else NONE
            self.fields[f"way-{kind}"] = forms.ChoiceField(
                label=_("Way of “%(verb)s”") % {"verb": label}, required=False, initial=now.path,
                choices=[("", _default(kind, house)), ("phone", _("by the phone")), ("pbx", _("by the PBX"))],
            )  # fmt: skip
            self.fields[f"fall-{kind}"] = forms.BooleanField(
                label=_("If “%(verb)s” surely did not happen, try the other way once") % {"verb": label},
                required=False, initial=now.fall_back,
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for kind in BOTH:
            if cleaned.get(f"fall-{kind}") and not cleaned.get(f"way-{kind}") and f"way-{kind}" not in self.errors:
                self.add_error(f"way-{kind}", _("Choose a way first; then the other may follow it."))
        return cleaned

    def wanted(self) -> dict[str, Decision]:
        """What was chosen, by verb."""
        return {
            kind: Decision(self.cleaned_data[f"way-{kind}"], bool(self.cleaned_data[f"fall-{kind}"])) for kind in BOTH
        }


def _default(kind: str, house: Mapping[str, Decision] | None) -> str:
    """What no decision here comes to, in words."""
    row, decided = VERBS[kind], (house or {}).get(kind, NONE)
    path, falls_back = (decided.path, decided.fall_back) if decided.path else (row.usual, row.falls_back)
    way = {"phone": _("by the phone"), "pbx": _("by the PBX")}[path]
    if falls_back:
        way = _("%(way)s, then the other") % {"way": way}
    return (_("usual (%(way)s)") if house is None else _("as all phones (%(way)s)")) % {"way": way}
