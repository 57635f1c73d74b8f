"""Sphinx builds the documentation from here: ``make docs``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import sklatent

sys.path.insert(0, str(Path(__file__).parent))  # Sphinx reads this file from anywhere
from _which_model import filled

project = "sklatent"
author = "sklatent developers"
copyright = "2026, sklatent developers"
version = release = sklatent.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples", "auto_examples/**/*.ipynb", "sg_execution_times.rst"]
root_doc = "index"
default_role = "py:obj"

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's Parameters sections carry the types
numpydoc_show_class_members = False  # the class template lists them

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 10_000,
    "remove_config_comments": True,
    "plot_gallery": "True",
}

html_theme = "pydata_sphinx_theme"
html_title = "sklatent"
html_theme_options = {
    "show_toc_level": 2,
    # examples, which are short and have long lines, take the whole width
    "secondary_sidebar_items": {"[!a]**": ["page-toc"], "api": ["page-toc"]},
}
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_sidebars: dict[str, list[str]] = {"index": []}
html_show_sourcelink = False

_FOREIGN_ROLE = re.compile(r":(?:ref|term|doc|class|func|meth):`([^`<]*?)\s*(?:<[^`>]*>)?`")
_FITTED_WIDTH = re.compile(r"(?<=\w)_(?=[,)])")


def _clean_docstring(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    # Inherited docstrings point into scikit-learn's pages, which are not part of these.
    home = getattr(obj, "__module__", None) or ""
    if what in {"method", "property", "attribute"} and not home.startswith("sklatent"):
        text = _FOREIGN_ROLE.sub(lambda match: match[1] or match[0], "\n".join(lines))
        lines[:] = text.split("\n")
    # "of shape (n_samples, n_features_in_)" is no hyperlink.
    lines[:] = [_FITTED_WIDTH.sub(r"\_", line) if "shape (" in line else line for line in lines]


def _fill_which_model(app: Any, docname: str, source: list[str]) -> None:
    if docname == "which_model":
        source[0] = filled(source[0])


def _always_outdated(app: Any, env: Any, added: Any, changed: Any, removed: Any) -> list[str]:
    return ["which_model"]  # its table follows the code, not the file


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", _clean_docstring, priority=100)
    app.connect("source-read", _fill_which_model)
    app.connect("env-get-outdated", _always_outdated)
