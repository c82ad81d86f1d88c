"""What an administrator does about dialling: the write and its audit event, in one transaction."""

from django.db import transaction

from crmconnector.audit.services import record_act
from crmconnector.calls.dial_rows import dial_settings
from crmconnector.calls.dial_services import allow_dialling, save_brakes, stop_dialling
from crmconnector.calls.models import DialSettings
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line, Pbx
from crmconnector.pbx.services import set_dial_rules, set_line_prefix
from crmconnector.users.models import User
from crmconnector.web.forms.dialling import BrakesForm, LinePrefixForm, PbxDialForm


@transaction.atomic
def keep_brakes(*, actor: User, form: BrakesForm) -> DialSettings:
    row = save_brakes(row=form.instance)
    details = {name: _told(form.cleaned_data[name]) for name in form.changed_data}
    record_act(actor=actor, action="dial_settings.changed", target=row, details=details)
    return row


@transaction.atomic
def stop_all(*, actor: User, because: str) -> DialSettings:
    row = stop_dialling(by=actor.display_name, because=because, now=utc_now())
    record_act(actor=actor, action="dialling.stopped", target=row, details={"because": because})
    return row


@transaction.atomic
def allow_again(*, actor: User) -> DialSettings:
    before = dial_settings()
    row = allow_dialling()
    details = {"stopped_by": before.stopped_by, "because": before.stopped_because}
    record_act(actor=actor, action="dialling.allowed", target=row, details=details)
    return row


@transaction.atomic
def keep_pbx_rules(*, actor: User, pbx: Pbx, form: PbxDialForm) -> Pbx:
    row = set_dial_rules(pbx=pbx, **form.cleaned_data)
    record_act(actor=actor, action="pbx.dial_rules_changed", target=row, details=dict(form.cleaned_data))
    return row


@transaction.atomic
def keep_line_prefix(*, actor: User, line: Line, form: LinePrefixForm) -> Line:
    row = set_line_prefix(line=line, **form.cleaned_data)
    record_act(actor=actor, action="line.dial_prefix_changed", target=row, details=dict(form.cleaned_data))
    return row


def _told(value: object) -> object:
    return value if isinstance(value, (list, bool, int)) or value is None else str(value)
