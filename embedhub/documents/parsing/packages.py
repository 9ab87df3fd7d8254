"""Office files and e-books: zip archives of XML parts, opened with care."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from lxml import etree

from embedhub.documents.parsing.parsed import Limits, Reason, Unreadable, storable

MAX_PARTS = 20_000
# Office writes no document type; those who do want entities, which may be files or bombs.
DOCTYPE = b"<!DOCTYPE"
LOOKED_AT_BYTES = 4_096
CORE = "docProps/core.xml"
DUBLIN_CORE = {"title": "title", "creator": "author", "created": "created", "modified": "modified"}


class Package:
    """An opened package; parts are read whole, none beyond what the limits allow together."""

    def __init__(self, path: Path, limits: Limits) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Unreadable("is damaged or cut off: not a whole zip archive") from error
        self.names = [info.filename for info in self._zip.infolist()]
        self._room = limits.max_package_bytes
        if len(self.names) > MAX_PARTS:
            told = f"{len(self.names):,} parts; at most {MAX_PARTS:,} are read"
            raise Unreadable(told, Reason.LIMIT)
        unpacked = sum(info.file_size for info in self._zip.infolist())
        if unpacked > limits.max_package_bytes:
            told = f"unpacks to {unpacked:,} bytes; at most {limits.max_package_bytes:,} are read"
            raise Unreadable(told, Reason.LIMIT)

    def __enter__(self) -> "Package":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes:
        """Return a part, empty if there is none; raises Unreadable."""
        if name not in self.names:
            return b""
        try:
            with self._zip.open(name) as part:
                # Not as many bytes as its header says: that may be a lie.
                content = part.read(self._room + 1)
        except RuntimeError as error:
            raise Unreadable("a password is needed to open it", Reason.PASSWORD) from error
        except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
            raise Unreadable(f"its part {name} is damaged") from error
        except Exception as error:
            # zlib.error is a class of its own, and so are those of other compressions.
            raise Unreadable(f"its part {name} is damaged") from error
        self._room -= len(content)
        if self._room < 0:
            raise Unreadable("unpacks to more than is read", Reason.LIMIT)
        return content

    def refuse_entities(self) -> None:
        """Return if no XML part declares a document type; raises Unreadable."""
        for name in self.names:
            if name.endswith((".xml", ".rels")):
                with self._zip.open(name) as part:
                    head = part.read(LOOKED_AT_BYTES)
                if DOCTYPE in head.replace(b"\x00", b"").upper():
                    told = f"its part {name} declares a document type, which no office file does"
                    raise Unreadable(told)

    def parts(self, *folders: str) -> Iterator[str]:
        """Yield the names of the XML parts below these folders, in order."""
        yield from sorted(n for n in self.names if n.endswith(".xml") and n.startswith(folders))


def parse_xml(content: bytes) -> Any:
    """Return the root of XML without anything fetched or expanded; raises Unreadable."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"holds damaged XML: {error.msg}") from error


def local_name(element: Any) -> str:
    """Return an element's name without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def core_properties(package: Package) -> dict[str, str]:
    """Return title, author, created and modified as an Office file tells them."""
    content = package.read(CORE)
    return dublin_core(parse_xml(content)) if content.strip() else {}


def dublin_core(root: Any) -> dict[str, str]:
    """Return title, author, created and modified out of any XML with Dublin Core in it."""
    found: dict[str, str] = {}
    for element in root.iter():
        key = DUBLIN_CORE.get(local_name(element))
        words = " ".join(storable(cast("str", element.text or "")).split())[:500]
        if key and words:
            found.setdefault(key, words)
    return found


def drawn_text(package: Package, *folders: str) -> str:
    """Return the words in charts, diagrams and text boxes, a paragraph a part."""
    texts = []
    for name in package.parts(*folders):
        elements = parse_xml(package.read(name)).iter()
        found = ((e.text or "").strip() for e in elements if local_name(e) in {"t", "v"})
        words = [storable(word) for word in found if word]
        if words:
            # A chart keeps each label where it is drawn and where it is remembered.
            texts.append(" ".join(dict.fromkeys(words)))
    return "\n\n".join(texts)
