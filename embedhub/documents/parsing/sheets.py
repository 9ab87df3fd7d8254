"""Spreadsheets: .xlsx, .xlsm, .xls and .ods, each sheet a heading and its rows a table."""

from datetime import date, datetime, time, timedelta
from pathlib import Path

from embedhub.documents.parsing.html import table_markdown
from embedhub.documents.parsing.opendocument import refuse_encrypted
from embedhub.documents.parsing.packages import (
    Package,
    core_properties,
    drawn_text,
    dublin_core,
    parse_xml,
)
from embedhub.documents.parsing.parsed import (
    Limits,
    ParsedDocument,
    Reason,
    Unreadable,
    shorten_title,
    storable,
)
from embedhub.documents.parsing.plain import stem


def parse_sheets(
    name: str, path: Path, limits: Limits, *, is_office: bool = False, is_open: bool = False
) -> ParsedDocument:
    """Return the document of a spreadsheet; raises Unreadable.

    `is_office`, `is_open`: a zip archive of Office's or of OpenDocument's, else of neither.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    said: dict[str, str] = {}
    drawn = ""
    if is_office:
        with Package(path, limits) as package:
            package.refuse_entities()
            said = core_properties(package)
            drawn = drawn_text(package, "xl/drawings/drawing", "xl/charts/chart")
    elif is_open:
        with Package(path, limits) as package:
            refuse_encrypted(package)
            package.refuse_entities()
            said = dublin_core(parse_xml(package.read("meta.xml") or b"<none/>"))
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            texts = [_sheet(workbook, sheet, limits) for sheet in workbook.sheet_names]
    except PasswordError as error:
        raise Unreadable("a password is needed to open it", Reason.PASSWORD) from error
    except (CalamineError, OSError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("is damaged: its sheets cannot be read") from error
    text = storable("\n\n".join(filter(None, [*texts, drawn])))
    if not text.strip():
        raise Unreadable("holds no text", Reason.EMPTY)
    title = said.pop("title", "") or stem(name)
    return ParsedDocument(name, shorten_title(title), text, metadata=dict(said), format="markdown")


def _sheet(workbook: "object", sheet: str, limits: Limits) -> str:
    rows: list[list[str]] = []
    n_chars = 0
    for cells in workbook.get_sheet_by_name(sheet).iter_rows():  # type: ignore[attr-defined]
        row = [_words(cell) for cell in cells]
        while row and not row[-1]:
            row.pop()
        if row:
            rows.append(row)
            n_chars += sum(map(len, row)) + 3 * len(row)
        if n_chars > limits.max_text_chars:
            told = f"more than {limits.max_text_chars:,} characters in sheet {sheet!r}"
            raise Unreadable(told, Reason.TOO_LARGE)
    return f"## {sheet}\n\n{table_markdown(_without_margin(rows))}" if rows else ""


def _without_margin(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows without the columns at the left that are empty in all of them."""
    margin = min(next((i for i, cell in enumerate(row) if cell), len(row)) for row in rows)
    return [row[margin:] for row in rows]


def _words(cell: object) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return " ".join(str(cell).split())
