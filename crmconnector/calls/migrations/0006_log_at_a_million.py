"""The log of calls at a million rows: whose each call is and with which number, and the indexes to find it by.

Not atomic: the old calls are read in slices, each its own transaction, so that no transaction lasts for minutes. It may
be broken off and run again: a slice that was done is done again with the same outcome.
"""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SLICE = 5000
_PARTIES = """
insert into calls_callparty (call_id, user_id, started_at)
select distinct found.call_id, found.user_id, call.started_at
from (
    select call_id, user_id from calls_leg where call_id > %(after)s and call_id <= %(until)s
    union select id, answered_by_id from calls_call where id > %(after)s and id <= %(until)s
    union select id, placed_by_id from calls_call where id > %(after)s and id <= %(until)s
) as found join calls_call as call on call.id = found.call_id
where found.user_id is not null
on conflict do nothing
"""


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    call_model = apps.get_model("calls", "Call")
    newest = call_model.objects.order_by("-id").values_list("id", flat=True).first() or 0
    for after in range(0, newest, SLICE):
        with transaction.atomic(schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
            cursor.execute(_PARTIES, {"after": after, "until": after + SLICE})
            _fill_numbers(call_model, after)


def _fill_numbers(call_model: type[models.Model], after: int) -> None:
    # Imported here: what it reads numbers with takes a second to load, and most runs have nothing to fill.
    from crmconnector.calls.parties import far_number_of
    from crmconnector.common.numbers import read_number

    rows = call_model._default_manager.filter(pk__gt=after, pk__lte=after + SLICE).select_related("pbx")
    changed = []
    for call in rows.order_by("pk"):
        country, prefixes = call.pbx.country, tuple(part for part in call.pbx.outside_prefixes.split(",") if part)
        number = far_number_of(call, lambda text: read_number(text, country=country, outside_prefixes=prefixes))  # noqa: B023
        if number:
            call.far_number = number
            changed.append(call)
    call_model._default_manager.bulk_update(changed, ["far_number"], batch_size=500)


def _without_own_index(to: str, related_name: str) -> models.ForeignKey:
    """An index of several columns that begins with this one serves it as well."""
    return models.ForeignKey(
        to, django.db.models.deletion.SET_NULL, null=True, blank=True, related_name=related_name, db_index=False
    )


def _of_pbx(related_name: str) -> models.ForeignKey:
    return models.ForeignKey("pbx.pbx", django.db.models.deletion.CASCADE, related_name=related_name, db_index=False)


_USER = settings.AUTH_USER_MODEL
_MISSED = models.Q(
    direction="inbound",
    disposition__in=("no_answer", "cancelled", "abandoned", "busy", "rejected"),
    ended_at__isnull=False,
)
_NUMBERED = models.Q(("far_number", ""), _negated=True)
_OpClass = django.contrib.postgres.indexes.OpClass
_GinIndex = django.contrib.postgres.indexes.GinIndex
_Upper, _Reverse = django.db.models.functions.text.Upper, django.db.models.functions.text.Reverse
_CALL_INDEXES: list[models.Index] = [
    models.Index(fields=["line", "-started_at"], name="call_by_line", condition=models.Q(("line__isnull", False))),
    models.Index(
        fields=["queue_name", "-started_at"],
        name="call_by_queue",
        condition=models.Q(("queue_name", ""), _negated=True),
    ),
    models.Index(fields=["-started_at", "-id"], name="call_missed", condition=_MISSED),
    models.Index(
        fields=["pbx", "merged_into"],
        name="call_by_winner",
        condition=models.Q(("merged_into", ""), _negated=True),
    ),
    models.Index(
        _OpClass("far_number", "varchar_pattern_ops"),
        models.F("started_at").desc(),
        name="call_by_far_number",
        condition=_NUMBERED,
    ),
    models.Index(_OpClass(_Reverse("far_number"), "text_pattern_ops"), name="call_by_last_digits", condition=_NUMBERED),
    models.Index(
        fields=["far_number", "answered_at"],
        name="call_talked_with",
        condition=models.Q(("answered_at__isnull", False), _NUMBERED),
    ),
    _GinIndex(
        _OpClass(_Upper("caller_name"), "gin_trgm_ops"),
        name="call_by_caller_name",
        condition=models.Q(("caller_name", ""), _negated=True),
    ),
]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("calls", "0005_notes_and_tests"),
        migrations.swappable_dependency(_USER),
    ]
    operations = [
        TrigramExtension(),
        migrations.CreateModel(
            name="CallParty",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField()),
                (
                    "call",
                    models.ForeignKey(
                        "calls.call", django.db.models.deletion.CASCADE, related_name="parties", db_index=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(_USER, django.db.models.deletion.CASCADE, related_name="+", db_index=False),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("call", "user"), name="party_once_per_call_and_user")],
            },
        ),
        migrations.AddField("call", "far_number", models.CharField(blank=True, max_length=20)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex("callparty", models.Index(fields=["user", "-started_at", "-call"], name="party_recent")),
        *(migrations.AddIndex("call", index) for index in _CALL_INDEXES),
        migrations.AddIndex(
            "callnote",
            _GinIndex(
                _OpClass(_Upper("text"), "gin_trgm_ops"),
                name="note_by_text",
                condition=models.Q(("text", ""), _negated=True),
            ),
        ),
        migrations.AlterField("call", "contact", _without_own_index("contacts.contact", "calls")),
        migrations.AlterField("call", "line", _without_own_index("pbx.line", "+")),
        migrations.AlterField("call", "placed_by", _without_own_index(_USER, "+")),
        # Each costs every written call; no question needs them: the unique keys begin with the PBX, CallParty has the
        # people.
        migrations.AlterField("call", "pbx", _of_pbx("calls")),
        migrations.AlterField("leg", "pbx", _of_pbx("+")),
        migrations.RemoveIndex("call", "call_by_placer"),
        migrations.RemoveIndex("leg", "leg_by_user"),
    ]
