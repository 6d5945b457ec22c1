"""Engines by name: what stores documents and answers queries over them."""

ENGINES = {
    "tantivy": ("search.engines.tantivy.TantivyEngine", "BUILDS_DIR"),
    "elasticsearch": ("search.engines.elasticsearch.ElasticsearchEngine", "ELASTICSEARCH"),
}
"""Name -> dotted path of a class (see `search.engines.base.Engine`), and the setting that it is made from."""
