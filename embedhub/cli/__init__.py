"""The `embedhub` command: one module a subject; every error is one line and an exit status."""

from embedhub.cli.app import main

__all__ = ["main"]
