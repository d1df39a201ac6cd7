"""A number is the same to the last bit in a process that compiles its kernels and in one that loads them."""

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from numba.core.registry import CPUDispatcher

from streamer import classify, codec, features, surveys
from streamer.compile_cache import VARIABLE


def printed(cache: Path) -> str:
    process = [sys.executable, "-m", "tests.unit.features.kernel_process"]
    return subprocess.run(process, env=os.environ | {VARIABLE: str(cache)}, check=True, capture_output=True, text=True).stdout


def test_compiled_kernels_give_the_same_bits_as_loaded_ones(tmp_path: Path) -> None:
    by_compiled = printed(tmp_path)
    assert any(tmp_path.rglob("*.nbc"))
    assert by_compiled
    assert printed(tmp_path) == by_compiled


@pytest.mark.parametrize("package", [codec, surveys, features, classify])
def test_no_kernel_lets_the_compiler_choose_the_order_of_a_sum(package: ModuleType) -> None:
    modules = [importlib.import_module(found.name) for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
    kernels = {each for module in modules for each in vars(module).values() if isinstance(each, CPUDispatcher)}
    assert kernels
    assert not [each.py_func.__name__ for each in kernels if each.targetoptions.get("fastmath")]
