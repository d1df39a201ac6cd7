"""How a bundle comes to lie in its folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path


def written(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write a bundle's files beside its place, then put them there in one step, so that no half a bundle is ever seen."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name, content in files.items():
        (fresh / name).write_bytes(content)
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)
    return folder
