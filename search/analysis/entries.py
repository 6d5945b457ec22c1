"""One document in, everything an engine and a portrait want to know of it out, in one pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis.fingerprints import STANDARD, Profile, fingerprints
from search.analysis.hashing import terms_of
from search.analysis.minhash import bands_of, shingles, signature_of
from search.analysis.words import TrigramWriter, parts_of, words_of
from search.documents import Document, DocumentKind
from search.engines.base import Entry, Field, Term
from search.patterns import find_emails
from search.scope import keys_of_contents, keys_of_emails, keys_of_place

SPEC = "1"
"""Version of docs/formats/analysis.md. A build records it and is refused by code of another."""

PATH_ROOT = "/"

BY_NAME = Term(Field.TAGS, "text:none")
"""Documents that are known by name alone."""
UNREAD = Term(Field.TAGS, "text:unread")
"""Those of them whose texts nobody has read."""


@dataclass(frozen=True, slots=True)
class Analysed:
    entry: Entry
    fingerprints: NDArray[np.uint64]


class Analyser:
    """Makes entries, one after another; not for several threads."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        self._profile = profile
        self._trigrams = TrigramWriter()

    def analyse(self, document: Document) -> Analysed:
        content = document.content
        hashes = fingerprints(content, self._profile)
        swhids = tuple(dict.fromkeys((document.swhid, document.text_swhid)))
        texts = {
            Field.SCOPES: " ".join(_scopes(document, swhids)),
            Field.PATH: " ".join((PATH_ROOT, *path_terms(document.path))),
            Field.WORDS: words_of(content),
            Field.PARTS: parts_of(content),
            Field.TRIGRAMS: self._trigrams.trigrams_of(content),
            Field.FINGERPRINTS: terms_of(hashes),
            Field.BANDS: band_terms(content),
        }
        key = document.key
        entry = Entry(document, key, document.order, swhids, tuple(_tags(document)), texts)
        return Analysed(entry, hashes)


def path_terms(path: str) -> list[str]:
    """The steps of a path in lower case, blanks in them replaced, as the path field holds them in a row."""
    return ["_".join(step.lower().split()) for step in path.split("/") if step.strip()]


def band_terms(content: bytes) -> str:
    """The terms of the text's bands; none for fewer than five words, which are too little to be alike."""
    hashes = shingles(content)
    return terms_of(bands_of(signature_of(hashes))) if hashes.size else ""


def language_tag(language: str) -> str:
    return f"lang:{language.lower()}"


def license_tag(license_id: str) -> str:
    return f"license:{license_id.lower()}"


def kind_tag(kind: DocumentKind) -> str:
    """Files, which are most of what there is, carry none."""
    return f"kind:{kind}"


def _tags(document: Document) -> list[str]:
    tags = [language_tag(document.language)] if document.language else []
    if document.kind is not DocumentKind.FILE:
        tags.append(kind_tag(document.kind))
    if not document.content:
        tags += [BY_NAME.value, UNREAD.value] if document.unread else [BY_NAME.value]
    return tags + [license_tag(license_id) for license_id in document.licenses]


def _scopes(document: Document, swhids: tuple[str, ...]) -> list[str]:
    return [
        *keys_of_place(document.repository, document.path),
        *keys_of_contents(swhids),
        *keys_of_emails(find_emails(document.content)),
    ]
