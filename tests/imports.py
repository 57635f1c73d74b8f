"""What a file outside the package imports from it."""

from __future__ import annotations

import ast


def private_imports(text: str) -> list[str]:
    """List what a file imports, except from ``sklatent`` and ``sklatent.develop``."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            names = [(origin, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        else:
            continue
        for module, name in names:
            library = module.split(".")[0] in {"", "sklatent"}
            public = module in {"sklatent", "sklatent.develop"} and not name.startswith("_")
            found += [f"{module} {name}"] if library and not public else []
    return found
