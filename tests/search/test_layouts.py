"""Layouts: each published schema is told from its columns alone, and read as it is documented."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from search.contents import Skip
from search.documents import Document, DocumentKind
from search.fitting import LayoutError, detect
from search.layouts import LAYOUTS, ColumnMap
from search.shards import UNLISTED, ShardError, inspect_shard, read_places, read_unusable
from search.swhid import of_content
from tests.search.fixtures_layouts import BY_NAME, PUBLISHED, V1, Given, Published, blob_of
from tests.search.fixtures_shards import FILE, REVISION, V2, read_shard, v2_row, with_types, write_shard

TALK = b"It breaks\n\nusername_0:\nx =\n\nIt breaks badly\n\n 1\n"
every_layout = pytest.mark.parametrize("published", PUBLISHED, ids=lambda each: each.name)


def shard(folder: Path, published: Published, *files: Given, schema: pa.Schema | None = None, **options: Any) -> Path:
    rows = published.rows(list(files))
    return write_shard(folder / f"{published.name}.parquet", rows, schema or published.schema, **options)


def expected(published: Published) -> list[Document]:
    """What the file of `Given()` is in each layout."""
    special = {
        "stack-v1": FILE,
        "starcoderdata": Document(FILE.swhid, FILE.repository, FILE.path, FILE.content, stars=12),
        "stack-v3-contents": Document(**_parts(FILE) | {"stars": 0}),
        "issue-events": _other("pull-request", "7", "ada/engine", TALK),
        "issues": _other("issue", "7", "ada/engine"),
        "kaggle": _other("notebook", "7"),
        "documentation": _other("documentation", FILE.swhid),
        "texts": _other("text", "7"),
    }
    return [special.get(published.name, FILE)] if published.has_texts else []


def _other(kind: str, path: str, repository: str = "", content: bytes = FILE.content) -> Document:
    return Document(of_content(content).core, repository, path, content, kind=DocumentKind(kind))


def _parts(document: Document) -> dict[str, Any]:
    return {name: getattr(document, name) for name in document.__dataclass_fields__}


def test_there_is_a_fixture_of_every_layout() -> None:
    assert [published.name for published in PUBLISHED] == [layout.name for layout in LAYOUTS]


@every_layout
def test_a_schema_is_told_and_its_rows_are_documents(tmp_path: Path, published: Published) -> None:
    path = shard(tmp_path, published, Given())
    documents, tally = read_shard(path)
    assert inspect_shard(path).layout == published.name
    assert documents == expected(published)
    assert tally == ({} if published.has_texts else {Skip.ELSEWHERE: 1, UNLISTED: 1})


@every_layout
def test_facts_and_places_are_learned_without_texts(tmp_path: Path, published: Published) -> None:
    given = [Given(), Given(path="b.py", text=None, number=8), Given("bob/x", number=9)]
    path = shard(tmp_path, published, *given)
    facts = inspect_shard(path)
    assert facts.documents == 3
    sizes = published.has_texts and facts.text_bytes >= 12
    assert sizes or facts.text_bytes == 12
    places = list(read_places(path))
    repositories = [place[0] for place in places]
    assert repositories == (["ada/engine", "ada/engine", "bob/x"] if published.has_repositories else [""] * 3)
    if published.kind is DocumentKind.FILE:
        assert [place[1] for place in places] == ["src/a.py", "b.py", "src/a.py"]


TYPES = {
    "large": (pa.large_string(), pa.large_list),
    "binary": (pa.large_binary(), pa.list_),
    "coded": (pa.dictionary(pa.int32(), pa.string()), pa.list_),
}


def retyped(kind: Any, text: Any, lists: Any) -> Any:
    """The type with other strings and lists inside."""
    if pa.types.is_string(kind):
        return text
    if pa.types.is_list(kind):
        return lists(retyped(kind.value_type, text, lists))
    if pa.types.is_struct(kind):
        fields = (kind.field(index) for index in range(kind.num_fields))
        return pa.struct([field.with_type(retyped(field.type, text, lists)) for field in fields])
    return kind


@every_layout
@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "plain"])
def test_any_type_of_text_and_list_is_read(tmp_path: Path, published: Published, types: str, stored: bool) -> None:
    schema = pa.schema([field.with_type(retyped(field.type, *TYPES[types])) for field in published.schema])
    path = shard(tmp_path, published, Given(), schema=schema, store_schema=stored, row_group_size=1)
    assert read_shard(path)[0] == expected(published)


@every_layout
def test_string_views_are_read(tmp_path: Path, published: Published) -> None:
    """Of columns of their own: Arrow cannot write views below lists."""
    texts = [field.name for field in published.schema if pa.types.is_string(field.type)]
    schema = with_types(published.schema, **dict.fromkeys(texts, pa.string_view()))
    assert read_shard(shard(tmp_path, published, Given(), schema=schema))[0] == expected(published)


@every_layout
def test_rows_of_nothing_but_nulls_are_counted_and_harm_nothing(tmp_path: Path, published: Published) -> None:
    rows: list[dict[str, Any]] = [{}, *published.rows([Given()]), {}]
    if published.nested:
        rows += [rows[1] | {"files": []}, rows[1] | {"files": [None]}]
    path = write_shard(tmp_path / "a.parquet", rows, published.schema, row_group_size=1)
    documents, tally = read_shard(path)
    skipped = tally.total() - tally[UNLISTED]
    assert documents == expected(published)
    assert len(documents) + skipped == (2 if published.nested else 3)
    assert len(list(read_places(path))) == inspect_shard(path).documents == len(documents) + skipped
    assert len(list(read_unusable(path, 2**20))) == skipped


@every_layout
def test_unknown_columns_of_any_type_are_not_in_the_way(tmp_path: Path, published: Published) -> None:
    strange = [
        pa.field("when", pa.timestamp("us", "Europe/Berlin")),
        pa.field("deep", pa.list_(pa.struct([("content", pa.list_(pa.string())), ("path", pa.int8())]))),
        pa.field("table", pa.map_(pa.string(), pa.struct([("content", pa.string())]))),
    ]
    extra = {"when": 5, "deep": [{"content": ["a", None], "path": 1}, None], "table": [("k", {"content": "z"})]}
    rows = [row | extra for row in published.rows([Given()])]
    path = write_shard(tmp_path / "a.parquet", rows, pa.schema([*strange, *published.schema]))
    assert read_shard(path)[0] == expected(published)


@every_layout
def test_one_huge_row_among_small_ones_is_read(tmp_path: Path, published: Published) -> None:
    huge = "".join(f"{number} = x\n" for number in range(400_000))
    files = [Given(), Given("bob/big", text=huge, number=9), Given("eve/x", number=11)]
    path = shard(tmp_path, published, *files, row_group_size=2)
    documents, _ = read_shard(path, max_bytes=2**23)
    assert len(documents) == (3 if published.has_texts else 0)
    assert not documents or len(documents[1].content) >= len(huge)


def test_pointers_tell_where_their_text_is(tmp_path: Path) -> None:
    for name in ("stack-v2-ids", "stack-v2-train-ids"):
        (raw,) = read_unusable(shard(tmp_path, BY_NAME[name], Given()), 2**20)
        assert (raw.blob_id, raw.encoding, raw.content) == (blob_of("x = 1\n"), "UTF-8", None)
        assert (raw.repository, raw.language, raw.stars, raw.revision) == ("ada/engine", "Python", 12, REVISION)


def test_a_row_whose_text_is_missing_tells_where_it_is(tmp_path: Path) -> None:
    rows = [v2_row(None, blob_id="b" * 40, src_encoding="KOI8-R"), v2_row("\0", blob_id="c" * 40)]
    raw, binary = read_unusable(write_shard(tmp_path / "a.parquet", rows, V2), 2**20)
    assert (raw.blob_id, raw.encoding) == ("b" * 40, "KOI8-R")
    assert (binary.blob_id, binary.encoding) == (None, None)


def test_a_text_that_the_shard_holds_is_not_decoded_again(tmp_path: Path) -> None:
    row = v2_row("größe", src_encoding="ISO-8859-1")
    ((document,), _) = read_shard(write_shard(tmp_path / "a.parquet", [row], V2))
    assert document.content == "größe".encode()


def test_stubs_of_what_was_left_out_are_files_without_text(tmp_path: Path) -> None:
    published = BY_NAME["stack-v3-contents"]
    path = shard(tmp_path, published, Given(), Given(text=None, path="gone.py", number=8))
    documents, tally = read_shard(path)
    assert (len(documents), tally) == (1, {Skip.NO_TEXT: 1})
    assert [place[1] for place in read_places(path)] == ["src/a.py", "gone.py"]


def test_what_v1_calls_hexsha_is_not_taken_for_an_identifier(tmp_path: Path) -> None:
    """Nobody says what it is of; and the text may have been changed since."""
    ((document,), _) = read_shard(shard(tmp_path, BY_NAME["stack-v1"], Given()))
    assert document.swhid == of_content(b"x = 1\n").core


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<reponame>ada/engine\nx", "x"),
        ("<filename>src/a.py\nx", "x"),
        ("<gh_stars>0\nx", "x"),
        ("<reponame>ada/engine<filename>src/a.py<gh_stars>100-1000\n\nx", "\nx"),
        ("<reponame>ada/engine<gh_stars>1-10\n", ""),
        ("<reponame>bob/engine\nx", None),
        ("<reponame>ada/engine2\nx", None),
        ("<reponame>ada/engine<filename>b.py\nx", None),
        ("<filename>src/a.py<reponame>ada/engine\nx", None),
        ("<gh_stars>12\nx", None),
        ("<gh_stars>0", None),
        ("<html>\n", None),
        ("\nx", None),
    ],
)
def test_tags_are_taken_away_just_where_they_are_certain(tmp_path: Path, text: str, read: str | None) -> None:
    row = {"max_stars_repo_name": "ada/engine", "max_stars_repo_path": "src/a.py", "id": "1", "content": text}
    documents, tally = read_shard(write_shard(tmp_path / "a.parquet", [row], BY_NAME["starcoderdata"].schema))
    if read == "":
        assert tally == {Skip.EMPTY: 1}
    else:
        assert [document.content.decode() for document in documents] == [text if read is None else read]


def test_tags_are_nothing_to_other_layouts(tmp_path: Path) -> None:
    row = {"max_stars_repo_name": "a/b", "max_stars_repo_path": "x", "content": "<reponame>a/b\nx", "lang": "C"}
    ((document,), _) = read_shard(write_shard(tmp_path / "a.parquet", [row], V1))
    assert document.content == b"<reponame>a/b\nx"


def events(tmp_path: Path, *given: Any) -> list[Document]:
    row = {"repo": "ada/engine", "issue_number": 5, "events": list(given)}
    return read_shard(write_shard(tmp_path / "a.parquet", [row], BY_NAME["issue-events"].schema))[0]


def test_an_issue_is_its_titles_and_what_was_said_in_order(tmp_path: Path) -> None:
    (issue,) = events(
        tmp_path,
        {"title": "It breaks", "text": "Here\n\nand there", "masked_author": "username_0", "author": "ada"},
        {"title": "It breaks", "text": "", "masked_author": "username_1"},
        {"title": None, "text": "me too", "masked_author": ""},
        {"title": "Solved: it breaks", "text": None},
        {"title": "Solved: it breaks", "text": "thanks", "masked_author": "username_0"},
    )
    assert issue.kind is DocumentKind.ISSUE
    assert issue.content.decode() == (
        "It breaks\n\nusername_0:\nHere\n\nand there\n\nme too\n\nSolved: it breaks\n\nusername_0:\nthanks"
    )
    assert b"ada" not in issue.content


def test_an_issue_in_which_nothing_was_said_is_empty(tmp_path: Path) -> None:
    assert events(tmp_path, {"action": "closed"}) == events(tmp_path) == []


# --- Which layout ------------------------------------------------------------------------------------


def schema_of(*names: str, **kinds: Any) -> pa.Schema:
    return pa.schema([(name, kinds.get(name, pa.string())) for name in names])


def refused(schema: pa.Schema, columns: ColumnMap | None = None) -> str:
    with pytest.raises(LayoutError) as caught:
        detect(schema, columns)
    return str(caught.value)


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (("max_stars_repo_name", "max_stars_repo_path", "content"), "stack-v1"),
        (("max_stars_repo_name", "max_stars_repo_path", "content", "id"), "starcoderdata"),
        (("max_stars_repo_name", "max_stars_repo_path", "content", "id", "lang", "max_stars_repo_head_hexsha"),
         "stack-v1"),
        (("repo_name", "path", "content", "blob_id"), "stack-v2"),
        (("repo_name", "path", "text"), "stack-v2"),
        (("repo_name", "path", "blob_id"), "stack-v2-ids"),
        (("content",), "texts"),
        (("text", "id"), "texts"),
        (("content", "file_id", "id"), "kaggle"),
        (("repo_name", "issue_id", "content"), "issues"),
    ],
)  # fmt: skip
def test_the_layout_of_which_most_columns_are_there_is_chosen(names: tuple[str, ...], layout: str) -> None:
    assert detect(schema_of(*names)).layout.name == layout


@pytest.mark.parametrize(
    ("schema", "needs"),
    [
        (schema_of("repo_name", "content"), "stack-v2 needs path"),
        (schema_of("repo_path", "files"), "stack-v3 needs files.file_path, files.content"),
        (schema_of("max_stars_repo_name", "content"), "stack-v1 needs max_stars_repo_path"),
        (schema_of("repo_name", "path", "content", content=pa.int8()), "content (which is of type int8) or text"),
        (schema_of("path", "content"), "stack-v2 needs repo_name"),
        (schema_of("events", "issue_number"), "issue-events needs events (which is of type string)"),
        (schema_of("x", "y"), "none of the columns of"),
    ],
)  # fmt: skip
def test_a_schema_that_fits_nothing_says_what_the_nearest_layouts_lack(schema: pa.Schema, needs: str) -> None:
    said = refused(schema)
    assert needs in said
    assert "column map" in said


def test_a_text_beside_the_name_of_a_repository_never_passes_as_one_of_none() -> None:
    for name in ("repo_name", "repo_path", "path", "max_stars_repo_name", "blob_id", "files"):
        assert "is of no known layout" in refused(schema_of(name, "content"))


def test_two_equal_fits_are_said_and_a_column_map_chooses() -> None:
    names = ("repo_name", "path", "content", "max_stars_repo_name", "max_stars_repo_path")
    said = refused(schema_of(*names))
    assert said.startswith("could be of several layouts, stack-v2 and stack-v1, with 3 columns each")
    assert '{"layout": "stack-v2"}' in said
    assert detect(schema_of(*names), ColumnMap(layout="stack-v1")).layout.name == "stack-v1"


def test_a_column_that_stands_twice_is_said_and_a_column_map_names_another(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([v2_row() | {"file": "b.py"}], pa.schema([*V2, ("file", pa.string())]))
    path = tmp_path / "a.parquet"
    pq.write_table(table.append_column("path", pa.array(["other"])), path)
    with pytest.raises(
        ShardError, match=r"path \(which stands 2 times\).*\{\"layout\": \"stack-v2\", \"path\": \"...\"}"
    ):
        inspect_shard(path)
    columns = ColumnMap(layout="stack-v2", fields={"path": "file"})
    assert [place[1] for place in read_places(path, columns)] == ["b.py"]
    assert inspect_shard(path, columns).layout == "stack-v2"


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A shard of nobody's layout, flat."""
    schema = pa.schema(
        [
            ("meta", pa.struct([("project", pa.string()), ("name", pa.string())])),
            ("code", pa.string()),
            ("n", pa.int32()),
        ]
    )
    rows = [{"meta": {"project": "ada/engine", "name": "a.py"}, "code": "x = 1\n", "n": 6}]
    return write_shard(tmp_path / "odd.parquet", rows, schema)


def test_a_column_map_reads_what_no_layout_is_of(odd: Path) -> None:
    fields = {"repository": "meta.project", "path": "meta.name", "content": "code"}
    columns = ColumnMap(fields=fields, size="n")
    assert read_shard(odd, columns=columns) == ([Document(FILE.swhid, "ada/engine", "a.py", b"x = 1\n")], {})
    facts = inspect_shard(odd, columns)
    assert (facts.layout, facts.documents, facts.text_bytes) == ("column-map", 1, 6)


def test_a_column_map_says_what_kind_of_thing_a_row_is(odd: Path) -> None:
    columns = ColumnMap(kind=DocumentKind.NOTEBOOK, fields={"id": "n", "content": "code"})
    ((document,), _) = read_shard(odd, columns=columns)
    assert (document.kind, document.repository, document.path) == ("notebook", "", "6")


def test_a_column_map_reads_nested_files(tmp_path: Path) -> None:
    member = pa.struct([("name", pa.string()), ("body", pa.string())])
    schema = pa.schema([("project", pa.string()), ("lang", pa.string()), ("members", pa.large_list(member))])
    rows = [{"project": "o/r", "lang": "C", "members": [{"name": "a.c", "body": "x"}, None]}]
    path = write_shard(tmp_path / "a.parquet", rows, schema)
    fields = {"repository": "project", "path": "members.name", "content": "members.body", "language": "lang"}
    documents, tally = read_shard(path, columns=ColumnMap(files="members", fields=fields))
    assert [(one.repository, one.path, one.language, one.content) for one in documents] == [("o/r", "a.c", "C", b"x")]
    assert tally == {Skip.NO_PATH: 1}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (ColumnMap(fields={"repository": "meta.project", "path": "meta.file", "content": "code"}), "is no meta.file"),
        (ColumnMap(fields={"repository": "meta", "path": "meta.name", "content": "n"}),
         "there is no meta (which is of type struct), n (which is of type int32)"),
        (ColumnMap(layout="stack-v2", fields={"content": "code"}), "there is no repo_name, path"),
        (ColumnMap(layout="stack-v3"), "there is no list files of structs"),
    ],
)  # fmt: skip
def test_a_column_map_that_does_not_fit_names_each_column(odd: Path, columns: ColumnMap, said: str) -> None:
    with pytest.raises(ShardError) as caught:
        inspect_shard(odd, columns)
    assert said in str(caught.value)
