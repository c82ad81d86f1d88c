"""The doctor's fixed words: a heading for each check and each way it may end, and where a person finds a switch.

Every menu path comes from the vendor's guide by way of the table of models. Where that names none, we say so: a guessed
path sends somebody through the menus of a phone for nothing.
"""

from typing import Final

from phones.doctor.checks import Said, Verdict, say
from phones.drivers.grandstream.models import family_of


def gettext_noop(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


_ = gettext_noop

# (before it ran, and when it cannot be told; passed; failed)
TITLES: Final[dict[str, tuple[str, str, str]]] = {
    "address": (_("Address"), _("The address is allowed"), _("The address is not allowed")),
    "reachable": (_("Network"), _("The phone can be reached"), _("The phone cannot be reached")),
    "tls": (_("Encryption"), _("The connection is encrypted"), _("No trusted encrypted connection")),
    "device": (_("Kind of device"), _("It is a Grandstream phone"), _("This is not a Grandstream phone")),
    "passcode": (_("Passcode"), _("The passcode is accepted"), _("The passcode is not accepted")),
    "action_uri": (_("Action URI Support"), _("Action URI Support is on"), _("Action URI Support is off")),
    "allowed_list": (_("Action URI Allowed IP List"), _("Our address is allowed"), _("Our address is not allowed")),
    "answers": (_("Answers to our questions"), _("It answers our questions"), _("It does not answer our questions")),
    "phone_accounts": (
        _("Registration, as the phone sees it"),
        _("The phone says that it is registered"),
        _("The phone says that it is not registered"),
    ),
    "pbx_accounts": (
        _("Registration, as the PBX sees it"),
        _("The PBX says that it is registered"),
        _("The PBX says that it is not registered"),
    ),
    "firmware": (_("Firmware"), _("The firmware takes commands"), _("The firmware is too old for commands")),
    "pop_up": (
        _("Remote Control Pop up Window Support"),
        _("The phone does not ask back on its screen"),
        _("The phone probably asks back on its screen"),
    ),
    "click_to_dial": (_("Click-To-Dial"), _("Click-To-Dial is on"), _("Click-To-Dial is probably off")),
}

# What a check that was not run was waiting for; see `doctor`.
NEEDS: Final[dict[str, str]] = {
    "address": _("Not run: needs an address that is allowed."),
    "reachable": _("Not run: needs a phone that can be reached."),
    "tls": _("Not run: needs an encrypted connection that we trust."),
    "device": _("Not run: needs a Grandstream phone at this address. Our passcode is shown to nothing else."),
    "passcode": _("Not run: needs a passcode that is accepted."),
    "answers": _("Not run: needs a phone that answers our questions."),
    "lease": _("Not run: the phone was wanted for something else, or its passcode was changed. Run the doctor again."),
    "test_call": _("Not run: needs a test call. An administrator can name an extension for it."),
    "calm": _("Not run: needs an idle phone for the test call; a line is in use."),
    "extension": _("Not run: needs another extension. This one is not dialled to try something."),
    "outside": _("Not run: needs an extension of the PBX. This one may lead outside."),
    "stopped": _("Not run: all dialling is stopped."),
}


def title_of(name: str, verdict: Verdict | None = None) -> str:
    """The heading; without a verdict that of a check which is still to come."""
    before, passed, failed = TITLES[name]
    return {Verdict.PASS: passed, Verdict.FAIL: failed}.get(verdict, before) if verdict else before


def remote_control_place(model: str, setting: str, value: str) -> Said:
    """Where a switch of Remote Control is on this model's web page, and what it must be."""
    family = family_of(model)
    return _place(family.remote_control_menu if family else None, setting, value)


def click_to_dial_place(model: str) -> Said:
    family = family_of(model)
    return _place(family.click_to_dial_menu if family else None, "Click-To-Dial", "Enabled")


def passcode_places(phone: str) -> tuple[Said, Said]:
    """The same passcode in both places; the guide names no menu for it."""
    return (
        say(_("Phone: user password of the web page (menu path not documented)")),
        say(_("Here: Phones → %(phone)s → Edit → Passcode"), phone=phone),
    )


def here(phone: str, field: str) -> Said:
    """Where a field of the phone is kept in this product."""
    return say(_("Here: Phones → %(phone)s → Edit → %(field)s"), phone=phone, field=field)


def _place(menu: str | None, setting: str, value: str) -> Said:
    if menu is None:
        return say(_("Phone: %(setting)s: %(value)s (menu path not documented)"), setting=setting, value=value)
    return say(_("Phone: %(menu)s → %(setting)s: %(value)s"), menu=menu, setting=setting, value=value)
