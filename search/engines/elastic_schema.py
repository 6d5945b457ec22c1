"""What Elasticsearch is told of an index: mapping and settings, each choice with its reason.

Only what is in the core of the server: no plugin, no script, no module, no licence above Basic. Figures are of 103 MB
of real code; docs/elasticsearch.md has the table.
"""

from typing import Any

from search.engines.base import Facet, Field

GIGABYTE = 10**9

TEXT_OF_A_SHARD = 50 * GIGABYTE
"""Bytes of text for one shard of Elasticsearch: about 40 GB once sealed, of the 30 to 50 GB that are advised."""

MOST_SHARDS = 1024
"""What Elasticsearch allows one index to have."""

LONGEST_TERM = 255
"""Bytes. The whitespace analyser cuts tokens above 255 characters, and Lucene refuses keywords above 32,766 bytes with
the whole document; so longer terms are written, and asked for, as their digest (elastic_queries.indexed)."""

LONGEST_COUNTED = 8191
"""Characters of a value that is counted and shown as it is; a longer one is left out of the buckets."""


def _terms(*, positions: bool = False) -> dict[str, Any]:
    """Blank-separated terms in one value: the built-in analyser makes them again and changes nothing.

    No norms: the engine's own scores are not used, and they cost a byte a document and field. Positions only where
    phrases are asked for: they are half of what words take.
    """
    return {
        "type": "text",
        "analyzer": "whitespace",
        "norms": False,
        "index_options": "positions" if positions else "docs",
    }


def _keyword(*, asked: bool, counted: bool) -> dict[str, Any]:
    """One exact value: `asked` for by a term (an inverted index), `counted` in buckets (a column: doc values)."""
    return {"type": "keyword", "index": asked, "doc_values": counted, "ignore_above": LONGEST_COUNTED}


MAPPING: dict[str, Any] = {
    # A field that is not listed is a mistake, and an error.
    "dynamic": "strict",
    # Terms are made, and can be made again: they are not kept. What is shown is stored as fields of its own, in binary,
    # instead of JSON with base64 in it: a page of 200 hits takes 4 ms instead of 51, one of 60 texts 6 instead of 21.
    # Elasticsearch keeps what it was sent as `_recovery_source`, 1.5 of the text, as long as a copy of the index may
    # have to catch up; sealing gets rid of it.
    "_source": {"enabled": False},
    "properties": {
        # Asked for by term; its column finds the documents that several shards of the release hold.
        Field.KEY: _keyword(asked=True, counted=True),
        # 63 bits, unsigned below 2^63. Indexed, since pages go on above a value and the best of many are wanted.
        "order": {"type": "long"},
        # Only summed up.
        "size": {"type": "long", "index": False},
        # The shard of the release that the document was read from: what a part is.
        "shard": {"type": "integer"},
        Field.SWHID: _keyword(asked=True, counted=False),
        Field.TAGS: _keyword(asked=True, counted=False),
        Field.SCOPES: _terms(),
        Field.PATH: _terms(positions=True),
        Field.WORDS: _terms(positions=True),
        Field.PARTS: _terms(),
        Field.TRIGRAMS: _terms(),
        Field.FINGERPRINTS: _terms(),
        Field.BANDS: _terms(),
        # Only counted: filters use tags.
        **{facet.value: _keyword(asked=False, counted=True) for facet in Facet},
        # Shown, never asked for. The text is a zstd frame, as in every engine.
        "record": {"type": "keyword", "index": False, "doc_values": False, "store": True},
        "text": {"type": "binary", "doc_values": False, "store": True},
        # Not of documents: what a finished part says of itself until the index is sealed.
        "part": {"type": "integer"},
        "documents": {"type": "integer", "index": False},
    },
}


def settings_to_build(text_bytes: int) -> dict[str, Any]:
    """Settings of an index that is being written, for so many bytes of text."""
    shards = min(max(-(-text_bytes // TEXT_OF_A_SHARD), 1), MOST_SHARDS)
    return {
        "number_of_shards": shards,
        # A copy would be analysed a second time; what is lost with a node is built again, and an index that is
        # sealed is copied as files.
        "number_of_replicas": 0,
        "auto_expand_replicas": False,
        # Nobody reads it before it is sealed: segments are written when the buffer is full, not every second.
        "refresh_interval": "-1",
        # Every bulk is on disk before it is answered: a part that is done stays done when the server is killed.
        "translog.durability": "request",
        # The texts are compressed already: zstd over blocks of documents takes 0.3 % of the text off, and a hit then
        # takes three times as long, since 240 kB are unpacked for it.
        "codec": "default",
    }


WRITABLE: dict[str, Any] = {"index.blocks.write": None}
READ_ONLY: dict[str, Any] = {"index.blocks.write": True}

COPIED: dict[str, Any] = {"index.blocks.write": None, "index.number_of_replicas": 0}
"""Of a copy that is going to be shrunk; everything else is as it was."""

SEALED: dict[str, Any] = {
    # A sealed index never changes again: pages need no snapshot, and copies are equal.
    "index.blocks.write": True,
    "index.refresh_interval": None,
    # One copy wherever there is a second node to hold it.
    "index.auto_expand_replicas": "0-1",
}
