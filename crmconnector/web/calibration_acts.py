"""What an administrator asks of a calibration: to begin, and to stop. Row and audit event in one transaction."""

from functools import partial

from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.audit.services import record_act
from crmconnector.common.clock import utc_now
from crmconnector.users.models import User
from crmconnector.web.phone_acts import call_on, key_of_confirmation
from phones.identity import identity_of_phone
from phones.models import DeviceOrder, OrderKind, Phone
from phones.orders import OrderProblem, request_order, stop_order
from phones.trials import Plan
from tasks.device_control import enqueue_order


def ask_calibration(*, actor: User, phone: Phone, confirmation: str, plan: Plan) -> DeviceOrder:
    """Write the order; handed to a worker after the commit. Raises OrderProblem with why not."""
    key = key_of_confirmation(confirmation, user=actor, phone=phone, kind=OrderKind.CALIBRATE)
    if key is None:
        raise OrderProblem("old_page", _("This page is older than 10 minutes. Type the name again."))
    known = DeviceOrder.objects.filter(user=actor, idempotency_key=key).first()
    if known is not None:
        return known  # the same button again: nothing rings a second time
    problem = why_not_now(phone)
    if problem:
        raise OrderProblem("not_now", problem)
    return _write(actor, phone, key, plan)


def why_not_now(phone: Phone) -> str:
    """Why this phone cannot be calibrated at this moment; empty when nothing speaks against it."""
    identity = identity_of_phone(phone)
    if not identity.model:
        return _("Its model is not known, so nobody could tell for which phones the result counts. Enter it by Edit.")
    if phone.passcode_refused_at is not None:
        return _("The phone refused our passcode, so nothing is sent to it. Enter the right one first.")
    return call_on(phone, now=utc_now())


@transaction.atomic
def _write(actor: User, phone: Phone, key: str, plan: Plan) -> DeviceOrder:
    order, made = request_order(
        phone=phone, kind=OrderKind.CALIBRATE, user=actor, key=key, now=utc_now(), argument=plan.as_text()
    )
    if made:
        details = {
            "order": str(order.pk),
            "rings": [plan.first, plan.second],
            "tries": [one.name for one in plan.trials],
        }
        record_act(actor=actor, action="phone.calibration_asked", target=phone, details=details)
        transaction.on_commit(partial(enqueue_order, order.pk))
    return order


@transaction.atomic
def stop_calibration(*, actor: User, order: DeviceOrder) -> bool:
    """Whether it was still to be stopped. The worker ends after its present request and hangs up what is ours."""
    stopped = stop_order(order_id=order.pk, now=utc_now())
    if stopped:
        record_act(
            actor=actor, action="phone.calibration_stopped", target=order.phone, details={"order": str(order.pk)}
        )
    return stopped
