"""Texts without what copies differ in: markup, case, width, kinds of spaces and quotes; pure."""

import hashlib
import html
import re
import unicodedata

INLINE = "a|abbr|b|big|cite|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|u"
BLOCK = (
    "address|article|aside|blockquote|body|br|dd|div|dl|dt|footer|form|h[1-6]|head|header|hr|html"
    "|img|li|main|nav|ol|p|pre|section|table|tbody|td|th|thead|title|tr|ul"
)
# Only tags that HTML has: "<p_T>" and "x < y" are what a text says.
INLINE_TAG = re.compile(rf"</?(?:{INLINE})(?:\s[^<>]*)?/?>", re.IGNORECASE)
BLOCK_TAG = re.compile(rf"</?(?:{BLOCK})(?:\s[^<>]*)?/?>", re.IGNORECASE)
ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
# Signs of one meaning: apostrophes, quotation marks, hyphens and dashes, the minus sign.
ONE_SIGN = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4\u0060\u2032", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
    # Not seen at all.
    | dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff")
)


def normalized(text: str) -> str:
    """Return a text as copies of it are compared: without markup, case, width and spacing.

    Words, numbers and punctuation stay, so texts that are equal say the same.
    """
    if "<" in text and (INLINE_TAG.search(text) or BLOCK_TAG.search(text)):
        text = BLOCK_TAG.sub(" ", INLINE_TAG.sub("", text))
    if "&" in text and ENTITY.search(text):
        text = html.unescape(text)
    plain = unicodedata.normalize("NFKC", text.translate(ONE_SIGN)).casefold()
    # Folding case can leave a form that is not composed, and NFKC makes signs of its own.
    return " ".join(unicodedata.normalize("NFKC", plain).translate(ONE_SIGN).split())


def text_hash(plain: str) -> bytes | None:
    """Return the SHA-256 of a normalized text; None for an empty one, which is a copy of none."""
    return hashlib.sha256(plain.encode()).digest() if plain else None
