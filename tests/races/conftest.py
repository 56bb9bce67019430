"""A workbench with a project, and something outside of it."""

from pathlib import Path

import pytest

from appx.wiring.benches import PATH, environment
from appx.workbench.local import LocalBench
from tests.races.scene import SHOP, Scene, make_scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    workspace = tmp_path / "workspace"
    (workspace / SHOP).mkdir(parents=True)
    bench = LocalBench(workspace=workspace, environment=environment(PATH), outputs=tmp_path / "outputs")
    return make_scene(bench, tmp_path / "outside")
