"""Counting rules of ``house`` that read source files: the package is parsed, never imported."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.test_architecture import code_lines

MODEL_LAYERS = ("base", "models", "parts")
TASK_LAYERS = ("tasks", "metrics")
# The one place that may ask on purpose: the mixin that all models of mixed tables had.
SEAM = "models/_mixed.py"
KIND_NAMES = {"mode_", "_mixed", "mixed", "_is_mixed", "is_mixed"}
Method = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class File:
    """A file of the package."""

    path: str  # below the package
    text: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        """Its folder, or its own name where it lies in none."""
        return self.path.split("/")[0].removesuffix(".py")

    def classes(self) -> Iterator[ast.ClassDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                yield node


@dataclass(frozen=True)
class Place:
    """Where something that counts was found."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.what}"


def files_of(root: Path) -> list[File]:
    """Read the package of a checkout."""
    package = root / "sklatent"
    found = []
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(File(path.relative_to(package).as_posix(), text, ast.parse(text)))
    return found


# -- forks ---------------------------------------------------------------------------------------


def forks(files: list[File], layers: tuple[str, ...]) -> list[Place]:
    """``if`` statements and conditional expressions whose test asks for the kind of table.

    A test asks for it if it names ``mode_`` or ``mixed`` (also as a private attribute), compares
    the ``kind`` of a table or front, asks ``isinstance`` for ``Rows``, ``MixedRows`` or another
    class whose name ends in Rows, Table or Front, or asks whether ``numbers()``, which only tables
    of numbers have, is None (also by the name that it was assigned to).
    """
    found = []
    for file in (file for file in files if file.layer in layers):
        for node in ast.walk(file.tree):
            asks = isinstance(node, ast.If | ast.IfExp) and _asks_for_kind(node.test)
            if isinstance(node, ast.If | ast.IfExp) and (asks or _asks_for_numbers(node, file)):
                found.append(Place(file.path, node.lineno, ast.unparse(node.test)))
    return found


def _asks_for_numbers(branch: ast.If | ast.IfExp, file: File) -> bool:
    around = [
        node
        for node in ast.walk(file.tree)
        if isinstance(node, Method) and node.lineno <= branch.lineno <= (node.end_lineno or 0)
    ]
    names = {
        target.id
        for method in around
        for node in ast.walk(method)
        if isinstance(node, ast.Assign) and _is_numbers(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return any(
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.Is | ast.IsNot)
        and (_is_numbers(node.left) or ast.unparse(node.left) in names)
        for node in ast.walk(branch.test)
    )


def _is_numbers(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".numbers")


def _asks_for_kind(test: ast.expr) -> bool:
    for node in ast.walk(test):
        if isinstance(node, ast.Attribute) and node.attr in KIND_NAMES:
            return True
        if isinstance(node, ast.Name) and node.id in KIND_NAMES:
            return True
        if isinstance(node, ast.Attribute) and node.attr in {"kind", "kind_"}:
            owner = ast.unparse(node.value).lower()
            if "table" in owner or "front" in owner or "rows" in owner:
                return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            asked = ast.unparse(node.args[1])
            if re.search(r"(Rows|Table|Front)\b", asked):
                return True
    return False


# -- private names -------------------------------------------------------------------------------


def private_uses(files: list[File]) -> list[Place]:
    """Uses ``x._name`` of a private method or property of a class in another folder.

    ``x`` is not ``self``, ``cls`` or ``super()``, ``_name`` is defined in the body of a class of
    another folder and of no class in the folder of the use. ``base.py`` is a folder of its own.
    """
    owners: dict[str, set[str]] = {}
    for file in files:
        for owner in file.classes():
            for name in (m.name for m in owner.body if isinstance(m, Method)):
                if re.match(r"_[^_]", name):
                    owners.setdefault(name, set()).add(file.layer)
    return [
        Place(file.path, node.lineno, ast.unparse(node))
        for file in files
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) not in {"self", "cls", "super()"}
        and node.attr in owners
        and file.layer not in owners[node.attr]
    ]


def private_methods_of(files: list[File], owner: str) -> set[str]:
    """Names of the private methods of a class."""
    return {
        method.name
        for file in files
        for node in file.classes()
        if node.name == owner
        for method in node.body
        if isinstance(method, Method) and re.match(r"_[^_]", method.name)
    }


# -- hooks ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hooks:
    """Names through which models change what their bases do.

    Attributes
    ----------
    methods, declarations : set of str
        Methods and properties; class attributes, which only declare.
    """

    methods: set[str]
    declarations: set[str]


def hooks(files: list[File]) -> Hooks:
    """Find what models change of their bases.

    For each class in models/ or parts/ that is no torch module, with all its ancestors: names that
    an ancestor of the base layer (or one named Body or BaseBody) defines and the class or an
    ancestor of models/ or parts/ defines, too; and methods that such a base calls on ``self``,
    defines nowhere, and gets from there. Protocols only describe, and annotated fields are
    parameters: neither counts.
    """
    classes = {owner.name: (file.layer, owner) for file in files for owner in file.classes()}
    found: set[str] = set()
    for name, (layer, owner) in classes.items():
        if layer not in {"models", "parts"} or _is_module(owner):
            continue
        family = _family(name, classes)
        bases = [classes[one][1] for one in family if _is_base(one, classes)]
        own = [classes[one][1] for one in family if not _is_base(one, classes)]
        given = {member for one in own for member in _members(one)}
        found |= ({member for one in bases for member in _members(one)} | _called(bases)) & given
    methods = {
        node.name
        for name, (_, owner) in classes.items()
        for node in owner.body
        if _is_base(name, classes) and isinstance(node, Method)
    } | _called([owner for name, (_, owner) in classes.items() if _is_base(name, classes)])
    found -= {"__init__"}
    return Hooks(found & methods, found - methods)


def _family(name: str, classes: dict[str, tuple[str, ast.ClassDef]]) -> set[str]:
    """Give a class of the package and all its ancestors there, by name."""
    family, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one in classes and one not in family and not _is_protocol(classes[one][1]):
            family.add(one)
            waiting += [
                ast.unparse(base).partition("[")[0].split(".")[-1] for base in classes[one][1].bases
            ]
    return family


def _is_base(name: str, classes: dict[str, tuple[str, ast.ClassDef]]) -> bool:
    return classes[name][0] == "base" or name in {"Body", "BaseBody"}


def _is_protocol(owner: ast.ClassDef) -> bool:
    return any(ast.unparse(base).partition("[")[0] == "Protocol" for base in owner.bases)


def _called(owners: list[ast.ClassDef]) -> set[str]:
    """Methods that classes call on ``self``."""
    return {
        node.func.attr
        for owner in owners
        for node in ast.walk(owner)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "self"
    }


def documented_hooks(names: set[str], root: Path) -> set[str]:
    """Those of the names that docs/develop/add_a_model.rst names, as code."""
    document = (root / "docs" / "develop" / "add_a_model.rst").read_text(encoding="utf-8")
    return {name for name in names if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", document)}


def _members(owner: ast.ClassDef) -> set[str]:
    """Methods, properties and class attributes; annotated fields are parameters or told types."""
    found = {node.name for node in owner.body if isinstance(node, Method)}
    for node in owner.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if "ClassVar" in ast.unparse(node.annotation):
                found.add(node.target.id)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _is_module(owner: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("Module") for base in owner.bases)


# -- the rest ------------------------------------------------------------------------------------


def untyped_selves(files: list[File]) -> list[Place]:
    """Methods whose ``self`` is typed ``Any``."""
    return [
        Place(file.path, node.lineno, node.name)
        for file in files
        for node in ast.walk(file.tree)
        if isinstance(node, Method)
        for first in node.args.args[:1]
        if first.arg == "self" and first.annotation and ast.unparse(first.annotation) == "Any"
    ]


def lines_of(texts: list[str]) -> str:
    """Lines with code: without prose, and as the architecture tests count them."""
    short = sum(code_lines(text) for text in texts)
    return f"{sum(map(lines_without_prose, texts))}, {short} without signatures"


def lines_without_prose(text: str) -> int:
    """Lines with code, signatures and ``__init__`` among them."""
    ignored = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    ignored |= {tokenize.ENDMARKER}
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in ignored
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Method | ast.ClassDef | ast.Module) and ast.get_docstring(node):
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)
