"""The REST API as one object: its routers, its documentation, its errors."""

from ninja import NinjaAPI

from embedhub import __version__
from embedhub.web.authentication import ApiKey
from embedhub.web.health import router as health
from embedhub.web.problems import register

api = NinjaAPI(
    title="EmbedHub",
    version=__version__,
    urls_namespace="v1",
    auth=ApiKey(),
)
register(api)
api.add_router("", health)
