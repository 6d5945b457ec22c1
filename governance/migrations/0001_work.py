import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Work',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='task and ids', max_length=200, unique=True)),
                ('task', models.CharField(help_text='dotted name of the function', max_length=100)),
                ('ids', models.JSONField(default=list)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now, help_text='when it was asked for last; done means: since')),
                ('send_at', models.DateTimeField(default=django.utils.timezone.now, help_text='not sent before')),
                ('sent_at', models.DateTimeField(blank=True, help_text='when the broker got it; empty: it did not yet', null=True)),
                ('token', models.CharField(blank=True, max_length=32)),
                ('held_until', models.DateTimeField(blank=True, null=True)),
                ('takes', models.PositiveIntegerField(default=0, help_text='how often it was begun')),
                ('tries', models.PositiveIntegerField(default=0, help_text='how often it failed in a way that may pass')),
                ('problem', models.TextField(blank=True, help_text='why the latest try failed')),
            ],
            options={
                'verbose_name_plural': 'work',
                'ordering': ['pk'],
                'indexes': [models.Index(fields=['send_at'], name='work_due'), models.Index(fields=['held_until'], name='work_held')],
            },
        ),
    ]
