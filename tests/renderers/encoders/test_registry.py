import pytest

from renderers.encoders.base import EncodingError
from renderers.encoders.png import PngEncoder
from renderers.encoders.registry import EncoderRegistry, default_encoders


def test_default_formats():
    encoders = default_encoders()
    assert encoders.media_types == (
        "image/png",
        "image/jpeg",
        "image/webp",
        "image/avif",
        "image/png; mode=8bit",
        "image/gif",
        "image/geotiff",
    )
    assert [e.media_type for e in encoders if not e.supports_alpha] == ["image/jpeg"]
    for media_type in encoders.media_types:
        assert encoders.get(media_type).media_type == media_type


@pytest.mark.parametrize(
    ("extension", "media_type"),
    [
        ("png", "png"),
        ("jpg", "jpeg"),
        ("jpeg", "jpeg"),
        ("JPG", "jpeg"),
        ("webp", "webp"),
        ("avif", "avif"),
    ],
)
def test_extensions(extension, media_type):
    assert default_encoders().for_extension(extension).media_type == f"image/{media_type}"


def test_unknown_formats():
    with pytest.raises(EncodingError):
        default_encoders().get("image/bmp")
    with pytest.raises(EncodingError):
        default_encoders().for_extension("")


def test_adding_gives_a_new_registry():
    empty = EncoderRegistry()
    assert empty.with_encoder(PngEncoder()).media_types == ("image/png",)
    assert empty.media_types == ()
