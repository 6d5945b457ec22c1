"""Settings, from the environment only. Nothing set is one machine: SQLite, tantivy, files below DATA_DIR.

`docs/operating.md` lists every variable; `tests/governance/test_settings.py` holds the list to this file.
"""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from governance.env import (
    SettingError,
    env_bool,
    env_choice,
    env_float,
    env_int,
    env_list,
    env_secret,
    env_str,
    env_url,
    generated_secret,
)
from governance.env_database import database
from governance.env_elasticsearch import elasticsearch
from governance.env_storage import CONTENTS, check_storage, storage_url
from governance.env_work import workers

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where it runs ----------------------------------------------------------------------------------

ENVIRONMENT = env_choice("ENVIRONMENT", ("development", "production"), "development")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env_bool("DEBUG", default=False)
if DEBUG and PRODUCTION:
    raise SettingError("DEBUG", "cannot be on where ENVIRONMENT is production")

DATA_DIR = Path(env_str("DATA_DIR", "data")).absolute()
STATIC_ROOT = Path(env_str("STATIC_DIR", str(DATA_DIR / "static"))).absolute()
try:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns where it is missing
except OSError as error:
    raise SettingError("DATA_DIR", f"{DATA_DIR} cannot be made or written ({error.strerror})") from None

SECRET_KEY = env_secret("SECRET_KEY")
if PRODUCTION and not SECRET_KEY:
    raise SettingError("SECRET_KEY", "must be set (or SECRET_KEY_FILE) where ENVIRONMENT is production")
if not SECRET_KEY:
    try:
        SECRET_KEY = generated_secret(DATA_DIR / "secret_key")
    except OSError as error:
        raise SettingError("DATA_DIR", f"{DATA_DIR / 'secret_key'} cannot be kept ({error.strerror})") from None

ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", () if PRODUCTION else ("localhost", "127.0.0.1", "[::1]"))
if PRODUCTION and not ALLOWED_HOSTS:
    raise SettingError("ALLOWED_HOSTS", "must name the hosts that are served where ENVIRONMENT is production")

# --- Keys -------------------------------------------------------------------------------------------

# The texts only; governance/keys.py reads them when they are used, and makes those that development leaves out.
SIGNING_KEY = env_secret("SIGNING_KEY")
LEDGER_KEY = env_secret("LEDGER_KEY")
LEDGER_ORIGIN = env_str("LEDGER_ORIGIN", "" if PRODUCTION else "localhost/codesteward")
for name, value in (("SIGNING_KEY", SIGNING_KEY), ("LEDGER_KEY", LEDGER_KEY)):
    if PRODUCTION and not value:
        raise SettingError(name, f"must be set (or {name}_FILE) where ENVIRONMENT is production")
if PRODUCTION and not LEDGER_ORIGIN:
    # Not made of ALLOWED_HOSTS: the name of a ledger must not change when a host is added before the others.
    raise SettingError(
        "LEDGER_ORIGIN", "must name the ledger (example.org/codesteward) where ENVIRONMENT is production"
    )
if not LEDGER_ORIGIN.isprintable() or set(LEDGER_ORIGIN) & set(" +") or len(LEDGER_ORIGIN.encode()) > 255:
    raise SettingError("LEDGER_ORIGIN", "must be a name such as example.org/codesteward, without blanks and '+'")

# --- Records ----------------------------------------------------------------------------------------

DATABASES = {
    "default": database(
        env_url("DATABASE_URL", ("postgresql", "postgres", "sqlite")),
        password=env_secret("DATABASE_PASSWORD"),
        most_connections=env_int("DATABASE_POOL", 8, least=1, most=200),
        default=DATA_DIR / "codesteward.sqlite3",
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Removal: lists, pipelines, guards --------------------------------------------------------------

LISTS_DIR = DATA_DIR / "exclusion-lists"
# The public keys of the pipelines whose receipts are believed, one a line as ssh-keygen writes them.
PIPELINE_KEYS_FILE = Path(env_str("PIPELINE_KEYS_FILE", str(DATA_DIR / "pipeline_keys"))).absolute()
# Called with a build before it begins to answer; named here since search knows nothing of requests.
ACTIVATION_GUARDS = ["optout.removal.hide_again"]

# --- Requests for removal: links, mail, forges --------------------------------------------------------


def site_url() -> str:
    """Where people reach the site: a scheme and a host, which links in mails begin with."""
    url = env_url("SITE_URL", ("http", "https"))
    if url is None:
        if PRODUCTION:
            raise SettingError("SITE_URL", "must be set where ENVIRONMENT is production, as https://example.org")
        return "http://127.0.0.1:8000"
    if not url.hostname or url.path.strip("/") or url.query or url.fragment or url.username:
        raise SettingError("SITE_URL", "must be a scheme and a host, as https://example.org")
    return f"{url.scheme}://{url.netloc}"


def mail_server() -> dict[str, Any]:
    """Where mails go: an SMTP server, or files below DATA_DIR where none is named."""
    backends = "django.core.mail.backends"
    url = env_url("EMAIL_URL", ("smtp",))
    password = env_secret("EMAIL_PASSWORD")
    if url is None and PRODUCTION:
        raise SettingError("EMAIL_URL", "must be set where ENVIRONMENT is production, as smtp://host:587?tls=starttls")
    if url is None:
        files = f"{backends}.filebased.EmailBackend"
        return {"backend": files, "host": "localhost", "port": 25, "user": "", "password": "", "tls": ""}
    if not url.hostname:
        raise SettingError("EMAIL_URL", "names no host")
    if password and url.password:
        raise SettingError("EMAIL_PASSWORD", "is set, and EMAIL_URL holds a password too; set one of them")
    tls = url.query.removeprefix("tls=")
    if url.query not in {"", "tls=starttls", "tls=implicit"} or url.path.strip("/"):
        raise SettingError("EMAIL_URL", "may end in ?tls=starttls or ?tls=implicit, and in nothing else")
    return {
        "backend": f"{backends}.smtp.EmailBackend",
        "host": url.hostname,
        "port": url.port or {"": 25, "starttls": 587, "implicit": 465}[tls],
        "user": unquote(url.username or ""),
        "password": password or unquote(url.password or ""),
        "tls": tls,
    }


def mail_from() -> str:
    sender = env_str("MAIL_FROM", f"codesteward@{urlsplit(SITE_URL).hostname}")
    name, at, host = sender.rpartition("@")
    if not (name and at and host) or any(letter.isspace() for letter in sender):
        raise SettingError("MAIL_FROM", f"is {sender!r}, must be an e-mail address")
    return sender


SITE_URL = site_url()
_MAIL_SERVER = mail_server()
EMAIL_BACKEND = _MAIL_SERVER["backend"]
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_HOST, EMAIL_PORT = _MAIL_SERVER["host"], _MAIL_SERVER["port"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL_SERVER["user"], _MAIL_SERVER["password"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL_SERVER["tls"] == "starttls", _MAIL_SERVER["tls"] == "implicit"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = mail_from()
# Read by optout.ownership, which knows what a forge is.
FORGES = env_str("FORGES")
FORGES_ALLOW_PRIVATE = env_bool("FORGES_ALLOW_PRIVATE", default=False)
if FORGES_ALLOW_PRIVATE and PRODUCTION:
    raise SettingError("FORGES_ALLOW_PRIVATE", "cannot be on where ENVIRONMENT is production")
FORGE_TOKENS = env_secret("FORGE_TOKENS")

# --- The index --------------------------------------------------------------------------------------

ENGINE = env_choice("ENGINE", ("tantivy", "elasticsearch"), "tantivy")
ELASTICSEARCH = elasticsearch(
    env_list("ELASTICSEARCH_URL"),
    user=env_str("ELASTICSEARCH_USER"),
    password=env_secret("ELASTICSEARCH_PASSWORD"),
    ca=env_str("ELASTICSEARCH_CA"),
    prefix=env_str("ELASTICSEARCH_PREFIX", "codesteward"),
)
if ENGINE == "elasticsearch" and not ELASTICSEARCH["urls"]:
    raise SettingError("ELASTICSEARCH_URL", "must be set where ENGINE is elasticsearch")
BUILDS_DIR = DATA_DIR / "builds"
# Where portraits are stored, and the fingerprints they are made of; BUILDS_DIR where it is not set.
PORTRAITS_URL = storage_url("PORTRAITS_URL", env_str("PORTRAITS_URL"))
# Where contents are that shards only point to, as Software Heritage stores them; nobody is asked where it is not set.
CONTENTS_URL = storage_url("CONTENTS_URL", env_str("CONTENTS_URL"), CONTENTS)
# Used by governance.storage, which knows nothing of Django; read here so that a wrong one stops the start.
check_storage()
PORTRAIT_ERROR_RATE = env_float("PORTRAIT_ERROR_RATE", 2e-5, above=0.0, below=0.5)
DOCUMENT_MAX_BYTES = env_int("DOCUMENT_MAX_BYTES", 10 * 2**20, least=1, most=2**30)

# --- Work that takes long, or comes round ---------------------------------------------------------------

WORK = workers(
    env_url("REDIS_URL", ("redis", "rediss")),
    password=env_secret("REDIS_PASSWORD"),
    ca=env_str("REDIS_CA"),
    time_limit=env_int("WORK_TIME_LIMIT", 6 * 3600, least=10, most=30 * 86400),
    lease=env_int("WORK_LEASE", 60, least=3, most=3600),
    memory=env_int("WORK_MEMORY", 2000, least=200, most=1_000_000),
)
# Named here since governance knows nothing of what is above it. Each with who writes down that it is given up.
TASKS = {
    "search.tasks.index_shard": "search.tasks.give_up_shard",
    "search.tasks.portray": "search.tasks.give_up_part",
    "search.tasks.seal": "search.tasks.give_up_seal",
    "search.tasks.tidy": "search.tasks.give_up_part",
}
# What is found again without them is sent without an entry in the outbox.
NUDGED_TASKS = ["optout.tasks.deliver_one"]
# Each with the seconds between two of it.
PERIODIC_TASKS = {
    "governance.tasks.send_work": WORK.lease,
    "governance.ledger.tasks.sign_checkpoint": 300,
    "optout.tasks.deliver_mail": 60,
    "optout.tasks.expire_claims": 600,
}

# --- Limits of one question -------------------------------------------------------------------------

CHECK_MAX_BYTES = env_int("CHECK_MAX_BYTES", 4 * 2**20, least=1000, most=2**30)
CHECK_MAX_FILES = env_int("CHECK_MAX_FILES", 1000, least=1, most=100_000)
# A JSON string may take six bytes for one of its characters, so the body may be larger than the code.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * CHECK_MAX_BYTES + 2**20
DATA_UPLOAD_MAX_NUMBER_FILES = CHECK_MAX_FILES
# A list of 5,000 scopes comes back as that many ticks.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 6_000
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE
# Submitted code must not touch the disk: uploads stay in memory, and larger ones are refused before.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]

# --- Web --------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "django_htmx",
    "governance",
    "governance.ledger",
    "search",
    "optout",
    "frontend",
]

MIDDLEWARE = [
    "governance.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "governance.api.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

# Who is asked for /readyz, by name.
PROBES = {
    "database": "governance.health.database",
    "engine": "search.readiness.engine",
    "ledger": "governance.health.ledger",
    "mail": "optout.readiness.mail",
    "redis": "governance.health.redis",
    "work": "governance.health.work",
}

ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
# The API's routes are written without a closing slash and must not be redirected (a POST would lose its body).
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Security ---------------------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "governance.api.csrf_failed"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = env_bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_HSTS_SECONDS = 63_072_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
if env_bool("TRUST_PROXY_TLS", default=False):
    # Only behind a proxy that sets this header itself and drops the client's.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- API --------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "governance.api.problem_handler",
    "UNAUTHENTICATED_USER": None,
    # A parameter that a view does not know is an error; what is wanted is asked for with `Accept`.
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Codesteward",
    "VERSION": "1",
    "DESCRIPTION": "Is this code in the training set? Exact, verbatim and near-duplicate evidence, with places.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Else the page asks validator.swagger.io what it thinks of the schema.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
}

# --- Logs -------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {"without_tokens": {"()": "governance.logs.WithoutTokens"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_tokens"]}},
    # Elasticsearch's client tells every request; what goes wrong is told by who asked.
    "loggers": {"elastic_transport": {"level": "WARNING"}},
    "root": {
        "handlers": ["stderr"],
        "level": env_choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
    },
}
