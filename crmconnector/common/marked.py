"""Marks a sentence for translation where there is no Django: whoever shows it looks the translation up.

The name is the one that the collector of texts (`manage.py makemessages`) looks for.
"""


def gettext_noop(text: str) -> str:
    return text
