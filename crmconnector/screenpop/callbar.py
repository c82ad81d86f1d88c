"""What can be done with the call of a card now: each verb with why not, the key of its next try, and what was asked.

Decides from loaded rows and asks nothing: `callbar_rows` loads them for all cards of a desk at once. That something is
possible here is an offer; the same is checked again when it is asked for, and once more when a worker takes it up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, CommandState, Leg
from crmconnector.calls.verbs import VERBS, Choice

ON_CARD = (CommandKind.REJECT, CommandKind.HANG_UP, CommandKind.HOLD, CommandKind.RESUME, CommandKind.MUTE,
           CommandKind.UNMUTE, CommandKind.PARK, CommandKind.DTMF, CommandKind.BLIND_TRANSFER,
           CommandKind.ATTENDED_START, CommandKind.ATTENDED_COMPLETE, CommandKind.ATTENDED_CANCEL,
           CommandKind.CONFERENCE)  # fmt: skip
PARTS = (CommandKind.ATTENDED_COMPLETE, CommandKind.ATTENDED_CANCEL, CommandKind.CONFERENCE)  # of a consultation
ELSEWHERE = (CommandKind.BLIND_TRANSFER, CommandKind.ATTENDED_START, CommandKind.PARK)  # not while one lasts
WAITING = (CommandState.REQUESTED, CommandState.GRANTED, CommandState.SENT)
TONES = (("1", ""), ("2", "ABC"), ("3", "DEF"), ("4", "GHI"), ("5", "JKL"), ("6", "MNO"), ("7", "PQRS"), ("8", "TUV"),
         ("9", "WXYZ"), ("*", ""), ("0", "+"), ("#", ""))  # fmt: skip
GONE = ("no_answer", "left")
LASTS_WITH_THE_CALL = (CommandKind.HOLD, CommandKind.RESUME, CommandKind.MUTE, CommandKind.UNMUTE)
Choose = Callable[[str, str], Choice]  # (kind, the only way or empty) -> way


@dataclass(frozen=True, slots=True)
class Offer:
    """One verb. `why_not`: a code of web.verb_words, empty when it is possible. `key`: two tabs press the same try."""

    kind: str
    key: str
    why_not: str = ""
    asked: bool = False

    @property
    def possible(self) -> bool:
        return not self.why_not


@dataclass(frozen=True, slots=True)
class Consultation:
    """Somebody is asked whether to take the call.

    `state`: asked, ringing, talking; no_answer or left when they are gone; empty: nobody told us.
    """

    start: CallCommand
    name: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class CallBar:
    """All verbs of one card, by kind. `muted` as the PBX confirmed it last.

    `over`: the consultation that was begun last and came to its end because the one who was asked is gone.
    `rings_here`: the PBX rings the own phone and dials once that is picked up.
    """

    leg: Leg | None = None
    offers: Mapping[str, Offer] = field(default_factory=dict)
    held: bool = False
    muted: bool = False
    consultation: Consultation | None = None
    over: Consultation | None = None
    rings_here: bool = False

    @property
    def hands_over(self) -> bool:
        """The PBX puts the two others together when this person hangs up, as on a handset. Whoever is called by the
        phone's own second line is left behind instead."""
        one = self.consultation
        return one is not None and one.start.path == CommandPath.PBX and not is_live(one.start)

    def offer(self, kind: str) -> Offer:
        return self.offers[kind]

    @property
    def hold_or_resume(self) -> Offer:
        return self.offer("resume") if self.held else self.offer("hold")

    @property
    def mute_or_unmute(self) -> Offer:
        return self.offer("unmute") if self.muted else self.offer("mute")

    @property
    def transfer(self) -> Offer:
        """The drawer can be opened when one of its two verbs is possible."""
        return self._drawer(self.offer("attended_start"), self.offer("blind_transfer"))

    @property
    def add(self) -> Offer:
        """To add somebody is to ask first, and then to put all three together: both must be possible here."""
        return (
            self.offer("attended_start")
            if self.offer("conference").why_not == "ask_first"
            else self.offer("conference")
        )

    @property
    def keypad(self) -> Offer:
        """Stays open while tones are on their way: the next ones wait their turn."""
        dtmf = self.offer("dtmf")
        return Offer(dtmf.kind, dtmf.key) if dtmf.asked else dtmf

    @property
    def tones(self) -> tuple[tuple[str, str], ...]:
        """The keys of a telephone with the letters on them."""
        return TONES

    def _drawer(self, *offers: Offer) -> Offer:
        asked = next((offer for offer in offers if offer.asked), None)
        return asked or next((offer for offer in offers if offer.possible), offers[0])


NO_BAR = CallBar(offers={kind.value: Offer(kind.value, "", "no_call") for kind in ON_CARD})


def is_live(command: CallCommand) -> bool:
    """It may still come true, and we still look."""
    return command.state in WAITING or (command.state == CommandState.UNKNOWN and not command.settled)


def key_of(kind: str, leg_id: int | None, commands: Sequence[CallCommand]) -> str:
    """Of verb, leg and try: two tabs press the same command; a second try after an end is a new one."""
    ended = sum(1 for one in commands if one.kind == kind and one.leg_id == leg_id and not is_live(one))
    return f"{kind}:{leg_id}:{ended}"


def the_leg(legs: Sequence[Leg]) -> Leg | None:
    """The user's own end, when there is exactly one; nothing is guessed among several."""
    return legs[0] if len(legs) == 1 else None


def bar_of(
    legs: Sequence[Leg],
    commands: Sequence[CallCommand],
    asked_one: Consultation | None,
    choose: Choose,
    *,
    test: bool = False,
) -> CallBar:
    """`legs`: the user's open own legs of this call; `commands`: the user's of this call, oldest first."""
    leg = the_leg(legs)
    over = asked_one if asked_one is not None and asked_one.state in GONE else None
    consultation = asked_one if over is None else None
    none = "test" if test else "no_call" if leg is None and not legs else "several_legs" if leg is None else ""
    offers = {}
    for kind in ON_CARD:
        mine = [one for one in commands if leg is not None and one.leg_id == leg.pk]
        key = key_of(kind, leg.pk if leg else None, mine)
        asked = any(one.kind == kind and is_live(one) for one in mine)
        why_not = none or ("asked" if asked else "") or _why_not(kind, leg, consultation, choose)
        offers[kind.value] = Offer(kind.value, key, why_not, asked)
    held = leg is not None and leg.state == "held"
    return CallBar(leg, offers, held, leg is not None and _muted(leg, commands), consultation, over)


def _why_not(kind: CommandKind, leg: Leg | None, consultation: Consultation | None, choose: Choose) -> str:
    if leg is None or leg.state not in VERBS[kind].states:
        return f"not_{leg.state}" if leg is not None and leg.state in ("ringing", "dialling", "held") else "not_now"
    if kind in ELSEWHERE and consultation is not None:
        return "consulting"
    if kind == CommandKind.RESUME and consultation is not None and consultation.start.path == CommandPath.PBX:
        return "consulting"  # the PBX keeps the caller waiting; the phone holds nothing that it could take back
    if kind not in PARTS:
        return choose(kind, "").why_not
    if consultation is None:
        return choose(kind, "").why_not or "ask_first"
    if is_live(consultation.start):
        return "not_asked_yet"
    return choose(kind, consultation.start.path).why_not  # what the phone began, only the phone can end


def _muted(leg: Leg, commands: Sequence[CallCommand]) -> bool:
    """As it was confirmed last: the phone's own mute key is nobody's news."""
    kinds = (CommandKind.MUTE, CommandKind.UNMUTE)
    done = [one for one in commands
            if one.leg_id == leg.pk and one.kind in kinds and one.state == CommandState.CONFIRMED]  # fmt: skip
    return bool(done) and done[-1].kind == CommandKind.MUTE


def open_consultation(leg_ids: Sequence[int], commands: Sequence[CallCommand]) -> CallCommand | None:
    """The attended transfer that this person has begun and not ended yet, as far as the commands tell."""
    starts = [one for one in commands if one.kind == CommandKind.ATTENDED_START and one.leg_id in leg_ids]
    last = starts[-1] if starts else None
    if last is None or not (is_live(last) or last.state == CommandState.CONFIRMED):
        return None
    done = any(one.part_of_id == last.pk and one.state == CommandState.CONFIRMED for one in commands)
    return None if done else last


def still_true(command: CallCommand | None, bar: CallBar) -> CallCommand | None:
    """A proof is of its moment: what was undone since, by hand on the phone for one, is not told as if it lasted."""
    if command is None or command.state != CommandState.CONFIRMED:
        return command
    if bar.leg is None:  # the call is over for us, or it cannot be told which end is meant
        return None if command.kind in LASTS_WITH_THE_CALL else command
    undone = (command.kind == CommandKind.HOLD and not bar.held) or (command.kind == CommandKind.RESUME and bar.held)
    answered = command.kind == CommandKind.MAKE_CALL and bar.leg.state != "dialling"
    return None if undone or answered else command
