"""Engines by name: what stores documents and answers queries over them."""

ENGINES = {
    "tantivy": "search.engines.tantivy.TantivyEngine",
}
"""Name -> dotted path of a class that takes the folder of all builds; see `search.engines.base.Engine`."""
