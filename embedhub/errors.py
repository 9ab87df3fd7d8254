"""Every error a caller may see: meaning only, no HTTP (`web/` maps it once)."""


class HubError(Exception):
    """The request could not be carried out; the text is safe to show to the caller."""

    code = "error"


class InvalidInput(HubError):
    """The input breaks a rule; `field` is the path of the part, such as documents.3.text."""

    code = "invalid_input"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.message = message
        self.field = field


class Unauthenticated(HubError):
    """No valid API key was given."""

    code = "unauthenticated"


class Forbidden(HubError):
    """The API key is valid but may not do this."""

    code = "forbidden"


class NotFound(HubError):
    """The row does not exist, or the caller may not know of it."""

    code = "not_found"

    def __init__(self, kind: str, ident: object) -> None:
        super().__init__(f"no {kind} {ident!r}")
        self.kind = kind
        self.ident = ident


class Conflict(HubError):
    """The request clashes with what is stored."""

    code = "conflict"


class TooLarge(HubError):
    """A size or a count is over its limit."""

    code = "too_large"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.message = message
        self.field = field


class NotReady(HubError):
    """Something needed is not there yet: worth trying again after `retry_after_s` seconds."""

    code = "not_ready"

    def __init__(self, message: str, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StorageFull(HubError):
    """What was asked for would fill the database's disk; the text says by how much."""

    code = "storage_full"


class Busy(HubError):
    """As much as this installation takes on at once is under way: send again later."""

    code = "busy"

    def __init__(self, message: str, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
