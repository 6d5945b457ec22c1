from typing import Any

from django.db import migrations, models

# As they were when this was written: search.builds may come to know others.
POINTERS = ("stack-v2-ids", "stack-v2-train-ids")
UNREAD = ("no text", "not in the archive", "damaged content", "unknown encoding", "undecodable")


def only_points(columns: Any) -> bool:
    return "blob_id" in columns and not columns.keys() & {"content", "events", "layout"}


def count(apps: Any, schema_editor: Any) -> None:
    build, row = apps.get_model("search", "Build"), apps.get_model("search", "ShardBuild")
    for sealed in build.objects.exclude(sealed_at=None):
        rows = row.objects.filter(build=sealed).values_list("shard__layout", "shard__columns", "tally")
        pointing = [tally for layout, columns, tally in rows if layout in POINTERS or only_points(columns)]
        sealed.unread_files = sum(tally.get(reason, 0) for tally in pointing for reason in UNREAD)
        if sealed.unread_files:
            sealed.save(update_fields=["unread_files"])


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0005_missing_shards'),
    ]

    operations = [
        migrations.AddField(
            model_name='build',
            name='unread_files',
            field=models.BigIntegerField(default=0, help_text='that shards point to, and whose texts nobody has read'),
        ),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
