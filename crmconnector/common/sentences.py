"""Sentences with values in them that are put together where there is no Django, and shown in the reader's language."""

from __future__ import annotations

from collections.abc import Callable

Parts = tuple[tuple[str, dict[str, object]], ...]


class Sentence(str):
    """An English sentence that remembers what it was made of: `parts` are pairs of a marked text and its values.

    It is a plain text to whoever stores or logs it; `said_in` says it anew by a translation of its parts.
    """

    parts: Parts

    def __new__(cls, text: str, /, **values: object) -> Sentence:
        made = super().__new__(cls, text % values if values else text)
        made.parts = ((text, values),)
        return made

    @classmethod
    def of(cls, *sentences: str) -> Sentence:
        """Several sentences, one after another."""
        made = super().__new__(cls, " ".join(sentences))
        made.parts = tuple(
            part for one in sentences for part in (one.parts if isinstance(one, Sentence) else ((one, {}),))
        )
        return made


def said_in(sentence: str, translate: Callable[[str], str]) -> str:
    """The sentence by a translation: each of its texts is looked up, values that are sentences too."""
    if not isinstance(sentence, Sentence):
        return translate(sentence) if sentence else ""
    return " ".join(_said(text, values, translate) for text, values in sentence.parts)


def _said(text: str, values: dict[str, object], translate: Callable[[str], str]) -> str:
    said = {name: said_in(value, translate) if isinstance(value, Sentence) else value for name, value in values.items()}
    return translate(text) % said if said else translate(text)
