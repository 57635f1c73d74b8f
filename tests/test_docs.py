"""What the documentation shows runs, and what is public has a page."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import pickle
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import check_estimator

import sklatent
import sklatent.base

DOCS = Path(sklatent.__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("user_guide/*.rst"))
MODULES = ("datasets", "geometry", "metrics", "plotting")
QUICK = {"hidden_layer_sizes": (8,), "max_steps": 10, "early_stopping": False, "device": "cpu"}


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(
        "example_model", DOCS / "develop" / "example_model.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pickle looks its classes up here
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


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


@pytest.mark.parametrize("name", ["LatentAnomalyDetector", "LatentClusterer", "TabularEncoder"])
def test_public_classes_go_by_their_public_names(name: str) -> None:
    cls = getattr(sklatent, name)
    assert cls.__module__ == "sklatent"
    assert f"csklatent\n{name}\n".encode() in pickle.dumps(cls, protocol=0)
    assert pickle.loads(pickle.dumps(cls)) is cls
    # methods are still where they are written
    assert inspect.getsource(cls.fit).lstrip().startswith("@_fit_context")
    assert "sklatent." in cls.fit.__module__


def test_readme_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    match = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL)
    assert match is not None
    exec(compile(match[1], "README.md", "exec"), {})
    printed, written = (
        [line.rsplit(maxsplit=1) for line in block.splitlines()]
        for block in (capsys.readouterr().out, match[2])
    )
    assert [name for name, _ in printed] == [name for name, _ in written]
    # another machine or version may round its way to a slightly other model
    np.testing.assert_allclose(
        [float(number) for _, number in printed],
        [float(number) for _, number in written],
        atol=0.03,
    )


def test_user_guide_lists_its_pages() -> None:
    index = (DOCS / "user_guide" / "index.rst").read_text(encoding="utf-8")
    assert [page.stem for page in PAGES if page.stem != "index" and page.stem not in index] == []


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
