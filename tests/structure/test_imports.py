"""Who may import whom, and where SQL, torch and the environment may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
FILES = sorted(
    path.relative_to(PROJECT)
    for folder in ("embedhub", "workers", "migrations")
    for path in (PROJECT / folder).rglob("*.py")
)
DJANGO = ("django", "ninja", "unfold", "whitenoise")
SQL_BUILDERS = {"select", "insert", "update", "delete"}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of every import in a file; the name is empty for `import module`."""
    for node in ast.walk(ast.parse((PROJECT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def is_queries(path: Path) -> bool:
    return path.name == "queries.py" or "queries" in path.parts


def may_use_django(path: Path) -> bool:
    at = path.parts
    return (
        at[:2] in (("embedhub", "web"), ("embedhub", "console"))
        or path.stem in {"schemas", "urls", "settings", "wsgi"}
        or path.stem.endswith(("view", "views"))
    )


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    wrong = [
        f"{path} imports {module} {name}".strip()
        for module, name in imports(path)
        if not is_allowed(path, module, name)
    ]
    assert not wrong, "\n".join(wrong)


def is_allowed(path: Path, module: str, name: str) -> bool:
    top = module.split(".", maxsplit=1)[0]
    at = path.parts
    if top in DJANGO and not may_use_django(path):
        # The one-machine start-up migrates and adds the staff login through Django's own commands.
        return at[:2] == ("embedhub", "local") and top == "django"
    if top in {"openvino", "sentence_transformers", "torch"}:
        return at[:2] == ("embedhub", "encoders")
    if top == "workers":
        return at[0] == "workers"
    if module == "sqlalchemy" and name in SQL_BUILDERS:
        return is_queries(path)
    if module.startswith("sqlalchemy.dialects.postgresql") and name == "insert":
        return is_queries(path)
    if module == "sqlalchemy" and name == "text":
        return (
            is_queries(path)
            or at[:2] == ("embedhub", "tables")
            or at[0] == "migrations"
            or at[1:] in (("db.py",), ("spaces", "indexes.py"))
        )
    if is_queries_of_another(at, module, name):
        return False
    if at[0] == "embedhub" and at[1] == "tables" and top == "embedhub":
        return module.startswith("embedhub.tables")
    if at[0] == "migrations" and path.name != "env.py":
        return top != "embedhub"
    return True


def is_queries_of_another(at: tuple[str, ...], module: str, name: str) -> bool:
    parts = [*module.split("."), name]
    if parts[0] != "embedhub" or "queries" not in parts[2:]:
        return False
    return len(at) < 3 or parts[1] != at[1]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_the_settings_read_the_environment(path: Path) -> None:
    # wsgi.py names Django's settings module, as every WSGI entry does.
    if path in (Path("embedhub/config.py"), Path("embedhub/wsgi.py")):
        return
    source = (PROJECT / path).read_text()
    assert "os.getenv" not in source
    reads = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr == "environ"
    ]
    assert not reads, f"{path} reads the environment; config.py alone may"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_the_engine_commits(path: Path) -> None:
    if path in (Path("embedhub/db.py"), Path("migrations/env.py")):
        return
    calls = [
        node.lineno
        for node in ast.walk(ast.parse((PROJECT / path).read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
    ]
    assert not calls, f"{path} commits in lines {calls}; db.writing() alone may"


def test_workers_and_the_encoder_queue_run_without_django() -> None:
    import subprocess
    import sys

    code = (
        "import sys, workers.embed, workers.files, workers.train, workers.upkeep;"
        "sys.exit(any(m in ('django.core', 'torch') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False)
    assert done.returncode == 0, "a worker imports Django, or torch before it encodes"


def test_no_file_outgrows_its_reader() -> None:
    long = [
        f"{path}: {n} lines"
        for path in FILES
        if path.parts[0] != "migrations" and (n := (PROJECT / path).read_text().count("\n")) > 320
    ]
    assert not long, "\n".join(long)
