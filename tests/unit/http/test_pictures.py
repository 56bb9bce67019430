"""A picture that a provider would refuse does not get into a session."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.errors import Invalid
from appx.domain.messages import Image
from appx.http.bodies import MAX_PICTURES, MAX_PICTURES_SIZE, MAX_PROMPT, PromptImage
from appx.http.limits import MAX_BODY
from appx.http.pictures import fault, pictures
from appx.tools.read import MAX_PICTURE, MAX_SIDE
from tests.fakes.conversations import png

GIF = b"GIF89a" + (10).to_bytes(2, "little") * 2
WIDE = b"GIF89a" + (MAX_SIDE + 1).to_bytes(2, "little") + (10).to_bytes(2, "little")


def sent(data: bytes | str, kind: str) -> PromptImage:
    return PromptImage(data=data if isinstance(data, str) else b64encode(data).decode(), mime_type=kind)


def test_what_a_model_can_see_is_taken_as_it_is() -> None:
    given_ = [sent(png(1).data, "image/png"), sent(GIF, "image/gif")]
    assert pictures(given_) == (png(1), Image(data=b64encode(GIF).decode(), media_type="image/gif"))
    assert pictures([]) == ()


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (sent("***", "image/png"), "images.1: data is not base64"),
        (sent(png(1).data + "\n", "image/png"), "not base64 without line breaks"),
        (sent(png(1).data[:-1], "image/png"), "not base64"),
        (sent("data:image/png;base64," + png(1).data, "image/png"), "not base64"),
        (sent(png(1).data, "image/jpeg"), "It is image/png, not image/jpeg."),
        (sent(png(1).data, "text/html"), "It is image/png, not text/html."),
        (sent(b"<svg/>", "image/svg+xml"), "no PNG, JPEG, GIF or WebP"),
        (sent(b"BM" + b"\0" * 50, "image/bmp"), "no PNG, JPEG, GIF or WebP"),
        (sent(b"\x89PNG\r\n\x1a\n", "image/png"), "damaged or cut"),
        (sent(WIDE, "image/gif"), "It is too large: 8,001 pixels, at most 8,000."),
        (sent(GIF + bytes(MAX_PICTURE), "image/gif"), "It is too large: 3,932,170 bytes, at most 3,932,160 bytes"),
    ],
)
def test_what_it_cannot_is_refused_by_its_number(image: PromptImage, says: str) -> None:
    with pytest.raises(Invalid) as raised:
        pictures([sent(GIF, "image/gif"), image])
    assert says in str(raised.value)
    assert str(raised.value).startswith("images.1: ")


def test_all_together_fit_into_a_body() -> None:
    one = sent(GIF + bytes(MAX_PICTURES_SIZE // 4), "image/gif")
    with pytest.raises(Invalid, match="in all"):
        pictures([one] * 4)
    assert MAX_PICTURES_SIZE + 3 * MAX_PROMPT + 200 * MAX_PICTURES < MAX_BODY, "a letter takes up to three bytes"


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda more: GIF[:7] + more), st.text(max_size=20))
def test_no_bytes_break_the_check(data: bytes, kind: str) -> None:
    fault(Image(data=b64encode(data).decode(), media_type=kind))
    fault(Image(data=kind, media_type="image/png"))
