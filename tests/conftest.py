"""What all tests share."""

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about the code; pytest-timeout ends what hangs.
settings.register_profile("appx", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("appx")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
