"""The encrypted model field: ciphertext in the column, a Secret in the program, nothing anywhere else."""

import os
import subprocess
import sys
import textwrap

import pytest
from django import forms
from django.core import serializers
from django.core.exceptions import FieldError, ValidationError
from django.db import models

from crmconnector.common.fields import EncryptedTextField
from crmconnector.common.secrets import Cipher, Secret, TextUnusable, TokenUnreadable, new_key

KEY, OLD_KEY = new_key(), new_key()


class Device(models.Model):
    name = models.CharField(max_length=20, default="desk")
    passcode = EncryptedTextField("passcode", default="")
    needed = EncryptedTextField(default="x")
    spare = EncryptedTextField(null=True, blank=True)

    class Meta:
        app_label = "field_test"
        managed = False

    def __str__(self) -> str:
        return self.name


class DeviceForm(forms.ModelForm):
    class Meta:
        model = Device
        fields = ("name", "passcode")


@pytest.fixture(autouse=True)
def keys(settings: object) -> None:
    settings.ENCRYPTION_KEYS = [KEY, OLD_KEY]  # type: ignore[attr-defined]


def column(device: Device, name: str = "passcode") -> str | None:
    """What would be written."""
    field = Device._meta.get_field(name)
    return field.get_prep_value(getattr(device, name))


def loaded(stored: str | None) -> Device:
    """As Django builds it from a row."""
    value = Device._meta.get_field("passcode").from_db_value(stored, None, None)
    return Device.from_db(
        "default", ["id", "name", "passcode", "needed", "spare"], [1, "desk", value, Secret(""), None]
    )


def test_the_plain_text_never_lies_open_on_the_model() -> None:
    device = Device(passcode="CANARY")
    assert isinstance(device.passcode, Secret)
    device.passcode = "CANARY-2"
    assert "CANARY" not in repr(vars(device)) + f"{device.passcode}"
    assert device.passcode.reveal() == "CANARY-2"


def test_the_column_holds_ciphertext_that_reads_back() -> None:
    stored = column(Device(passcode="CANARY"))
    assert stored is not None
    assert "CANARY" not in stored
    assert loaded(stored).passcode.reveal() == "CANARY"


def test_an_unchanged_secret_is_written_back_as_it_was_and_a_changed_one_under_the_newest_key() -> None:
    stored = Cipher([OLD_KEY]).encrypt("1234")
    device = loaded(stored)
    assert column(device) == stored
    device.passcode = device.passcode.reveal()
    assert Cipher([KEY]).decrypt(column(device) or "") == "1234"


def test_reading_a_row_needs_no_key_until_the_secret_is_asked_for(settings: object) -> None:
    device = loaded(Cipher([KEY]).encrypt("1234"))
    settings.ENCRYPTION_KEYS = [new_key()]  # type: ignore[attr-defined]
    assert bool(device.passcode)
    with pytest.raises(TokenUnreadable):
        device.passcode.reveal()


def test_empty_and_null_stay_what_they_are() -> None:
    assert column(Device()) == ""
    assert column(Device(), "spare") is None
    assert not loaded("").passcode
    assert column(loaded("")) == ""


def test_other_things_than_texts_are_refused_without_showing_them() -> None:
    with pytest.raises(TypeError) as caught:
        Device(passcode=b"CANARY")
    assert "CANARY" not in str(caught.value)
    with pytest.raises(ValidationError) as refused:
        Device._meta.get_field("passcode").to_python(123456789)
    assert "123456789" not in str(refused.value)


def test_a_secret_that_must_be_given_is_missed_by_validation() -> None:
    with pytest.raises(ValidationError) as caught:
        Device(needed="").full_clean()
    assert "needed" in caught.value.message_dict
    Device(passcode="1", needed="1").full_clean()


@pytest.mark.parametrize("lookup", ["passcode", "passcode__exact", "passcode__contains", "passcode__in"])
def test_a_secret_cannot_be_searched_for(lookup: str) -> None:
    with pytest.raises(FieldError):
        str(Device.objects.filter(**{lookup: "CANARY"}).query)
    assert "IS NOT NULL" in str(Device.objects.filter(passcode__isnull=False).query)


@pytest.mark.parametrize("kind", ["json", "python", "xml"])
def test_a_secret_is_not_serialised(kind: str) -> None:
    field = Device._meta.get_field("passcode")
    with pytest.raises(TextUnusable):
        field.value_to_string(Device(passcode="CANARY"))
    try:
        dump = str(serializers.serialize(kind, [Device(id=1, passcode="CANARY")]))
    except (TextUnusable, TypeError) as error:
        dump = str(error)
    assert "CANARY" not in dump


def test_a_form_never_shows_the_secret_and_blank_means_unchanged() -> None:
    device = loaded(Cipher([KEY]).encrypt("CANARY"))
    shown = DeviceForm(instance=device).as_p()
    assert "CANARY" not in shown
    assert "••••" not in shown
    assert 'type="password"' in shown
    form = DeviceForm({"name": "new name", "passcode": ""}, instance=device)
    assert form.is_valid(), form.errors
    assert form.changed_data == ["name"]
    assert device.passcode.reveal() == "CANARY"


def test_a_form_takes_a_new_secret_as_it_was_typed() -> None:
    device = loaded(Cipher([KEY]).encrypt("old"))
    form = DeviceForm({"name": "desk", "passcode": " new one "}, instance=device)
    assert form.is_valid(), form.errors
    assert form.changed_data == ["passcode"]
    assert device.passcode.reveal() == " new one "


def test_the_admins_own_widget_does_not_replace_the_password_input() -> None:
    field = Device._meta.get_field("passcode").formfield(widget=forms.Textarea, required=True)
    assert isinstance(field.widget, forms.PasswordInput)
    assert field.widget.render_value is False
    assert field.required is False


def test_a_migration_describes_the_field_and_no_key() -> None:
    _, path, args, kwargs = EncryptedTextField(null=True, blank=True).deconstruct()
    assert (path, args, kwargs) == ("crmconnector.common.fields.EncryptedTextField", [], {"null": True, "blank": True})


ROUND_TRIP = """
    from django.conf import settings
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        ENCRYPTION_KEYS=[KEY],
    )
    import django
    django.setup()
    from django.db import connection, models
    from crmconnector.common.fields import EncryptedTextField

    class Box(models.Model):
        secret = EncryptedTextField()
        class Meta:
            app_label = "box"

    with connection.schema_editor() as editor:
        editor.create_model(Box)
    Box.objects.create(secret="CANARY")
    Box.objects.bulk_create([Box(secret=""), Box(secret="CANARY")])
    box = Box.objects.first()
    assert box.secret.reveal() == "CANARY"
    first = Box.objects.values_list("secret", flat=True)[0]
    assert first == box.secret and "CANARY" not in repr(first)
    Box.objects.filter(pk=box.pk).update(secret="CANARY-2")
    box.refresh_from_db()
    assert box.secret.reveal() == "CANARY-2"
    assert Box.objects.defer("secret").first().secret.reveal() == "CANARY-2"
    box.secret = "CANARY-3"
    Box.objects.bulk_update([box], ["secret"])
    with connection.cursor() as cursor:
        cursor.execute("select secret from box_box")
        stored = [row[0] for row in cursor.fetchall()]
    assert "CANARY" not in repr(stored) and stored[1] == "" and len(stored) == 3, stored
    print("came back as", Box.objects.first().secret.reveal())
"""


def test_a_real_database_holds_ciphertext_only() -> None:
    program = f"KEY = {KEY!r}\n" + textwrap.dedent(ROUND_TRIP)
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment)
    assert done.stdout == "came back as CANARY-3\n", done.stderr
