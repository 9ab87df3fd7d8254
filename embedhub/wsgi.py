"""What a WSGI server runs: the REST API under /v1 and the admin under /admin."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "embedhub.settings")

application = get_wsgi_application()

from embedhub.numpy_threads import keep_to_one_thread  # noqa: E402 - as below
from embedhub.web.health import warm_up  # noqa: E402 - it needs Django's settings

# Requests are answered by threads already, one each.
keep_to_one_thread()

# Ends when the default encoder is loaded.
warming = warm_up()
