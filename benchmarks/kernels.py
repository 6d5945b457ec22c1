"""What one core does of each step of the analysis, beside the cost of copying the same bytes."""

from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks import corpus
from benchmarks.rows import Row, rate
from search.analysis.entries import Analyser, band_terms
from search.analysis.fingerprints import fingerprints, selected
from search.analysis.minhash import shingles, signature_of
from search.analysis.words import TrigramWriter, parts_of, words_of
from search.documents import Document
from search.engines.stored import pack
from search.portrait import Portrait, PortraitWriter, expected_keys, size_for
from search.shards import read_documents
from search.swhid import of_content


def rows() -> list[Row]:
    texts = corpus.held(40)
    size = sum(map(len, texts))
    portrait = _portrait()
    trigrams = TrigramWriter()
    analyser = Analyser()
    documents = [Document(of_content(text).core, "a/b", f"{n}.py", text, "Python") for n, text in enumerate(texts)]
    shard = next(iter(sorted(corpus.shards().rglob("*.parquet"))))
    shard_size = sum(len(document.content) for document in _read(shard))
    steps = [
        ("copying the bytes (for comparison)", "", lambda: [bytearray(text) for text in texts]),
        ("fingerprints with portrait look-up", ">= 180 MB/s", lambda: [_look_up(portrait, text) for text in texts]),
        ("fingerprints, distinct and sorted", "", lambda: [fingerprints(text) for text in texts]),
        ("signature from bytes", ">= 200 MB/s", lambda: [signature_of(shingles(text)) for text in texts]),
        ("bands as terms", "", lambda: [band_terms(text) for text in texts]),
        ("words", "", lambda: [words_of(text) for text in texts]),
        ("parts", "", lambda: [parts_of(text) for text in texts]),
        ("trigrams", "", lambda: [trigrams.trigrams_of(text) for text in texts]),
        ("SHA-1 of the content", "", lambda: [of_content(text) for text in texts]),
        ("compressing the text", "", lambda: [pack(text) for text in texts]),
        ("the whole analysis of a document", "", lambda: [analyser.analyse(document) for document in documents]),
    ]
    measured = [Row(what, f"{rate(size, step):.0f} MB/s", aim) for what, aim, step in steps]
    return [*measured, Row("reading a shard", f"{rate(shard_size, lambda: _read(shard)):.0f} MB/s")]


def _read(shard: Path) -> list[Document]:
    return list(read_documents(shard, max_bytes=10**7, tally=Counter()))


def _look_up(portrait: Portrait, text: bytes) -> bool:
    return bool(portrait.contains(selected(text)).any())


def _portrait() -> Portrait:
    """A filter too large for the processor's caches, filled with other keys: most of a stranger's code is absent."""
    path = corpus.folder() / "kernels.portrait"
    if not path.exists():
        writer = PortraitWriter(size_for(expected_keys(4 * 10**9), 2e-5), spec="1", profile="standard")
        writer.add(np.random.default_rng(1).integers(0, 2**64, 60_000_000, dtype=np.uint64))
        writer.write(path, release="kernels")
    return Portrait.open(path)
