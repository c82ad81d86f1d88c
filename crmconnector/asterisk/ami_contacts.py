"""Who is registered at the PBX, from where, with what User-Agent: how to ask, how to read. Pure: headers in, facts out.

Two ways, as Asterisk 16 and 22 behave (the lab tests prove it):

    PJSIPShowContacts    one list of all; needs `system` for writing, which may also rewrite the dialplan: a user with
                         the least rights does not have it. Older ones say "No Contacts found" instead of an empty list
    Getvar               one function value at a time; `reporting` is enough. PJSIP_ENDPOINT(204,aors) tells the
                         addresses of record, PJSIP_AOR(204,contact) their contacts, PJSIP_CONTACT(204;@…,user_agent) a
                         field of one. SIPPEER(204,useragent) is the same for the old driver chan_sip

A name that the PBX does not know gives an empty value, and a line in its log: who asks should remember it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from .ami_values import Headers, text

LIST_ACTION: Final = "PJSIPShowContacts"
LIST_COMPLETE: Final = "ContactListComplete"
EMPTY_LIST: Final = "no contacts found"  # said as a refusal
VALUE_ACTION: Final = "Getvar"

MAX_AGENT: Final = 160
MOST_CONTACTS: Final = 5  # of one endpoint
CONTACT_FIELDS: Final = ("user_agent", "uri", "status")
PEER_FIELDS: Final = ("status", "useragent", "ip")

# An endpoint's name as it may stand inside the parentheses of a function: nothing that could end them.
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9_.+@-]{1,80}")
_SAFE_CONTACT: Final = re.compile(r"[A-Za-z0-9_.+@;:-]{1,200}")
_URI_HOST: Final = re.compile(r"sips?:(?:[^@<>]*@)?(\[[0-9A-Fa-f:.]{2,45}\]|[0-9.]{7,15})(?=[:;?>]|\Z)")
_GONE: Final = frozenset({"unavail", "unavailable", "unreachable", "removed"})


class Contact(NamedTuple):
    """One registration. `endpoint` is PJSIP/204 or SIP/204; `address` a literal address, None if it is none.

    `reachable`: False when the PBX asked the phone whether it is there and had no answer. One that it never asks
    (NonQualified, Unmonitored) is taken for there.
    """

    endpoint: str
    user_agent: str
    address: str | None
    reachable: bool


def contact_of(headers: Headers) -> Contact | None:
    """One ContactList event; None for anything else."""
    # A contact from the settings may have no endpoint yet; its own name begins with the address of record.
    name = text(headers, "Endpoint") or re.split(";@|@@", text(headers, "ObjectName") or "")[0]
    if text(headers, "Event") != "ContactList" or not _SAFE_NAME.fullmatch(name):
        return None
    address = address_of(text(headers, "Uri", 300) or "") or literal(text(headers, "ViaAddr") or "")
    return Contact(f"PJSIP/{name}", _agent(headers, "UserAgent"), address, _is_there(text(headers, "Status") or ""))


def contacts_by_endpoint(rows: Iterable[Headers]) -> dict[str, list[Contact]]:
    """The answer to PJSIPShowContacts, by endpoint."""
    found: dict[str, list[Contact]] = {}
    for row in rows:
        contact = contact_of(row)
        if contact is not None:
            found.setdefault(contact.endpoint, []).append(contact)
    return found


def is_empty_list(message: str) -> bool:
    """Whether the PBX's no to PJSIPShowContacts only means that nobody is registered."""
    return message.strip().rstrip(".").lower() == EMPTY_LIST


# --- one value at a time ----------------------------------------------------------------------------------------------


def value_of(headers: Headers) -> str | None:
    """The answer to Getvar: "" when there is nothing; None when it is no such answer."""
    return (text(headers, "Value", 1000) or "") if "Value" in headers else None


def technology_and_name(endpoint: str) -> tuple[str, str]:
    """ "PJSIP/204" -> ("PJSIP", "204"). ("", "") for what cannot be asked about this way."""
    technology, _, name = endpoint.partition("/")
    known = technology in ("PJSIP", "SIP") and _SAFE_NAME.fullmatch(name) is not None
    return (technology, name) if known else ("", "")


def aors_question(name: str) -> str:
    return f"PJSIP_ENDPOINT({name},aors)"


def contacts_question(aor: str) -> str:
    return f"PJSIP_AOR({aor},contact)"


def contact_question(contact: str, field: str) -> str:
    return f"PJSIP_CONTACT({contact},{field})"


def peer_question(name: str, field: str) -> str:
    return f"SIPPEER({name},{field})"


def names_in(value: str, *, contacts: bool = False) -> list[str]:
    """A value with commas as names that are safe to ask about again, at most a few."""
    pattern = _SAFE_CONTACT if contacts else _SAFE_NAME
    return [name for part in value.split(",") if pattern.fullmatch(name := part.strip())][:MOST_CONTACTS]


def contact_from_values(endpoint: str, values: Mapping[str, str]) -> Contact:
    """`values`: by CONTACT_FIELDS."""
    agent = _agent(values, "user_agent")
    return Contact(endpoint, agent, address_of(values.get("uri", "")), _is_there(values.get("status", "")))


def peer_from_values(endpoint: str, values: Mapping[str, str]) -> Contact | None:
    """`values`: by PEER_FIELDS, of chan_sip. None: nobody is registered as it."""
    address = literal(values.get("ip", ""))
    if address is None:
        return None
    status = values.get("status", "").upper()
    there = status.startswith(("OK", "LAGGED")) or status in ("UNMONITORED", "")
    return Contact(endpoint, _agent(values, "useragent"), address, there)


# --- parts ------------------------------------------------------------------------------------------------------------


def address_of(uri: str) -> str | None:
    """The literal address in a contact's URI: where the PBX sends calls, behind NAT too."""
    found = _URI_HOST.match(uri)
    return literal(found[1].strip("[]")) if found else None


def literal(value: str) -> str | None:
    """An address in its one spelling; None for a name, for nothing, and for 0.0.0.0."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    return None if address.is_unspecified else str(address)


def _agent(values: Mapping[str, str | list[str]], key: str) -> str:
    return text(values, key, MAX_AGENT) or ""


def _is_there(status: str) -> bool:
    return status.strip().lower() not in _GONE
