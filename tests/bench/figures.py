"""A measured figure, always beside something simple that was measured in the same run on the same machine."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`value` and `other` share the unit; `against` says what `other` is."""

    name: str
    value: float
    unit: str
    against: str
    other: float

    @property
    def ratio(self) -> float:
        return self.value / self.other if self.other else 0.0

    def row(self) -> list[str]:
        return [self.name, short(self.value), self.unit, f"{self.against}: {short(self.other)}", f"{self.ratio:.2f}"]

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name, "value": self.value, "unit": self.unit,
            "against": self.against, "against_value": self.other, "ratio": self.ratio,
        }  # fmt: skip


def short(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def percentile(numbers: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the numbers do not exceed."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def in_ms(name: str, seconds: Sequence[float], others: Mapping[str, Sequence[float]]) -> list[Figure]:
    """p50 and p99 of some durations, each against the middle of every other thing."""
    return [
        Figure(f"{name}, {word}", 1000 * percentile(seconds, share), "ms", against, 1000 * statistics.median(other))
        for word, share in (("p50", 0.5), ("p99", 0.99))
        for against, other in others.items()
    ]
