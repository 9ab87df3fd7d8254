"""What a WSGI server runs: the REST API under /v1 and the admin under /admin."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "embedhub.settings")

application = get_wsgi_application()

from embedhub.web.health import warm_up  # noqa: E402 - it needs Django's settings

# Ends when the default encoder is loaded.
warming = warm_up()
