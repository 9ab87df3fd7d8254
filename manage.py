#!/usr/bin/env python
"""Django's commands: migrate its own tables, make a staff login, run a development server."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Carry out the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "embedhub.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
