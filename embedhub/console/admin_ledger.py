"""Pages of the ledger: what waits for its vector, what was set aside as dead, and the spaces."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import Case, F, OuterRef, Subquery, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import action

from embedhub.console import markup, models, words
from embedhub.console.admin_base import ReadOnlyAdmin
from embedhub.console.filters import ByRelated
from embedhub.console.pages import dead_letters
from embedhub.console.permissions import may

Rows = Any


class LedgerAdmin(ReadOnlyAdmin):
    """Rows of the ledger with the document, item or user they belong to."""

    list_select_related = ("workspace", "space__collection", "space__catalog")
    list_filter = (
        ("workspace", ByRelated),
        ("space__collection", ByRelated),
        ("space__catalog", ByRelated),
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        # By collection or catalog as well: an item and a chunk may have the same number.
        chunk = models.Chunk.objects.filter(
            pk=OuterRef("owner_id"), collection=OuterRef("space__collection")
        )
        place = {"pk": OuterRef("owner_id"), "catalog": OuterRef("space__catalog")}
        names = [
            Case(When(space__subject=subject, then=Subquery(found.values("external_id"))))
            for subject, found in (
                ("item", models.Item.objects.filter(**place)),
                ("user", models.User.objects.filter(**place)),
            )
        ]
        return (
            super()
            .get_queryset(request)
            .annotate(
                document_id=Subquery(chunk.values("document_id")),
                document_name=Subquery(chunk.values("document__external_id")),
                chunk_position=Subquery(chunk.values("position")),
                member_name=Coalesce(*names),
            )
        )

    @admin.display(description="of")
    def shown_document(self, row: Any) -> object:
        if row.member_name is not None:
            url = reverse(f"admin:console_{row.space.subject}_change", args=[row.owner_id])
            name = markup.link(url, words.first_line(row.member_name, 80))
            return markup.join(name, row.space.subject)
        if row.document_id is None:
            return f"{row.space.subject} {row.owner_id}"
        url = reverse("admin:console_document_change", args=[row.document_id])
        return markup.join(
            markup.link(url, words.first_line(row.document_name, 80)),
            f"chunk {row.chunk_position + 1}",
        )

    @admin.display(description="collection or catalog", ordering="space")
    def shown_collection(self, row: Any) -> object:
        for kind in ("collection", "catalog"):
            if (found := getattr(row.space, kind)) is not None:
                url = reverse(f"admin:console_{kind}_change", args=[found.pk])
                return markup.link(url, found.slug)
        return markup.EMPTY


@admin.register(models.DeadLetter)
class DeadLetterAdmin(LedgerAdmin):
    list_display = (
        "shown_document",
        "shown_reason",
        "shown_collection",
        "workspace_link",
        "attempts",
        "dead_at_ago",
        "shown_retry",
    )
    list_display_links = ("shown_reason",)
    ordering = ("-dead_at", "space", "owner_id")
    fields = (
        "shown_document",
        "shown_text",
        ("shown_collection", "workspace"),
        "last_error",
        ("encoder", "attempts"),
        ("created_at", "dead_at"),
    )
    actions = ("retry_selected",)
    actions_list = ("retry_all",)
    change_form_template = "console/dead_letter.html"
    empty_title = "No dead letters"
    empty_words = (
        "A text that an encoder refuses again and again is set aside here with the reason, so "
        "that it cannot hold up others."
    )

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).filter(dead_at__isnull=False)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self._retry)
        return [path("<str:key>/retry/", view, name="console_retry"), *super().get_urls()]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, "retry_pending")

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """Return the columns, without the button for those who may not press it."""
        may = self.has_retry_permission(request)
        return [name for name in super().get_list_display(request) if may or name != "shown_retry"]

    @admin.action(description="Retry selected dead letters", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: Rows) -> None:
        dead_letters.retry_rows(request, queryset)

    @action(
        description="Retry all…",
        url_path="retry-all",
        icon="replay",
        permissions=["retry"],
    )
    def retry_all(self, request: HttpRequest) -> HttpResponse:
        return dead_letters.retry_all(request, self)

    def _retry(self, request: HttpRequest, key: str) -> HttpResponse:
        return dead_letters.retry_one(request, self, key)

    @admin.display(description="reason")
    def shown_reason(self, row: Any) -> str:
        return words.first_line(row.last_error or "no reason given")

    @admin.display(description="text")
    def shown_text(self, row: Any) -> object:
        owners = {"item": models.Item, "user": models.User}
        found: Any = owners.get(row.space.subject, models.Chunk).objects.filter(pk=row.owner_id)
        owner = found.first()
        if owner is None:
            return markup.EMPTY
        return markup.passage(owner.content if row.space.subject in owners else owner.text)

    @admin.display(description="")
    def shown_retry(self, row: Any) -> object:
        return markup.post_button(reverse("admin:console_retry", args=[row.pk]), "Retry")


@admin.register(models.Pending)
class PendingAdmin(LedgerAdmin):
    list_display = (
        "shown_document",
        "shown_state",
        "shown_collection",
        "workspace_link",
        "encoder",
        "attempts",
        "created_at_ago",
    )
    list_display_links = ("shown_state",)
    # the order of the primary key, so that a long ledger is not sorted for one page of it
    ordering = ("space", "owner_id")
    fields = (
        "shown_document",
        "shown_state",
        "shown_collection",
        "workspace",
        "encoder",
        "priority",
        "attempts",
        "last_error",
        "not_before",
        "leased_until",
        "created_at",
    )
    empty_title = "Nothing waits for a vector"
    empty_words = "Every text accepted so far has its vector, or is a dead letter."

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).filter(dead_at__isnull=True)

    @admin.display(description="state")
    def shown_state(self, row: Any) -> object:
        now = datetime.now(UTC)
        if row.leased_until is not None and row.leased_until > now:
            return markup.label("being encoded", "info")
        if row.attempts and row.not_before > now:
            return markup.label(f"next attempt {words.ago(row.not_before)}", "warn")
        return markup.label("waits for a worker", "quiet")


@admin.register(models.Space)
class SpaceAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "shown_owner",
        "workspace_link",
        "kind",
        "encoder",
        "shown_dimension",
        "shown_metric",
        "shown_index",
        "shown_status",
    )
    list_select_related = ("workspace", "collection", "catalog")
    list_filter = (("workspace", ByRelated), ("collection", ByRelated), ("catalog", ByRelated))
    ordering = ("-id",)
    empty_title = "No space yet"
    empty_words = "A space holds all vectors of one encoder over one collection or catalog."

    @admin.display(description="of", ordering=F("collection"))
    def shown_owner(self, row: Any) -> object:
        if row.collection is not None:
            return row.collection
        return f"{row.subject}s of {row.catalog}" if row.catalog is not None else markup.EMPTY

    @admin.display(description="dimensions")
    def shown_dimension(self, row: Any) -> str:
        return markup.EMPTY if row.kind == "sparse" else f"{row.dimension:,}"

    @admin.display(description="compared by")
    def shown_metric(self, row: Any) -> str:
        return "words in common" if row.kind == "sparse" else row.metric.replace("_", " ")

    @admin.display(description="searched by", ordering="is_indexed")
    def shown_index(self, row: Any) -> str:
        if row.kind == "sparse":
            return "words (BM25)"
        return f"HNSW index, {row.precision}" if row.is_indexed else "exact scan"

    @admin.display(description="status", ordering="status")
    def shown_status(self, row: Any) -> object:
        tones = {"live": "good", "building": "info", "retired": "quiet"}
        return markup.label(row.status, tones[row.status])
