"""A whole server, in this process, on a real socket, with the demo model."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flows.api import Api, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path / "workspace") as api:
        yield api
