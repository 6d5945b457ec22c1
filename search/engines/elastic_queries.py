"""Clauses as Elasticsearch asks them. Pure: dictionaries of its query language, in filters, so without scores."""

import base64
import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from search.engines.base import EVERYTHING, AllOf, AnyOf, Clause, Either, Field, Not, Phrase, Term
from search.engines.elastic_schema import LONGEST_TERM

Query = dict[str, Any]
Value = TypeVar("Value", str, int)

MOST_VALUES = 65_536
"""`index.max_terms_count`: values in one terms query."""

DEEPEST = 20
"""`indices.query.bool.max_nested_depth` is 30; what is made of a regular expression may be deeper."""

ALL: Query = {"match_all": {}}
NONE: Query = {"match_none": {}}


def query_of(clause: Clause, depth: int = 0) -> Query:
    """`depth` is how deep the query is nested in others."""
    if depth == DEEPEST:
        # A wrapped query is read by itself, so the count begins anew.
        written = json.dumps(query_of(clause)).encode("ascii")
        return {"wrapper": {"query": base64.b64encode(written).decode("ascii")}}
    match clause:
        case Term(field, value):
            return {"term": {field.value: indexed(value)}}
        case AnyOf(field, values):
            return terms_query(field.value, sorted(map(indexed, values)))
        case Phrase(field, (term,)):
            return query_of(Term(field, term), depth)
        case Phrase(field, terms):
            return _phrase(field, terms)
        case Either(clauses):
            return any_of([query_of(inner, depth + 1) for inner in _flat(clauses, Either)])
        case Not(inner):
            return {"bool": {"must_not": [query_of(inner, depth + 1)]}}
        case AllOf(clauses):
            return _conjunction(list(_flat(clauses, AllOf)), depth + 1)


def indexed(term: str) -> str:
    """A term as it stands in the index: one that Elasticsearch would cut or refuse stands as its digest."""
    if len(term) <= LONGEST_TERM // 4:
        return term
    octets = term.encode("utf-8", "surrogatepass")
    return term if len(octets) <= LONGEST_TERM else hashlib.sha256(octets).hexdigest()


def terms_query(field: str, values: Sequence[Value]) -> Query:
    """Documents with at least one of the values; none of none."""
    chunks = [values[i : i + MOST_VALUES] for i in range(0, len(values), MOST_VALUES)]
    return any_of([{"terms": {field: list(chunk)}} for chunk in chunks])


def any_of(queries: Sequence[Query]) -> Query:
    if not queries:
        return NONE
    return queries[0] if len(queries) == 1 else {"bool": {"should": list(queries), "minimum_should_match": 1}}


def counting(field: Field, terms: Collection[str], where: Query) -> Query:
    """Scores a document of `where` with the number of `terms` it carries; one with none is not found."""
    each = [
        {"constant_score": {"filter": {"term": {field.value: indexed(term)}}, "boost": 1.0}}
        for term in sorted(set(terms))
    ]
    return {"bool": {"should": each, "minimum_should_match": 1, "filter": [where]}}


def without(query: Query, ids: Sequence[str]) -> Query:
    """`query` less the entries with these ids."""
    if not ids:
        return query
    return {"bool": {"filter": [query], "must_not": [{"ids": {"values": list(ids)}}]}}


def _phrase(field: Field, terms: tuple[str, ...]) -> Query:
    """The terms are joined for the analyser to take apart, so one that it would change is in no document."""
    in_index = [indexed(term) for term in terms]
    if not in_index or any(term.split() != [term] for term in in_index):
        return NONE
    return {"match_phrase": {field.value: " ".join(in_index)}}


def _conjunction(clauses: list[Clause], depth: int) -> Query:
    must = [query_of(clause, depth) for clause in clauses if not isinstance(clause, Not)]
    must_not = [query_of(clause.clause, depth) for clause in clauses if isinstance(clause, Not)]
    if not must and not must_not:
        return ALL
    return {"bool": {"filter": must or [ALL], "must_not": must_not}}


def _flat(clauses: tuple[Clause, ...], kind: type[AllOf] | type[Either]) -> Iterator[Clause]:
    """What is nested in its own kind comes up."""
    for clause in clauses:
        if isinstance(clause, kind):
            yield from _flat(clause.clauses, kind)
        elif not (kind is AllOf and clause == EVERYTHING):
            yield clause
