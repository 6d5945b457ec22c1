"""The database itself refuses to change an event."""

from django.db import migrations

POSTGRESQL = """
CREATE FUNCTION optout_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an event cannot be changed' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER optout_event_stays BEFORE UPDATE ON optout_event
    FOR EACH ROW EXECUTE FUNCTION optout_event_stays();
"""

SQLITE = """
CREATE TRIGGER optout_event_stays BEFORE UPDATE ON optout_event
    BEGIN SELECT RAISE(ABORT, 'an event cannot be changed'); END
"""


def create(apps, schema_editor):
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(POSTGRESQL if on_postgresql else SQLITE, params=None)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION optout_event_stays() CASCADE", params=None)
    else:
        schema_editor.execute("DROP TRIGGER optout_event_stays", params=None)


class Migration(migrations.Migration):
    dependencies = [("optout", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
