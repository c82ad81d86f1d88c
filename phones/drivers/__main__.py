"""Try one phone by hand, without the rest of the product:

    python -m phones.drivers 192.168.5.135 line_status
    python -m phones.drivers 192.168.5.135 make_call 3501 --scheme https --port 443 --any-certificate

The passcode is asked for, never taken from the command line, where every user of the machine could read it.
"""

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from crmconnector.common.network import PRIVATE_NETWORKS, AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import AnyCertificate, PhoneAddress, PhoneDriver, PinnedCertificate, Trust, Verb
from phones.drivers.errors import PhoneError
from phones.drivers.registry import DRIVERS, open_driver


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    driver = open_driver(
        given.vendor,
        PhoneAddress(given.scheme, given.host, given.port),
        Secret(getpass.getpass("Passcode of the phone: ")),
        policy=AddressPolicy(given.network or PRIVATE_NETWORKS, allowed_ports=None),
        trust=_trust(given),
    )
    try:
        sys.stdout.write(_report(driver, given))
    except PhoneError as error:
        sys.stderr.write(f"{type(error).__name__} ({error.reason_code}): {error}\n")
        return 1
    return 0


def _report(driver: PhoneDriver, given: argparse.Namespace) -> str:
    if given.verb == Verb.LINE_STATUS:
        lines = driver.line_status()
        return "".join(f"{line.line}: {line.state} {line.remote_number} {line.remote_name}\n" for line in lines)
    if given.verb == Verb.PHONE_STATUS:
        return f"{driver.phone_status().state}\n"
    if given.verb == Verb.MAKE_CALL:
        driver.make_call(given.number, given.account)
    else:
        driver.accept_call()
    return "The phone took the command. Look at line_status for what it does.\n"


def _trust(given: argparse.Namespace) -> Trust | None:
    if given.certificate:
        return PinnedCertificate(given.certificate.read_text())
    return AnyCertificate() if given.any_certificate else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m phones.drivers", description="Send one command to one phone.")
    parser.add_argument("host", help="IP address of the phone")
    parser.add_argument("verb", choices=[verb.value for verb in Verb])
    parser.add_argument("number", nargs="?", default="", help="what make_call dials")
    parser.add_argument("--account", type=int, help="account on the phone, from 1")
    parser.add_argument("--vendor", choices=DRIVERS, default="grandstream")
    parser.add_argument("--scheme", choices=["http", "https"], default="http")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--certificate", type=Path, help="PEM file of the phone's own certificate")
    parser.add_argument("--any-certificate", action="store_true", help="encrypt without knowing to whom")
    parser.add_argument("--network", action="append", help="allowed network; private networks if not given")
    return parser


if __name__ == "__main__":
    sys.exit(main())
