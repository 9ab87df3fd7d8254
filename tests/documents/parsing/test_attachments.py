"""What comes with a mail."""

from email.message import EmailMessage
from pathlib import Path

from embedhub.documents.parsing.parsed import ParsedDocument
from embedhub.documents.parsing.reader import read_file


def test_attachments_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Of two documents with one name only the later one would be kept."""
    mail = EmailMessage()
    mail["Subject"] = "Scans"
    mail.set_content("Here they are.")
    for words in ("first", "second", "third"):
        mail.add_attachment(words, filename="scan.txt")
    path = tmp_path / "mail"
    path.write_bytes(mail.as_bytes())
    found = [each for each in read_file("a.eml", path) if isinstance(each, ParsedDocument)]
    assert [(each.external_id, each.text.strip()) for each in found] == [
        ("a.eml", "Here they are."),
        ("a.eml/scan.txt", "first"),
        ("a.eml/scan (2).txt", "second"),
        ("a.eml/scan (3).txt", "third"),
    ]
