"""What tests read in answers: pixels, and the codes of exception reports."""

from io import BytesIO

import numpy as np
from httpx import Response
from lxml import etree
from numpy.typing import NDArray
from PIL import Image


def rgba(body: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a picture: uint8, shape (height, width, 4)."""
    return np.asarray(Image.open(BytesIO(body)).convert("RGBA"))


def exception_code(body: bytes) -> str | None:
    """Return the code of the first exception of a report of any service, None without one."""
    for element in etree.fromstring(body).iter():
        code = element.get("code") or element.get("exceptionCode")
        if code:
            return code
    return None


def warning(answer: Response) -> str:
    """Return the Warning header, which goes out with its capital letter, or ""."""
    return next((v.decode() for k, v in answer.headers.raw if bytes(k) == b"Warning"), "")
