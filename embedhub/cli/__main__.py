"""`python -m embedhub.cli`, for where the command is not on the path."""

from embedhub.cli.app import main

main()
