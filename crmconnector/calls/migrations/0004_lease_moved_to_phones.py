from django.db import migrations

# A token only ever grows: it must not begin anew when its table moves.
COPY = """
    INSERT INTO phones_phonelease (phone_id, token, held_until, holder)
    SELECT phone_id, token, held_until, '' FROM calls_phonelease
    ON CONFLICT (phone_id) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0003_transfers_and_waits"),
        ("phones", "0002_the_whole_phone"),
    ]

    operations = [
        migrations.RunSQL(COPY, migrations.RunSQL.noop),
        migrations.DeleteModel(name="PhoneLease"),
    ]
