"""The page Dialling: settings, what they come to by examples, and what was held back lately."""

from dataclasses import dataclass, field

import phonenumbers
from django.utils.translation import gettext as _

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.dial_check import limits_of, plan_on, stopped_words
from crmconnector.calls.dial_rows import dial_settings
from crmconnector.calls.dial_rules import NoDial
from crmconnector.calls.models import CallCommand
from crmconnector.common.numbers import shown_number
from crmconnector.pbx.models import Line, Pbx
from crmconnector.web.forms.dialling import BrakesForm, LinePrefixForm, PbxDialForm, StopForm

MOST_EVENTS = 20
ABROAD = "+442079460148"  # of the numbers kept free for stories
ABROAD_FROM_GB = "+12025550147"
EMERGENCY = "112"


@dataclass(frozen=True, slots=True)
class Example:
    """One number as written, what is dialled for it, or why nothing."""

    written: str
    dialled: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class LineRow:
    line: Line
    form: LinePrefixForm
    example: Example


@dataclass(frozen=True, slots=True)
class PbxRow:
    """One PBX: its form, what the rules come to, and its lines."""

    pbx: Pbx
    form: PbxDialForm
    examples: list[Example]
    lines: list[LineRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Held:
    """One event of the audit log about a dial: held back, or let through and worth a look."""

    event: AuditEvent
    words: str
    number: str
    alarm: bool


def dialling_page(**bad: object) -> dict[str, object]:
    """`bad`: forms that were sent and refused, by the names that the templates know."""
    row = dial_settings()
    pbxes = Pbx.objects.filter(enabled=True).prefetch_related("lines")
    return {
        "row": row,
        "stopped": stopped_words(row),
        "form": bad.get("form") or BrakesForm(instance=row),
        "stop_form": bad.get("stop_form") or StopForm(),
        "always": sorted({pbx.country for pbx in pbxes}),
        "allowed": sorted(limits_of(row).countries),
        "pbxes": [_pbx_row(pbx, bad) for pbx in pbxes],
        "bad": next((form for form in bad.values() if form is not None), None),
        "held": _held_rows(),
    }


def examples_of(pbx: Pbx) -> list[Example]:
    """A number at home, one abroad, an extension and an emergency number, by the rules as they stand in `pbx`."""
    home = phonenumbers.example_number(pbx.country)
    numbers = [shown_number(phonenumbers.format_number(home, phonenumbers.PhoneNumberFormat.E164), country=pbx.country)
               ] if home else []  # fmt: skip
    if pbx.country == "DE":
        numbers = ["030 23125447"]
    abroad = ABROAD_FROM_GB if pbx.country == "GB" else ABROAD
    return [_example(pbx, text) for text in [*numbers, shown_number(abroad, country=""), "204", EMERGENCY]]


def _pbx_row(pbx: Pbx, bad: dict[str, object]) -> PbxRow:
    form = bad.get(f"pbx_{pbx.pk}")
    row = PbxRow(pbx, form if isinstance(form, PbxDialForm) else PbxDialForm(instance=pbx, auto_id=f"pbx{pbx.pk}_%s"),
                 examples_of(pbx))  # fmt: skip
    for line in pbx.lines.all():
        line.pbx = pbx
        sent = bad.get(f"line_{line.pk}")
        own = sent if isinstance(sent, LinePrefixForm) else LinePrefixForm(instance=line, auto_id=f"line{line.pk}_%s")
        text = row.examples[0].written
        row.lines.append(LineRow(line, own, _example(pbx, text, line)))
    return row


def _example(pbx: Pbx, text: str, line: Line | None = None) -> Example:
    plan = plan_on(pbx=pbx, text=text, line=line)
    return Example(text, "", plan.sentence) if isinstance(plan, NoDial) else Example(text, plan.dial_string)


def _held_rows() -> list[Held]:
    """The last of them. A number is told by the command as long as that is kept, else by its beginning."""
    actions = ["dial.refused", "dial.emergency", "dial.night", "dialling.stopped", "dialling.allowed"]
    events = list(AuditEvent.objects.filter(action__in=actions)[:MOST_EVENTS])
    ids = [event.target_id for event in events if event.target_type == "calls.callcommand"]
    numbers = {str(pk): number for pk, number in CallCommand.objects.filter(pk__in=ids).values_list("pk", "far_number")}
    return [_held(event, numbers.get(event.target_id, "")) for event in events]


def _held(event: AuditEvent, number: str) -> Held:
    details = event.details
    words = {
        "dial.emergency": _("Emergency number dialled"),
        "dial.night": _("Dialled at night"),
        "dialling.stopped": _("All dialling stopped"),
        "dialling.allowed": _("Dialling allowed again"),
    }.get(event.action) or _("Not dialled: %(why)s") % {"why": _reason(str(details.get("code", "")))}
    alarm = event.action != "dial.refused" or bool(details.get("alarm"))
    return Held(event, words, number or str(details.get("number", "")), alarm and event.action != "dialling.allowed")


def _reason(code: str) -> str:
    return {
        "stopped": _("all dialling is stopped"),
        "premium": _("premium rate"),
        "satellite": _("satellite or international network"),
        "country": _("another country"),
        "night": _("another country at night"),
        "range": _("many numbers of one range"),
        "person_rate": _("too many in a minute"),
        "number_rate": _("too many in a minute"),
    }.get(code, _("no number that may be dialled"))
