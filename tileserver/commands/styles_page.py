"""Writes the reference page of the style library, with small pictures of its ramps.

`python -m tileserver.commands.styles_page FILE FOLDER` writes the page, and the pictures into the
folder.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from styles.model import ClassColour, RampColour, Style
from styles.registry import StyleRegistry

_HEAD: Final = """\
# Styles

Written by `scripts/docs` from `styles/library/`; do not edit.

Every collection knows by name all styles whose bands it has: `/tiles/{collection}/{style}/...`,
`STYLES=` of WMS and WMTS. Names of bands are those of STAC (`red`, `nir`, `swir16`), so that they
fit Sentinel-2, Landsat, MODIS and OLCI alike, or the product's own. Values are physical:
reflectances are from 0 to 1. Bold are the styles that capabilities list first;
`tileserver catalogue styles` changes that. Formulas of indices are those of the Awesome Spectral
Indices list, with its constants; a test compares both. Your own: [add a
style](../how-to/add-style.md).
"""
_TITLES: Final = {
    "composite": "Composites",
    "vegetation": "Vegetation",
    "water": "Water",
    "burn": "Fire",
    "snow": "Snow and ice",
    "soil": "Soil",
    "urban": "Built land",
    "clouds": "Clouds and shadows",
    "radar": "Radar",
    "temperature": "Temperature",
    "terrain": "Terrain",
    "change": "Several dates",
    "classes": "Classes",
    "quality": "Quality",
    "": "Others",
}
_SIZE: Final = (96, 10)
_URL: Final = re.compile(r",? ?(https?://\S+)")


def page(styles: Iterable[Style], pictures: str) -> str:
    """Return the page in Markdown.

    Args:
        styles: Those that are told.
        pictures: Address of the folder of pictures, as seen from the page.
    """
    listed = list(styles)
    parts = [_HEAD]
    for domain, title in _TITLES.items():
        rows = [_row(s, pictures) for s in listed if s.domain == domain]
        if rows:
            parts.append(f"\n## {title}\n\n| style | | shows | of |\n|---|---|---|---|\n")
            parts += rows
    return "".join(parts)


def pictures(styles: Iterable[Style]) -> Mapping[str, bytes]:
    """Return PNG pictures of the ramps, by file name."""
    return {
        _picture(style): _png(style)
        for style in styles
        if isinstance(style.colour, RampColour)
    }  # fmt: skip


def _row(style: Style, folder: str) -> str:
    name = f"**`{style.id}`**" if style.featured else f"`{style.id}`"
    shows = f"{style.title}. {style.description}" if style.title else style.description
    if style.reference:
        shows += f" {_reference(style.reference)}"
    return f"| {name} | {_look(style, folder)} | {_cell(shows)} | {_cell(_source(style))} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _reference(text: str) -> str:
    found = _URL.search(text)
    if found is None:
        return f"({text})"
    who = text[: found.start()] or "source"
    address = found[1].replace("(", "%28").replace(")", "%29").replace("<", "%3C")
    return f"([{who}]({address.replace('>', '%3E')}))"


def _source(style: Style) -> str:
    if style.formula:
        return f"`{style.formula}`"
    names = style.program.bands
    return ", ".join(f"`{name}`" for name in names)


def _look(style: Style, folder: str) -> str:
    if isinstance(style.colour, RampColour):
        low, high = style.colour.low, style.colour.high
        unit = f" {style.unit}" if style.unit else ""
        return f"![]({folder}/{_picture(style)})<br>{low:g} to {high:g}{unit}"
    if isinstance(style.colour, ClassColour):
        return f"{len(style.colour.classes)} classes"
    return "RGB"


def _picture(style: Style) -> str:
    ramp = style.definition["ramp"]
    name = str(ramp.get("map") or style.id)
    return f"{re.sub(r'[^a-z0-9_-]', '-', name.lower())}.png"


def _png(style: Style) -> bytes:
    assert isinstance(style.colour, RampColour)  # noqa: S101 - the caller chose
    width, height = _SIZE
    row = style.colour.palette[np.linspace(0, 254, width).round().astype(int), :3]
    out = BytesIO()
    Image.fromarray(np.broadcast_to(row, (height, width, 3)).copy()).save(out, "PNG", optimize=True)
    return out.getvalue()


def main(arguments: list[str]) -> int:
    """Write page and pictures; return the exit status."""
    target, folder = (Path(a) for a in arguments)
    styles = list(StyleRegistry.load_library())
    folder.mkdir(parents=True, exist_ok=True)
    files = pictures(styles)
    for old in set(folder.glob("*.png")) - {folder / name for name in files}:
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    # The page's own folder is beside that of the pictures: docs/reference, docs/images/ramps.
    target.write_text(page(styles, f"../images/{folder.name}"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
