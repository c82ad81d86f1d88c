"""From what people, address books and PBXs write around a number to its bare digits. Nothing is repaired by guessing.

Understood: separators of any country, digits of any script, direction marks, labels ("Tel.: …", "mobil …"), extensions
("ext. 12", "Durchwahl 12"), `"Name" <number>`, and tel:, sip: and callto: addresses. Refused: control characters,
over-long texts, vanity letters, two numbers in one text, and parameters that would change who is meant.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote

from crmconnector.common.number_words import LABELS, WITHHELD_WORDS

LONGEST_READ = 250  # characters; a caller's whole header fits, a document does not
MOST_DIGITS = 40


class Trouble(StrEnum):
    """Why no digits came out of a text; each value is a sentence for people."""

    NONE = ""
    WITHHELD = "The caller's number is withheld or missing."
    TOO_LONG = "The text is too long for a telephone number."
    CONTROL = "The text has control characters in it."
    LETTERS = "There are letters in it that are no known label."
    SEVERAL = "There is more than one number in the text, and none is guessed."
    PARAMETERS = "The address carries parameters that change who is meant."
    NO_DIGITS = "There are no digits in it."
    FEATURE = "It is a feature code of the PBX, not a number."


@dataclass(frozen=True, slots=True)
class BareDigits:
    """What is left of a text. `cores`: digits, with or without a plus in front, the likeliest form first.

    `outside`: what stood before a pause or a plus ("0,030…", "9 +1…"). `groups`: the digits as they were grouped.
    """

    cores: tuple[str, ...] = ()
    extension: str = ""
    outside: str = ""
    groups: tuple[str, ...] = field(default=())
    trouble: Trouble = Trouble.NONE


_cleaned_words = re.compile(r"[^\W_]+")
_address = re.compile(r'\A\s*(?:"[^"]*"|[^<>"]*)\s*<\s*([^<>]*?)\s*>\s*(?:;[^<>]*)?\Z')
_scheme = re.compile(r"\A(tel|sips?|callto|fax|sms|phone|skype|whatsapp|h323|modem)\s*:\s*(?://)?\s*", re.IGNORECASE)
_harmless = frozenset({"user", "cpc", "oli", "verstat", "npdi", "transport", "tgrp", "trunk-context", "lr", "tag"})
_leading = re.compile(r"\A([^0-9+]*[^\W\d_][^0-9+]*?)[\s.:()\[\]\-]*(?=[(\[]*[0-9+])")
_trailing = re.compile(r"(?<=[0-9)\]])([^0-9+]*[^\W\d_][^0-9+]*)\Z")
_extension_words = (
    r"extension|extn|ext|xtn|ex|x|durchwahl|dw|nebenstelle|nst|apparat|app|klappe|kl|poste|interno|int|anexo|ramal"
    r"|доб|добавочный|вн|wew|toestel|tst|tstl|anknytning|ankn|lokal|lok|dahili|linja|linka|mellék|mellek|alanumero|alanro"
    r"|εσωτ|内線|内线|分机|转|轉|내선|שלוחה|تحويلة"
)
_extension = re.compile(
    rf"\A(.*?[0-9][)\]]*)[\s,;.(\[\-/]*(?:{_extension_words})[\s.:#=\-]*\(?([0-9]{{1,8}})[)\]]?\s*\Z", re.I
)
_hash_extension = re.compile(r"\A(.*?[0-9])\s*#\s*([0-9]{1,6})\s*\Z")
_pause_extension = re.compile(r"\A(.*?[0-9])\s*[,;pw]+\s*([0-9]{1,6})\s*#?\s*\Z")
_outside_pause = re.compile(r"\A([0-9*#]{1,4})\s*[,wp]+\s*(?=[+0-9(])")
_outside_plus = re.compile(r"\A\(?([0-9]{1,4})\)?[\s.,/\-]*(?=\(?\+)")
_joiners = re.compile(r"\s(?:or|oder|ou|o|u|und|and|et|y|e|bzw)\.?\s|[|&]|[,;](?!\s*\Z)", re.IGNORECASE)
_italian_mobile = re.compile(r"(?:\+|00)\s*39\D*\(0\)\s*3(?:\D*[0-9]){9}\D*\Z")
_trunk_in_brackets = re.compile(r"(?<=[0-9)\s./\-])[(\[]\s*0\s*[)\]]")
_brazilian_carrier = re.compile(r"(?<![0-9])0(?:xx|\*\*)(?=\s?[0-9]{2})", re.IGNORECASE)
_separators = re.compile(r"[\s().\[\]/\-‐-―−–—~_'’`·•⁄∕,:]+")
_plain = re.compile(r"\A\+{0,2}[0-9]+\Z")
_feature_code = re.compile(r"\A[*#]{1,2}[0-9*#]{1,8}\Z")

_SYMBOLS = "☎☏✆📞📱📲🕿🖀\ufe0f"


def bare_digits(text: object) -> BareDigits:
    """The digits of one number in a text, or why there are none. Never raises."""
    if not isinstance(text, str):
        return BareDigits(trouble=Trouble.WITHHELD)
    if len(text) > LONGEST_READ:
        return BareDigits(trouble=Trouble.TOO_LONG)
    text = text.strip(" \t\r\n\u00a0\u3000\u2007\u202f")
    if _has_controls(text):
        return BareDigits(trouble=Trouble.CONTROL)
    text = fold_digits(text).strip()
    if _is_plain(text):  # by far the most callers
        return BareDigits((text,))
    if (address := _address.match(text)) is not None:
        text = address.group(1)
    if is_withheld(text):
        return BareDigits(trouble=Trouble.WITHHELD)
    return _of_address(text)


def fold_digits(text: str) -> str:
    """ASCII digits for any script's digits, without invisible marks; other characters stay as they are."""
    if text.isascii():
        return text
    return "".join(_folded(char) for char in text)


def is_withheld(text: str) -> bool:
    words = "".join(_cleaned_words.findall(text)).casefold()
    return (not words and not text.strip(" .-–—*?<>\"'()+_/")) or words in WITHHELD_WORDS


def _is_plain(text: str) -> bool:
    bare = text[1:] if text.startswith("+") else text
    return bare.isascii() and bare.isdigit() and len(bare) <= MOST_DIGITS


def _has_controls(text: str) -> bool:
    """Control characters, separators of lines, and halves of surrogate pairs: none of them is ever part of a number."""
    if text.isascii() and text.isprintable():
        return False
    return any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)


def _folded(char: str) -> str:
    if char.isascii():
        return char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.digit(char))
    if category == "Cf" or char in _SYMBOLS:
        return ""
    if category == "Zs":
        return " "
    if "\uff01" <= char <= "\uff5e":  # full-width forms of ASCII, from East Asian keyboards
        return chr(ord(char) - 0xFEE0)
    return "+" if char == "\ufe62" else char


def _of_address(text: str) -> BareDigits:
    """tel:, sip: and callto: addresses: the number before the host, and no parameter that says more than we know."""
    scheme = _scheme.match(text)
    if scheme is not None:
        text = text[scheme.end() :].removesuffix("?call").removesuffix("?chat")
        if "%" in text:
            text = fold_digits(unquote(text))
            if _has_controls(text):
                return BareDigits(trouble=Trouble.CONTROL)
        if "?" in text:
            return BareDigits(trouble=Trouble.PARAMETERS)
    if "@" in text:
        text, _, host = text.partition("@")
        if is_withheld(text) or host.casefold().startswith("anonymous.invalid"):
            return BareDigits(trouble=Trouble.WITHHELD)
    text, *parameters = text.split(";") if "=" in text or scheme is not None else (text,)
    extension = ""
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.casefold() in ("ext", "extension") and value.isascii() and value.isdigit():
            extension = value[:8]
        elif name.casefold() not in _harmless and parameter.strip():
            return BareDigits(trouble=Trouble.PARAMETERS)
    return _of_number(text.strip(), extension)


def _of_number(text: str, extension: str) -> BareDigits:
    if is_withheld(text):
        return BareDigits(trouble=Trouble.WITHHELD)
    if not _digits(text):
        return BareDigits(trouble=Trouble.NO_DIGITS)
    if _feature_code.match(text):
        return BareDigits((_digits(text),), trouble=Trouble.FEATURE)
    text = _brazilian_carrier.sub("0", text)
    text, found = _without_extension(_without_labels(text))
    text, outside = _without_outside(_without_labels(text))
    if _holds_several(text):
        return BareDigits(trouble=Trouble.SEVERAL)
    cores = tuple(dict.fromkeys(core for core in map(_joined, _with_and_without_trunk(text)) if core))
    if not cores:
        return BareDigits(trouble=Trouble.LETTERS)
    groups = tuple(re.findall("[0-9]+", text))
    return BareDigits(cores, extension or found, outside, groups if len(groups) > 1 else ())


def _without_labels(text: str) -> str:
    """Words before and after the number that only say what kind of number it is."""
    if (before := _leading.match(text)) is not None and _is_label(before.group()):
        text = text[before.end() :]
    if (after := _trailing.search(text)) is not None and _is_label(after.group().rstrip(": ")):
        text = text[: after.start()]
    return text.strip(" \t.:;,")


def _is_label(chunk: str) -> bool:
    """Known words; or a few unknown ones with colon and blank after them: "Büro Ost: 030 …", but no "javascript:…"."""
    words = [word.casefold() for word in _cleaned_words.findall(chunk)]
    if len(words) > 4 or len(chunk) > 40 or any(char in "@&=$%" for char in chunk):
        return False
    return all(word in LABELS for word in words) or re.search(r":\s[\s(\[]*\Z", chunk) is not None


def _without_extension(text: str) -> tuple[str, str]:
    for pattern in (_extension, _hash_extension, _pause_extension):
        found = pattern.match(text)
        if found is not None and len(re.findall("[0-9]", found.group(1))) >= 6:
            return found.group(1), found.group(2)
    return text, ""


def _without_outside(text: str) -> tuple[str, str]:
    """A dialled prefix that shows itself as one: it stands before a pause or before a plus."""
    found = _outside_pause.match(text) or _outside_plus.match(text)
    return (text[found.end() :], found.group(1)) if found is not None else (text, "")


def _holds_several(text: str) -> bool:
    """Two numbers in one field ("030 1 / 0171 2", "a or b"); a slash alone is a German separator."""
    if text.count("+") > 1 and not text.startswith("++"):
        return True
    pieces = [_digits(piece) for piece in _joiners.split(text)]
    if len(pieces) > 1 and sum(len(piece) >= 3 for piece in pieces) > 1:
        return True
    parts = [part for part in text.split("/") if part.strip()]
    return any(_begins_anew(parts[:place], part, parts[place + 1 :]) for place, part in enumerate(parts) if place)


def _begins_anew(earlier: list[str], part: str, later: list[str]) -> bool:
    before, part = "/".join(earlier), part.strip(" ([")
    digits = _digits(before)
    if part.startswith("+"):
        return bool(digits)
    if part.startswith("-") or (not later and len(_digits(part)) <= 2 and len(_digits(earlier[-1])) >= 6):
        return True  # "…447/-448", "…447/48": the last digits of a second number
    if len(earlier) > 1 or not part.startswith("0"):
        return False  # the slash is the separator of this text: "0044/20/7946/0148"
    whole_number = len(digits) >= 6 and len(_digits(part)) >= 6
    # "030 1 / 0171 2" are two, each with its area code; "0450 / 00 32 16" is one
    return whole_number or (len(re.findall("[0-9]+", before)) > 1 and before.endswith(" ") and "+" not in before)


def _with_and_without_trunk(text: str) -> tuple[str, ...]:
    """ "+49 (0)30": the zero is dialled at home only. Italians keep that of land lines, so the whole is tried first."""
    without = _trunk_in_brackets.sub(" ", text, count=1)
    if _italian_mobile.search(text):
        return (without,)
    return (text, without) if without != text else (text,)


def _joined(text: str) -> str:
    core = _separators.sub("", text)
    if not _plain.match(core) or len(core) > MOST_DIGITS:
        return ""
    return "+" + core.lstrip("+") if core.startswith("+") else core


def _digits(text: str) -> str:
    return "".join(re.findall("[0-9]+", text))
