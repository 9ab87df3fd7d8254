"""Django's settings, derived from `embedhub.config`: staff, sessions, the admin, the REST API."""

import re
import secrets
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from embedhub.config import get_config
from embedhub.console.theme import UNFOLD as UNFOLD  # noqa: PLC0414 - a setting of the admin

config = get_config()

DEBUG = config.debug
SECRET_KEY = config.secret_key.get_secret_value()
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("set EMBEDHUB_SECRET_KEY: it signs the sessions of staff")
    SECRET_KEY = secrets.token_urlsafe(48)

ALLOWED_HOSTS = config.allowed_hosts
CSRF_TRUSTED_ORIGINS = config.trusted_origins
ROOT_URLCONF = "embedhub.urls"
WSGI_APPLICATION = "embedhub.wsgi.application"

INSTALLED_APPS = [
    # Before unfold: a template of the same name in the console wins.
    "embedhub.console",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # Its static files are the API's documentation page, served without the internet.
    "ninja",
]

# Requests to /v1 pass the first three and nothing else.
MIDDLEWARE = [
    "embedhub.web.boundary.ApiBoundary",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "embedhub.web.staff.StaffHeaders",
    "embedhub.web.staff.StaffCommon",
    "embedhub.web.staff.StaffSessions",
    "embedhub.web.staff.StaffCsrf",
    "embedhub.web.staff.StaffAuthentication",
    "embedhub.web.staff.StaffMessages",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def database(url: str) -> dict[str, Any]:
    """Return Django's connection for a libpq URL, its own tables in schema `django`."""
    # The engine's URL may name its driver, which libpq does not know.
    parts = dict(conninfo_to_dict(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)))
    # A page of the admin waits for no statement longer than a request to the API does.
    timeout_ms = int(config.statement_timeout_s * 1000)
    options = (
        f"{parts.pop('options', '')} -c search_path=django,public -c jit=off"
        f" -c statement_timeout={timeout_ms}"
    )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**parts, "options": options.strip()},
    }


DATABASES = {"default": database(config.session_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/admin/login/"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

# WhiteNoise serves the files of the installed apps from where they are: nothing to collect.
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# `web.boundary` limits bodies itself, import and batch differently.
DATA_UPLOAD_MAX_MEMORY_SIZE = None

# Behind a proxy that speaks https to the staff, their cookies never travel without it.
_BEHIND_HTTPS = any(origin.startswith("https://") for origin in config.trusted_origins)
SESSION_COOKIE_SECURE = _BEHIND_HTTPS
CSRF_COOKIE_SECURE = _BEHIND_HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # A caller's mistakes are not the server's warnings.
        "django.request": {"level": "ERROR"},
        "alembic": {"level": "WARNING"},
        "waitress.queue": {"level": "ERROR"},
        # A line for every call of an endpoint, with its address.
        "httpx": {"level": "WARNING"},
    },
}
