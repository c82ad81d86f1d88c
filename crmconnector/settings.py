"""Settings: one file of strictly read environment variables.

Nothing raises here: every wrong or missing value becomes a `Problem` with its cure, and the system check
`crmconnector.E001` (see checks.py) stops the start with all of them at once. `manage.py up` needs this, because it
runs before a database address exists.
"""

import os
import warnings
import zoneinfo
from pathlib import Path

from crmconnector.common.environment import Environment
from crmconnector.common.logging import configure_structlog, logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(os.environ)

# --- what must be given -------------------------------------------------------------------------------------------
DATABASE = env.database("DATABASE_URL")
REDIS = env.redis("REDIS_URL")
REDIS_URL = REDIS.client_url() if REDIS else ""
BROKER_URL = REDIS.broker_url() if REDIS else ""
SECRET_KEY = env.secret("SECRET_KEY", minimum_length=32)
ENCRYPTION_KEYS = env.keys("ENCRYPTION_KEYS")  # the first encrypts; the others still decrypt (rotation)

# --- what may be given --------------------------------------------------------------------------------------------
DEBUG = env.boolean("DEBUG", default=False)
BIND = env.text("BIND", default="127.0.0.1")
PORT = env.port("PORT", default=8000)
# This machine itself is always among them: health checks ask there.
ALLOWED_HOSTS = [*env.list_of("ALLOWED_HOSTS"), "127.0.0.1", "localhost", "[::1]"]
PUBLIC_URL = env.text("PUBLIC_URL", default="")  # https://desk.example.net, when behind a reverse proxy
TIME_ZONE = env.text("TIME_ZONE", default="UTC")
if TIME_ZONE not in zoneinfo.available_timezones():
    env.add_problem("TIME_ZONE", "is not a known time zone", "Give a name such as Europe/Berlin.")
    TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English")]  # until there are translations: no half-translated pages
PHONE_NETWORKS = env.networks("PHONE_NETWORKS", default=["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"])
AMI_ADDRESS = env.ami("AMI_URL", default=None)
PBX_COUNTRY = env.text("PBX_COUNTRY", default="")  # ISO 3166 code for the PBX row that AMI_URL makes
REHEARSAL = env.boolean("REHEARSAL", default=False)
LOG_LEVEL = env.choice("LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR"], default="INFO")
LOG_JSON = env.boolean("LOG_JSON", default=False)

# --- the house ----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "crmconnector.users",
    "crmconnector.audit",
    "crmconnector.pbx",
    "crmconnector.contacts",
    "phones",
    "crmconnector.calls",
    "crmconnector.screenpop",
    "crmconnector.listener",
    "crmconnector.web",
    "crmconnector.demo",
    "crmconnector.embedded",
    "crmconnector.simulator",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "crmconnector.web.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "crmconnector.web.middleware.DatabaseAway",
]

ROOT_URLCONF = "crmconnector.urls"
ASGI_APPLICATION = "crmconnector.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "users.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "desk"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "full_name", "email")},
    },
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "crmconnector.web.context.shell",
            ],
        },
    }
]

DATABASES = {
    "default": DATABASE.django(
        CONN_MAX_AGE=0,  # the pool keeps connections open; a request, a read, a batch borrows one
        CONN_HEALTH_CHECKS=True,
        OPTIONS={
            # A short reconnect_timeout: the pool would otherwise wait longer and longer after an outage.
            "pool": {
                "min_size": 1,
                "max_size": env.integer("DATABASE_POOL", 12, 2, 100),
                "timeout": 5,
                "reconnect_timeout": 3,
            },
            # Keepalives: a lock or a stream must notice a lost network, not wait for the kernel's two hours.
            "connect_timeout": 5,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        },
    )
    if DATABASE
    else {"ENGINE": "django.db.backends.dummy"},
}

# --- browser safety -----------------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL.rstrip("/")] if PUBLIC_URL else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PUBLIC_URL.startswith("https://") else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

# --- words, time, files -------------------------------------------------------------------------------------------
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True  # no collect step: the files of the checkout are served as they are
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
configure_structlog()
LOGGING = logging_config(level=LOG_LEVEL, json=LOG_JSON)
LOGGING["loggers"]["uvicorn.access"] = {"level": "WARNING"}  # the reverse proxy's business; ours would be noise
# Static files are read by WhiteNoise in one piece; Django warns about every synchronous body under ASGI.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

PROBLEMS = env.problems
