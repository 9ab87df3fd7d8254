"""The error of the one-machine default."""

from embedhub.errors import HubError


class LocalError(HubError):
    """The one-machine default cannot do what was asked; the text is one line for the user."""

    code = "local"
