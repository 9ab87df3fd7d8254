"""What may be asked of a webhook; every refusal names the field."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from embedhub.config import get_config
from embedhub.errors import InvalidInput
from embedhub.network import is_public
from embedhub.webhooks.events import SUBSCRIBED
from embedhub.webhooks.sending import check_url

MAX_DESCRIPTION_CHARS = 500
MAX_OWNERS = 100


def checked_url(url: str) -> str:
    """Return an address as it is stored; raises InvalidInput, also for one that says it is private.

    Where a name leads is looked at whenever something is sent.
    """
    url = check_url(url)
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return url
    allowed = any(address in network for network in get_config().webhook_networks)
    if not allowed and not is_public(address):
        told = "is an address of a private network: EMBEDHUB_WEBHOOK_NETWORKS does not allow it"
        raise InvalidInput(told, "url")
    return url


def checked_events(events: Sequence[str]) -> list[str]:
    """Return the events once each; raises InvalidInput for none and for unknown ones."""
    known = [event.value for event in SUBSCRIBED]
    if not events or not set(events) <= set(known):
        raise InvalidInput(f"must name one or more of {', '.join(known)}", "events")
    return list(dict.fromkeys(str(event) for event in events))


def checked_description(description: str) -> str:
    """Return a description; raises InvalidInput for one that is too long."""
    if len(description) > MAX_DESCRIPTION_CHARS:
        raise InvalidInput(f"at most {MAX_DESCRIPTION_CHARS} characters", "description")
    return description


def check_count(slugs: Sequence[str] | None, field: str) -> None:
    """Return if a webhook may be bound to so many; raises InvalidInput."""
    if slugs is not None and len(slugs) > MAX_OWNERS:
        raise InvalidInput(f"at most {MAX_OWNERS}", field)
