"""Checks that need no packet: what the rows say of address, make, firmware and registration. Pure."""

from datetime import datetime
from typing import Final

from phones.doctor.checks import AccountSeen, Check, Said, Subject, Verdict, say
from phones.doctor.words import gettext_noop as _
from phones.doctor.words import here, title_of
from phones.drivers.grandstream.models import family_of, takes_cti
from phones.drivers.probe import FrontPage

# First halves of MAC addresses that are given to the vendor; there may be more. Weak: anybody can type one.
MAC_PREFIXES: Final = ("00:0B:82", "C0:74:AD", "EC:74:D7")
VENDOR: Final = "grandstream"


def check_address(subject: Subject) -> Check:
    if not subject.address_problem:
        allowed = say(_("%(address)s is inside the networks where phones may be."), address=subject.address)
        return finding("address", Verdict.PASS, allowed)
    cure = say(
        _("Correct the address, or let an operator change PHONE_NETWORKS, which is %(networks)s."),
        networks=subject.networks,
    )
    seen = say(_("Nothing was sent. %(problem)s"), problem=subject.address_problem)
    return finding("address", Verdict.FAIL, seen, cure=(cure,), places=(here(subject.name, "Address"),))


def check_device(subject: Subject, page: FrontPage | None) -> Check:
    """By what it told the PBX, by its web page, by its MAC address: the last alone proves nothing.

    A registration from another address says nothing of who sits at this one: the phone may have moved.
    """
    ours = [account for account in subject.accounts if account.user_agent]
    near = [account for account in ours if account.contact_address in ("", subject.address)]
    grandstream = [account for account in near if VENDOR in account.user_agent.lower()]
    if grandstream:
        return finding("device", Verdict.PASS, _told_pbx(grandstream[0]))
    if page is not None and page.names_grandstream:
        return finding("device", Verdict.PASS, say(_("Its web page names Grandstream or one of its models.")))
    here_too = [account for account in ours if account.contact_address == subject.address]
    if here_too:
        cure = say(_("Look whose address this is, and correct the address of the phone or its SIP account."))
        places = (here(subject.name, "Address"),)
        return finding("device", Verdict.FAIL, _told_pbx(here_too[0]), cure=(cure,), places=places)
    elsewhere = (_told_pbx(ours[0]),) if ours else ()
    return finding("device", Verdict.CANNOT_TELL, *elsewhere, _page_seen(page), *_by_mac(subject.mac))


def check_firmware(subject: Subject) -> Check:
    """Against the table of models. An old version that is typed in may simply not have been corrected."""
    family = family_of(subject.model)
    if not subject.model or not subject.firmware:
        missing = say(_("Model or firmware is not known: nobody typed it and no PBX told it."))
        return finding("firmware", Verdict.CANNOT_TELL, missing, places=(here(subject.name, "Firmware"),))
    takes = takes_cti(subject.model, subject.firmware)
    if family is None or takes is None:
        unknown = say(_("%(model)s is not in the vendor's list of phones that take commands."), model=subject.model)
        return finding("firmware", Verdict.CANNOT_TELL, unknown)
    seen = say(
        _("%(model)s with %(firmware)s, told by the PBX; the vendor's guide asks for %(least)s or later.")
        if subject.firmware_source == "pbx"
        else _("%(model)s with %(firmware)s, as typed in here; the vendor's guide asks for %(least)s or later."),
        model=subject.model,
        firmware=subject.firmware,
        least=".".join(str(part) for part in family.minimum_firmware),
    )
    if takes:
        return finding("firmware", Verdict.PASS, seen)
    cure = say(_("Update the phone's firmware. If it is newer already, correct it here."))
    return finding("firmware", Verdict.FAIL, seen, cure=(cure,), places=(here(subject.name, "Firmware"),))


def check_pbx_accounts(subject: Subject, now: datetime) -> Check:
    """What the PBX last said of each account; the oldest doubt decides."""
    if not subject.accounts:
        none = say(_("No SIP account is entered for this phone, so no PBX can be asked."))
        return finding(
            "pbx_accounts", Verdict.CANNOT_TELL, none, places=(here(subject.name, "SIP accounts"),), ran=False
        )
    lost = any(account.registered is False for account in subject.accounts)
    untold = any(account.registered is None for account in subject.accounts)
    verdict = Verdict.FAIL if lost else Verdict.CANNOT_TELL if untold else Verdict.PASS
    evidence = tuple(_registration(account, now) for account in subject.accounts)
    cure: tuple[Said, ...] = ()
    if lost:
        cure = (say(_("Check the SIP server, the user and the password of the account on the phone and on the PBX.")),)
    moved = moved_to(subject)
    if moved:
        evidence, cure = (*evidence, moved), (*cure, say(_("If the phone has moved, correct its address here.")))
    return finding("pbx_accounts", verdict, *evidence, cure=cure)


def moved_to(subject: Subject) -> Said | None:
    """A registration that comes from another address than the one we have: perhaps the phone got a new one."""
    for account in subject.accounts:
        if account.registered and account.contact_address and account.contact_address != subject.address:
            return say(
                _("The PBX sees account %(extension)s at %(there)s, not at %(address)s."),
                extension=account.extension,
                there=account.contact_address,
                address=subject.address,
            )
    return None


def finding(
    name: str,
    verdict: Verdict,
    *evidence: Said,
    cure: tuple[Said, ...] = (),
    places: tuple[Said, ...] = (),
    ran: bool = True,
    reason_code: str = "",
    milliseconds: int | None = None,
) -> Check:
    """A check under the heading of its verdict."""
    return Check(name, verdict, title_of(name, verdict), evidence, cure, places, milliseconds, ran, reason_code)


def _told_pbx(account: AccountSeen) -> Said:
    return say(
        _("Account %(extension)s called itself “%(agent)s” when it registered."),
        extension=account.extension,
        agent=account.user_agent,
    )


def _page_seen(page: FrontPage | None) -> Said:
    if page is None:
        return say(_("Its web page did not answer."))
    if page.wants_https:
        return say(_("Its web page sends us on to HTTPS and does not name its maker."))
    return say(_("Its web page answers (HTTP %(status)d) and does not name its maker."), status=page.status)


def _by_mac(mac: str) -> tuple[Said, ...]:
    if not mac.upper().startswith(MAC_PREFIXES):
        return ()
    return (say(_("The MAC address typed in here begins like Grandstream's, which proves little.")),)


def _registration(account: AccountSeen, now: datetime) -> Said:
    if account.registered is None or account.seen_at is None:
        text = (
            _("%(pbx)s: it has not told anything of %(extension)s yet.")
            if account.registered is None
            else _("%(pbx)s: %(extension)s is registered.")
            if account.registered
            else _("%(pbx)s: %(extension)s is not registered.")
        )
        return say(text, pbx=account.pbx_name, extension=account.extension)
    seconds = max(0, round((now - account.seen_at).total_seconds()))
    text = (
        _("%(pbx)s: %(extension)s is registered, last heard %(ago)s ago.")
        if account.registered
        else _("%(pbx)s: %(extension)s is not registered, last heard %(ago)s ago.")
    )
    return say(text, pbx=account.pbx_name, extension=account.extension, ago=_ago(seconds))


def _ago(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
