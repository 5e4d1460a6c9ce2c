"""Unit tests import no torch: an import of it inside one fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder

import pytest

HEAVY = ("torch", "torchvision", "transformers", "timm")


class _Refusal(MetaPathFinder):
    """Refuses the import of heavy packages."""

    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] in HEAVY:
            raise ImportError(f"{fullname} is imported in a unit test; move the test to tests/model")


@pytest.fixture(autouse=True)
def _no_torch() -> Iterator[None]:
    refusal = _Refusal()
    sys.meta_path.insert(0, refusal)
    yield
    sys.meta_path.remove(refusal)
