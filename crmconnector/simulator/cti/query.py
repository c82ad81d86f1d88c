"""The query of a CTI request as a phone reads it."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

from crmconnector.simulator.profiles import Profile

COLON = re.compile("(%3[Aa])")


def read_query(query: str, profile: Profile) -> dict[str, str]:
    """Empty pairs do not count (`&&keys=STAR`); of a parameter that comes twice, one does.

    Decoded as CGI does (a plus is a space), unless the profile decodes nothing, or leaves `%3A` between keys alone.
    """
    values: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        key, _, value = pair.partition("=")
        key = _decode(key, profile)
        if key in values and profile.first_of_two_wins:
            continue
        if key == "keys" and profile.strict_colon:
            parts = COLON.split(value)
            values[key] = "".join(part if COLON.fullmatch(part) else _decode(part, profile) for part in parts)
        else:
            values[key] = _decode(value, profile)
    return values


def _decode(text: str, profile: Profile) -> str:
    return unquote_plus(text) if profile.decode_percent else text
