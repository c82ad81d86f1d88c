"""The one way to write an audit event."""

from collections.abc import Mapping

from django.contrib.auth.models import AnonymousUser
from django.db import models

from crmconnector.audit.models import AuditEvent
from crmconnector.users.models import User


def record_act(
    *,
    actor: User | AnonymousUser | None,
    action: str,
    target: models.Model,
    details: Mapping[str, object] | None = None,
) -> AuditEvent:
    """Write one act. `action` is noun.verb in the past: `phone.assigned`. `details` must hold no secret."""
    known = actor if isinstance(actor, User) else None
    return AuditEvent.objects.create(
        actor=known,
        actor_name=known.username if known else "system",
        action=action,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        target_name=str(target)[:200],
        details=dict(details or {}),
    )
