"""The route by which ``run.sh`` tells that it has handed secrets over."""

from fastapi import APIRouter

from appx.http.bodies import OkResponse
from appx.http.parts import Here

routes = APIRouter(prefix="/v1/auth", tags=["auth"])


@routes.post("/handed", operation_id="readHandedSecrets")
async def read_handed_secrets(parts: Here) -> OkResponse:
    """Read again the keys and the token that `run.sh` handed over. They count from the next request on."""
    await parts.read_secrets()
    return OkResponse()
