"""Forms for when cards show: in general, for one queue or line, and quiet hours."""

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crmconnector.pbx.models import Line, Queue
from crmconnector.screenpop.models import PopRule, QuietHours

WHEN_RINGS = PopRule.When.RING
WHEN = [
    (PopRule.When.RING, gettext_lazy("when it rings")),
    (PopRule.When.ANSWER, gettext_lazy("when it is answered")),
    (PopRule.When.NEVER, gettext_lazy("never")),
]
AS_THE_HOUSE = ("", gettext_lazy("as the rules of the house say"))
NO_RULE = ("", gettext_lazy("no rule: when it rings"))


class WhenForm(forms.Form):
    """The rule for everything that no exception is for."""

    when = forms.ChoiceField(label=gettext_lazy("Show cards"), required=False)

    def __init__(self, *args: object, house: bool, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["when"].choices = [NO_RULE if house else AS_THE_HOUSE, *WHEN]  # type: ignore[attr-defined]


class ExceptionForm(forms.Form):
    """Another rule for the calls of one queue or one line."""

    what = forms.ChoiceField(label=gettext_lazy("Queue or line"))
    when = forms.ChoiceField(label=gettext_lazy("Show cards"), choices=WHEN)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._targets: dict[str, Queue | Line] = {f"queue-{one.pk}": one for one in Queue.objects.order_by("name")}
        self._targets |= {f"line-{one.pk}": one for one in Line.objects.order_by("label")}
        queues = [(key, str(one)) for key, one in self._targets.items() if isinstance(one, Queue)]
        lines = [(key, f"{one.label} ({one.did})") for key, one in self._targets.items() if isinstance(one, Line)]
        choices = [(_("Queues"), queues), (_("Lines"), lines)]
        self.fields["what"].choices = [group for group in choices if group[1]]  # type: ignore[attr-defined]

    @property
    def possible(self) -> bool:
        return bool(self._targets)

    def target(self) -> dict[str, Queue | Line]:
        """`queue` or `line`, as the service takes it."""
        one = self._targets[self.cleaned_data["what"]]
        return {"queue" if isinstance(one, Queue) else "line": one}


def clock_field(label: object) -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    return forms.TimeField(label=label, required=False, widget=widget)  # type: ignore[arg-type]


class QuietForm(forms.Form):
    starts = clock_field(gettext_lazy("From"))
    ends = clock_field(gettext_lazy("Until"))
    days = forms.TypedMultipleChoiceField(
        label=gettext_lazy("On these days"), choices=list(WEEKDAYS.items()), coerce=int, required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        starts, ends = cleaned.get("starts"), cleaned.get("ends")
        if (starts is None) != (ends is None) and not self.errors:
            self.add_error("ends" if ends is None else "starts", _("Both times are needed, or neither."))
        elif starts is not None and starts == ends:
            self.add_error("ends", _("The same time twice. For no cards at all choose “never” above."))
        elif starts is not None and not cleaned.get("days"):
            self.add_error("days", _("Choose at least one day."))
        return cleaned


def initial_of(row: QuietHours | None) -> dict[str, object]:
    if row is None:
        return {"days": [0, 1, 2, 3, 4, 5, 6]}
    return {"starts": row.starts, "ends": row.ends, "days": list(row.days) or list(range(7))}
