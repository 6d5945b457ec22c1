from typing import Any

from django.db import migrations, models


def count(apps: Any, schema_editor: Any) -> None:
    build, row = apps.get_model("search", "Build"), apps.get_model("search", "ShardBuild")
    for sealed in build.objects.exclude(sealed_at=None).exclude(state="complete"):
        sealed.missing_shards = row.objects.filter(build=sealed).exclude(state="done").count()
        sealed.save(update_fields=["missing_shards"])


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0004_builds_by_workers'),
    ]

    operations = [
        migrations.AddField(
            model_name='build',
            name='missing_shards',
            field=models.PositiveIntegerField(default=0, help_text='that are not in what was sealed last'),
        ),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
