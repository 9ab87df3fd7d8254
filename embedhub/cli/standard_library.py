"""The demo's own input: the documentation strings of Python's standard library on this machine."""

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from embedhub.documents.parsing.parsed import ParsedDocument, Unreadable
from embedhub.documents.parsing.python import parse_docstrings

# Shorter ones ("Return the name.") say little without their source.
MIN_CHARS = 80
# Tests and toys of the interpreter itself.
LEFT_OUT = frozenset({"test", "tests", "idle_test", "idlelib", "lib2to3", "turtledemo"})

QUERIES = (
    "run a program and capture what it prints",
    "read rows of a CSV file as dictionaries",
    "temporary directory that is removed afterwards",
    "parse command line arguments",
)


def read_standard_library() -> Iterator[ParsedDocument]:
    """Yield a document for each documented public module, class and function; imports nothing."""
    root = Path(sysconfig.get_path("stdlib"))
    for module, path in modules(root):
        try:
            yield from parse_docstrings(module, path.read_bytes(), min_chars=MIN_CHARS)
        except (Unreadable, OSError):
            # A platform's odd file is no reason to stop a demonstration.
            continue


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the public modules below `root` by dotted name, with their files."""
    for name in sorted(sys.stdlib_module_names - LEFT_OUT):
        if (root / name).is_dir():
            yield from _package(root, root / name)
        elif (root / f"{name}.py").is_file() and not name.startswith("_"):
            yield name, root / f"{name}.py"


def _package(root: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if LEFT_OUT.isdisjoint(parts) and not any(part.startswith("_") for part in parts):
            yield ".".join(parts), path
