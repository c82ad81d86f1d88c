"""Why a PBX was not heard, in words for everybody, and what an administrator does about it. Pure.

The link's own sentence (asterisk.ami_reasons) is for administrators; many of them name the cure already. Here stands a
short clause for each code, which an agent understands, and the step that comes next.
"""

from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.asterisk.ami_reasons import SENTENCES


@dataclass(frozen=True, slots=True)
class Why:
    clause: str  # "We did not hear the PBX (…)"
    cure: str


LISTENER = "listener"  # nobody writes what is heard: no code of the link, for the link's row is what nobody writes
DATABASE = "database"  # the outbox was full
_EDIT = gettext_noop("Correct it under Edit on the page of this PBX.")
_MANAGER = gettext_noop("The lines for manager.conf stand on the page of this PBX.")

WHY: dict[str, Why] = {
    "never": Why(
        gettext_noop("nobody has tried to connect yet"),
        gettext_noop("The listener connects within a minute. If it does not, see whether it runs."),
    ),
    "connecting": Why(
        gettext_noop("the connection is being made"),
        gettext_noop("That takes seconds. If this stays, look at the listener’s log."),
    ),
    "bad_address": Why(gettext_noop("its address cannot be used"), _EDIT),
    "name_unknown": Why(gettext_noop("its name is not known on the network"), _EDIT),
    "unreachable": Why(
        gettext_noop("it did not accept our connection"),
        gettext_noop("Try it from this server: nc -vz HOST PORT. We try again by ourselves."),
    ),
    "connect_timeout": Why(
        gettext_noop("it did not answer our connection"),
        gettext_noop("Try it from this server: nc -vz HOST PORT. We try again by ourselves."),
    ),
    "tls_untrusted": Why(
        gettext_noop("its certificate is not trusted"),
        gettext_noop("Paste the certificate of its issuer under Edit on the page of this PBX."),
    ),
    "tls_failed": Why(gettext_noop("no protected connection could be agreed"), _EDIT),
    "not_ami": Why(gettext_noop("something else answered at its address"), _EDIT),
    "login_unanswered": Why(
        gettext_noop("it did not answer our login"),
        gettext_noop("We try again by ourselves. If this stays, look at Asterisk: asterisk -rx 'core show uptime'."),
    ),
    "login_cut": Why(gettext_noop("it closed the connection during our login"), _MANAGER),
    "login_refused": Why(gettext_noop("it refused our login"), _MANAGER),
    "cut": Why(
        gettext_noop("the link was cut"),
        gettext_noop("We connect again by ourselves. If it happens often, look at the network and at Asterisk’s log."),
    ),
    "silent": Why(
        gettext_noop("it fell silent"),
        gettext_noop("We connect again by ourselves. See whether the PBX runs, and whether a firewall forgets links."),
    ),
    "deaf": Why(
        gettext_noop("it no longer answered us"),
        gettext_noop("We connect again by ourselves. See whether Asterisk is overloaded: its manager does not answer."),
    ),
    "pbx_shutdown": Why(
        gettext_noop("it shut down or restarted"),
        gettext_noop("We connect again by ourselves once it is up. If nobody restarted it, look at Asterisk’s log."),
    ),
    "oversize": Why(
        gettext_noop("it sent something without an end"),
        gettext_noop("We connect again by ourselves. See whether the port leads to Asterisk alone, and to no proxy."),
    ),
    "overflow": Why(
        gettext_noop("it told more than we could take in"),
        gettext_noop("We connect again by ourselves. If it happens often, this server is too slow or too busy."),
    ),
    "given_up": Why(
        gettext_noop("its calls could not be read afresh"),
        gettext_noop("We connect again by ourselves. If it happens often, look at the listener’s log."),
    ),
    "internal": Why(
        gettext_noop("a fault of ours ended the link"),
        gettext_noop("We connect again by ourselves. Look at the listener’s log and send it to us."),
    ),
    "closed": Why(
        gettext_noop("we closed the link ourselves"),
        gettext_noop("That is so after a change of its settings, or while the listener starts anew."),
    ),
    LISTENER: Why(
        gettext_noop("our listener had stopped"),
        gettext_noop("Start the listener; its log says why it stopped. If it runs, look at the database."),
    ),
    DATABASE: Why(
        gettext_noop("our database was away or too slow for too long"),
        gettext_noop("Look at the PostgreSQL server: is it slow, full or under repair?"),
    ),
}
# How the sentences begin that a gap keeps: its row has no code. What the PBX itself said may follow.
_BEGINNINGS = {**SENTENCES, LISTENER: "The listener had stopped", DATABASE: "The database was away or slow"}


def code_of(reason: str) -> str:
    """The code behind a sentence that was kept; empty for one we do not know."""
    return next((code for code, text in _BEGINNINGS.items() if reason.startswith(text)), "")


def more_of(reason: str) -> str:
    """What a sentence that was kept tells beyond the clause: the PBX's own words, or all of one we do not know."""
    if not code_of(reason):
        return reason
    _ours, mark, theirs = reason.partition("The PBX said: ")
    return f"{mark}{theirs}"


def clause_of(code: str) -> str:
    """`the link was cut`: for brackets and after a colon; empty for a code we do not know."""
    return _(WHY[code].clause) if code in WHY else ""


def sentence_of(code: str) -> str:
    """`The link was cut.`"""
    clause = clause_of(code)
    return f"{capfirst(clause)}." if clause else ""


def cure_of(code: str) -> str:
    return _(WHY[code].cure) if code in WHY else ""
