"""Registers the console with Django."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The admin over the domain's tables."""

    name = "embedhub.console"
    label = "console"
    verbose_name = "EmbedHub"
    default_auto_field = "django.db.models.BigAutoField"
