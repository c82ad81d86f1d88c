"""Keys can be changed without entering a secret again, and the old key is then no longer needed."""

from django.core.management import call_command

from crmconnector.common.secrets import new_key
from crmconnector.pbx.models import Pbx
from phones.models import Phone
from tests.support.canary import PASSCODE


def stored(model, name) -> str:
    """The column as PostgreSQL has it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"select {name} from {model._meta.db_table} order by id limit 1")
        return cursor.fetchone()[0]


def test_secrets_are_ciphertext_in_the_database_and_read_back(office):
    assert PASSCODE not in stored(Phone, "passcode")
    assert Phone.objects.first().passcode.reveal() == PASSCODE
    assert PASSCODE not in repr(Phone.objects.values())


def test_after_rotation_the_old_key_is_not_needed(office, settings):
    new = new_key()
    settings.ENCRYPTION_KEYS = (new, *settings.ENCRYPTION_KEYS)
    before = stored(Phone, "passcode")
    call_command("rotate_keys", verbosity=0)
    assert stored(Phone, "passcode") != before
    settings.ENCRYPTION_KEYS = (new,)
    assert Phone.objects.first().passcode.reveal() == PASSCODE
    assert Pbx.objects.first().secret.reveal() == "secret"


def test_a_second_rotation_writes_nothing(office, capsys):
    before = stored(Phone, "passcode")
    call_command("rotate_keys")
    assert stored(Phone, "passcode") == before
    assert "phones.Phone.passcode: 0 encrypted anew" in capsys.readouterr().out
