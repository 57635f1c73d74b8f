#!/usr/bin/env bash
# torch 2.13.0, CPU: which of its two interception modes may stand around the construction of a module.
#
# A mode is the way to seed constructors without torch's global random stream, which all threads share:
# it can hand a generator to whatever draws. The two kinds differ in what a guess from their names misses.
#
# 1. The first operator that runs under a TorchDispatchMode, even one that only passes on, imports
#    torch._dynamo and with it hundreds of modules: over a second, paid by every process that loads a
#    saved network. Under a TorchFunctionMode nothing is imported.
# 2. A TorchFunctionMode sees the initializer of a layer (kaiming_uniform_) and not the draw inside it:
#    modes are off while their handler calls on. The generator must be given to the initializer.
#
# Seen: "dispatch mode: 823 modules, dynamo True", "function mode: 0 modules, dynamo False", and
# ['kaiming_uniform_', 'uniform_'] for torch.nn.Linear, of which 'uniform_' is the initializer of the bias.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > "$folder/look.py" <<'PYTHON'
import sys

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class Dispatching(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class Looking(TorchFunctionMode):
    seen = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func.__name__.endswith("uniform_"):
            self.seen.append((func.__name__, getattr(func, "__module__", None)))
        return func(*args, **(kwargs or {}))


before = len(sys.modules)
with {"dispatch": Dispatching, "function": Looking}[sys.argv[1]]():
    torch.nn.Linear(3, 2)
new = len(sys.modules) - before
loaded = "torch._dynamo" in sys.modules
print(f"{sys.argv[1]} mode: {new} modules, dynamo {loaded}")
if sys.argv[1] == "dispatch":
    assert loaded and new > 300, new
else:
    assert not loaded and new < 20, new
    print([name for name, _ in Looking.seen])
    assert Looking.seen == [("kaiming_uniform_", "torch.nn.init"), ("uniform_", "torch.nn.init")]
PYTHON
"$folder/venv/bin/python" "$folder/look.py" dispatch
"$folder/venv/bin/python" "$folder/look.py" function
