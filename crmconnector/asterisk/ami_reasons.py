"""Why a link ended or never came up: a code for programs, a sentence for people, and which ones call for patience."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

SENTENCES = {
    "never": "No connection was tried yet.",
    "connecting": "Connecting to the PBX.",
    "bad_address": "The PBX address cannot be used. Check host and port.",
    "name_unknown": "The PBX host name is not known to the name servers. Check its spelling and the DNS.",
    "unreachable": "The PBX does not accept connections on its AMI port. Check that Asterisk runs, that manager.conf "
    "has enabled=yes, and the firewall between.",
    "connect_timeout": "The PBX did not answer the connection in time. Check its address and the firewall between.",
    "tls_untrusted": "The certificate of the PBX is not trusted. Check its issuer, its name and its date.",
    "tls_failed": "No TLS could be agreed with the PBX. Check that the port is the AMI port for TLS.",
    "not_ami": "What answers on this port is not Asterisk's manager interface. Check the port.",
    "login_unanswered": "The PBX accepted the connection but did not answer the login in time. It may be starting.",
    "login_cut": "The PBX closed the connection during the login. Check the deny and permit lines in manager.conf, and "
    "whether this port is the one for TLS.",
    "login_refused": "The PBX refused the login. Check user and secret in manager.conf, its deny and permit lines, and "
    "whether a ban (fail2ban) is in force.",
    "cut": "The connection to the PBX was cut.",
    "silent": "The PBX fell silent: it neither sent anything nor answered a ping. The connection was given up.",
    "deaf": "The PBX still sends events but no longer answers pings. The connection was given up.",
    "pbx_shutdown": "Asterisk said that it is shutting down or restarting.",
    "oversize": "The PBX sent megabytes without the end of a message. The connection was given up.",
    "overflow": "Events came faster than they could be handled and the queue ran full. The connection was given up on "
    "purpose and comes back when the queue has drained; calls are then read afresh.",
    "given_up": "The calls could not be read afresh over this link, so it was given up for a new one.",
    "internal": "A fault in this program ended the connection; its log has the details.",
    "closed": "The connection was closed by this program.",
}

# Trying these again soon cannot help, and a login tried too often gets us banned.
SLOW = frozenset({"bad_address", "tls_untrusted", "not_ami", "login_refused"})


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one try or one link."""

    code: str
    said: str = ""  # the PBX's own words, already safe to show

    @property
    def sentence(self) -> str:
        text = SENTENCES[self.code]
        return f"{text} The PBX said: {self.said.rstrip('.')}." if self.said else text

    @property
    def slow(self) -> bool:
        return self.code in SLOW


def ending_of(error: BaseException | None) -> Ending:
    """Sort what opening a connection may raise. Order matters: each class comes before its parent."""
    table: list[tuple[type[BaseException], str]] = [
        (TimeoutError, "connect_timeout"),
        (ssl.SSLCertVerificationError, "tls_untrusted"),
        (ssl.SSLError, "tls_failed"),
        (socket.gaierror, "name_unknown"),
        (UnicodeError, "bad_address"),
        (ValueError, "bad_address"),
        (OverflowError, "bad_address"),
        (OSError, "unreachable"),
    ]
    return Ending(next((code for kind, code in table if isinstance(error, kind)), "internal"))
