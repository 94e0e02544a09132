"""Every setting, read top to bottom. The environment decides; docs/operations.md lists what it can say."""

from pathlib import Path
from typing import Any

import django_stubs_ext

from lava import env

# `models.QuerySet[Grant]` and the like exist for the type checker only; this makes them run.
django_stubs_ext.monkeypatch()

ROOT = Path(__file__).resolve().parent.parent

# --- Where and how it runs -----------------------------------------------------------------------

PRODUCTION = env.text("LAVA_ENV", "development") == "production"
DEBUG = False
BASE_URL = env.text("LAVA_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.words("LAVA_ALLOWED_HOSTS", "" if PRODUCTION else "*")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECRET_KEY = env.text("LAVA_SECRET_KEY")
# Secret keys are stored as HMAC-SHA-256 with this pepper, so a stolen database holds no usable key.
KEY_PEPPER = env.text("LAVA_KEY_PEPPER")

ROOT_URLCONF = "lava.urls"
ASGI_APPLICATION = "lava.asgi.application"
APPEND_SLASH = False  # the API's paths have none, and a redirected POST loses its body

# --- Parts ---------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "apps.dashboard",  # before unfold and the admin: it extends their templates
    "unfold.apps.BasicAppConfig",
    "apps.dashboard.apps.DashboardAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",  # its templates, for FORM_RENDERER
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "apps.core",
    "apps.merchants",
    "apps.customers",
    "apps.meters",
    "apps.plans",
    "apps.ledger",
    "apps.subscriptions",
    "apps.requests",
]

MIDDLEWARE = [
    "apps.core.metrics.Measure",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.dashboard.middleware.ActiveMerchant",
    "apps.dashboard.middleware.ContentSecurityPolicy",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
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

# Widgets are drawn with the project's templates too.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- PostgreSQL: the only truth, and the queue ---------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **env.database("DATABASE_URL"),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": env.text("LAVA_TEST_DATABASE", "test_lava")},
    },
}
DATABASES["default"]["OPTIONS"].setdefault("application_name", "lava")
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 10)
# The statements of a charge are prepared (core.pg); Django's default, None, forbids that altogether.
DATABASES["default"]["OPTIONS"].setdefault("prepare_threshold", 5)
# A request waits this long for a row somebody else holds, and no statement runs for ever. A prepared
# statement keeps the plan of its first execution: planning a charge anew takes longer than running it, and so
# does compiling one.
DATABASES["default"]["OPTIONS"].setdefault(
    "options",
    "-c jit=off -c plan_cache_mode=force_generic_plan -c lock_timeout=10s -c statement_timeout=60s"
    " -c idle_in_transaction_session_timeout=60s",
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# How long a process believes what it remembers while it does not hear of changes (core.process_cache).
CACHE_SECONDS_UNHEARD = 0.9

# --- Celery: Redis in production, otherwise a broker in the worker's memory -----------------------

REDIS_URL = env.text("REDIS_URL", "")
CELERY_BROKER_URL = REDIS_URL or "memory://localhost"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"socket_connect_timeout": 2, "socket_timeout": 5, "visibility_timeout": 3600} if REDIS_URL else {}
)
# How often the sweeps look for due rows: cheap index reads, so often where nothing else makes them prompt.
SWEEP_SECONDS = env.number("LAVA_SWEEP_SECONDS", 60 if PRODUCTION else 3, at_least=1)

# --- People: sign-in to the dashboard ------------------------------------------------------------

AUTH_USER_MODEL = "merchants.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "apps.dashboard.accounts.ClosedSignup"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
MFA_TOTP_ISSUER = "Lava"
EMAIL_BACKEND = env.text("LAVA_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")

# --- The dashboard's shell: the palette is static/lava/tokens.css in the words of unfold -----------

UNFOLD = {
    "SITE_TITLE": "Lava",
    "SITE_HEADER": "Lava",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "apps.dashboard.shell.icon"}],
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": ["apps.dashboard.shell.palette", "apps.dashboard.shell.stylesheet"],
    "SCRIPTS": ["apps.dashboard.shell.script"],
    "ACCOUNT": {"navigation": "apps.dashboard.shell.account_links"},
    "SIDEBAR": {"navigation": "apps.dashboard.shell.navigation"},
    "COLORS": {
        "base": {
            "50": "#fafaf9",
            "100": "#f5f5f4",
            "200": "#e7e5e4",
            "300": "#d6d3d1",
            "400": "#a8a29e",
            "500": "#78716c",
            "600": "#57534e",
            "700": "#44403c",
            "800": "#292524",
            "900": "#1c1917",
            "950": "#0c0a09",
        },
        "primary": {
            "50": "#fff7ed",
            "100": "#ffedd5",
            "200": "#fed7aa",
            "300": "#fdba74",
            "400": "#fb923c",
            "500": "#fb923c",
            "600": "#c2410c",
            "700": "#9a3412",
            "800": "#7c2d12",
            "900": "#431407",
            "950": "#2a1a10",
        },
    },
}

# --- Cookies and transport -----------------------------------------------------------------------

SECURE_COOKIES = env.flag("LAVA_SECURE_COOKIES", BASE_URL.startswith("https://"))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("LAVA_BEHIND_TLS_PROXY", False) else None
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES and PRODUCTION else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- The API -------------------------------------------------------------------------------------

# Management routes, per key; None is no limit. Reporting usage has none by default.
RATE_LIMIT_PER_MINUTE = env.number("LAVA_RATE_LIMIT_PER_MINUTE", 1000) or None
USAGE_RATE_LIMIT_PER_MINUTE = env.number("LAVA_USAGE_RATE_LIMIT_PER_MINUTE", 0) or None
BODY_BYTES_MAX = env.number("LAVA_BODY_BYTES_MAX", 1_048_576, at_least=1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_BYTES_MAX
# Who may fetch /metrics: whoever sends this as a bearer token; without one, everybody who can reach it.
METRICS_TOKEN = env.text("LAVA_METRICS_TOKEN", "")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.merchants.authentication.SecretKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.rest.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "apps.merchants.operations.ApiSchema",
    "EXCEPTION_HANDLER": "apps.core.rest.errors.handle",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Lava API",
    "VERSION": "1",
    "DESCRIPTION": "Meters, plans, customers, prepaid credits and exact charges.",
    "SCHEMA_PATH_PREFIX": "/v1/",
    "SERVERS": [{"url": BASE_URL}],
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": ["apps.merchants.examples.add_examples"],
    "SERVE_INCLUDE_SCHEMA": False,
}

# --- Words, time, files --------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
# Collected in production; in development files are served from where they are.
STATIC_ROOT = ROOT / "staticfiles" if PRODUCTION else None
STATICFILES_DIRS = [ROOT / "static"]
WHITENOISE_USE_FINDERS = not PRODUCTION
if PRODUCTION:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LAVA_LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}},
}
