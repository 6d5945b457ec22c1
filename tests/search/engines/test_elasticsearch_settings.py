"""How Elasticsearch is set: what contradicts itself stops the start and is named."""

from pathlib import Path

import pytest

from tests.governance.test_settings import start

NODE = "http://es.example.org:9200"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ENGINE": "elasticsearch"}, "ELASTICSEARCH_URL: must be set where ENGINE is elasticsearch"),
        ({"ELASTICSEARCH_URL": "es.example.org:9200"}, "ELASTICSEARCH_URL: must be http:// or https://"),
        ({"ELASTICSEARCH_URL": "http://es.example.org"}, "ELASTICSEARCH_URL: must be http:// or https://"),
        ({"ELASTICSEARCH_URL": f"{NODE},ftp://b:1"}, "ELASTICSEARCH_URL: must be http:// or https://"),
        ({"ELASTICSEARCH_URL": "http://es:port"}, "ELASTICSEARCH_URL: is not a URL"),
        ({"ELASTICSEARCH_URL": "http://a:s3cret@es:9200"}, "ELASTICSEARCH_URL: holds a name or a password"),
        ({"ELASTICSEARCH_USER": "a"}, "ELASTICSEARCH_USER: is set, and ELASTICSEARCH_URL is not"),
        ({"ELASTICSEARCH_PASSWORD": "s3cret"}, "ELASTICSEARCH_PASSWORD: is set, and ELASTICSEARCH_URL is not"),
        ({"ELASTICSEARCH_URL": NODE, "ELASTICSEARCH_PASSWORD": "s3cret"}, "ELASTICSEARCH_USER: must be set"),
        ({"ELASTICSEARCH_URL": NODE, "ELASTICSEARCH_USER": "a"}, "ELASTICSEARCH_PASSWORD: must be set"),
        ({"ELASTICSEARCH_PASSWORD_FILE": "/nowhere"}, "ELASTICSEARCH_PASSWORD_FILE: cannot be read"),
        ({"ELASTICSEARCH_URL": NODE, "ELASTICSEARCH_CA": "/nowhere"}, "ELASTICSEARCH_CA: /nowhere is not a file"),
        ({"ELASTICSEARCH_URL": NODE, "ELASTICSEARCH_CA": "/dev/../etc/passwd"}, "ELASTICSEARCH_CA: is set, and"),
        ({"ELASTICSEARCH_PREFIX": "Ours"}, "ELASTICSEARCH_PREFIX: must be of lower-case letters"),
        ({"ELASTICSEARCH_PREFIX": "-a"}, "ELASTICSEARCH_PREFIX: must be of lower-case letters"),
    ],
)
def test_a_contradiction_stops_the_start(tmp_path: Path, variables: dict[str, str], message: str) -> None:
    done = start(tmp_path, **variables)
    assert done.returncode != 0
    assert message in done.stderr.splitlines()[-1]
    assert "s3cret" not in done.stderr


def test_several_nodes_and_a_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    done = start(
        tmp_path, "ELASTICSEARCH", ELASTICSEARCH_URL=f"{NODE}, https://other:9201", ELASTICSEARCH_USER="ada",
        ELASTICSEARCH_PASSWORD_FILE=str(tmp_path / "password"), ENGINE="elasticsearch",
    )  # fmt: skip
    assert f"('{NODE}', 'https://other:9201')" in done.stdout, done.stderr
    assert "'user': 'ada', 'password': 's3cret'" in done.stdout
