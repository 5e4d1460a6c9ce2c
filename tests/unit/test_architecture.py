"""What ARCHITECTURE.md says of the tree."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "streamer"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
TEXT = (ROOT / "ARCHITECTURE.md").read_text()
MAX_MODULE, MAX_CLASS, MAX_FUNCTION, MAX_USUAL_FUNCTION = 300, 180, 40, 20  # lines
# Above a limit today. A name leaves this list with its size, and none may join it.
LARGE: set[str] = set()


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def sizes(*kinds: type[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]) -> dict[str, int]:
    """Lines of every definition of these kinds."""
    return {
        f"{name_of(path)}: {node.name}": node.end_lineno - node.lineno + 1
        for path in PACKAGE.rglob("*.py")
        for node in nodes(path)
        if isinstance(node, kinds)
    }


def files() -> list[Path]:
    return [path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]


def packages() -> list[Path]:
    return [path.parent for path in PACKAGE.glob("*/__init__.py")]


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Everything in a module."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> set[str]:
    """The top-level names that a module imports, anywhere in it."""
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def importers(name: str) -> set[str]:
    """The rooms of the package that import a distribution."""
    return {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if name in imports(path)}


def test_the_root_of_the_package_has_few_rooms_and_the_document_counts_them():
    assert len(files()) <= 10
    assert len(files()) + len(packages()) <= 30
    assert f"The package root has {len(files())} modules and {len(packages())} packages" in TEXT


def test_modules_classes_and_functions_are_small_but_for_those_that_are_listed():
    functions = sizes(ast.FunctionDef, ast.AsyncFunctionDef)
    modules = {name_of(path): path.read_text().count("\n") for path in PACKAGE.rglob("*.py")}
    large = {name for name, lines in modules.items() if lines > MAX_MODULE}
    large |= {name for name, lines in sizes(ast.ClassDef).items() if lines > MAX_CLASS}
    large |= {name for name, lines in functions.items() if lines > MAX_FUNCTION}
    assert large - LARGE == set(), "split it"
    assert LARGE - large == set(), "it is small now: remove it from LARGE"
    assert sorted(functions.values())[len(functions) * 9 // 10] <= MAX_USUAL_FUNCTION


def test_threads_start_where_the_document_says():
    starters = {
        name_of(path)
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\bThread\(|\(threading\.Thread\)", path.read_text())
    }
    assert starters == {"process/threads.py"}
    assert "by `process.threads.background` alone" in TEXT


def test_heavy_packages_have_their_homes():
    assert importers("torch") | importers("transformers") == {"edgetam", "bench"}
    assert importers("zmq") == {"bus"}
    assert importers("fastapi") == {"web"}
    assert importers("ray") == set()


def test_the_contract_has_few_layers_and_names_every_room():
    (layers,) = [contract for contract in CONTRACTS if contract["type"] == "layers"]
    rooms = {room.strip() for layer in layers["layers"] for room in layer.split("|")}
    assert len(layers["layers"]) <= 14
    assert layers["exhaustive"]
    assert rooms == {path.name for path in packages()} | {path.stem for path in files()} - {"__main__"}


def test_the_document_has_a_row_for_every_room():
    rooms = {path.name for path in packages()} | {path.stem for path in files()} - {"__main__"}
    assert [room for room in sorted(rooms) if f"`{room}`" not in TEXT] == []


def test_public_imports_stay():
    from streamer import Frame, Prompt, Remove, Reset, Track, Undo  # noqa: F401
    from streamer.client import Client  # noqa: F401
    from streamer.edgetam import open_segmenter, open_tracker  # noqa: F401


def test_every_page_of_the_site_is_in_its_navigation_and_links_lead_somewhere():
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = sorted((ROOT / "docs").glob("*.md"))
    assert [page.name for page in pages if page.name not in navigation] == []
    for page in [*pages, *ROOT.glob("*.md")]:
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_files_that_the_documents_name_exist():
    pages = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    named = {
        (page.name, path)
        for page in pages
        for path in re.findall(
            r"(?<![\w/])(?:streamer|tests|scripts|configs|examples|docs)/[\w./-]*\w", page.read_text()
        )
    }
    assert len(named) > 30
    assert [f"{page}: {path}" for page, path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_page_of_the_http_api_lists_every_operation():
    from fastapi import FastAPI

    from streamer.web.api import PREFIX, router

    app = FastAPI()
    app.include_router(router())
    operations = {
        f"| {method.upper()} | `{path.removeprefix(PREFIX)}` | {operation['summary']} |"
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
    }
    page = (ROOT / "docs" / "http-api.md").read_text()
    assert {line for line in page.splitlines() if line.startswith("| ") and " | `/" in line} == operations
