"""Where a PBX's manager interface is and who we are there."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from .actions import check_value
from .ami_errors import BadHeader


@dataclass(frozen=True)
class AmiAddress:
    """Host, port, the AMI user and its secret; `tls` is a ready context, or None for a plain connection.

    Raises BadHeader at once when a value could never be used, so that a typing error shows where it was made.
    """

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.host or not 0 < self.port < 65536:
            raise BadHeader("AMI address: a host and a port from 1 to 65535 are needed")
        if self.tls is not None and not isinstance(self.tls, ssl.SSLContext):
            raise BadHeader("AMI address: tls must be a TLS context or nothing")
        check_value("Username", self.username)
        check_value("Secret", self.secret)
