"""The least that a project needs; of your own project's settings, add the last one and the app."""

import os
import secrets

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or secrets.token_urlsafe()
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost").split(",")
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["callmark_events"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("DJANGO_DATABASE", "db.sqlite3")}
}
USE_TZ = True

# While you rotate the secret, both: CALLMARK_WEBHOOK_SECRET=whsec_new,whsec_old
CALLMARK_WEBHOOK_SECRETS = os.environ.get("CALLMARK_WEBHOOK_SECRET", "").split(",")
