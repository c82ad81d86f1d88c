"""Drawings of the pages: one stroke style, a shape for every state, no outside file. {% icon %} and {% lamp %}."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_RING = '<circle cx="10" cy="10" r="7.300"/>'
_DISC = '<circle cx="10" cy="10" r="8" fill="currentColor" stroke="none"/>'

ICONS = {
    "brand": '<circle cx="10" cy="10" r="3.600" fill="currentColor" stroke="none"/>'
    '<path d="M4.700 4.700a7.500 7.500 0 0 0 0 10.600M15.300 4.700a7.500 7.500 0 0 1 0 10.600"/>',
    "desk": '<rect x="2.800" y="4" width="14.400" height="12" rx="2"/><path d="M2.800 8h14.400M6 12h5"/>',
    "calls": '<path d="M7 5h10M7 10h10M7 15h10M3.200 5h.01M3.200 10h.01M3.200 15h.01"/>',
    "contacts": '<circle cx="10" cy="6.600" r="3.200"/><path d="M3.800 17c.4-4 2.800-6 6.200-6s5.800 2 6.200 6"/>',
    "people": '<circle cx="7.500" cy="7" r="2.900"/><path d="M2.200 16.500c.3-3.600 2.300-5.400 5.300-5.400'
    "s5 1.800 5.300 5.400"
    'M12.600 4.400a2.900 2.900 0 0 1 0 5.300M14.400 11.700c2 .7 3.200 2.300 3.400 4.800"/>',
    "live": '<path d="M3 15a7.500 7.500 0 1 1 14 0M10 12.500l3.500-4"/>',
    "phones": '<rect x="2.800" y="3.500" width="14.400" height="13" rx="2"/><path d="M6 6.500v7M9.500 7h4.800'
    'M9.500 10.200h.01M12 10.200h.01M14.400 10.200h.01M9.500 13.200h.01M12 13.200h.01M14.400 13.200h.01"/>',
    "pbxes": '<rect x="3" y="3.500" width="14" height="5.500" rx="1.500"/>'
    '<rect x="3" y="11" width="14" height="5.500" rx="1.500"/><path d="M6 6.200h.01M6 13.800h.01"/>',
    "numbers": '<path d="M7.500 3 6 17M14 3l-1.500 14M3.500 7.500h13.500M3 12.500h13.500"/>',
    "search": '<circle cx="8.700" cy="8.700" r="5"/><path d="m12.500 12.500 4.200 4.200"/>',
    "down": '<path d="m6 8 4 4 4-4"/>',
    "tick": '<path d="m4 10.500 4 4L16.500 6"/>',
    "handset": '<path d="M5.6 2.9 3.5 4.6c-.3 6.200 5.500 12 11.900 11.900l1.700-2.100-3.100-2.800'
    '-2.200 1.300C9.800 12 8 10.200 7.100 8.200l1.300-2.200z"/>',
    "proven": _DISC + '<path d="m6.400 10.300 2.500 2.400 4.600-5" stroke="var(--surface)" stroke-width="2"/>',
    "point": '<circle cx="10" cy="10" r="3.400" fill="currentColor" stroke="none"/>',
    "refused": _RING + '<path d="m7.200 7.200 5.600 5.600M12.800 7.200l-5.600 5.600"/>',
    "unknown": _RING
    + '<path d="M7.800 7.900c.3-2.700 4.500-2.400 4.300.1-.1 1.500-2 1.500-2.100 3.200M10 13.800v.1"/>',
    "asked": '<circle cx="10" cy="10" r="7.300" stroke-dasharray="3 2.400"/>',
    "warn": '<path d="M10 3 2.500 16.500h15zM10 8v4M10 14.200v.1"/>',
    "in": '<path d="M16 4 5 15M5 7.500V15h7.500"/>',
    "out": '<path d="M4 16 15 5M7.500 5H15v7.500"/>',
    "done": _RING + '<path d="m6.600 10.300 2.500 2.400 4.400-4.900"/>',
    "missed": '<path d="M3 5l6 6.500L17 4M12 4h5v5M5 16h10"/>',
    "between": '<path d="M3 6.500h11M11 3.500l3 3-3 3M17 13.500H6M9 10.500l-3 3 3 3"/>',
    "open": '<path d="M8 4H4v12h12v-4M11 3.500h5.500V9M16.500 3.500 9.500 10.500"/>',
    "hidden": '<path d="M3 10c3.500-6 10.500-6 14 0-3.500 6-10.500 6-14 0zM4 16 16 4"/>',
    "note": _RING + '<path d="M10 9.200v4.600M10 6.300v.1"/>',
    "half": _RING + '<path d="M10 2.700a7.300 7.300 0 0 1 0 14.600z" fill="currentColor" stroke="none"/>',
    "hold": '<path d="M7 4.500v11M13 4.500v11"/>',
    "resume": '<path d="M6.500 4.500v11l9-5.500z"/>',
    "mute": '<path d="M10 3a2.200 2.200 0 0 0-2.200 2.200v4a2.200 2.200 0 0 0 4.400 0v-4A2.200 2.200 0 0 0 10 3z'
    'M5 9.500a5 5 0 0 0 10 0M10 14.500V17M3.500 3l13 14"/>',
    "add": '<circle cx="7" cy="7" r="2.600"/><path d="M2.500 16c.3-3 2-4.600 4.500-4.600s4.200 1.600 4.500 4.600'
    'M15 6v6M12 9h6"/>',
    "keypad": '<path d="M5 4.500h.01M10 4.500h.01M15 4.500h.01M5 10h.01M10 10h.01M15 10h.01M5 15.500h.01M10 15.500h.01'
    'M15 15.500h.01" stroke-width="2.600"/>',
    "hangup": '<path d="M2.600 11.900c4-4.300 10.800-4.300 14.800 0l-1.500 2.300-3.300-1.100.1-2.100a8 8 0 0 0-5.400 0'
    'l.1 2.100-3.300 1.100z"/>',
    "plus": '<path d="M10 4v12M4 10h12"/>',
}

LAMPS = {
    "idle": '<circle cx="8" cy="8" r="5"/>',
    "ready": '<circle cx="8" cy="8" r="5"/><circle class="f" cx="8" cy="8" r="2"/>',
    "ringing": '<circle class="f" cx="8" cy="8" r="3"/>'
    '<path class="w1" d="M3.600 3.800a6 6 0 0 0 0 8.400M12.400 3.800a6 6 0 0 1 0 8.400"/>'
    '<path class="w2" d="M.9 1.600a9.300 9.300 0 0 0 0 12.800M15.100 1.600a9.300 9.300 0 0 1 0 12.800"/>',
    "dialling": '<circle class="f" cx="4.500" cy="8" r="3"/>'
    '<path class="w1" d="M9.600 3.800a6 6 0 0 1 0 8.400"/>'
    '<path class="w2" d="M12.600 1.600a9.300 9.300 0 0 1 0 12.800"/>',
    "talking": '<circle class="f" cx="8" cy="8" r="6"/>',
    "held": '<path d="M5.500 3v10M10.500 3v10" stroke-width="2.600"/>',
    "off": '<circle cx="8" cy="8" r="5.500"/><path d="m4 12 8-8"/>',
}


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """A drawing beside a word; the word carries the meaning, so the drawing is hidden from screen readers."""
    return format_html(
        '<svg class="i {}" viewBox="0 0 20 20" aria-hidden="true">{}</svg>',
        extra,
        mark_safe(ICONS[name]),  # noqa: S308 (our own table above)
    )


@register.simple_tag
def lamp(state: str) -> SafeString:
    """The lamp of a line, phone or person: a shape per state, as beside a key of the desk phone."""
    return format_html(
        '<svg class="lamp is-{}" viewBox="0 0 16 16" aria-hidden="true">{}</svg>',
        state,
        mark_safe(LAMPS[state]),  # noqa: S308 (our own table above)
    )
