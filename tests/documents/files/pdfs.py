"""Small PDFs of a given text, a page each, without a library that makes them."""

from collections.abc import Sequence


def pdf_of(pages: Sequence[str], *, title: str = "") -> bytes:
    """Return a PDF whose pages hold these lines."""
    objects: list[bytes] = []

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    font = add(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    tree = len(pages) * 2 + 2
    kids = []
    for page in pages:
        lines = b"".join(
            b"(%s) Tj 0 -14 Td " % line.encode("latin-1", "replace") for line in page.split("\n")
        )
        drawn = b"BT /F1 11 Tf 50 780 Td " + lines + b"ET"
        stream = add(b"<< /Length %d >> stream\n%s\nendstream" % (len(drawn), drawn))
        kids.append(
            add(
                b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
                b" /Resources << /Font << /F1 %d 0 R >> >> >>" % (tree, stream, font)
            )
        )
    refs = b" ".join(b"%d 0 R" % kid for kid in kids)
    assert add(b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), refs)) == tree
    root = add(b"<< /Type /Catalog /Pages %d 0 R >>" % tree)
    info = add(b"<< /Title (%s) >>" % title.encode("latin-1"))
    written = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        written += b"%010d 00000 n \n" % place
    written += b"trailer << /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        root,
        info,
        start,
    )
    return bytes(written)
