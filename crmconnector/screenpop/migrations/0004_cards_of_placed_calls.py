from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("screenpop", "0003_reasons_kept"),
    ]

    operations = [
        migrations.AlterField(
            model_name="pop",
            name="state",
            field=models.CharField(
                choices=[
                    ("ringing", "ringing"),
                    ("dialling", "calling"),
                    ("talking", "talking"),
                    ("held", "on hold"),
                    ("closed", "closed"),
                ],
                max_length=10,
            ),
        ),
    ]
