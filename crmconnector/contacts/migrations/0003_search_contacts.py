"""Search by anything, and sorting, among a million contacts: by indexes."""

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

import crmconnector.contacts.folding

# NFKD takes letters apart from their accents; the few that it cannot are replaced by hand.
FOLD = r"""
create function contacts_fold(text) returns text language sql immutable strict parallel safe
return upper(translate(replace(regexp_replace(normalize($1, nfkd), '[\u0300-\u036F]', '', 'g'), 'ß', 'ss'),
                       'łŁøØđĐıæÆœŒ', 'lLoOdDiaAoO'));
"""
SEARCH_TEXT = """
create function contacts_search_text(text, text, text, text, text, text[]) returns text
language sql immutable parallel safe
return ' ' || contacts_fold(concat_ws(' ', $1, $2, $3, $4, $5, array_to_string($6, ' ')));
"""


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0002_people"),
    ]

    operations = [
        TrigramExtension(),
        migrations.RunSQL(FOLD, "drop function contacts_fold(text);"),
        migrations.RunSQL(SEARCH_TEXT, "drop function contacts_search_text(text, text, text, text, text, text[]);"),
        migrations.AddField(
            model_name="contact",
            name="search",
            field=models.GeneratedField(
                db_persist=True,
                expression=crmconnector.contacts.folding.SearchText(
                    "name", "company", "title", "email", "external_id", "tags"
                ),
                output_field=models.TextField(),
            ),
        ),
        # A hundred sample texts tell nothing about how rare a word is among a million.
        migrations.RunSQL(
            "alter table contacts_contact alter column search set statistics 1000;",
            "alter table contacts_contact alter column search set statistics -1;",
        ),
        migrations.AddIndex(
            model_name="contact",
            index=django.contrib.postgres.indexes.GinIndex(
                OpClass("search", name="gin_trgm_ops"), name="contact_by_text"
            ),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(crmconnector.contacts.folding.Fold("name"), "id", name="contact_sorted_by_name"),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(crmconnector.contacts.folding.Fold("company"), "id", name="contact_sorted_by_company"),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["-updated_at", "-id"], name="contact_by_change"),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(condition=models.Q(("kind", "company")), fields=["id"], name="contact_companies"),
        ),
        migrations.AddIndex(
            model_name="contactnumber",
            index=models.Index(
                OpClass(django.db.models.functions.text.Reverse("match_key"), name="text_pattern_ops"),
                name="number_by_ending",
            ),
        ),
        migrations.AddIndex(
            model_name="contactchange",
            index=models.Index(condition=models.Q(("kind", "merged")), fields=["contact"], name="change_that_merged"),
        ),
    ]
