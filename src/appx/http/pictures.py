"""Pictures that come in with a request, checked before they are stored: one that a provider refuses would make it
refuse every later request of the session, too.
"""

from base64 import b64decode
from collections.abc import Sequence

from appx.domain.errors import Invalid
from appx.domain.messages import Image
from appx.http.bodies import MAX_PICTURES_SIZE, PromptImage
from appx.tools.clip import amount
from appx.tools.picture import picture
from appx.tools.read import MAX_PICTURE, MAX_SIDE


def pictures(sent: Sequence[PromptImage]) -> tuple[Image, ...]:
    """Those of a prompt. Raises Invalid, naming the one that is wrong."""
    if sum(len(each.data) for each in sent) > MAX_PICTURES_SIZE:
        raise Invalid(f"images: they have more than {amount(MAX_PICTURES_SIZE)} of base64 in all. Send fewer at once.")
    found: list[Image] = []
    for number, each in enumerate(sent):
        image = Image(data=each.data, media_type=each.mime_type)
        problem = fault(image)
        if problem:
            raise Invalid(f"images.{number}: {problem}")
        found.append(image)
    return tuple(found)


def fault(image: Image) -> str:
    """Why a model cannot be shown this, as a sentence; empty when it can."""
    try:
        data = b64decode(image.data, validate=True)
        found = picture(data)
    except ValueError:
        return "data is not base64 without line breaks."
    except Invalid as error:
        return str(error)
    if found is None:
        return "It is no PNG, JPEG, GIF or WebP. Send it as one of these."
    if found.media_type != image.media_type:
        return f"It is {found.media_type}, not {image.media_type}."
    if len(data) > MAX_PICTURE:
        return f"It is too large: {amount(len(data))}, at most {amount(MAX_PICTURE)}. Send a smaller one."
    side = max(found.width, found.height)
    if side > MAX_SIDE:
        return f"It is too large: {side:,} pixels, at most {MAX_SIDE:,}. Send a smaller one."
    return ""
