"""What must be gone and what must be left, told by DuckDB from the shards alone. Shares nothing with the product."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

FILES = """
    SELECT repo_path AS repository, file.file_path AS path, file.content AS content
    FROM (SELECT repo_path, unnest(files) AS file FROM read_parquet('{folder}/**/stack-v3/*.parquet'))
    UNION ALL BY NAME
    SELECT repo_name AS repository, ltrim(path, '/') AS path, content
    FROM read_parquet('{folder}/**/stack-v2/*.parquet')
"""
ADDRESS = "'[a-z0-9_][a-z0-9._%+-]*@[a-z0-9-]+(?:\\.[a-z0-9-]+)+'"


@dataclass(frozen=True, slots=True)
class Difference:
    """Files by number: in scope before, in scope and left, out of scope and gone, out of scope and still there."""

    asked: int
    left: int
    lost: int
    kept: int


def files(connection: duckdb.DuckDBPyConnection, table: str, folder: Path) -> None:
    """Make `table` of every file in the shards below `folder`."""
    connection.execute(f"CREATE TABLE {table} AS {FILES.format(folder=folder)}")


@dataclass(frozen=True, slots=True)
class Cast:
    """Whose code it is, in lower case but for what follows the repository in `directory` (owner/name/directory).

    Ada has a repository and a directory of another, Bob an account, an organisation a repository, and somebody an
    address that stands in texts of others.
    """

    repository: str
    directory: str
    account: str
    organised: str
    address: str


def compare(before: Path, after: Path, cast: Cast) -> Difference:
    owner, name, directory = cast.directory.split("/", 2)
    connection = duckdb.connect()
    files(connection, "held", before)
    files(connection, "released", after)
    in_scope = f"""
        lower(repository) IN ('{cast.repository}', '{cast.organised}')
        OR starts_with(lower(repository), '{cast.account}/')
        OR (lower(repository) = '{owner}/{name}' AND starts_with(path, '{directory}/'))
        OR list_contains(regexp_extract_all(lower(content), {ADDRESS}), '{cast.address}')
    """

    def count(table: str, where: str) -> int:
        (number,) = connection.execute(f"SELECT count(*) FROM ({table}) WHERE {where}").fetchone() or (0,)
        return int(number)

    return Difference(
        asked=count("FROM held", in_scope),
        left=count("FROM released", in_scope),
        lost=count("(FROM held EXCEPT ALL FROM released)", f"NOT ({in_scope})"),
        kept=count("FROM released", f"NOT ({in_scope})"),
    )


def added(before: Path, after: Path) -> int:
    """Files of the release that were not there before."""
    connection = duckdb.connect()
    files(connection, "held", before)
    files(connection, "released", after)
    (number,) = connection.execute("SELECT count(*) FROM (FROM released EXCEPT ALL FROM held)").fetchone() or (0,)
    return int(number)


def cast(folder: Path) -> Cast:
    """People of the sample that have what the story needs; the same for the same sample."""
    connection = duckdb.connect()
    files(connection, "held", folder)
    (ada,) = connection.execute(
        """SELECT split_part(lower(repository), '/', 1) AS owner FROM held GROUP BY owner
           HAVING count(DISTINCT repository) >= 2 AND count(*) >= 20 ORDER BY count(*), owner LIMIT 1"""
    ).fetchone() or ("",)
    first, second = (
        name
        for (name,) in connection.execute(
            f"""SELECT lower(repository) FROM held WHERE starts_with(lower(repository), '{ada}/')
                GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT 2"""
        ).fetchall()
    )
    (directory,) = connection.execute(
        f"""SELECT regexp_extract(path, '^[^/]+') AS top FROM held
            WHERE lower(repository) = '{first}' AND contains(path, '/') GROUP BY top ORDER BY count(*), top LIMIT 1"""
    ).fetchone() or ("",)
    (account,) = connection.execute(
        f"""SELECT split_part(lower(repository), '/', 1) AS owner FROM held WHERE owner != '{ada}'
            GROUP BY owner HAVING count(*) BETWEEN 3 AND 200 ORDER BY count(*), owner LIMIT 1"""
    ).fetchone() or ("",)
    (organised,) = connection.execute(
        f"""SELECT lower(repository) FROM held WHERE split_part(lower(repository), '/', 1) NOT IN ('{ada}', '{account}')
            GROUP BY ALL HAVING count(*) BETWEEN 2 AND 200 ORDER BY count(*), 1 LIMIT 1"""
    ).fetchone() or ("",)
    (address,) = connection.execute(
        f"""SELECT address FROM (SELECT unnest(regexp_extract_all(lower(content), {ADDRESS})) AS address, * FROM held)
            WHERE split_part(lower(repository), '/', 1) NOT IN ('{ada}', '{account}')
              AND regexp_full_match(address, '[a-z]+@[a-z]+\\.(com|org)') AND NOT contains(address, '@example.')
            GROUP BY address ORDER BY count(*) DESC, address LIMIT 1"""
    ).fetchone() or ("",)
    return Cast(second, f"{first}/{directory}", account, organised, address)
