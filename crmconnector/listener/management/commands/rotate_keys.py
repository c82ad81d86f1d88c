"""`manage.py rotate_keys`: encrypt every stored secret again with the first key of ENCRYPTION_KEYS."""

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import models, transaction

from crmconnector.common.fields import EncryptedTextField, rotated

ROWS_AT_ONCE = 500


class Command(BaseCommand):
    help = (
        "After a new key was put in front of ENCRYPTION_KEYS and every process restarted: encrypt all secrets anew. "
        "When it has finished, the older keys can be taken away."
    )

    def handle(self, *args: object, **options: object) -> None:
        for model, field in _encrypted_fields():
            count = rotate(model, field)
            self.stdout.write(f"{model._meta.label}.{field.name}: {count} encrypted anew")


def rotate(model: type[models.Model], field: EncryptedTextField) -> int:
    """Every row that is not under the first key; each in a lock of its own, so that no edit is overwritten."""
    count = 0
    for pk in model._default_manager.order_by("pk").values_list("pk", flat=True).iterator(ROWS_AT_ONCE):
        with transaction.atomic():
            row = model._default_manager.select_for_update(of=("self",)).filter(pk=pk).first()
            if row is not None and rotated(row, field.attname):
                row.save(update_fields=[field.attname])
                count += 1
    return count


def _encrypted_fields() -> list[tuple[type[models.Model], EncryptedTextField]]:
    return [
        (model, field)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, EncryptedTextField)
    ]
