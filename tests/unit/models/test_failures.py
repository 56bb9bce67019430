"""A failure says what to do and holds no key."""

import httpx2
import pytest
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior, UserError

from appx.models.catalogue import DEMO
from appx.models.failures import failure_of
from appx.models.model import ModelFailed


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TimeoutError(), True),
        (httpx2.ReadError("the key is canary"), True),
        (ConnectionResetError(), True),
        (UnexpectedModelBehavior("canary"), True),
        (UserError("canary"), False),
        (ModelFailed("canary", again=True), True),
        (ModelHTTPError(status_code=400, model_name="m", body={"message": "canary"}), False),
        (ModelHTTPError(status_code=503, model_name="m", body={"message": "canary"}), True),
    ],
)
def test_every_error_of_a_provider_becomes_a_failure_without_the_key(*, error: Exception, again: bool) -> None:
    failure = failure_of(error, DEMO, ("canary",))
    assert failure is not None
    assert failure.again is again
    assert "canary" not in str(failure)


@pytest.mark.parametrize("defect", [KeyError("x"), AssertionError(), AttributeError("x")])
def test_a_defect_of_ours_is_no_failure_of_the_provider(defect: Exception) -> None:
    assert failure_of(defect, DEMO, ()) is None
