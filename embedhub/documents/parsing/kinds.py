"""What a file is: told by its content where that says so, by its name where not."""

import zipfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from embedhub.documents.parsing.parsed import Reason, Unreadable

HEAD_BYTES = 4_096


class Kind(StrEnum):
    """A family of files that one parser reads."""

    PDF = "application/pdf"
    WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    SLIDES = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    OLD_SHEETS = "application/vnd.ms-excel"
    OPEN_TEXT = "application/vnd.oasis.opendocument.text"
    OPEN_SHEETS = "application/vnd.oasis.opendocument.spreadsheet"
    OPEN_SLIDES = "application/vnd.oasis.opendocument.presentation"
    EPUB = "application/epub+zip"
    RTF = "application/rtf"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    RESTRUCTURED = "text/x-rst"
    TEXT = "text/plain"
    CODE = "text/x-source"
    CSV = "text/csv"
    JSON = "application/json"
    JSON_LINES = "application/x-ndjson"
    MAIL = "message/rfc822"
    MAILBOX = "application/mbox"
    OUTLOOK = "application/vnd.ms-outlook"
    ZIP = "application/zip"
    TAR = "application/x-tar"
    GZIP = "application/gzip"


CODE_ENDINGS = (
    *(".py", ".pyi", ".js", ".mjs", ".jsx", ".ts", ".tsx", ".java", ".kt", ".scala", ".groovy"),
    *(".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".go", ".rs", ".swift", ".m", ".php", ".rb"),
    *(".pl", ".r", ".jl", ".lua", ".hs", ".ml", ".ex", ".exs", ".erl", ".clj", ".sh", ".bash"),
    *(".ps1", ".sql", ".css", ".scss", ".vue", ".svelte", ".proto", ".tf", ".yaml", ".yml"),
    *(".toml", ".ini", ".cfg", ".xml", ".xsd", ".gradle", ".cmake", ".dart", ".zig"),
)
BY_ENDING: dict[str, Kind] = {
    ".txt": Kind.TEXT, ".text": Kind.TEXT, ".log": Kind.TEXT, ".vtt": Kind.TEXT,
    ".srt": Kind.TEXT, ".tex": Kind.TEXT,
    ".md": Kind.MARKDOWN, ".markdown": Kind.MARKDOWN, ".mdx": Kind.MARKDOWN,
    ".rst": Kind.RESTRUCTURED,
    ".html": Kind.HTML, ".htm": Kind.HTML, ".xhtml": Kind.HTML,
    ".csv": Kind.CSV, ".tsv": Kind.CSV,
    ".json": Kind.JSON, ".jsonl": Kind.JSON_LINES, ".ndjson": Kind.JSON_LINES,
    ".eml": Kind.MAIL, ".mbox": Kind.MAILBOX,
    **dict.fromkeys(CODE_ENDINGS, Kind.CODE),
}  # fmt: skip
# Told by their content; the endings are what a folder is looked through for.
BINARY_ENDINGS = (
    *(".pdf", ".docx", ".docm", ".pptx", ".pptm", ".xlsx", ".xlsm", ".xls", ".odt", ".ods"),
    *(".odp", ".epub", ".rtf", ".msg", ".zip", ".tar", ".gz", ".tgz"),
    # Not read, which their owner should hear.
    *(".doc", ".ppt"),
)
ENDINGS = (*BY_ENDING, *BINARY_ENDINGS)
CONTAINERS = frozenset({Kind.ZIP, Kind.TAR, Kind.GZIP})
# What attachments of a PDF are read for: the data of forms and invoices repeats its pages.
DOCUMENTS = frozenset(
    {
        *(Kind.PDF, Kind.WORD, Kind.SLIDES, Kind.SHEETS, Kind.OLD_SHEETS, Kind.OPEN_TEXT),
        *(Kind.OPEN_SHEETS, Kind.OPEN_SLIDES, Kind.EPUB, Kind.RTF),
    }
)
OPEN_DOCUMENTS = {
    str(kind): kind for kind in (Kind.OPEN_TEXT, Kind.OPEN_SHEETS, Kind.OPEN_SLIDES, Kind.EPUB)
}
OFFICE_FOLDERS = (("word/", Kind.WORD), ("ppt/", Kind.SLIDES), ("xl/", Kind.SHEETS))
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
ELSEWHERE = (
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"OggS", "a recording"),
    (b"ID3", "a recording"),
)
SIGNS: tuple[tuple[Callable[[bytes], bool], Kind], ...] = (
    (lambda head: b"%PDF-" in head[:1024], Kind.PDF),
    (lambda head: head.lstrip().startswith(b"{\\rtf"), Kind.RTF),
    (lambda head: head[257:262] == b"ustar", Kind.TAR),
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def kind_of(name: str, path: Path) -> Kind:
    """Return what a file is; raises Unreadable for what nobody here reads."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise Unreadable("is empty", Reason.EMPTY)
    by_content = _by_content(head, name, path)
    if by_content is not None:
        return by_content
    ending = Path(name).suffix.lower()
    if ending in {".pdf", ".docx", ".pptx", ".xlsx", ".odt", ".ods", ".odp", ".epub"}:
        told = f"is not a whole {ending[1:].upper()} file: it is damaged, cut off or something else"
        raise Unreadable(told)
    if ending in BY_ENDING:
        return BY_ENDING[ending]
    if _looks_like_page(head):
        return Kind.HTML
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        known = f"files of kind {ending[1:]}" if ending else "such files"
        raise Unreadable(f"{known} are not read", Reason.UNSUPPORTED)
    return Kind.TEXT


def _by_content(head: bytes, name: str, path: Path) -> Kind | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _kind_of_zip(name, path)
    if head.startswith(OLE):
        return _kind_of_ole(path)
    # Behind those above: a PDF may begin late, and lie in another file unpacked.
    for is_so, kind in SIGNS:
        if is_so(head):
            return kind
    if head.startswith(b"\x1f\x8b"):
        is_tar = name.lower().endswith((".tgz", ".tar.gz"))
        return Kind.TAR if is_tar else Kind.GZIP
    if head.startswith(PICTURES):
        raise Unreadable("is a picture: the text in it is not recognised", Reason.UNSUPPORTED)
    for sign, words in ELSEWHERE:
        if head.startswith(sign):
            raise Unreadable(f"is {words}, which is not read", Reason.UNSUPPORTED)
    return None


def _kind_of_zip(name: str, path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            said = archive.read("mimetype")[:200] if "mimetype" in names else b""
    except Exception as error:
        # zipfile, zlib and struct all have errors of their own for what is damaged.
        told = "is damaged or cut off: not a whole zip archive"
        raise Unreadable(told) from error
    if kind := OPEN_DOCUMENTS.get(said.decode("ascii", "replace").strip()):
        return kind
    if "[Content_Types].xml" in names:
        for folder, kind in OFFICE_FOLDERS:
            if any(part.startswith(folder) for part in names):
                return kind
    ending = Path(name).suffix.lower()
    if ending in {".docx", ".pptx", ".xlsx", ".odt", ".ods", ".odp", ".epub"}:
        raise Unreadable(f"is a zip archive but not a {ending[1:].upper()} file: it is damaged")
    return Kind.ZIP


def _kind_of_ole(path: Path) -> Kind:
    """Return what a file of Microsoft's older container is; raises Unreadable."""
    import olefile

    try:
        with olefile.OleFileIO(str(path)) as ole:
            names = {entry[0] for entry in ole.listdir()}
    except Exception as error:
        raise Unreadable("is damaged: its container cannot be read") from error
    if names & {"EncryptedPackage", "EncryptionInfo"}:
        raise Unreadable("a password is needed to open it", Reason.PASSWORD)
    if "__properties_version1.0" in names:
        return Kind.OUTLOOK
    if names & {"Workbook", "Book"}:
        return Kind.OLD_SHEETS
    for stream, words in (
        ("WordDocument", "Word (.doc)"),
        ("PowerPoint Document", "PowerPoint (.ppt)"),
    ):
        if stream in names:
            told = f"the old format of {words} is not read: save it in the new one or as PDF"
            raise Unreadable(told, Reason.UNSUPPORTED)
    raise Unreadable("is in an old format of Microsoft's that is not read", Reason.UNSUPPORTED)


def _looks_like_page(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    return start.startswith((b"<!doctype html", b"<html"))
