"""The house keeps its plan: docs/develop/architecture.rst in the form of tests.

Every rule is a function from one source file to a list of complaints. It is run over the package,
and over a bad snippet, so that a rule which no longer sees anything fails too.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import sklatent

PACKAGE = Path(sklatent.__file__).parent
DOCUMENTS = [
    PACKAGE.parent / "docs" / "develop" / f"{page}.rst" for page in ("architecture", "add_a_model")
]

# What a layer may import from the package, besides itself.
LAYERS: dict[str, set[str]] = {
    "_utils": set(),
    "tabular": {"_utils"},
    "nn": set(),
    "_training": {"_utils", "tabular", "nn"},
    "parts": {"_utils", "tabular", "nn", "_training"},
    "base": {"_utils", "tabular", "nn", "_training", "parts"},
    "models": {"_utils", "tabular", "nn", "_training", "parts", "base", "develop"},
    "develop": {"_utils", "tabular", "nn", "_training", "parts", "base"},
    "tasks": {"_utils", "tabular"},
    "geometry": {"_utils", "tabular", "metrics"},
    "metrics": {"_utils", "tabular"},
    "plotting": {"_utils", "tabular", "metrics", "geometry"},
    "datasets": {"_utils"},
}
# The same inside functions: tasks construct models by name, without loading torch on import.
DEFERRED: dict[str, set[str]] = {"tasks": {"models"}}

NUMERICAL = {"joblib", "numpy", "scipy", "sklearn"}
LIBRARIES: dict[str, set[str]] = {
    "__init__": set(),
    "_utils": {"numpy", "scipy", "sklearn"},
    "tabular": {"numpy", "scipy", "sklearn", "narwhals"},
    "nn": {"torch"},
    "_training": {*NUMERICAL, "torch", "skorch"},
    "parts": {*NUMERICAL, "torch"},
    "base": {*NUMERICAL, "torch"},
    "develop": set(),
    "models": {*NUMERICAL, "torch"},
    "tasks": {*NUMERICAL, "narwhals"},
    "geometry": {"numpy", "scipy", "sklearn"},
    "metrics": {*NUMERICAL, "narwhals"},
    "plotting": {*NUMERICAL, "narwhals", "matplotlib"},
    "datasets": {"numpy", "scipy", "sklearn", "narwhals"},
}
WITHOUT_TORCH = {"_utils", "tabular", "tasks", "geometry", "metrics", "plotting", "datasets"}
DISCOVERY = {"_utils/discovery.py", "_utils/_discovery.py"}  # names the whole package, on demand
FILE_LINES, FUNCTION_LINES = 400, 40

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    module: str  # absolute and as deep as the statement tells: "sklatent.nn.mlp", "torch.nn"
    deferred: bool  # inside a function
    typing: bool = False  # inside "if TYPE_CHECKING", which no interpreter runs


@cache
def parsed(text: str) -> ast.Module:
    """Parse a text once for all rules."""
    return ast.parse(text)


@dataclass(frozen=True)
class Source:
    path: str  # below the package: "tabular/_encoder.py"
    text: str

    @property
    def layer(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")

    @property
    def tree(self) -> ast.Module:
        return parsed(self.text)

    def imports(self) -> Iterator[Import]:
        yield from self._imports(self.tree, deferred=False, typing=False)

    def _imports(self, node: ast.AST, *, deferred: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                origin = f"{self._origin(child)}." if isinstance(child, ast.ImportFrom) else ""
                for alias in child.names:
                    yield Import(f"{origin}{alias.name}", deferred, typing)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            checked = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from self._imports(child, deferred=deferred or inside, typing=typing or checked)

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        folders = ["sklatent", *self.path.split("/")[:-1]]
        folders = folders[: len(folders) - node.level + 1]
        return ".".join([*folders, node.module] if node.module else folders)


@cache
def sources() -> list[Source]:
    paths = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return [Source(path, (PACKAGE / path).read_text(encoding="utf-8")) for path in paths]


def code_lines(source: str, node: ast.AST | None = None) -> int:
    """Lines with code on them, without comments, docstrings, signatures and ``__init__``."""
    top = parsed(source) if node is None else node
    skipped: set[int] = set()
    for part in ast.walk(top):
        if isinstance(part, Definition):
            first = min([part.lineno, *(d.lineno for d in part.decorator_list)])
            skipped |= set(range(first, max(part.lineno + 1, part.body[0].lineno)))
            if part.name == "__init__" and part is not node:
                skipped |= set(range(first, (part.end_lineno or first) + 1))
        if isinstance(part, Definition | ast.ClassDef | ast.Module) and _has_docstring(part):
            skipped |= set(range(part.body[0].lineno, (part.body[0].end_lineno or 0) + 1))
    lines = _lines_with_tokens(source) - skipped
    if node is None:
        return len(lines)
    return len([line for line in lines if node.lineno <= line <= (node.end_lineno or 0)])


def _has_docstring(node: Definition | ast.ClassDef | ast.Module) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)


@cache
def _lines_with_tokens(source: str) -> set[int]:
    empty = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    empty |= {tokenize.ENCODING, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in empty:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return lines


def defines_estimator(source: Source) -> bool:
    """Whether a file holds a public class built from scikit-learn's or the library's bases."""
    pattern = re.compile(r"^Base|(Mixin|Estimator|Model)$")
    return any(
        isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and any(pattern.search(ast.unparse(base).split(".")[-1]) for base in node.bases)
        for node in source.tree.body
    )


# --- the rules ---------------------------------------------------------------------------------


def has_a_layer(source: Source) -> list[str]:
    known = source.layer in LAYERS or source.path == "__init__.py"
    return [] if known else [f"{source.path} belongs to no layer"]


def imports_lower_layers_only(source: Source) -> list[str]:
    if source.path == "__init__.py":
        return []
    complaints = []
    for found in source.imports():
        top, _, rest = found.module.partition(".")
        layer = rest.split(".")[0]
        if top != "sklatent" or layer in {source.layer, "__version__"}:
            continue
        if found.deferred and source.path in DISCOVERY:
            continue
        allowed = set(LAYERS.get(source.layer, ()))
        if found.deferred:
            allowed |= DEFERRED.get(source.layer, set())
        if layer not in allowed:
            complaints.append(f"{source.path} imports {found.module}")
    return complaints


def imports_known_libraries_only(source: Source) -> list[str]:
    allowed = {"sklatent", *LIBRARIES.get(source.layer, ()), *sys.stdlib_module_names}
    tops = [found.module.split(".")[0] for found in source.imports()]
    return [f"{source.path} imports {top}" for top in tops if top not in allowed]


def leaves_skorch_to_training(source: Source) -> list[str]:
    if source.layer == "_training":
        return []
    return [
        f"{source.path} imports {found.module}"
        for found in source.imports()
        if found.module.split(".")[0] == "skorch"
    ]


def leaves_torch_to_models(source: Source) -> list[str]:
    if source.layer not in WITHOUT_TORCH:
        return []
    return [
        f"{source.path} imports {found.module}"
        for found in source.imports()
        if found.module.split(".")[0] in {"torch", "skorch"}
    ]


def nn_knows_torch_only(source: Source) -> list[str]:
    if source.layer != "nn":
        return []
    allowed = {"torch", *sys.stdlib_module_names}
    return [
        f"{source.path} imports {found.module}"
        for found in source.imports()
        if found.module.split(".")[0] not in allowed and not found.module.startswith("sklatent.nn.")
    ]


def imports_matplotlib_when_it_plots(source: Source) -> list[str]:
    return [
        f"{source.path} imports {found.module} on import"
        for found in source.imports()
        if found.module.split(".")[0] == "matplotlib" and not (found.deferred or found.typing)
    ]


def keeps_files_short(source: Source) -> list[str]:
    count = code_lines(source.text)
    return [f"{source.path} has {count} lines of code"] if count > FILE_LINES else []


def keeps_functions_short(source: Source) -> list[str]:
    counts = {
        node.name: code_lines(source.text, node)
        for node in ast.walk(source.tree)
        if isinstance(node, Definition) and node.name != "__init__"
    }
    return [
        f"{source.path}: {name} has {count} lines of code"
        for name, count in counts.items()
        if count > FUNCTION_LINES
    ]


def estimator_files_importing_one_another(files: list[Source]) -> list[str]:
    """Over all files at once: whether a file of ``models/`` needs another one's estimator."""
    models = [f for f in files if f.layer == "models" and not f.path.endswith("__init__.py")]
    modules = {
        "sklatent." + f.path.removesuffix(".py").replace("/", ".")
        for f in models
        if defines_estimator(f)
    }
    return [
        f"{source.path} imports {found.module}"
        for source in models
        if defines_estimator(source)
        for found in source.imports()
        if any(found.module == m or found.module.startswith(f"{m}.") for m in modules)
        or re.fullmatch(r"sklatent\.models\.[A-Z]\w*", found.module)
    ]


LONG_FUNCTION = "def long():\n" + "    x = 1\n" * (FUNCTION_LINES + 1)
LONG_METHOD = "class A:\n    def long(self):\n" + "        x = 1\n" * (FUNCTION_LINES + 1)
Rule = Callable[[Source], list[str]]
RULES: list[tuple[Rule, list[Source]]] = [
    (has_a_layer, [Source("helpers/_x.py", ""), Source("helpers.py", "")]),
    (
        imports_lower_layers_only,
        [
            Source("_utils/_x.py", "from sklatent.tabular import TabularEncoder"),
            Source("_utils/_x.py", "def f():\n    import sklatent.models"),
            Source("tabular/_x.py", "from ..nn import mlp"),
            Source("tabular/_x.py", "from .. import nn"),
            Source("base.py", "from .models._vae import VAETransformer"),
            Source("base.py", "from . import AutoencoderTransformer"),
            Source("tasks/_x.py", "from sklatent.models import VAETransformer"),
            Source("metrics/_x.py", "if TYPE_CHECKING:\n    import sklatent.base"),
            Source("geometry/_x.py", "from sklatent import VAETransformer"),
        ],
    ),
    (
        imports_known_libraries_only,
        [Source("tabular/_x.py", "import pandas as pd"), Source("__init__.py", "import numpy")],
    ),
    (
        leaves_skorch_to_training,
        [
            Source("base.py", "from skorch import NeuralNet"),
            Source("models/_x.py", "def f():\n    import skorch.callbacks"),
        ],
    ),
    (
        leaves_torch_to_models,
        [
            Source(f"{layer}/_x.py", "def f():\n    from torch import nn")
            for layer in sorted(WITHOUT_TORCH)
        ],
    ),
    (
        nn_knows_torch_only,
        [Source("nn/_x.py", "import numpy as np"), Source("nn/_x.py", "from .._utils import x")],
    ),
    (imports_matplotlib_when_it_plots, [Source("plotting/_x.py", "import matplotlib.pyplot")]),
    (keeps_files_short, [Source("base.py", "x = 1\n" * (FILE_LINES + 1))]),
    (keeps_functions_short, [Source("base.py", LONG_FUNCTION), Source("base.py", LONG_METHOD)]),
]
IDS = [rule.__name__ for rule, _ in RULES]


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES], ids=IDS)
def test_package_keeps(rule: Rule) -> None:
    assert [complaint for source in sources() for complaint in rule(source)] == []


@pytest.mark.parametrize(("rule", "bad"), RULES, ids=IDS)
def test_rule_sees_what_breaks_it(rule: Rule, bad: list[Source]) -> None:
    assert [source for source in bad if not rule(source)] == []


@pytest.mark.parametrize(
    "fine",
    [
        Source("base.py", "from . import __version__\nfrom .nn import mlp\nimport numpy, torch"),
        Source("_utils/_discovery.py", "def f():\n    import sklatent"),
        Source("tasks/_x.py", "def fit():\n    from ..models import VAETransformer"),
        Source("plotting/_x.py", "def plot():\n    import matplotlib.pyplot as plt"),
        Source("plotting/_x.py", "if TYPE_CHECKING:\n    from matplotlib.axes import Axes"),
        Source("nn/_x.py", "from .mlp import mlp\nfrom sklatent.nn import heads\nimport math"),
        Source("base.py", "def f(\n" + "    a=1,\n" * 60 + '):\n    """' + "\n" * 60 + '"""'),
        Source("models/_x.py", "class A:\n    def __init__(self):\n" + "        a = 1\n" * 500),
    ],
    ids=lambda source: source.path,
)
def test_rules_leave_good_code_alone(fine: Source) -> None:
    assert [complaint for rule, _ in RULES for complaint in rule(fine)] == []


def test_estimator_files_do_not_import_one_another() -> None:
    assert estimator_files_importing_one_another(sources()) == []


def test_estimator_files_importing_one_another_are_seen() -> None:
    model = Source("models/_a.py", "class A(EncoderMixin, BaseLatentModel):\n    pass")
    helper = Source("models/_help.py", "class Sheet:\n    pass\nclass Net(nn.Module):\n    pass")
    end = "\nclass B(BaseLatentModel):\n    pass"
    for line in (
        "from ._a import A",
        "from . import A",
        "from . import _a",
        "import sklatent.models._a",
    ):
        other = Source("models/_b.py", line + end)
        assert estimator_files_importing_one_another([model, helper, other]) != [], line
    for line in ("from ._help import Sheet", "from sklatent.base import BaseLatentModel"):
        other = Source("models/_b.py", line + end)
        assert estimator_files_importing_one_another([model, helper, other]) == [], line


def test_package_is_found() -> None:
    paths = {source.path for source in sources()}
    assert {"__init__.py", "base/__init__.py", "tabular/__init__.py", "models/__init__.py"} <= paths
    assert any(defines_estimator(source) for source in sources() if source.layer == "models")


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)
def test_page_names_every_layer(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [layer for layer in LAYERS if f"``{layer}``" not in text] == []


def test_picture_shows_every_layer() -> None:
    text = DOCUMENTS[0].read_text(encoding="utf-8")
    picture = text[text.index("   +---") : text.rindex("---+")]
    assert [layer for layer in LAYERS if not re.search(rf"\b{layer}\b", picture)] == []
