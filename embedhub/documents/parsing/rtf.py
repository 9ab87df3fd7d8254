"""Rich Text Format."""

from embedhub.documents.parsing.parsed import (
    ParsedDocument,
    Reason,
    Unreadable,
    shorten_title,
    storable,
)
from embedhub.documents.parsing.plain import parse_text


def parse_rtf(name: str, content: bytes) -> ParsedDocument:
    """Return the document of an .rtf file; raises Unreadable."""
    from striprtf.striprtf import rtf_to_text

    try:
        # Other characters than ASCII are escaped; what is not is of the code page it names.
        text = rtf_to_text(content.decode("cp1252", errors="replace"), errors="replace")
    except Exception as error:
        raise Unreadable(f"is damaged: {type(error).__name__}") from error
    text = storable("\n".join(line.rstrip() for line in text.split("\n"))).strip()
    if not text:
        raise Unreadable("holds no text", Reason.EMPTY)
    plain = parse_text(name, text)
    return ParsedDocument(name, shorten_title(plain.title), text, format="plain")
