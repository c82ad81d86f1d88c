"""From a PBX row to the address its link is made with."""

import ssl

from django.db import transaction

from crmconnector.asterisk.ami import AmiAddress
from crmconnector.pbx.models import Pbx


def ami_address(pbx: Pbx) -> AmiAddress:
    """The address with its secret revealed; raises BadHeader when a value can never be sent."""
    return AmiAddress(
        host=pbx.host,
        port=pbx.port,
        username=pbx.username,
        secret=pbx.secret.reveal() if pbx.secret else "",
        tls=_tls(pbx) if pbx.tls else None,
    )


def _tls(pbx: Pbx) -> ssl.SSLContext:
    """The system's authorities, or only the given certificate when there is one."""
    return ssl.create_default_context(cadata=pbx.tls_certificate or None)


@transaction.atomic
def connect_pbx(*, host: str, port: int, username: str, secret: str, tls: bool, country: str) -> Pbx:
    """The PBX of AMI_URL: one row per host and port, made once; a new secret or user takes effect, the rest stays."""
    pbx = Pbx.objects.filter(host=host, port=port, simulated=False).first()
    if pbx is None:
        name = host if not Pbx.objects.filter(name=host).exists() else f"{host}:{port}"
        pbx = Pbx(name=name, host=host, port=port, tls=tls, country=country)
    pbx.username, pbx.secret, pbx.tls, pbx.enabled = username, secret, tls, True
    pbx.full_clean()
    pbx.save()
    return pbx
