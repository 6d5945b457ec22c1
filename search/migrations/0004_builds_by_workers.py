from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0003_owners_of_masks'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='build',
            options={'permissions': [('steer_build', 'Can cancel builds and have shards tried again')]},
        ),
        migrations.AddField(
            model_name='build',
            name='answers_again',
            field=models.BooleanField(default=False, help_text='it answered, and does so again when what was added to it is sealed'),
        ),
        migrations.AddField(
            model_name='build',
            name='problem',
            field=models.TextField(blank=True, help_text='why it could not be sealed'),
        ),
        migrations.AddField(
            model_name='shard',
            name='columns',
            field=models.JSONField(blank=True, default=dict, help_text='which columns hold what, where the schema alone does not tell'),
        ),
        migrations.AddField(
            model_name='shardbuild',
            name='done_bytes',
            field=models.BigIntegerField(default=0, help_text='of text, as far as was told'),
        ),
        migrations.AddField(
            model_name='shardbuild',
            name='seen_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='build',
            name='state',
            field=models.CharField(choices=[('running', 'Running'), ('incomplete', 'Incomplete'), ('complete', 'Complete'), ('cancelled', 'Cancelled'), ('failed', 'Failed')], default='running', max_length=10),
        ),
    ]
