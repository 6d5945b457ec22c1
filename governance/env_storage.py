"""The settings of S3, from the environment: one set of variables for each server that is asked.

They begin with S3_; those that begin with CONTENTS_S3_ are for the contents alone, where any of them is set, since an
archive's public bucket is as a rule another server than one's own, asked by nobody in particular.
"""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from governance.env import SettingError, env_bool, env_secret, env_str, env_url

OWN, CONTENTS = "S3", "CONTENTS_S3"
"""What the variables of a server begin with."""
NAMES = ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY", "SECRET_KEY_FILE", "ANONYMOUS", "CA")
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where an S3 server is and who asks it; `endpoint` is empty for Amazon's own."""

    variables: str
    endpoint: str = ""
    region: str = REGION
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    anonymous: bool = False
    ca: str = ""

    @property
    def is_set(self) -> bool:
        """Whether anything says who asks; nobody is asked otherwise."""
        return bool(self.access_key) or self.anonymous


def s3_server(variables: str = OWN) -> S3Server:
    """Raises SettingError that names the variable, for what cannot be used or contradicts itself."""
    if variables == CONTENTS and not any(env_str(f"{CONTENTS}_{name}") for name in NAMES):
        variables = OWN
    server = S3Server(
        variables=variables,
        endpoint=_endpoint(f"{variables}_ENDPOINT"),
        region=env_str(f"{variables}_REGION", REGION),
        access_key=env_str(f"{variables}_ACCESS_KEY"),
        secret_key=env_secret(f"{variables}_SECRET_KEY"),
        anonymous=env_bool(f"{variables}_ANONYMOUS", default=False),
        ca=env_str(f"{variables}_CA"),
    )
    _check(server)
    return server


def storage_url(name: str, value: str, variables: str = OWN) -> str:
    """The value of a variable that names a place of storage, or nothing; raises SettingError where nobody can be asked.

    `variables` are those of the server that an s3:// URL is of.
    """
    scheme, mark, rest = value.partition("://")
    if not value or value.startswith("/"):
        return value
    if mark and scheme == "file" and rest.startswith("/"):
        return value
    if not mark or scheme != "s3" or not rest.strip("/"):
        raise SettingError(name, "must be an absolute path, file:///path or s3://bucket/key")
    if {"@", ":"} & set(rest.partition("/")[0]):
        # It is not shown: it may hold a password.
        raise SettingError(name, "holds a name or a password; keys have variables of their own")
    server = s3_server(variables)
    if not server.is_set:
        own = server.variables
        raise SettingError(name, f"is on a server, and neither {own}_ACCESS_KEY nor {own}_ANONYMOUS is set")
    return value


def check_storage() -> None:
    """Raises SettingError for what is set and cannot be used."""
    s3_server(CONTENTS)
    s3_server()
    if env_str("SPOOL_DIR"):
        spool_folder()


def spool_folder() -> Path:
    """Where what is fetched or about to be sent lies meanwhile: SPOOL_DIR, else the system's folder for such files."""
    try:
        folder = Path(env_str("SPOOL_DIR") or tempfile.gettempdir())
    except FileNotFoundError:
        raise SettingError("SPOOL_DIR", "must be set: this system has no folder for temporary files") from None
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise SettingError("SPOOL_DIR", f"{folder} is not a folder that can be written")
    return folder


def _check(server: S3Server) -> None:
    name = f"{server.variables}_{{}}".format
    if server.access_key and not server.secret_key:
        raise SettingError(name("SECRET_KEY"), f"must be set (or {name('SECRET_KEY_FILE')}): there is an access key")
    if server.secret_key and not server.access_key:
        raise SettingError(name("ACCESS_KEY"), "must be set: there is a secret key")
    if server.anonymous and server.access_key:
        raise SettingError(name("ANONYMOUS"), f"is on, and {name('ACCESS_KEY')} is set; set one of them")
    if server.ca and not Path(server.ca).is_file():
        raise SettingError(name("CA"), f"{server.ca} is not a file of certificates")


def _endpoint(name: str) -> str:
    """A scheme, a host and perhaps a port."""
    url = env_url(name, ("http", "https"))
    if url is None:
        return ""
    if url.username or url.password:
        raise SettingError(name, "holds a name or a password; keys have variables of their own")
    if not url.hostname or url.path.strip("/") or url.query or url.fragment:
        raise SettingError(name, "must be a scheme and a host, as https://s3.example.org")
    return f"{url.scheme}://{url.netloc}"
