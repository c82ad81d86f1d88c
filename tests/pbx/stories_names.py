"""Callers whose name or number is odd, or missing."""

from __future__ import annotations

from tests.pbx.story_kit import (
    LONDON,
    all_idle,
    ring,
    story,
    talk,
)
from tests.support.lab import Lab


@story
def odd_name(lab: Lab) -> None:
    """A caller whose name holds quotes, a script tag, a backslash and an emoji calls 1001 and is answered."""
    name = 'Zoë "Zed" O\'Neil <script>alert(1)</script> \\ 🎉'
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=LONDON, from_name=name)
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def anonymous(lab: Lab) -> None:
    """A caller who withholds the number calls 1001 and is answered."""
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number="anonymous")
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


@story
def caller_like_an_extension(lab: Lab) -> None:
    """A caller from outside whose number is 1002, like one of ours, calls 1001 and is answered."""
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number="1002", from_name="Not Ben")
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    lab.trunk.hangup()
    all_idle(lab)


def answered_under_the_name(lab: Lab, name: str, number: str = LONDON) -> None:
    phone = lab.phones["1001"]
    lab.trunk.call(lab.did_direct, from_number=number, from_name=name)
    ring(phone)
    phone.answer()
    talk(phone, lab.trunk)
    phone.hangup()
    all_idle(lab)


@story
def name_quotes(lab: Lab) -> None:
    """A caller named Zed in double quotes and O'Neil calls 1001 and is answered."""
    answered_under_the_name(lab, 'Zoë "Zed" O\'Neil')


@story
def name_markup(lab: Lab) -> None:
    """A caller whose name is a script tag and an entity calls 1001 and is answered."""
    answered_under_the_name(lab, "<script>alert(1)</script> &amp; <b>Ada</b>")


@story
def name_emoji(lab: Lab) -> None:
    """A caller whose name holds emoji and Greek letters calls 1001 and is answered."""
    answered_under_the_name(lab, "🎉 Άννα 👩‍💻")


@story
def name_tab(lab: Lab) -> None:
    """A caller whose name holds a tab calls 1001 and is answered."""
    answered_under_the_name(lab, "Ada\tSmith")


@story
def name_empty(lab: Lab) -> None:
    """A caller whose name is there but empty calls 1001 and is answered."""
    answered_under_the_name(lab, "")


@story
def name_blank(lab: Lab) -> None:
    """A caller whose name is one blank calls 1001 and is answered."""
    answered_under_the_name(lab, " ")


@story
def name_percent(lab: Lab) -> None:
    """A caller whose name looks percent-encoded calls 1001 and is answered."""
    answered_under_the_name(lab, "Ada%20Smith 100%25 %3Cb%3E")


@story
def name_backslash(lab: Lab) -> None:
    """A caller whose name holds backslashes calls 1001 and is answered."""
    answered_under_the_name(lab, "C:\\new\\table \\")


@story
def name_long(lab: Lab) -> None:
    """A caller whose name has 120 letters calls 1001 and is answered."""
    answered_under_the_name(lab, "Ada Smith of Long Lane " * 5 + "Nowhere")


@story
def number_percent_encoded(lab: Lab) -> None:
    """A caller whose number comes with blanks and brackets, percent-encoded, calls 1001 and is answered."""
    answered_under_the_name(lab, "Grace", "+1 (202) 555-0123")
