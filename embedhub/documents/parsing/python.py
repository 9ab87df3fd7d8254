"""Python source: the documentation strings of modules, classes and functions."""

import ast
from collections.abc import Iterator

from embedhub.documents.parsing.parsed import ParsedDocument, Unreadable

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def parse_docstrings(module: str, source: bytes, *, min_chars: int) -> Iterator[ParsedDocument]:
    """Yield a document for each public thing of a module whose documentation is long enough.

    The source is parsed, never run. The external_id is the qualified name, such as json.dumps.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise Unreadable(f"is not Python: {error}") from error
    package = module.partition(".")[0]
    seen: set[str] = set()
    for name, node in _public(module, tree):
        text = ast.get_docstring(node) or ""
        if len(text) >= min_chars and name not in seen:
            seen.add(name)
            metadata = {
                "module": module,
                "package": package,
                "kind": _kind(node),
                "line": getattr(node, "lineno", 1),
            }
            yield ParsedDocument(name, name, text, metadata=metadata)


def _public(name: str, node: Documented) -> Iterator[tuple[str, Documented]]:
    yield name, node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for child in node.body:
        if isinstance(
            child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and not child.name.startswith("_"):
            yield from _public(f"{name}.{child.name}", child)


def _kind(node: Documented) -> str:
    if isinstance(node, ast.Module):
        return "module"
    return "class" if isinstance(node, ast.ClassDef) else "function"
