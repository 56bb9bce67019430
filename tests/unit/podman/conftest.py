"""A podman that only notes what it was told."""

from pathlib import Path

import pytest

from tests.unit.podman.calls import podman_in


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return podman_in(tmp_path_factory.mktemp("podman"))
