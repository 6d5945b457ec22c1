"""What a release of a given size costs, from measured figures: everything grows with the text unless said otherwise."""

import math
from collections.abc import Callable, Sequence

from benchmarks.simulate_coefficients import Coefficients

MB_PER_TB = 1e6
SHARD_GB = 1.0
"""Text of one shard of a release, as the simulation takes it."""

ELASTICSEARCH_SHARD_GB = 50
MOST_ELASTICSEARCH_SHARDS = 1024
"""As search/engines/elastic_schema.py has them."""

NODE_TB = 8.0
NODE_FILL = 0.8
"""Disk of a data node, and how much of it may be used (the server's low watermark is 85 %)."""

NODE_CORES = 16
CLUSTER_CORES = 256

LOOSE_BITS, TIGHT_BITS = 14.4, 22.5
"""Bits a key of a Bloom filter at error rates of 1e-3 and 2e-5."""

FINGERPRINT_BYTES = 8
ROW_TABLES = 3
"""Shard, its state in a build, its task."""

Cost = Callable[[float, Coefficients], str]


def size(terabytes: float) -> str:
    """In GB below one TB, as people read it."""
    if terabytes < 1:
        return f"{terabytes * 1000:,.0f} GB"
    return f"{terabytes:,.1f} TB" if terabytes < 100 else f"{terabytes:,.0f} TB"


def core_hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:,.1f}"


def duration(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds / 3600:,.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:,.1f} days"


def shards(terabytes: float) -> int:
    return math.ceil(terabytes * 1000 / SHARD_GB)


def elasticsearch_shards(terabytes: float) -> int:
    return min(math.ceil(terabytes * 1000 / ELASTICSEARCH_SHARD_GB), MOST_ELASTICSEARCH_SHARDS)


def writing_peak(terabytes: float, given: Coefficients) -> float:
    """What was sent and what is shrunk from it lie side by side until the index is sealed."""
    return terabytes * (given.elasticsearch_unsealed_ratio + given.elasticsearch_ratio)


def nodes(terabytes: float) -> str:
    return f"{max(1, math.ceil(terabytes / (NODE_TB * NODE_FILL))):,}"


def heap_gb(cores: int) -> float:
    """Least heap of a node that allows the clauses of the longest question (docs/elasticsearch.md)."""
    return 8800 * (cores * 3 // 2 + 1) / 64 / 1000


def building_seconds(terabytes: float, given: Coefficients) -> float:
    return terabytes * MB_PER_TB * given.elasticsearch_core_seconds_per_mb


def fingerprints(terabytes: float, given: Coefficients) -> float:
    return terabytes * 1e9 * given.fingerprints_per_kb


def portrait(terabytes: float, given: Coefficients) -> float:
    return terabytes * given.portrait_ratio


TABLE: Sequence[tuple[str, Cost]] = (
    ("documents", lambda tb, c: f"{tb * c.documents_per_mb:,.0f} million"),
    (f"shards of the release, {SHARD_GB:g} GB of text each", lambda tb, c: f"{shards(tb):,}"),
    (f"rows in the database for a build ({ROW_TABLES} a shard)", lambda tb, c: f"{shards(tb) * ROW_TABLES:,}"),
    ("shards as Parquet", lambda tb, c: size(tb * c.parquet_ratio)),
    ("registering: core-hours", lambda tb, c: core_hours(tb * MB_PER_TB / c.register_mb_per_second)),
    ("build with tantivy: core-hours", lambda tb, c: core_hours(tb * MB_PER_TB * c.tantivy_core_seconds_per_mb)),
    ("build with tantivy: disk", lambda tb, c: size(tb * c.tantivy_ratio)),
    ("build with Elasticsearch: core-hours", lambda tb, c: core_hours(building_seconds(tb, c))),
    (
        f"the same on {CLUSTER_CORES} cores",
        lambda tb, c: duration(building_seconds(tb, c) / CLUSTER_CORES),
    ),
    ("sent from workers to Elasticsearch, at least", lambda tb, c: size(tb * c.elasticsearch_sent_ratio)),
    ("index, sealed, one copy", lambda tb, c: size(tb * c.elasticsearch_ratio)),
    ("index, sealed, with a replica", lambda tb, c: size(2 * tb * c.elasticsearch_ratio)),
    ("index, most while it is sealed", lambda tb, c: size(writing_peak(tb, c))),
    ("shards of Elasticsearch, one copy", lambda tb, c: f"{elasticsearch_shards(tb):,}"),
    ("text of one of them", lambda tb, c: f"{tb * 1000 / elasticsearch_shards(tb):,.0f} GB"),
    (f"data nodes of {NODE_TB:g} TB for the peak", lambda tb, c: nodes(writing_peak(tb, c))),
    (f"heap of a node of {NODE_CORES} cores, at least", lambda tb, c: f"{heap_gb(NODE_CORES):.1f} GB"),
    ("fingerprint lists until it is sealed", lambda tb, c: size(fingerprints(tb, c) * FINGERPRINT_BYTES / 1e12)),
    ("portrait, error rate 2e-5", lambda tb, c: size(portrait(tb, c))),
    ("portrait, error rate 1e-3", lambda tb, c: size(portrait(tb, c) * LOOSE_BITS / TIGHT_BITS)),
    ("making the portrait: core-hours", lambda tb, c: core_hours(fingerprints(tb, c) / c.insertions_per_second)),
)


def table(sizes: Sequence[float], given: Coefficients) -> list[str]:
    """Markdown, a column for each size in terabytes of text."""
    head = ["what", *(f"{terabytes:g} TB" for terabytes in sizes)]
    rows = [[what, *(cost(terabytes, given) for terabytes in sizes)] for what, cost in TABLE]
    return markdown(head, rows)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
