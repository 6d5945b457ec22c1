from typing import Any

from django.db import migrations, models
from django.db.models import F


def none_by_name(apps: Any, schema_editor: Any) -> None:
    """Builds that were sealed before know no file by name alone."""
    apps.get_model("search", "Build").objects.exclude(unread_files=0).update(unlisted_files=F("unread_files"))


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0006_unread_files'),
    ]

    operations = [
        migrations.AddField(
            model_name='build',
            name='unlisted_files',
            field=models.BigIntegerField(default=0, help_text='of them, those that are not known by name either'),
        ),
        migrations.RunPython(none_by_name, migrations.RunPython.noop),
    ]
