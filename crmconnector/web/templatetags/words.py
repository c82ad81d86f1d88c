"""Filters that say times, durations and commands in the product's words."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crmconnector.calls.models import CallCommand
from crmconnector.common.clock import from_epoch, utc_now
from crmconnector.common.numbers import shown_number
from crmconnector.screenpop.callbar import CallBar
from crmconnector.screenpop.explain import isolated
from crmconnector.web.command_words import CONSULTING, GONE, GONE_HELD
from crmconnector.web.command_words import why_not as why_not_in_words
from crmconnector.web.words import Said, is_plain_number, running_time, said_of, spoken_time

register = template.Library()


@register.filter
def epoch(seconds: float | None) -> datetime | None:
    """Epoch seconds of a payload as a time that templates can format."""
    return from_epoch(seconds) if seconds is not None else None


@register.filter
def as_epoch(at: datetime | None) -> str:
    """A time as epoch seconds for the browser's timers; never localised."""
    return f"{at.timestamp():.3f}" if at else ""


@register.filter
def plain(number: float | None) -> str:
    """A number for the browser, whatever the language writes as decimal sign."""
    return f"{number:.3f}" if number is not None else ""


@register.filter
def ago(since: datetime | float | None) -> str:
    """Running time since then, as a timer shows it: 0:07."""
    if since is None:
        return ""
    start = since if isinstance(since, datetime) else from_epoch(since)
    return running_time((utc_now() - start).total_seconds())


@register.filter
def to_the_millisecond(at: datetime) -> str:
    """10:42:08.610: what was asked and what was proven may be milliseconds apart."""
    return timezone.localtime(at).isoformat(timespec="milliseconds")[11:23]


@register.filter
def international(number: str) -> str:
    """A public number with blanks; anything else as it is."""
    return shown_number(number, country="") if number.startswith("+") else number


@register.filter
def is_number(text: str) -> bool:
    """Whether the text is a number and nothing else, so that it may be offered to be called."""
    return is_plain_number(text)


@register.filter
def running(seconds: float | None) -> str:
    return running_time(seconds) if seconds is not None else ""


@register.filter
def spoken(seconds: float | None) -> str:
    """A length in words: 48 s, 6 min, 1 h 5 min."""
    return spoken_time(seconds) if seconds is not None else ""


@register.filter
def said(command: CallCommand | None) -> Said | None:
    """The one sentence under the call bar."""
    return said_of(command, now=utc_now()) if command else None


@register.filter
def said_on(command: CallCommand | None, bar: CallBar) -> Said | None:
    """The one sentence of a card. That the one who was asked is gone comes before that they were called."""
    over = bar.over if bar else None
    if over is None or (command is not None and over.start.pk not in (command.pk, command.part_of_id)):
        return said_of(command, now=utc_now(), picked_up=not bar.rings_here) if command and bar else said(command)
    words = (GONE_HELD if bar.held else GONE)[over.state]
    return Said("care", "note", str(words) % {"whom": isolated(over.name)})


@register.filter
def so_far(since: datetime) -> str:
    """How long it goes on already, in words: 4 min."""
    return spoken_time((utc_now() - since).total_seconds())


@register.filter
def consulting(state: str) -> str:
    """What the one who is asked does now, to go behind the name."""
    return str(CONSULTING.get(state, CONSULTING[""]))


@register.filter
def why_not(code: str) -> str:
    """Why a verb is not possible now."""
    return why_not_in_words(code)


@register.filter
def coded(sentence: str) -> SafeString:
    """What stands in backticks as it is written on the PBX: `read` -> <span class="mono">read</span>."""
    pieces = enumerate(sentence.split("`"))
    return format_html_join("", "{}", ((_mono(one) if place % 2 else one,) for place, one in pieces))


def _mono(text: str) -> SafeString:
    return format_html('<span class="mono strong">{}</span>', text)


@register.filter
def person_line(person: dict[str, Any]) -> str:
    """Role and company under a name, as far as they are known."""
    return ", ".join(part for part in (person["title"], person["company"]) if part) or _("No company recorded")
