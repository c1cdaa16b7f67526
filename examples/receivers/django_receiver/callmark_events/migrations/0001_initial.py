"""The table of events."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """As `makemigrations` writes it."""

    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="ReceivedEvent",
            fields=[
                ("event_id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("event_type", models.CharField(max_length=64)),
                ("number", models.CharField(blank=True, max_length=32)),
                ("body", models.JSONField()),
                ("received_at", models.DateTimeField(auto_now_add=True)),
                ("handled_at", models.DateTimeField(blank=True, db_index=True, null=True)),
            ],
        ),
    ]
