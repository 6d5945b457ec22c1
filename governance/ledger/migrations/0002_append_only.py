"""The database itself refuses to change or remove what the ledger holds.

TRUNCATE fires no row trigger, so PostgreSQL needs one of its own; it lets an empty table pass, which loses nothing.
In SQLite REPLACE removes rows without firing a trigger for DELETE, so rows that are there already are looked for.
"""

from django.db import migrations

KEYS = {
    "ledger_entry": ("index",),
    "ledger_node": ("level", "index"),
    "ledger_checkpoint": ("size",),
}

FUNCTION = """
CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    filled boolean := true;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', TG_RELID::regclass) INTO filled;
    END IF;
    IF filled THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$
"""


def on_postgresql(table):
    function = "EXECUTE FUNCTION ledger_append_only()"
    yield f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {function}"
    yield f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {function}"


def on_sqlite(table):
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    same = " AND ".join(f'"{column}" = NEW."{column}"' for column in KEYS[table])
    there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"
    yield f"CREATE TRIGGER {table}_not_changed BEFORE UPDATE ON {table} {refuse}"
    yield f"CREATE TRIGGER {table}_not_removed BEFORE DELETE ON {table} {refuse}"
    yield f"CREATE TRIGGER {table}_not_replaced BEFORE INSERT ON {table} WHEN {there} {refuse}"


TRIGGERS = {"postgresql": on_postgresql, "sqlite": on_sqlite}


def create(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    if vendor == "postgresql":
        schema_editor.execute(FUNCTION, params=None)
    for table in KEYS:
        for statement in TRIGGERS[vendor](table):
            schema_editor.execute(statement, params=None)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION ledger_append_only() CASCADE", params=None)
        return
    for table in KEYS:
        for event in ("changed", "removed", "replaced"):
            schema_editor.execute(f"DROP TRIGGER {table}_not_{event}", params=None)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
