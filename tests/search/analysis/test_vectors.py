"""The test vectors of docs/formats/analysis.md, which must never change within a spec version.

`python -m tests.search.analysis.test_vectors` writes them again, from the plain statement, for a new version.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from datasketch import MinHash

from search.analysis.entries import SPEC, band_terms
from search.analysis.fingerprints import PROFILES, fingerprints
from search.analysis.hashing import terms_of
from search.analysis.minhash import shingles, signature_of
from search.analysis.words import TrigramWriter, parts_of, words_of
from search.documents import Document
from search.scope import parse_scope
from search.swhid import of_content
from tests.corpus import code
from tests.search.analysis import reference

FILE = Path(__file__).with_name("vectors.json")
TEXTS = [
    "",
    "int main(void) { return 0; }\n",
    "def parseURL(self, HTTPServer):\r\n\treturn self.x86_64 + utf8_name\r\n",
    "one two three four five",
    "Grüße — naïve “quotes”, ΑΣ: İstanbul, 漢字 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢\n",
    code(1, 2),
]
SCOPES = ["account:Torvalds", "repo:torvalds/Linux", "path:torvalds/linux/drivers/net", "email:Ada@Example.org"]
DOCUMENT = Document("swh:1:cnt:" + "a" * 40, "Ada/engine", "src/main.c", b"x", stars=1000, vendored=True)


def plainly(text: str) -> dict[str, Any]:
    """Every value of the text, by tests.search.analysis.reference."""
    content = text.encode()
    prints = {name: reference.fingerprints(content, p.gram, p.window) for name, p in PROFILES.items()}
    hashes = reference.shingles(content)
    minhash = MinHash(num_perm=256, seed=1, scheme="affine32", hashfunc=lambda value: value)
    minhash.update_batch([value & 0xFFFFFFFF for value in hashes])
    signature = [int(value) for value in minhash.hashvalues]
    return {
        "text": text,
        "swhid": of_content(content).core,
        "fingerprints": {name: [f"{value:016x}" for value in sorted(values)] for name, values in prints.items()},
        "fingerprint_terms": [reference.term(value) for value in sorted(prints["standard"])],
        "shingles": [f"{value:016x}" for value in hashes],
        "signature": signature,
        "band_terms": [reference.term(value) for value in reference.bands(signature)] if hashes else [],
        "words": reference.words(text),
        "parts": sorted(reference.parts(text)),
        "trigrams": sorted(trigram.hex() for trigram in reference.trigrams(text)),
    }


def vectors() -> dict[str, Any]:
    return {
        "spec": SPEC,
        "texts": [plainly(text) for text in TEXTS],
        "scope_keys": {scope: parse_scope(scope).key for scope in SCOPES},
        "document": {"key": DOCUMENT.key, "order": DOCUMENT.order},
    }


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return read


def test_the_plain_statement_gives_the_vectors(written: dict[str, Any]) -> None:
    assert vectors() == written


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_the_kernels_give_the_vectors(written: dict[str, Any], number: int) -> None:
    vector = written["texts"][number]
    content = vector["text"].encode()
    for name, profile in PROFILES.items():
        assert [f"{value:016x}" for value in fingerprints(content, profile)] == vector["fingerprints"][name]
    assert terms_of(fingerprints(content)).split() == vector["fingerprint_terms"]
    assert [f"{value:016x}" for value in shingles(content)] == vector["shingles"]
    assert signature_of(shingles(content)).tolist() == vector["signature"]
    assert band_terms(content).split() == vector["band_terms"]
    assert words_of(content).split() == vector["words"]
    assert sorted(set(parts_of(content).split())) == vector["parts"]
    assert len(TrigramWriter().trigrams_of(content).split()) == len(vector["trigrams"])


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", "utf-8")
