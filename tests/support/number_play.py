"""Plays a corpus of written numbers against an index: every caller's text against every stored text of one home."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crmconnector.contacts.matching import MatchIndex
from tests.support.number_corpus import Form


@dataclass
class Played:
    """`wanted` pairs of (caller's text, stored text) that mean one subscriber, and what came of them."""

    wanted: int = 0
    missed: list[tuple[str, str, str]] = field(default_factory=list)  # (home, caller's text, stored text)
    false_joins: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.wanted if self.wanted else 0.0

    def sentence(self, name: str) -> str:
        return (
            f"{name}: recall {self.recall:.3%} of {self.wanted:,} pairs, {len(self.missed)} missed, "
            f"{len(self.false_joins)} false joins"
        )


def play(
    stored: Iterable[Form], callers: Iterable[Form], *, elsewhere: Sequence[Form] = (), prefixes: tuple[str, ...] = ()
) -> Played:
    """`elsewhere`: forms that are stored in every home's index and ring in every home beside its own."""
    played = Played()
    kept, ringing = _by_home(stored), _by_home(callers)
    for home in sorted(set(kept) | set(ringing)):
        shelf = [*kept[home], *(form for form in elsewhere if form.home != home)]
        index = MatchIndex(
            ((place, form.text) for place, form in enumerate(shelf)), country=home, outside_prefixes=prefixes
        )
        owners = defaultdict(set)
        for place, form in enumerate(shelf):
            owners[form.means].add(place)
        for call in (*ringing[home], *(form for form in elsewhere if form.home != home)):
            _one(played, home, call, shelf, owners[call.means], set(index.match(call.text)))
    return played


def _one(played: Played, home: str, call: Form, shelf: list[Form], wanted: set[int], found: set[int]) -> None:
    played.wanted += len(wanted)
    played.missed += [(home, call.text, shelf[place].text) for place in sorted(wanted - found)]
    played.false_joins += [(home, call.text, shelf[place].text) for place in sorted(found - wanted)]


def _by_home(forms: Iterable[Form]) -> defaultdict[str, list[Form]]:
    homes: defaultdict[str, list[Form]] = defaultdict(list)
    for form in forms:
        homes[form.home].append(form)
    return homes
