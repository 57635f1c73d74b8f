"""What the documentation shows runs, and what is public has a page."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import pickle
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import check_estimator

import sklatent
import sklatent.base
from sklatent import develop
from sklatent._utils.declaration import declaration_of
from sklatent._utils.discovery import all_estimators
from tests.imports import private_imports

DOCS = Path(sklatent.__file__).parents[1] / "docs"
TASKS = {
    "reduce": "AutoencoderTransformer",
    "sample": "VAETransformer",
    "impute": "VAETransformer",
    "find anomalies": "LatentAnomalyDetector",
    "cluster": "LatentClusterer",
    "embed neighbours": "NeighborEmbedding",
}
PAGES = [*sorted(DOCS.glob("user_guide/*.rst")), DOCS / "develop" / "deprecation.rst"]
MODULES = ("datasets", "geometry", "metrics", "plotting")
QUICK = {"hidden_layer_sizes": (8,), "max_steps": 10, "early_stopping": False, "device": "cpu"}


@contextmanager
def loaded(path: Path) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pickle looks its classes up here
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    with loaded(DOCS / "develop" / "example_model.py") as module:
        yield module


@pytest.fixture(scope="module")
def guide() -> Iterator[ModuleType]:
    with loaded(DOCS / "_which_model.py") as module:
        yield module


def test_example_model_is_an_estimator(example: ModuleType) -> None:
    results = check_estimator(example.SparseAutoencoder(**QUICK), on_fail=None, on_skip=None)
    assert [result["check_name"] for result in results if result["status"] == "failed"] == []


def test_example_model_does_what_it_says(example: ModuleType) -> None:
    X = load_digits().data[:600]
    options = {"max_steps": 150, "standardize": False, "device": "cpu", "random_state": 0}
    spread = {}
    for sparsity in (0.0, 16.0):
        model = example.SparseAutoencoder(8, sparsity=sparsity, **options).fit(X)
        Z = model.transform(X)
        assert (Z >= 0).all()
        assert {"train_reconstruction", "train_sparsity"} <= set(model.history_[-1])
        spread[sparsity] = np.mean(Z.sum(1) / np.linalg.norm(Z, axis=1))
        rebuilt = model.inverse_transform(Z)
        assert np.sum((X - rebuilt) ** 2) < 0.7 * np.sum((X - X.mean(0)) ** 2)
    assert spread[16.0] < 0.8 * spread[0.0]


def test_example_model_docstring(example: ModuleType) -> None:
    assert doctest.testmod(example).failed == 0


def test_example_model_is_short_and_needs_nothing_private() -> None:
    text = (DOCS / "develop" / "example_model.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    assert private_imports(text) == []
    hidden = ("import sklatent._training", "from sklatent.nn import mlp", "from .base import Body")
    for line in (*hidden, "from sklatent import _utils", "from sklatent.develop import _x"):
        assert private_imports(line) != [], line


def test_guide_for_authors_names_what_they_import_and_every_hook() -> None:
    text = (DOCS / "develop" / "add_a_model.rst").read_text(encoding="utf-8")
    assert [name for name in develop.__all__ if f"``{name}``" not in text] == []
    hooks = {"recipe", "width", "plan", "source", "finish", "provisional"}
    assert hooks <= set(vars(develop.Body))
    rows = set(re.findall(r"^   \* - ``(\w+)``$", text, re.MULTILINE))
    mixins = {name for name in develop.__all__ if name.endswith("Mixin")}
    judges = {"HeldOutLoss", "HeldOutScore", "SampleDistance", "LastWeights"}
    assert rows == {"x", "y", "partner"} | hooks | mixins | judges


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_of_the_user_guide(page: Path) -> None:
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testfile(str(page), module_relative=False, optionflags=flags).failed == 0


@pytest.mark.parametrize("name", sklatent.__all__)
def test_examples_of_public_classes(name: str) -> None:
    # pytest collects those of objects that name the module they are defined in, which classes
    # that name the package do not
    finder, cls = doctest.DocTestFinder(exclude_empty=True), getattr(sklatent, name)
    found = [test for test in finder.find(cls, name, module=False, globs={}) if test.examples]
    assert name in [test.name for test in found]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in found:
        assert runner.run(test).failed == 0


@pytest.mark.parametrize("name", sklatent.__all__)
def test_public_classes_go_by_their_public_names(name: str) -> None:
    cls = getattr(sklatent, name)
    assert cls.__module__ == "sklatent"
    assert f"csklatent\n{name}\n".encode() in pickle.dumps(cls, protocol=0)
    assert pickle.loads(pickle.dumps(cls)) is cls
    # methods are still where they are written
    assert inspect.getsource(cls.fit).lstrip().startswith("@_fit_context")
    assert "sklatent." in cls.fit.__module__


def tokens(text: str) -> tuple[list[str], list[float]]:
    """Return the words of a text, numbers replaced, and the numbers."""
    number = re.compile(r"-?\d*\.?\d+")
    return number.sub("#", text).split(), [float(found) for found in number.findall(text)]


def readme_blocks(text: str) -> list[tuple[str, str | None]]:
    """Return each snippet with the block of output that follows it, if there is one."""
    found = re.findall(r"```python\n(.*?)```\n(?:\n```\n(.*?)```)?", text, re.DOTALL)
    return [(code, printed or None) for code, printed in found]


def test_readme_snippets_print_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    blocks = readme_blocks(text)
    assert len(blocks) == text.count("```python") > 0
    namespace: dict[str, Any] = {}
    for code, written in blocks:
        exec(compile(code, "README.md", "exec"), namespace)
        words, numbers = tokens(capsys.readouterr().out)
        written_words, written_numbers = tokens(written or "")
        assert words == written_words
        # another machine or version may round its way to a slightly other model
        np.testing.assert_allclose(numbers, written_numbers, atol=0.03)


def test_readme_is_short_and_its_links_lead_somewhere() -> None:
    root = DOCS.parent
    text = (root / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if not (root / link).exists()] == []
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert [(root / name).stat().st_size < 60_000 for name in pictures] == [True]


def test_front_pages_name_every_public_estimator() -> None:
    for page in (
        DOCS.parent / "README.md",
        DOCS / "index.rst",
        DOCS / "user_guide/first_steps.rst",
    ):
        text = page.read_text(encoding="utf-8")
        assert [name for name in sklatent.__all__ if name not in text] == [], page.name


@pytest.mark.parametrize("name", [name for name, _ in all_estimators()])
def test_which_model_has_every_public_estimator(guide: ModuleType, name: str) -> None:
    page = guide.filled((DOCS / "which_model.rst").read_text(encoding="utf-8"))
    declared = declaration_of(getattr(sklatent, name))
    row = page[page.index(f"   * - {declared.question}") :].split("\n   * - ")[0].splitlines()
    cells = [line.removeprefix("     - ") for line in row[1:]]
    assert cells[0] == f":class:`~sklatent.{name}`"
    assert cells[1].count("``transform``") == hasattr(getattr(sklatent, name), "transform")
    assert cells[2].count(",") == len(declared.tables) - 1
    assert cells[3:5] == [declared.cost, declared.classic]


def test_which_model_needs_the_place_of_its_table(guide: ModuleType) -> None:
    with pytest.raises(ValueError, match="0 times"):
        guide.filled("no marker")


@pytest.mark.parametrize("task", TASKS)
def test_two_clicks_lead_to_the_estimator_of_a_task(task: str) -> None:
    index = (DOCS / "index.rst").read_text(encoding="utf-8")
    links = re.findall(r":(?:doc|class|func|ref):`([^`]+)`", index)
    assert links[0] == "which_model"
    page = (DOCS / "which_model.rst").read_text(encoding="utf-8")
    lines = page.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"   * - **{task}**"))
    assert lines[at + 1] == f"     - :class:`~sklatent.{TASKS[task]}`"


def prose() -> list[Path]:
    root = DOCS.parent
    written = [*DOCS.glob("*.rst"), *DOCS.glob("user_guide/*.rst"), *DOCS.glob("develop/*.rst")]
    return sorted([*written, *DOCS.glob("examples/*.py"), *root.glob("*.md")])


@pytest.mark.parametrize("page", prose(), ids=lambda page: page.name)
def test_one_word_for_one_thing(page: Path) -> None:
    # instead: missing cells, latent traversal, reconstructed, rotated, samples or synthetic rows
    others = r"\b(holes?|knobs?|rebuil(?:d|ds|t|ding)|turned|drawn rows|rows drawn)\b"
    text = page.read_text(encoding="utf-8")
    assert re.findall(others, text, re.IGNORECASE) == []


def test_user_guide_lists_its_pages() -> None:
    index = (DOCS / "user_guide" / "index.rst").read_text(encoding="utf-8")
    stems = [page.stem for page in PAGES if page.parent.name == "user_guide"]
    assert [stem for stem in stems if stem != "index" and stem not in index.split()] == []


def test_every_public_name_has_an_api_page() -> None:
    listed = re.findall(r"^   (\w+)$", (DOCS / "api.rst").read_text(encoding="utf-8"), re.MULTILINE)
    base = [
        name
        for name, value in vars(sklatent.base).items()
        if isinstance(value, type)
        and value.__module__ == "sklatent.base"
        and not name.startswith("_")
    ]
    towers = [getattr(sklatent, module) for module in MODULES]
    inside = [name for tower in towers for name in tower.__all__]
    assert sorted({*sklatent.__all__, *base, *inside} - set(listed)) == []
