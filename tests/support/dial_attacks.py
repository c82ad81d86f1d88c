"""Texts that must never be dialled, and those that only look odd. Each has a name, so that every run has the same ids.

`HOSTILE` is refused as a text, whatever the country. `FRAUD` is a number that the brakes hold back, or is refused.
"""

from itertools import product

NUMBER = "030 23125447"
_INJECTED = {
    "second line": "\r\n", "line feed": "\n", "carriage return": "\r", "nul": "\x00", "vertical tab": "\x0b",
    "form feed": "\x0c", "next line": "\x85", "line separator": "\u2028", "paragraph separator": "\u2029", "tab": "\t",
    "escape": "\x1b", "bell": "\x07", "delete": "\x7f", "surrogate": "\ud800", "ampersand": "&", "at": "@",
    "comma": ",", "semicolon": ";", "pipe": "|", "caret": "^", "dollar": "$", "brace": "{", "backquote": "`",
    "backslash": "\\", "equals": "=", "percent": "%", "question": "?", "exclamation": "!", "quote": '"',
    "apostrophe": "'", "less": "<", "greater": ">", "tilde": "~", "underscore": "_", "star": "*", "hash": "#",
    "letter p": "p", "letter w": "w", "letter n": "n", "capital P": "P", "capital W": "W", "letter T": "T",
    "zero width joiner": "\u200d", "zero width space": "\u200b", "byte order mark": "\ufeff", "soft hyphen": "\u00ad",
    "arabic digit": "\u0661", "full-width digit": "\uff11", "superscript": "\u00b2", "roman": "\u2167",
    "mathematical digit": "\U0001d7d9", "circled digit": "\u2460", "emoji key": "1\ufe0f\u20e3", "tag": "\U000e0031",
    "second plus": "+",
}  # fmt: skip
_PLACES = {"in front": "{0}03023125447", "within": "0302{0}3125447", "behind": "03023125447{0}",
           "before a number": "030 23125447{0}0900 1234567"}  # fmt: skip
# A plus in front is how a number begins, and one behind the last digit of another is told below.
_HARMLESS = {("second plus", "in front")}

HOSTILE: dict[str, str] = {
    f"{name}, {where}": form.format(char)
    for (name, char), (where, form) in product(_INJECTED.items(), _PLACES.items())
    if (name, where) not in _HARMLESS
}
HOSTILE |= {
    "a variable by AMI": "5551\r\nVariable: X=1",
    "an action by AMI": "5551\r\n\r\nAction: Command\r\nCommand: core stop",
    "a second leg": "300&Local/0019005551212@from-internal", "another host": "300@evil.example",
    "options of Dial": "300,30,TtWw", "options by pipe": "300|30", "a shell": "${SHELL(id)}",
    "a fetch": "${CURL(http://192.0.2.1)}", "an endpoint": "PJSIP/101/sip:x@y", "a jump": "300^400",
    "local option": "300/n",
    "a parameter": "123&cmd=endcall", "a fragment": "123#", "a query": "123?x",
    "an escaped one": "123%26request%3DRESET",
    "a path": "../api-sys_operation?request=RESET", "keys": "keys=1:0:SEND:XFER", "vanity": "1-800-FLOWERS",
    "a context in tel": "tel:+34600111222;phone-context=evil", "a subaddress in tel": "tel:+34600111222;isub=1",
    "post-dial in tel": "tel:+34600111222;postd=pp1", "sip with replaces": "sip:x@y?Replaces=1",
    "sip": "sip:112@example.org",
    "tel with line break": "tel:%0d%0a", "tel with nul": "tel:030%0023125447", "tel escaped twice": "tel:%2530",
    "tel with ampersand": "tel:030%26112", "a script": "javascript:alert(1)", "forwarding on": "*72 0302312",
    "hidden number": "#31#03023125447", "feature": "*21*03023125447#", "voicemail": "*98", "pickup": "**204",
    "over 60": "1" * 61, "stretched by blanks": "030" + " " * 60 + "23125447",
    "over 250": "1" * 250, "ten thousand": "1" * 10_000, "a million": "1" * 1_000_000,
    "33 digits": "1234567890" * 3 + "123", "ones and an x": "1" * 26 + "x", "dashes": "-" * 60, "nothing": "",
    "blanks": "   ", "plus alone": "+", "two pluses": "++4930", "two numbers": "030 23125447 / 0171 1234567",
    "or": "030 23125447 or 112", "markup": "<b>112</b>", "sql": "' OR 1=1--", "template": "{{ 7 }}", "printf": "%s%n",
    "right to left letters": "\u202e\u0627112", "anonymous": "anonymous", "hex": "0x112", "exponent": "1e9",
    "negative": "-",
}  # fmt: skip

# name -> (text, country of the PBX). None is dialled with the careful defaults.
FRAUD: dict[str, tuple[str, str]] = {
    "us premium": ("+1 900 555 1234", "US"), "us premium at home": ("1-900-555-1234", "US"),
    "976 exchange": ("+1 212 976 1234", "US"), "976 area": ("+1 976 555 1234", "US"),
    "german premium": ("0900 1234567", "DE"), "german premium abroad": ("+49 900 1234567", "US"),
    "british premium": ("+44 909 8790000", "GB"), "british personal": ("+44 70 1234 5678", "GB"),
    "satellite 881": ("+881 612345678", "DE"), "satellite 870": ("+870 773112345", "DE"),
    "network 882": ("+882 16 12345678", "DE"), "network 883": ("+883 510 012345678", "DE"),
    "premium worldwide": ("+979 123456789", "DE"), "shared worldwide": ("+808 12345678", "DE"),
    "somalia": ("+252 61 2345678", "DE"), "cuba": ("+53 5 1234567", "DE"), "latvia": ("+371 2 1234567", "DE"),
    "maldives": ("+960 771 2345", "DE"), "jamaica": ("+1 876 210 1234", "US"), "dominican": ("+1 809 234 5678", "US"),
    "grenada": ("+1 473 403 1234", "US"), "virgin islands": ("+1 284 300 1234", "US"),
    "turks": ("+1 649 231 1234", "US"),
    "jersey": ("+44 1534 456789", "GB"), "by 00": ("00 371 21234567", "DE"), "by 011": ("011 371 21234567", "US"),
    "by 0011": ("0011 371 21234567", "AU"), "plus and zeros": ("+00 371 21234567", "DE"),
    "outside line and 00": ("9 00 371 21234567", "DE"), "outside 0 and 00": ("0 00 371 21234567", "DE"),
    "outside line and premium": ("0 0900 1234567", "DE"), "premium without the end": ("0900", "DE"),
    "outside line and nothing": ("0", "DE"), "outside line and a little": ("0 9 0", "DE"),
}  # fmt: skip
