"""The REST API as one object: its routers, its errors, its documentation."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from embedhub import __version__
from embedhub.access.views import router as keys
from embedhub.anomalies.views import router as anomalies
from embedhub.answers.views import router as answers
from embedhub.catalog.import_views import router as catalog_imports
from embedhub.catalog.member_views import router as members
from embedhub.catalog.search_views import router as item_search
from embedhub.catalog.views import router as catalogs
from embedhub.collections.views import router as collections
from embedhub.conversations.views import router as conversations
from embedhub.documents.files.views import router as files
from embedhub.documents.import_view import router as importing
from embedhub.documents.imports_view import router as imports
from embedhub.documents.views import router as documents
from embedhub.duplicates.views import router as duplicates
from embedhub.evaluation.judged_views import router as judged
from embedhub.evaluation.views import router as evaluation
from embedhub.graph.views import router as graphs
from embedhub.labels.row_views import router as labelled_rows
from embedhub.labels.views import router as labels
from embedhub.openai.chat_views import router as chat
from embedhub.openai.views import router as openai
from embedhub.recommend.experiment_views import router as experiments
from embedhub.recommend.placement_views import router as placements
from embedhub.recommend.training_run.views import router as training
from embedhub.recommend.views import router as lists
from embedhub.runs.views import router as runs
from embedhub.search.ranking.views import router as ranking
from embedhub.search.views import router as search
from embedhub.spaces.views import router as indexes
from embedhub.topics.map_views import router as topic_maps
from embedhub.topics.views import router as topics
from embedhub.web import problems
from embedhub.web.authentication import ApiKey
from embedhub.web.body import JsonParser
from embedhub.web.documentation import DESCRIPTION, complete
from embedhub.web.health import router as health
from embedhub.webhooks.views import router as webhooks


class Api(NinjaAPI):
    """The API; every error it answers is a problem, in the document too."""

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        """Return the answer for an exception."""
        return problems.answer(request, exc)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the name by which client generators know an operation."""
        return operation.view_func.__name__

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """Return the OpenAPI document."""
        document = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        return complete(document)


api = Api(
    title="EmbedHub",
    version=__version__,
    description=DESCRIPTION,
    urls_namespace="v1",
    auth=ApiKey(),
    parser=JsonParser(),
)
for router in (
    health,
    collections,
    catalogs,
    graphs,
    anomalies,
    labels,
    labelled_rows,
    topics,
    # Before the export of any kind of a catalog's rows.
    topic_maps,
    # Before the paths that end with any id.
    catalog_imports,
    members,
    placements,
    experiments,
    training,
    lists,
    item_search,
    importing,
    imports,
    documents,
    files,
    search,
    ranking,
    indexes,
    runs,
    judged,
    evaluation,
    duplicates,
    answers,
    conversations,
    openai,
    chat,
    keys,
    webhooks,
):
    api.add_router("", router)
