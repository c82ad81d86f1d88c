"""Try one phone by hand, without the rest of the product: every function of the vendor's CTI guide.

    python -m phones.drivers.grandstream 192.168.5.135 lines
    python -m phones.drivers.grandstream 192.168.5.135 call 3501 --account 1
    python -m phones.drivers.grandstream 192.168.5.135 keys VUP:VUP --json

The passcode is asked for or read from a file, never taken from the command line, where every user of the machine could
read it. Deeds that depend on what the phone is doing look at its lines first; locking, restarting and resetting want
the phone's address typed once more. One deed, one request: nothing is ever sent a second time.

Ends with 0 when the phone took the command, 1 when it certainly did not happen, 3 when nobody knows.
"""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crmconnector.common.network import PRIVATE_NETWORKS, AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import AnyCertificate, KeyPlan, MuteKey, PhoneAddress, PinnedCertificate, Trust
from phones.drivers.errors import PhoneError, Unclear
from phones.drivers.grandstream import situation
from phones.drivers.grandstream.driver import GrandstreamDriver

NOT_TRIED: Final = (
    "No real GRP26xx was at hand when this was written: it follows the vendor's CTI guide and was tried on simulated "
    "phones only. Try it on a phone that nobody needs."
)
TAKEN: Final = "The phone took the command, which proves nothing yet. Look at the lines, or at the phone."
Shown = list[dict[str, object]] | None
LONGEST_PASSCODE_FILE: Final = 1024


class Stopped(Exception):
    """Nothing was sent; the text says why."""


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand. `confirmed`: the address must be typed once more before it goes out."""

    help: str
    run: Callable[[GrandstreamDriver, argparse.Namespace], Shown]
    confirmed: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        return _carry_out(given)
    except PhoneError as error:
        _tell(error, as_json=given.json)
        return 3 if isinstance(error, Unclear) else 1
    except Stopped as stop:
        sys.stderr.write(f"{stop} Nothing was sent.\n")
        return 1


def _carry_out(given: argparse.Namespace) -> int:
    command = COMMANDS[given.command]
    if command.confirmed and _asked(f"Type the phone's address to {given.command} it: ") != given.address:
        raise Stopped("The address was not typed as given.")
    phone = GrandstreamDriver(
        PhoneAddress("https" if given.https else "http", given.address, given.port or (443 if given.https else 80)),
        _passcode("Passcode of the phone: ", given.passcode_file or os.environ.get("PHONE_PASSCODE_FILE")),
        policy=AddressPolicy(given.network or PRIVATE_NETWORKS, allowed_ports=None),
        trust=_trust(given),
    )
    rows = command.run(phone, given)
    if given.json:
        sys.stdout.write(json.dumps({"taken": True, **({} if rows is None else {given.command: rows})}) + "\n")
    elif rows is None:
        sys.stdout.write(f"{TAKEN}\n")
        sys.stderr.write(f"{NOT_TRIED}\n")
    else:
        sys.stdout.write("".join(" ".join(str(value) for value in row.values()).rstrip() + "\n" for row in rows))
    return 0


def _lines(phone: GrandstreamDriver, _: argparse.Namespace) -> Shown:
    return [
        {"line": line.line, "state": line.state.value, "number": line.remote_number, "name": line.remote_name}
        for line in phone.line_status()
    ]


def _status(phone: GrandstreamDriver, _: argparse.Namespace) -> Shown:
    return [{"state": phone.phone_status().state.value}]


def _accounts(phone: GrandstreamDriver, _: argparse.Namespace) -> Shown:
    return [
        {
            "account": one.account,
            "registration": "registered" if one.registered else "not registered",
            "sip_id": one.sip_id,
            "sip_server": one.sip_server,
            "name": one.name,
        }
        for one in phone.accounts()
    ]


def _call(phone: GrandstreamDriver, given: argparse.Namespace) -> Shown:
    phone.make_call(given.number, given.account, given.dial_plan)
    return None


def _accept(phone: GrandstreamDriver, _: argparse.Namespace) -> Shown:
    situation.check_accept(phone.line_status())
    phone.accept_call()
    return None


def _keys(phone: GrandstreamDriver, given: argparse.Namespace) -> Shown:
    plan = KeyPlan(given.model, MuteKey(given.mute_key), given.mpk_keys)
    phone.send_keys(given.keys.split(":"), lines=phone.line_status(), plan=plan)
    return None


def _unlock(phone: GrandstreamDriver, _: argparse.Namespace) -> Shown:
    phone.unlock_keypad()
    return None


def _reset(phone: GrandstreamDriver, given: argparse.Namespace) -> Shown:
    admin = _passcode("Administrator's passcode of the phone: ", given.admin_passcode_file)
    phone.reset(admin_passcode=admin, lines=phone.line_status())
    return None


def _by_lines(deed: Callable[..., None]) -> Callable[[GrandstreamDriver, argparse.Namespace], Shown]:
    """A deed that needs nothing but a look at the lines."""

    def run(phone: GrandstreamDriver, _: argparse.Namespace) -> Shown:
        deed(phone, lines=phone.line_status())
        return None

    return run


COMMANDS: Final = {
    "lines": Command("what every line is doing", _lines),
    "status": Command("whether the phone is free", _status),
    "accounts": Command("its SIP accounts, and whether it believes them registered", _accounts),
    "call": Command("make it dial", _call),
    "accept": Command("answer the one call that rings", _accept),
    "reject": Command("refuse the one call that rings", _by_lines(GrandstreamDriver.reject_call)),
    "end": Command("hang up the one call there is", _by_lines(GrandstreamDriver.end_call)),
    "hold": Command("put the connected call on hold", _by_lines(GrandstreamDriver.hold_call)),
    "resume": Command("take the held call back", _by_lines(GrandstreamDriver.resume_call)),
    "cancel": Command("take back the call that is being dialled", _by_lines(GrandstreamDriver.cancel_call)),
    "keys": Command("press keys, by the names of the guide", _keys),
    "lock": Command("lock the keypad", _by_lines(GrandstreamDriver.lock_keypad), confirmed=True),
    "unlock": Command("unlock the keypad", _unlock),
    "reboot": Command("restart the phone", _by_lines(GrandstreamDriver.reboot), confirmed=True),
    "reset": Command("FACTORY RESET: everything on the phone is lost, with no way back", _reset, confirmed=True),
}


def _passcode(question: str, file: str | None) -> Secret:
    if file is None:
        return Secret(getpass.getpass(question))
    try:
        with Path(file).open(encoding="utf-8") as opened:
            return Secret(opened.read(LONGEST_PASSCODE_FILE).rstrip("\r\n"))
    except (OSError, ValueError):
        raise Stopped("The passcode file cannot be read.") from None


def _asked(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _trust(given: argparse.Namespace) -> Trust | None:
    if given.certificate is None:
        return AnyCertificate() if given.any_certificate else None
    try:
        return PinnedCertificate(Path(given.certificate).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise Stopped("The certificate file cannot be read.") from None


def _tell(error: PhoneError, *, as_json: bool) -> None:
    if not as_json:
        sys.stderr.write(f"{type(error).__name__} ({error.reason_code}): {error}\n")
        return
    taken = None if isinstance(error, Unclear) else False
    told = {"taken": taken, "reason_code": error.reason_code, "sentence": error.sentence, "hint": error.hint}
    sys.stdout.write(json.dumps(told) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m phones.drivers.grandstream",
        description="One command to one Grandstream GRP26xx phone.",
        epilog=NOT_TRIED,
        allow_abbrev=False,
    )
    parser.add_argument("address", help="IP address of the phone")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    common = _common_options()
    made = {
        # No abbreviations: --passcode must not be taken for --passcode-file.
        name: commands.add_parser(
            name, parents=[common], help=command.help, description=command.help, epilog=NOT_TRIED, allow_abbrev=False
        )
        for name, command in COMMANDS.items()
    }
    made["call"].add_argument("number", help="digits, * and #, with + in front only")
    made["call"].add_argument("--account", type=int, help="account on the phone, from 1")
    made["call"].add_argument("--dial-plan", help="the phone's own name of a dial plan")
    made["keys"].add_argument("keys", help="keys with : between them, such as VUP:VUP or 1:0:0:0:SEND")
    made["keys"].add_argument("--model", default="", help='as printed on the phone, such as "GRP2614"')
    made["keys"].add_argument("--mute-key", choices=[one.value for one in MuteKey], default=MuteKey.UNKNOWN.value)
    made["keys"].add_argument("--mpk-keys", type=int, default=0, help="how many multi-purpose keys it has")
    made["reset"].add_argument("--admin-passcode-file", help="file with the administrator's passcode; asked for if not")
    return parser


def _common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="answer as one JSON object")
    common.add_argument("--passcode-file", help="file with the passcode; also PHONE_PASSCODE_FILE; asked for if not")
    common.add_argument("--port", type=int, help="80, or 443 with --https, if not given")
    common.add_argument("--https", action="store_true")
    common.add_argument("--certificate", help="PEM file of the phone's own certificate")
    common.add_argument("--any-certificate", action="store_true", help="encrypt without knowing to whom")
    common.add_argument("--network", action="append", help="allowed network; private networks if not given")
    return common


if __name__ == "__main__":
    sys.exit(main())
