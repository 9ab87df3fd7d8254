"""Secrets and signatures of webhooks, as the Standard Webhooks specification has them; pure.

What is signed is `<webhook-id>.<webhook-timestamp>.<body>`, with HMAC-SHA256. So a body cannot be
changed, nor sent again later under another time. See https://www.standardwebhooks.com.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32


def make_secret() -> str:
    """Return a new secret, as the receiver is to be given it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a body, of this id, sent at this second since 1970."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers_of(secret: str, event_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that a body is sent with."""
    timestamp = int(sent_at.timestamp())
    return {
        "content-type": "application/json",
        "user-agent": "EmbedHub",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, event_id, timestamp, body),
    }
