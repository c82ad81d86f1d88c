"""What can be done in a call, by which way, and why: for one phone as it is now, and for the whole installation.

Pure over loaded values, but for the functions at the end that load them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from crmconnector.calls.models import CommandKind
from crmconnector.calls.verbs import SEQUENCES, VERBS, Ground, Way, choose_way, troubles_of
from crmconnector.calls.ways import NONE, Decision, decisions_for
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.pbx.selectors import pbxes_heard_here
from crmconnector.web.ground import ground_of
from phones.learned import learned_kinds, verbs_learned
from phones.models import Phone

WAYS: tuple[Way, ...] = ("phone", "pbx")


@dataclass(frozen=True, slots=True)
class Cell:
    """One way of one verb. `state`: ready, blocked or absent; `cure` is a sentence, `url` where it is done."""

    way: str
    state: str
    tone: str
    icon: str
    word: str
    why: str = ""
    cure: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class VerbLine:
    """One verb: both cells, the way it goes and whose decision that is. `used` empty: it cannot be done now."""

    kind: str
    label: str
    cells: tuple[Cell, Cell]
    used: str
    used_words: str
    because: str
    fall_back: bool
    decision: Decision

    @property
    def both(self) -> bool:
        """Both ways exist, so there is something to decide."""
        return len(VERBS[self.kind].ways()) > 1


@dataclass(frozen=True, slots=True)
class Places:
    """Where each cure is done; empty where there is no such page for this reader."""

    calibrate: str = ""
    phone: str = ""
    pbx: str = ""
    told: bool = True  # whether the PBX has told what our user may send


def verb_lines(ground: Ground, decisions: Mapping[str, Decision], places: Places) -> list[VerbLine]:
    """Every verb at one phone as things are."""
    return [_line(kind, ground, decisions.get(kind, NONE), places) for kind in VERBS]


def _line(kind: str, ground: Ground, decision: Decision, places: Places) -> VerbLine:
    troubles = troubles_of(kind, ground)
    choice = choose_way(kind, ground, wanted=decision.path, fall_back=decision.fall_back)
    cells = (_cell(kind, "phone", troubles, places), _cell(kind, "pbx", troubles, places))
    return VerbLine(
        kind=kind,
        label=str(CommandKind(kind).label),
        cells=cells,
        used=choice.way,
        used_words=_(_BY[choice.way]) if choice.way else _("not possible now"),
        because=_because(kind, decision, choice.way),
        fall_back=choice.may_fall_back,
        decision=decision,
    )


def _because(kind: str, decision: Decision, used: str) -> str:
    ways = VERBS[kind].ways()
    if decision.path and not used:
        return _("Decided: %(way)s. That is not possible now, and another way is not taken quietly.") % {
            "way": _(_BY[decision.path])
        }
    if decision.path:
        return _("Decided for this phone.") if decision.own else _("Decided for all phones.")
    if not used:
        return ""
    if len(ways) == 1:
        return _("The only way there is.")
    return _("The usual way.") if used == VERBS[kind].usual else _("The usual way is not possible now.")


def _cell(kind: str, way: Way, troubles: Mapping[Way, str], places: Places) -> Cell:
    if way not in troubles:
        return Cell(way, "absent", "", "refused", _("absent"), _absent(kind, way))
    trouble = troubles[way]
    if not trouble:
        return Cell(way, "ready", "good", "done", _("ready"), _how(kind, way))
    if trouble == "pbx_forbids" and not places.told:
        trouble = "pbx_untold"
    why, cure, place = _TROUBLES[trouble]
    actions = ", ".join(VERBS[kind].pbx)
    return Cell(way, "blocked", "care", "warn", _(why), _how(kind, way), _(cure) % {"actions": actions} if cure else "",
                getattr(places, place, "") if place else "")  # fmt: skip


def _how(kind: str, way: Way) -> str:
    row = VERBS[kind]
    if way == "pbx":
        actions = ", ".join(row.pbx)
        told = _("by %(actions)s and our dialplan") if row.snippet else _("by %(actions)s")
        return told % {"actions": actions}
    return _("keys, one after another") if row.phone in SEQUENCES or kind in ("dtmf", "keys") else _("one command")


def _absent(kind: str, way: Way) -> str:
    return _(_ABSENT.get(kind, _NO_PHONE if way == "phone" else _NO_PBX))


_BY = {"phone": gettext_noop("by the phone"), "pbx": gettext_noop("by the PBX")}
_NO_PHONE = gettext_noop("The phone has no such command.")
_NO_PBX = gettext_noop("Asterisk has no such action.")
_ABSENT = {
    "answer": gettext_noop("Asterisk cannot answer a phone: it has no such action."),
    "hold": gettext_noop("Asterisk cannot hold a call: it has no such action."),
    "resume": gettext_noop("Asterisk cannot take a held call back: it has no such action."),
    "keys": gettext_noop("Keys are pressed on a phone; the PBX has none."),
    "park": gettext_noop("The phone has no such command. Parking is a place in the PBX."),
    "dnd_on": gettext_noop("The phone’s key for it says nothing of whether it is on, so it is not pressed."),
    "dnd_off": gettext_noop("The phone’s key for it says nothing of whether it is on, so it is not pressed."),
}
# reason -> (what is in the way, what cures it, on which page)
_TROUBLES: dict[str, tuple[str, str, str]] = {
    "phone_cannot": (gettext_noop("not on this kind of phone"), "", ""),
    "not_calibrated": (
        gettext_noop("not calibrated"), gettext_noop("Run the calibration for this model and firmware."), "calibrate",
    ),
    "phone_refuses": (
        gettext_noop("the phone takes no orders"),
        gettext_noop("It refused our passcode or does not answer. Its page says which."), "phone",
    ),
    "pbx_away": (gettext_noop("PBX not heard"), gettext_noop("See what the PBX page says of the link."), "pbx"),
    "no_snippet": (
        gettext_noop("our dialplan is not installed"),
        gettext_noop("Install it on the PBX, then enter the name of its context with the PBX."), "pbx",
    ),
    "pbx_forbids": (
        gettext_noop("the PBX does not allow it"),
        gettext_noop("Our manager user may not send all of %(actions)s. The page of the PBX says what to change."),
        "pbx",
    ),
    "pbx_untold": (
        gettext_noop("not known yet"),
        gettext_noop("The PBX has not told what our manager user may send. It does when the listener connects."),
        "pbx",
    ),
}  # fmt: skip


# ---- loading


def lines_of_phone(phone: Phone) -> list[VerbLine]:
    """Every verb at this phone, now. A handful of queries; nothing is asked of the phone."""
    account = next(iter(phone.accounts.all()), None)
    pbx = Pbx.objects.select_related("link").filter(pk=account.pbx_id).first() if account else None
    places = Places(
        calibrate=reverse("phone-calibrate", args=[phone.pk]), phone=reverse("phone-doctor", args=[phone.pk]),
        pbx=_page_of(pbx),
        told=_told(pbx),
    )  # fmt: skip
    return verb_lines(ground_of(phone, pbx), decisions_for(phone), places)


def lines_of_house() -> list[VerbLine]:
    """Every verb for the whole installation: the phone's way as on a phone in order, the PBX's way as at the first of
    our PBXes that has something in the way."""
    kinds, decisions = learned_kinds(), decisions_for(None)
    able = Ground(phone_verbs={row.phone for row in VERBS.values()}, calibrated=SEQUENCES)
    nobody: tuple[Pbx | None, Ground] = (None, replace(able, pbx_linked=False))
    grounds: list[tuple[Pbx | None, Ground]] = [(pbx, _at_pbx(able, pbx)) for pbx in pbxes_heard_here()] or [nobody]
    lines = []
    for kind in VERBS:
        pbx, ground = next((one for one in grounds if troubles_of(kind, one[1]).get("pbx")), grounds[0])
        line = _line(kind, ground, decisions.get(kind, NONE), Places(pbx=_page_of(pbx), told=_told(pbx)))
        lines.append(_with_count(line, sum(VERBS[kind].phone in verbs_learned(one) for one in kinds)))
    return lines


def _at_pbx(able: Ground, pbx: Pbx) -> Ground:
    link = getattr(pbx, "link", None)
    linked = link is not None and link.state == PbxLink.State.CONNECTED
    may_send = (link.may_send or ()) if link is not None else ()
    return replace(able, pbx_actions=may_send, pbx_linked=linked, snippet=bool(pbx.snippet_context))


def _with_count(line: VerbLine, worked: int) -> VerbLine:
    """Of key sequences: on how many kinds of phone they are known to work."""
    if VERBS[line.kind].phone not in SEQUENCES:
        return line
    if worked:
        text = ngettext("Worked on %(n)d kind of phone.", "Worked on %(n)d kinds of phone.", worked) % {"n": worked}
    else:
        text = _("Calibrated on no phone yet.")
    state = (
        ("ready", "good", "done", _("where calibrated")) if worked else ("blocked", "care", "warn", _("not calibrated"))
    )
    cell = replace(line.cells[0], state=state[0], tone=state[1], icon=state[2], word=state[3], cure=text,
                   url=reverse("phone-models"))  # fmt: skip
    return replace(line, cells=(cell, line.cells[1]))


def _told(pbx: Pbx | None) -> bool:
    link = getattr(pbx, "link", None)
    return link is not None and link.may_send is not None


def _page_of(pbx: Pbx | None) -> str:
    return reverse("pbx", args=[pbx.pk]) if pbx else reverse("pbxes")
