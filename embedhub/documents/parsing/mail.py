"""Mail: .eml, .mbox and Outlook's .msg, each message a document and so each readable attachment."""

import mailbox
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, cast

from embedhub.documents.parsing.encoding import decode
from embedhub.documents.parsing.html import markdown_of
from embedhub.documents.parsing.parsed import (
    ParsedDocument,
    Reason,
    Unreadable,
    shorten_title,
    storable,
)
from embedhub.documents.parsing.plain import stem

MAX_PARTS = 1_000
MAX_HEADER_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class ReadMail:
    """The document of a message, and the files that came with it."""

    document: ParsedDocument
    attachments: list[tuple[str, bytes]] = field(default_factory=list)


def parse_mail(name: str, content: bytes) -> ReadMail:
    """Return the document of an .eml file; raises Unreadable."""
    try:
        message = message_from_bytes(content, policy=policy.default)
    except (ValueError, LookupError, RecursionError, AttributeError) as error:
        raise Unreadable("is not a mail that can be read") from error
    return _read(name, message)


def parse_mailbox(name: str, path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each message of an .mbox file, with the name it goes by."""
    box = mailbox.mbox(path, create=False)
    try:
        for number in range(1, len(box) + 1):
            # Its keys are numbers, whatever its type says.
            yield f"{name}#{number}", box.get_bytes(cast("str", number - 1))
    finally:
        box.close()


def parse_outlook(name: str, path: Path) -> ReadMail:
    """Return the document of a .msg file; raises Unreadable."""
    from oxmsg import Message

    try:
        message = Message.load(str(path))
        headers = {key.lower(): str(value) for key, value in message.message_headers.items()}
        body = message.body or markdown_of(message.html_body or "")
        people = ", ".join(f"{r.name} <{r.email_address}>" for r in message.recipients)
        attachments = [
            (storable(a.file_name or f"attachment {n}"), bytes(a.file_bytes or b""))
            for n, a in enumerate(message.attachments, 1)
        ]
        metadata = _metadata(
            {
                "author": message.sender or headers.get("from", ""),
                "to": headers.get("to") or people,
                "created": message.sent_date or headers.get("date", ""),
            }
        )
        subject = message.subject or ""
    except Exception as error:
        raise Unreadable(f"is damaged: {type(error).__name__}") from error
    return ReadMail(_document(name, subject, body.replace("\r\n", "\n"), metadata), attachments)


def _read(name: str, message: EmailMessage) -> ReadMail:
    bodies: list[str] = []
    pages: list[str] = []
    attachments: list[tuple[str, bytes]] = []
    for number, part in enumerate(_parts(message), 1):
        kind, file_name = part.get_content_type(), _header(part.get_filename)
        content = _content(part)
        if file_name or part.get_content_disposition() == "attachment":
            attachments.append((storable(file_name or f"attachment {number}"), content))
        elif kind == "text/html":
            pages.append(markdown_of(decode(content, part.get_content_charset())))
        elif kind.startswith("text/"):
            bodies.append(decode(content, part.get_content_charset()))
    # Of one message in two forms the plain one is what its sender wrote.
    body = "\n\n".join(filter(str.strip, bodies)) or "\n\n".join(pages)
    metadata = _metadata(
        {
            "author": _header(lambda: message["From"]),
            "to": _header(lambda: message["To"]),
            "created": _header(lambda: message["Date"]),
        }
    )
    subject = _header(lambda: message["Subject"])
    return ReadMail(_document(name, subject, body.replace("\r\n", "\n"), metadata), attachments)


def _document(name: str, subject: str, body: str, metadata: dict[str, object]) -> ParsedDocument:
    text = storable(body).strip()
    if not text and not subject:
        raise Unreadable("holds no text", Reason.EMPTY)
    title = storable(subject)
    return ParsedDocument(
        name, shorten_title(title or stem(name)), text, metadata=metadata, format="plain"
    )


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield what is not made of parts; a forwarded message counts as text of its own."""
    waiting: list[Any] = [message]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        inner = part.get_payload()
        if isinstance(inner, list):
            waiting = [*inner, *waiting]
        else:
            yield part


def _content(part: EmailMessage) -> bytes:
    try:
        found = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        found = None
    return found if isinstance(found, bytes) else str(part.get_payload()).encode("utf-8", "replace")


def _header(read: Any) -> str:
    """Return a header's words; empty for one that is missing or cannot be read."""
    try:
        words = read()
    except (ValueError, LookupError, AttributeError, IndexError, TypeError):
        # What the standard library makes of broken headers is not all of one kind.
        return ""
    return " ".join(storable(str(words or "")).split())[:MAX_HEADER_CHARS]


def _metadata(said: dict[str, object]) -> dict[str, object]:
    metadata: dict[str, object] = {}
    for key, value in said.items():
        words = _moment(value) if key == "created" else storable(str(value or ""))
        if words:
            metadata[key] = words[:MAX_HEADER_CHARS]
    return metadata


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    try:
        return parsedate_to_datetime(str(value)).isoformat() if value else ""
    except (ValueError, TypeError, IndexError):
        return ""
