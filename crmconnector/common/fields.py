"""A model field for passcodes and PBX secrets: ciphertext in the column, a `Secret` in the program.

Keys come from `settings.ENCRYPTION_KEYS` (the first encrypts).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NoReturn

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from crmconnector.common.secrets import Cipher, Secret, TextUnusable


class SealedSecret(Secret):
    """A secret as it came from the database: decrypted only when somebody asks for it.

    A row with a lost key can so still be listed, and be given a new passcode.
    """

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    def reveal(self) -> str:
        return _cipher().decrypt(self.token)

    def __bool__(self) -> bool:
        return True  # an empty text is stored as an empty column, never as a token


class SecretAttribute(DeferredAttribute):
    """Wraps what is assigned, so that the plain text never lies open on the model."""

    def __set__(self, instance: models.Model, value: object) -> None:
        instance.__dict__[self.field.attname] = _wrapped(value)


class SecretFormField(forms.CharField):
    """Write-only: never shows the stored secret; left blank means unchanged."""

    def has_changed(self, initial: object, data: object) -> bool:
        return bool(data)


class EncryptedTextField(models.TextField):  # type: ignore[type-arg, unused-ignore]
    """Keeps a short secret encrypted. Reads as `Secret`; takes a str or a Secret; may be empty.

    It cannot be searched (each encryption differs), only tested with `isnull`, and it refuses to be serialised. In
    forms it is write-only. To bring a row under the newest key: `row.field = row.field.reveal()` and save.
    """

    descriptor_class = SecretAttribute

    def from_db_value(self, value: str | None, *_: object) -> Secret | None:
        if value is None:
            return None
        return SealedSecret(value) if value else Secret("")

    def to_python(self, value: object) -> Secret | None:
        try:
            return _wrapped(value)
        except TypeError:
            pass
        raise ValidationError("Enter a text.", code="invalid")

    def validate(self, value: Secret | None, model_instance: models.Model | None) -> None:
        if value is not None and not value and not self.blank:
            raise ValidationError(self.error_messages["blank"], code="blank")
        super().validate(value, model_instance)

    def get_prep_value(self, value: object) -> str | None:
        secret = _wrapped(value)
        if secret is None:
            return None
        if isinstance(secret, SealedSecret):
            return secret.token  # unchanged since it was read
        text = secret.reveal()
        return _cipher().encrypt(text) if text else ""

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def value_to_string(self, obj: models.Model) -> NoReturn:
        # A dump holds either the secret or a token which a reload would encrypt a second time. Neither is wanted.
        raise TextUnusable(f"{self.name} is a secret and is not exported. Back up the database and its key instead.")

    def formfield(self, **kwargs: Any) -> Any:
        # The admin passes its own textarea, which would show the mask and then save the mask as the passcode.
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False)
        fixed = {"form_class": SecretFormField, "widget": widget, "required": False, "strip": False}
        return super().formfield(**{**kwargs, **fixed})

    def save_form_data(self, instance: models.Model, data: object) -> None:
        if _wrapped(data):
            super().save_form_data(instance, data)


def rotated(row: models.Model, attribute: str) -> bool:
    """Bring a secret of a row under the newest key; False when it is there already, or empty. Does not save."""
    secret = getattr(row, attribute)
    if not isinstance(secret, SealedSecret) or not _cipher().needs_rotation(secret.token):
        return False
    setattr(row, attribute, secret.reveal())
    return True


def _wrapped(value: object) -> Secret | None:
    if value is None or isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    raise TypeError(f"A secret is a str or a Secret, not {type(value).__name__}.")


def _cipher() -> Cipher:
    keys: Sequence[str] = settings.ENCRYPTION_KEYS
    return _cipher_of(tuple(keys))


@lru_cache(maxsize=4)
def _cipher_of(keys: tuple[str, ...]) -> Cipher:
    return Cipher(keys)
