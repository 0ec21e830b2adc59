"""The table of what is measured: each kernel or encoder, and who else does the same."""

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
from isal import isal_zlib

from benchmarks.kernels import pictures
from renderers.encoders.avif import AvifEncoder
from renderers.encoders.jpeg import JpegEncoder
from renderers.encoders.png import PngEncoder, encode_grey16
from renderers.encoders.webp import WebpEncoder
from renderers.image import Image
from renderers.kernels import colour, png, predictor, vm
from renderers.kernels.deflate import HEAD, SLACK, deflate_rows
from styles.expression import compile_formula
from styles.reference import evaluate

Call = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: What is measured.
        ours: Our call; where it gives bytes, their number is reported.
        peer: Who else does it.
        theirs: The peer's call.
    """

    name: str
    ours: Call
    peer: str
    theirs: Call


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _png()
    yield from _lossy()
    yield from _deflate()
    yield from _predictors()
    yield from _painting()


def _pillow(image: Image, kind: str, **options: Any) -> Call:
    """Pillow's encoder, given what it takes best: RGB where opaque, palettes as such."""
    pixels = image.pixels
    if image.palette is None and image.opaque:
        pixels = np.ascontiguousarray(pixels[..., :3])
    picture = PIL.Image.fromarray(pixels)
    if image.palette is not None:
        picture = PIL.Image.fromarray(image.pixels, mode=None)
        picture.putpalette(image.palette[:, :3].tobytes())
        if (image.palette[:, 3] != 255).any():
            options["transparency"] = image.palette[:, 3].tobytes()

    def call() -> bytes:
        out = io.BytesIO()
        picture.save(out, kind, **options)
        return out.getvalue()

    return call


def _png() -> Iterator[Case]:
    encode = PngEncoder().encode
    images = {
        "RGB": pictures.scene(),
        "RGB, little noise": pictures.scene(0.5),
        "RGB, enlarged twice": pictures.enlarged(),
        "RGBA, edge of a scene": pictures.edge(),
        "RGBA, noise": pictures.noise(),
        "RGBA, empty": pictures.empty(),
        "palette, ramp": pictures.ramp(),
        "palette, classes": pictures.classes(),
    }
    for name, image in images.items():
        for level in (1, 6):
            yield Case(
                f"PNG {name}",
                lambda image=image: encode(image),  # type: ignore[misc]
                f"Pillow, zlib level {level}",
                _pillow(image, "PNG", compress_level=level),
            )
    values = pictures.grey16()
    yield Case(
        "PNG grey, 16 bits",
        lambda: encode_grey16(values),
        "imagecodecs, zlib level 1",
        lambda: imagecodecs.png_encode(values, level=1),
    )


def _lossy() -> Iterator[Case]:
    image = pictures.scene()
    for encoder, kind, options in (
        (JpegEncoder(), "JPEG", {"quality": 85}),
        (WebpEncoder(), "WEBP", {"quality": 80, "method": 0}),
        (AvifEncoder(), "AVIF", {"quality": 60, "speed": 10, "max_threads": 1}),
    ):
        yield Case(
            f"{kind} RGB",
            lambda encode=encoder.encode: encode(image),  # type: ignore[misc]
            "Pillow, same settings",
            _pillow(image, kind, **options),
        )


def _deflate() -> Iterator[Case]:
    height, width = pictures.SIZE, 3 * pictures.SIZE + 1
    rows = np.empty(height * width + SLACK, np.uint8)
    pixels = pictures.scene().pixels.reshape(-1)
    png.filter_rgb(pixels, height, pictures.SIZE, rows)
    out = np.empty(HEAD + rows.size + 2 * width, np.uint8)
    bare = rows[: height * width]

    def ours() -> memoryview:
        return out[: deflate_rows(rows, height, width, 3, out, 0)].data

    yield Case("deflate of RGB rows", ours, "isal level 1", lambda: isal_zlib.compress(bare, 1))
    yield Case("deflate of RGB rows", ours, "zlib level 1", lambda: zlib.compress(bare, 1))
    yield Case(
        "deflate of RGB rows",
        ours,
        "libdeflate level 1",
        lambda: imagecodecs.deflate_encode(bare, level=1),
    )
    yield Case(
        "Paeth rows of RGB",
        lambda: png.filter_rgb(pixels, height, pictures.SIZE, rows),
        "NumPy",
        lambda: _paeth(pictures.scene().pixels),
    )


def _paeth(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """RGB rows less Paeth's prediction, by NumPy; shape (height, width, 3)."""
    padded = np.pad(pixels[..., :3].astype(np.int16), ((1, 0), (1, 0), (0, 0)))
    left, up, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    guess = left + up - corner
    by_left, by_up, by_corner = (np.abs(guess - near) for near in (left, up, corner))
    chosen = np.where(by_up <= by_corner, up, corner)
    chosen = np.where((by_left <= by_up) & (by_left <= by_corner), left, chosen)
    return (padded[1:, 1:] - chosen).astype(np.uint8)


def _predictors() -> Iterator[Case]:
    rng = np.random.default_rng(8)
    for word, samples in (("uint8", 3), ("uint16", 1)):
        source = rng.integers(0, 200, (512, 512, samples)).astype(word)
        out = np.empty((samples, 512, 512), word)
        yield Case(
            f"TIFF predictor 2, 512 px {word} x {samples}",
            lambda source=source, out=out: predictor.undo_horizontal(source, out),  # type: ignore[misc]
            "NumPy",
            lambda source=source: np.ascontiguousarray(  # type: ignore[misc]
                np.cumsum(source, axis=1, dtype=source.dtype).transpose(2, 0, 1)
            ),
        )


def _painting() -> Iterator[Case]:
    pixels = pictures.SIZE * pictures.SIZE
    values = np.random.default_rng(9).uniform(0.0, 1.0, (3, pixels)).astype(np.float32)
    valid = np.ones(pixels, np.uint8)
    program = compile_formula("(a - b) / (a + b)")
    inputs = np.ascontiguousarray(values[: len(program.inputs)])
    outputs = np.empty((program.outputs, pixels), np.float32)
    yield Case(
        "program (a - b) / (a + b)",
        lambda: vm.run(*program.machine, inputs, outputs, valid),
        "NumPy",
        lambda: evaluate(program, inputs),
    )
    low, scale = np.zeros(3, np.float32), np.ones(3, np.float32)
    curve = np.arange(256, dtype=np.uint8)
    out = np.empty(pixels, np.uint32)
    yield Case(
        "stretch to RGBA",
        lambda: colour.rgb(values, valid, low, scale, curve, out),
        "NumPy",
        lambda: _stretched(values),
    )


def _stretched(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """RGBA of three bands from 0 to 1, shape (pixels, 4)."""
    out = np.full((values.shape[1], 4), 255, np.uint8)
    out[:, :3] = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8).T
    return out
