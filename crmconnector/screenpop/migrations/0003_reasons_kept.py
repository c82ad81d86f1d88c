from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The reasons are searched newest first: of one person, of one kind, of those without a card."""

    dependencies = [
        ("screenpop", "0002_rules_and_reasons"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="popdecision",
            name="user",
            field=models.ForeignKey(
                blank=True, db_index=False, null=True, on_delete=models.CASCADE, related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RemoveIndex(model_name="popdecision", name="decision_by_user"),
        migrations.AddIndex(
            model_name="popdecision",
            index=models.Index(fields=["user", "-decided_at", "-id"], name="decision_by_user"),
        ),
        migrations.AddIndex(
            model_name="popdecision",
            index=models.Index(fields=["-decided_at", "-id"], name="decision_recent"),
        ),
        migrations.AddIndex(
            model_name="popdecision",
            index=models.Index(fields=["reason", "-decided_at", "-id"], name="decision_by_reason"),
        ),
        migrations.AddIndex(
            model_name="popdecision",
            index=models.Index(fields=["-decided_at", "-id"], name="decision_unshown", condition=Q(shown=False)),
        ),
    ]
