"""One file of any kind → its documents, and the reasons of what in it gave none."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from embedhub.documents.parsing import records
from embedhub.documents.parsing.archives import Budget, harmless, members, told_apart
from embedhub.documents.parsing.encoding import read_bytes, read_text
from embedhub.documents.parsing.epub import parse_epub
from embedhub.documents.parsing.html import parse_html
from embedhub.documents.parsing.kinds import CONTAINERS, DOCUMENTS, Kind, kind_of
from embedhub.documents.parsing.mail import parse_mail, parse_mailbox, parse_outlook
from embedhub.documents.parsing.opendocument import parse_opendocument
from embedhub.documents.parsing.parsed import (
    MAX_EXTERNAL_ID_CHARS,
    Limits,
    ParsedDocument,
    Reason,
    RefusedFile,
    Unreadable,
    why_unsendable,
)
from embedhub.documents.parsing.pdf import OnPage, parse_pdf
from embedhub.documents.parsing.plain import (
    parse_code,
    parse_markdown,
    parse_restructured,
    parse_text,
)
from embedhub.documents.parsing.rtf import parse_rtf
from embedhub.documents.parsing.sheets import parse_sheets
from embedhub.documents.parsing.slides import parse_slides
from embedhub.documents.parsing.word import parse_word

Found = Iterator[ParsedDocument | RefusedFile]
Text = Callable[[str, str], ParsedDocument]
TEXTS: dict[Kind, Text] = {
    Kind.TEXT: parse_text,
    Kind.MARKDOWN: parse_markdown,
    Kind.RESTRUCTURED: parse_restructured,
    Kind.CODE: parse_code,
}
# What says of itself how it is encoded.
MARKED_UP: dict[Kind, Callable[[str, bytes], ParsedDocument]] = {
    Kind.RTF: parse_rtf,
    Kind.HTML: parse_html,
}
OFFICE: dict[Kind, Callable[[str, Path, Limits], ParsedDocument]] = {
    Kind.WORD: parse_word,
    Kind.SHEETS: partial(parse_sheets, is_office=True),
    Kind.OLD_SHEETS: parse_sheets,
    Kind.OPEN_SHEETS: partial(parse_sheets, is_open=True),
    Kind.OPEN_TEXT: parse_opendocument,
    Kind.OPEN_SLIDES: parse_opendocument,
}
PAGED: dict[Kind, Callable[[str, Path, Limits, OnPage], ParsedDocument]] = {
    Kind.SLIDES: parse_slides,
    Kind.EPUB: parse_epub,
}
RECORDS: dict[Kind, Callable[[str, Path], records.Parsed]] = {
    Kind.JSON: records.parse_json,
    Kind.JSON_LINES: records.parse_json_lines,
    Kind.CSV: records.parse_csv,
}


def _nobody(_done: int, _total: int) -> None:
    """Tell nobody how many pages are read."""


def read_file(
    name: str, path: Path, limits: Limits | None = None, on_page: OnPage = _nobody
) -> Found:
    """Yield the documents of a file that goes by `name`, and what in it gave none.

    Raises Unreadable when the file as a whole gives none, or holds more than the limits allow.
    """
    limits = limits or Limits()
    yield from _Reader(limits, on_page).read(name, path, depth=0)


class _Reader:
    """The reading of one file with all that lies in it."""

    def __init__(self, limits: Limits, on_page: OnPage) -> None:
        self._limits, self._on_page = limits, on_page
        self._budget = Budget(limits)

    def read(self, name: str, path: Path, *, depth: int) -> Found:
        kind = kind_of(name, path)
        if kind in CONTAINERS:
            yield from self._members(kind, name, path, depth)
        elif kind is Kind.MAILBOX:
            for place, message in parse_mailbox(name, path):
                yield from self._part(place, partial(self._mail, place, message, depth))
        elif kind is Kind.MAIL:
            yield from self._mail(name, read_bytes(path), depth)
        elif kind is Kind.OUTLOOK:
            mail = parse_outlook(name, path)
            yield self._checked(mail.document)
            yield from self._attachments(name, mail.attachments, depth)
        elif kind is Kind.PDF:
            pdf = parse_pdf(name, path, self._limits, self._on_page)
            if pdf.document.text.strip():
                yield self._checked(pdf.document)
            yield from self._attachments(name, pdf.attachments, depth, only=DOCUMENTS)
        elif kind in RECORDS:
            yield from RECORDS[kind](name, path)
        else:
            yield self._checked(self._whole(kind, name, path))

    def _whole(self, kind: Kind, name: str, path: Path) -> ParsedDocument:
        """Return the one document of a file of a kind that holds one."""
        if kind in OFFICE:
            return OFFICE[kind](name, path, self._limits)
        if kind in PAGED:
            return PAGED[kind](name, path, self._limits, self._on_page)
        if kind in MARKED_UP:
            return MARKED_UP[kind](name, read_bytes(path))
        return TEXTS[kind](name, read_text(path))

    def _mail(self, name: str, content: bytes, depth: int) -> Found:
        mail = parse_mail(name, content)
        yield self._checked(mail.document)
        yield from self._attachments(name, mail.attachments, depth)

    def _members(self, kind: Kind, name: str, path: Path, depth: int) -> Found:
        if depth >= self._limits.max_archive_depth:
            told = f"archives inside of each other, more than {self._limits.max_archive_depth} deep"
            raise Unreadable(told, Reason.LIMIT)
        for member, place in members(kind, name, path, self._budget):
            if isinstance(place, Unreadable):
                yield RefusedFile(member, str(place), place.reason)
            else:
                yield from self._part(member, partial(self.read, member, place, depth=depth + 1))

    def _attachments(
        self,
        name: str,
        attachments: list[tuple[str, bytes]],
        depth: int,
        only: frozenset[Kind] | None = None,
    ) -> Found:
        """Yield what lies in the files that came with a mail or a PDF; pictures are passed over."""
        with TemporaryDirectory(prefix="embedhub-") as folder:
            place = Path(folder) / "attachment"
            taken: set[str] = set()
            for file_name, content in attachments:
                part = f"{name}/{told_apart(harmless(file_name), taken)}"
                self._budget.count_file()
                self._budget.count_bytes(len(content))
                place.write_bytes(content)
                try:
                    kind = kind_of(part, place)
                except Unreadable as error:
                    if error.reason is not Reason.UNSUPPORTED and only is None:
                        yield RefusedFile(part, str(error), error.reason)
                    continue
                if only is None or kind in only:
                    yield from self._part(part, partial(self.read, part, place, depth=depth + 1))

    def _part(self, name: str, read: Callable[[], Found]) -> Found:
        """Yield what a part gives; one that cannot be read costs no other, a limit costs all."""
        try:
            yield from read()
        except Unreadable as error:
            if error.reason is Reason.LIMIT:
                raise
            yield RefusedFile(name, str(error), error.reason)

    def _checked(self, document: ParsedDocument) -> ParsedDocument:
        """Return the document if it can be stored; raises Unreadable."""
        n_chars = len(document.text)
        if n_chars > self._limits.max_text_chars:
            told = f"{n_chars:,} characters; at most {self._limits.max_text_chars:,} are read"
            raise Unreadable(told, Reason.TOO_LARGE)
        if not document.text.strip():
            raise Unreadable("holds no text", Reason.EMPTY)
        if len(document.external_id) > MAX_EXTERNAL_ID_CHARS:
            raise Unreadable(f"its name has more than {MAX_EXTERNAL_ID_CHARS} characters")
        if reason := why_unsendable(document):
            raise Unreadable(reason)
        return document
