"""What must not be shown is not; what is ordinary code stays as it is; places stay where they are."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.redact import BLOT, redact

B64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


def key(kind: str, joined: str = "\n") -> str:
    return joined.join((f"-----BEGIN {kind}-----", *[B64] * 4, "Ab1=", f"-----END {kind}-----"))


SECRETS = [
    # Addresses of people.
    ("# Author: <ada@example.org>", "ada@example.org"),
    ("Grace.Hopper+navy@mail.example.co.uk wrote", "Grace.Hopper+navy@mail.example.co.uk"),
    ("__email__ = 'ada_lovelace@example.museum'", "ada_lovelace@example.museum"),
    ("mailto:ada%40x@example.org?subject=x", "ada%40x@example.org"),
    ("ada@xn--mller-kva.example.xn--p1ai", "ada@xn--mller-kva.example.xn--p1ai"),
    ("ada@sub-domain.example.org.", "ada@sub-domain.example.org"),
    ("\tADA@EXAMPLE.ORG;", "ADA@EXAMPLE.ORG"),
    ("größe ada@example.org→", "ada@example.org"),
    # Keys by the form that their issuers give them.
    ("aws_access_key_id = AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("export AWS=ASIAY34FZKBOKMUTVV7A", "ASIAY34FZKBOKMUTVV7A"),
    ("git clone https://ghp_16C7e42F292c6912E7710c838347Ae178B4a@x", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("gho_16C7e42F292c6912E7710c838347Ae178B4a", "gho_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("ghs_16C7e42F292c6912E7710c838347Ae178B4a", "ghs_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("t: github_pat_11ABCDEFG0123456789_abcdefghijklmnop", "github_pat_11ABCDEFG0123456789_abcdefghijklmnop"),
    ("glpat-ABCdef123456_-7890xyz", "glpat-ABCdef123456_-7890xyz"),
    ("xoxb-123456789012-1234567890123-AbCdEf", "xoxb-123456789012-1234567890123-AbCdEf"),
    ("xoxp-1234567890-abcdef", "xoxp-1234567890-abcdef"),
    ("https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXX", "T00000000/B00000000/XXXXXXXXXXXX"),
    ("sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL", "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL"),
    ("sk-proj-abc_def-ghijklmnopqrstuvwx", "sk-proj-abc_def-ghijklmnopqrstuvwx"),
    ("sk-ant-api03-abcdefghijklmnop_qrst", "sk-ant-api03-abcdefghijklmnop_qrst"),
    ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("rk_live_4eC39HqLyjWDarjtT1zdp7dc", "rk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("sk_test_4eC39HqLyjWDarjtT1zdp7dc", "sk_test_4eC39HqLyjWDarjtT1zdp7dc"),
    ("whsec_abcdefghijklmnop1234", "whsec_abcdefghijklmnop1234"),
    ("AIzaSyA-1234567890abcdefghijklmnopqrstu", "AIzaSyA-1234567890abcdefghijklmnopqrstu"),
    ("ya29.a0AfH6SMBx1234567890_abc", "ya29.a0AfH6SMBx1234567890_abc"),
    ("GOCSPX-abcdefghij_klmnopqrst12", "GOCSPX-abcdefghij_klmnopqrst12"),
    ("pypi-AgEIcHlwaS5vcmcCJ" + "a1B2c3D4" * 8, "pypi-AgEIcHlwaS5vcmcCJ" + "a1B2c3D4" * 8),
    ("//registry/:_authToken=npm_" + "a1B2c3" * 6, "npm_" + "a1B2c3" * 6),
    ("hf_abcdefghijklmnopqrstuvwxyzABCDEF12", "hf_abcdefghijklmnopqrstuvwxyzABCDEF12"),
    ("rubygems_" + "0123456789abcdef" * 3, "rubygems_" + "0123456789abcdef" * 3),
    ("dop_v1_" + "0123456789abcdef" * 4, "dop_v1_" + "0123456789abcdef" * 4),
    ("dckr_pat_abcdefghijklmnopqrstu-_12", "dckr_pat_abcdefghijklmnopqrstu-_12"),
    ("shpat_0123456789abcdef0123456789abcdef", "shpat_0123456789abcdef0123456789abcdef"),
    ("glsa_abcdefghijklmnopqrstuvwxyz012345_0a1b2c3d", "glsa_abcdefghijklmnopqrstuvwxyz012345_0a1b2c3d"),
    ("SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789", "SG.abcdefghijklmnopqrstuv.abcdefghij"),
    ("hvs.CAESIAbcdefghijklmnopqrstuvwxyz", "hvs.CAESIAbcdefghijklmnopqrstuvwxyz"),
    ("AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    ("bot 110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"),
    (f"jwt = {JWT}", JWT),
    # Private keys, whole, cut short, and inside strings.
    (key("PRIVATE KEY"), B64),
    (key("RSA PRIVATE KEY"), "Ab1="),
    (key("OPENSSH PRIVATE KEY"), "-----END OPENSSH PRIVATE KEY-----"),
    (key("ENCRYPTED PRIVATE KEY", "\r\n"), B64),
    (key("EC PRIVATE KEY", "\n    # "), B64),
    (key("PGP PRIVATE KEY BLOCK", "\n"), B64),
    ('k = "' + key("PRIVATE KEY", "\\n") + '"', B64),
    ('k = "' + key("PRIVATE KEY", '\\n" +\n    "') + '"', B64),
    (f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n{B64}\n", B64),
    (f"-----BEGIN PRIVATE KEY-----\n{B64}\n{B64[:40]}", B64[:40]),
    # What is assigned to a name that tells a secret.
    ("password = 'correct-horse-battery'", "correct-horse-battery"),
    ('"db_password": "Tr0ub4dor&3"', "Tr0ub4dor&3"),
    ("PASSWD='p4ss w0rd'; pwd = \"hunter2hunter2\"", "hunter2hunter2"),
    ('api_key="0123456789abcdef"', "0123456789abcdef"),
    ("apiKey: 'abcd-efgh-ijkl'", "abcd-efgh-ijkl"),
    ('config["secret_key"] = "s3cr3t!value"', "s3cr3t!value"),
    ("client_secret => 'abcdefgh12345678'", "abcdefgh12345678"),
    ('clientSecret := "abcdefgh12345678"', "abcdefgh12345678"),
    ('aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"', "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("SECRET_KEY = b'django-insecure-0a1b2c3d'", "django-insecure-0a1b2c3d"),
    ("private_key: 'a1b2c3d4e5f6'", "a1b2c3d4e5f6"),
    ('auth_token = "a1b2c3d4e5f6a7b8"', "a1b2c3d4e5f6a7b8"),
    ("password =\n    'correct-horse-battery'", "correct-horse-battery"),
    ("secret = '" + "Zm9vYmFy" * 40 + "'", "Zm9vYmFyZm9v"),
    ("Authorization: Bearer abcdefghij0123456789", "abcdefghij0123456789"),
    ('headers = {"Authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),
    ("curl -H 'authorization: token 0123456789abcdef'", "0123456789abcdef"),
    ("postgres://ada:s3cret@db.example/x", "ada:s3cret@"),
    ("mongodb+srv://root:hunter22@cluster0/x", "root:hunter22@"),
    ("redis://:p4ssword@cache:6379/0", "p4ssword"),
    ("https://user:t0ken@git.example/x.git", "t0ken"),
    ("Server=db;User Id=sa;Password=Str0ng!Pass;", "Str0ng!Pass"),
    ("AccountName=x;AccountKey=abc/def+ghi==;Endpoint", "abc/def+ghi=="),
    ("<password>hunter22</password>", "hunter22"),
    ("DB_PASSWORD=s3cr3tvalue", "s3cr3tvalue"),
    ("# .env\nexport GITHUB_TOKEN=0123456789abcdef\nX=1", "0123456789abcdef"),
]

ORDINARY = [
    "def parse_url(text: str) -> Url:",
    "@app.route('/login', methods=['POST'])",
    "@Override public String toString() { return name@Deprecated; }",
    "result = self.weights @ inputs.T + bias",
    "lodash@4.17.21",
    "image: registry/app@sha256:0123456789abcdef0123456789abcdef",
    "password = getpass.getpass('Password: ')",
    "if password != confirmation: raise ValueError('passwords differ')",
    "password: str = Field(min_length=8)",
    "def login(user: str, password: str) -> None:",
    "token = next(tokens)",
    "token_type = 'Identifier'",
    "TOKEN_STRING = 'string_literal'",
    "secret = os.environ['SECRET']",
    "secret: Optional[str] = None",
    "api_key=api_key,",
    "apiKey: process.env.API_KEY,",
    'parser.add_argument("--password", help="the password of the user")',
    "<input type='password' name='password' id='password'>",
    "assert token == 'end'",
    "credentials = load_credentials(path)",
    "PASSWORD=$(cat /run/secrets/db)",
    "TOKEN=${GITHUB_TOKEN:-}",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "id = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUF\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----",
    "BEGIN = '-----BEGIN PRIVATE KEY-----'\nEND = '-----END PRIVATE KEY-----'",
    ".sk-folding-cube-of-the-spinner { margin: 0 }",
    "https://example.org:8443/path?at=@me",
    "http://localhost:8000/a@b",
    "risk-adjusted-return-of-the-portfolio",
    "x = a[i] @ b[j]; y = c @d",
    "npm_config_registry=https://registry.example.org/",
    "eyJ is how a JWT begins",
    "ghp_ and xoxb- are prefixes, AKIA too",
    "rate = tokens_per_second / 16",
    "std::cout << \"user@\" << host << std::endl;",
    "git@host:owner/name",
    "print(f'{user}@{host}')",
    "größe = maß('→') # 数据 😀",
]  # fmt: skip


def test_the_tables_are_as_long_as_promised() -> None:
    assert len(SECRETS) >= 60
    assert len(ORDINARY) >= 30


@pytest.mark.parametrize(("text", "secret"), SECRETS, ids=[text[:40] for text, _ in SECRETS])
def test_a_secret_is_blotted_out(text: str, secret: str) -> None:
    for around in ("{}", "x = 1\n{}\ny = 2\n", "  {} # and more"):
        shown = redact(around.format(text))
        assert secret in text
        for piece in secret.split("\n"):
            assert piece not in shown
        assert BLOT in shown
        assert_same_places(around.format(text), shown)


@pytest.mark.parametrize("text", ORDINARY, ids=[text[:40] for text in ORDINARY])
def test_ordinary_code_stays_as_it_is(text: str) -> None:
    assert redact(text) == text
    assert redact(f"x = 1\n{text}\ny = 2") == f"x = 1\n{text}\ny = 2"


def assert_same_places(text: str, shown: str) -> None:
    """As many characters as before, the same line breaks, and each is as it was or a block."""
    assert len(shown) == len(text)
    for before, after in zip(text, shown, strict=True):
        assert after == before or (after == BLOT and before not in "\r\n")


PIECES = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30),
    st.sampled_from([text for text, _ in SECRETS]),
    st.sampled_from(("@", "password='", "-----BEGIN PRIVATE KEY-----", "\r\n", "\n", "eyJ", "://", "'", "█", "\u2028")),
)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES, max_size=8))
def test_length_and_lines_are_kept(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert_same_places(text, redact(text))


@settings(max_examples=100, deadline=None)
@given(pieces=st.lists(PIECES, max_size=6))
def test_what_is_redacted_stays_redacted(pieces: list[str]) -> None:
    once = redact("".join(pieces))
    assert_same_places(once, redact(once))


def test_half_a_character_is_no_reason_to_fail() -> None:
    assert redact("a\ud800 ada@example.org") == "a? " + BLOT * 15


def test_every_secret_of_a_long_list_is_blotted_out() -> None:
    """More than a hundred thousand of them: none is let through for being late."""
    shown = redact("ada@example.org\n" * 120_000)
    assert set(shown) == {BLOT, "\n"}


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----\n a@b.com\n",
        "-----BEGIN PRIVATE KEY-----\nAKIAIOSFODNN7EXAMPLE ",
        "eyJaaaaaaaaaa-AKIAIOSFODNN7EXAMPLE-",
        "AKIAIOSFODNN7EXAMPLE.",
        "password='",
        "a@" ,
        "https://a:",
        "token   ",
        "; pwd = ",
    ],
    ids=ascii,
)  # fmt: skip
def test_no_text_takes_more_than_its_length_in_time(text: str) -> None:
    """Half a megabyte of what begins like a long secret and is none: what was read in vain must not be read again."""
    long = text * (500_000 // len(text))
    started = time.process_time()
    redact(long)
    assert time.process_time() - started < 2
