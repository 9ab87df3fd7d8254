"""Registers every page with Django's admin site, whose autodiscovery imports this module."""

from django.contrib import admin

from embedhub.console import (
    admin_access,
    admin_anomalies,
    admin_catalog,
    admin_collections,
    admin_content,
    admin_conversations,
    admin_duplicates,
    admin_evaluation,
    admin_files,
    admin_graph,
    admin_imports,
    admin_labels,
    admin_ledger,
    admin_measures,
    admin_placements,
    admin_ranking,
    admin_recommenders,
    admin_runs,
    admin_staff,
    admin_topics,
    admin_webhooks,
)

__all__ = [
    "admin_access",
    "admin_anomalies",
    "admin_catalog",
    "admin_collections",
    "admin_content",
    "admin_conversations",
    "admin_duplicates",
    "admin_evaluation",
    "admin_files",
    "admin_graph",
    "admin_imports",
    "admin_labels",
    "admin_ledger",
    "admin_measures",
    "admin_placements",
    "admin_ranking",
    "admin_recommenders",
    "admin_runs",
    "admin_staff",
    "admin_topics",
    "admin_webhooks",
]

admin.site.index_template = "console/home.html"
