"""MapServer as a FastCGI program, asked directly: no web server in front takes time of its own."""

import re
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from benchmarks.http.servers import Running, stop
from benchmarks.peers.cases import Case, Window
from benchmarks.peers.fastcgi import FastCgiClient
from benchmarks.peers.processes import Server, plain_environment, start
from benchmarks.peers.scene import (
    INDEX_RANGE,
    NODATA,
    PALETTE,
    STRETCH,
    SceneFiles,
    vrt,
    vrt_band,
    vrt_source,
)
from styles.colormaps import named

#: Where Debian's package puts the program.
_PLACES = ("mapserv", "/usr/lib/cgi-bin/mapserv")
#: It reads 2.5 times finer than it draws unless told otherwise: at native zooms that is the native
#: level, as the others read it, but at overview zooms a level below, slower and another picture.
_LAYER_OF = {"jp2_overview": "jp2-overview"}


def find() -> str | None:
    """Return the program, None where it is not installed."""
    return next((found for place in _PLACES if (found := shutil.which(place))), None)


def prepare(binary: str, scene: SceneFiles) -> dict[str, str]:
    """Write the virtual files and map files of a scene; return versions."""
    _write_virtual(scene)
    for warm in (True, False):
        _map_file(scene, warm=warm).write_text(_map(scene, warm=warm))
        config = f'CONFIG\nENV\nMS_MAPFILE "{_map_file(scene, warm=warm)}"\nEND\nEND\n'
        _map_file(scene, warm=warm).with_suffix(".conf").write_text(config)
    told = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"MapServer version (\S+)", told)
    return {"MapServer": version[1] if version else told.strip(), **_gdal(binary)}


def start_mapserver(binary: str, scene: SceneFiles, core: int, *, warm: bool) -> Server:
    """Start one process.

    Args:
        binary: From `find`.
        scene: Prepared.
        core: CPU number.
        warm: Whether it keeps datasets open between requests, as it does unless told otherwise.
    """
    name = "mapserver" if warm else "mapserver_cold"
    config = str(_map_file(scene, warm=warm).with_suffix(".conf"))
    environment = plain_environment() | {"MAPSERVER_CONFIG_FILE": config}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        log = scene.folder / f"{name}.log"
        # a FastCGI program finds its listening socket as file 0
        process = start([binary], log, core, environment, stdin=listening.fileno())
    try:
        return Server(name, Running(process, port), FastCgiClient(port))
    except BaseException:
        stop(process)
        raise


def address(case: Case, window: Window, scene: SceneFiles) -> str:
    """Return the query string that asks for a window."""
    west, south, east, north = window.bounds
    if case.zoom is None:
        subset = [("SUBSET", f"x({west!r},{east!r})"), ("SUBSET", f"y({south!r},{north!r})")]
        return urlencode(
            [
                ("SERVICE", "WCS"),
                ("VERSION", "2.0.1"),
                ("REQUEST", "GetCoverage"),
                ("COVERAGEID", "coverage"),
                ("FORMAT", "image/tiff"),
                *subset,
            ]
        )
    layer = _LAYER_OF.get(case.name, case.layer)
    level = "1" if case.fast_zlib else ""
    return urlencode(
        {
            "SERVICE": "WMS",
            "VERSION": "1.1.1",
            "REQUEST": "GetMap",
            "LAYERS": layer,
            "STYLES": "",
            "SRS": "EPSG:3857",
            "BBOX": ",".join(map(repr, window.bounds)),
            "WIDTH": window.pixels,
            "HEIGHT": window.pixels,
            "FORMAT": f"{case.extension}{level}",
            "TRANSPARENT": "TRUE" if case.extension == "png" else "FALSE",
        }
    )


def _map_file(scene: SceneFiles, *, warm: bool) -> Path:
    return scene.folder / ("mapserver.map" if warm else "mapserver-cold.map")


def _gdal(binary: str) -> dict[str, str]:
    """Return the GDAL that the program is linked with, as its shared library is called."""
    ldd = shutil.which("ldd")
    told = subprocess.run([ldd or "ldd", binary], capture_output=True, text=True, check=False)
    found = re.search(r"libgdal\.so\.[\d.]+", told.stdout)
    return {"GDAL": found[0]} if found else {}


def _write_virtual(scene: SceneFiles) -> None:
    nodata = f"<NoDataValue>{NODATA}</NoDataValue>"
    rgb = [
        vrt_band(k, "UInt16", vrt_source(scene.bands[name]), nodata)
        for k, name in enumerate(("B04", "B03", "B02"), start=1)
    ]
    (scene.folder / "rgb16.vrt").write_text(vrt(scene.rgb8, rgb))
    low, high = INDEX_RANGE
    # GDAL 3.6 has no pixel function for a normalised difference, but one for a quotient, of which
    # the index is a rising function: the table maps it to colours. A chain of difference, sum and
    # quotient, and values that MapServer sorts into classes of its own, cost the same within 10 %.
    ratio = vrt_band(
        1,
        "Float32",
        vrt_source(scene.bands["B08"]) + vrt_source(scene.bands["B04"]),
        "<PixelFunctionType>div</PixelFunctionType>"
        "<SourceTransferType>Float32</SourceTransferType>",
        ' subClass="VRTDerivedRasterBand"',
    )
    (scene.folder / "ratio.vrt").write_text(vrt(scene.rgb8, [ratio]))
    palette = named(PALETTE)
    palette = palette[palette[:, 3] == 255]
    steps = np.linspace(low, high, len(palette))
    table = ",".join(f"{(1 + v) / (1 - v):.9g}:{k}" for k, v in enumerate(steps))
    colours = "".join(f'<Entry c1="{r}" c2="{g}" c3="{b}" c4="255"/>' for r, g, b, _ in palette)
    source = (
        '<ComplexSource><SourceFilename relativeToVRT="0">'
        f"{scene.folder / 'ratio.vrt'}</SourceFilename><SourceBand>1</SourceBand>"
        f"<LUT>{table}</LUT></ComplexSource>"
    )
    head = f"<ColorInterp>Palette</ColorInterp><ColorTable>{colours}</ColorTable>"
    (scene.folder / "ndvi.vrt").write_text(vrt(scene.rgb8, [vrt_band(1, "Byte", source, head)]))


def _map(scene: SceneFiles, *, warm: bool) -> str:
    low, high = STRETCH
    epsg = scene.crs.lower()
    nearest = 'PROCESSING "RESAMPLE=NEAREST"'
    bilinear = 'PROCESSING "RESAMPLE=BILINEAR"'
    scale = f'PROCESSING "SCALE={low},{high}"'
    grey = f"{scale} OFFSITE {NODATA} {NODATA} {NODATA}"
    close = "" if warm else 'PROCESSING "CLOSE_CONNECTION=NORMAL"'
    layers = {
        "rgb8": (scene.rgb8, nearest),
        "rgb16": (scene.folder / "rgb16.vrt", f"{nearest} {scale}"),
        "rgb16-bilinear": (scene.folder / "rgb16.vrt", f"{bilinear} {scale}"),
        "ndvi": (scene.folder / "ndvi.vrt", nearest),
        "jp2": (scene.jp2, f"{nearest} {grey}"),
        "jp2-overview": (scene.jp2, f'{nearest} {grey} PROCESSING "OVERSAMPLE_RATIO=1"'),
        "coverage": (scene.bands["B04"], ""),
    }
    described = "\n".join(
        f'LAYER NAME "{name}" TYPE RASTER STATUS OFF DATA "{path}" {more} {close}\n'
        f'METADATA "ows_title" "{name}" "wcs_rangeset_name" "values" END\n'
        f'PROJECTION "init={epsg}" END\nEND'
        for name, (path, more) in layers.items()
    )
    west, south, east, north = scene.bounds
    return f"""MAP
NAME "peer"
EXTENT {west} {south} {east} {north}
SIZE 256 256
MAXSIZE 12000
PROJECTION "init=epsg:3857" END
OUTPUTFORMAT NAME "png" DRIVER "AGG/PNG" MIMETYPE "image/png" EXTENSION "png" IMAGEMODE RGBA
END
OUTPUTFORMAT NAME "png1" DRIVER "AGG/PNG" MIMETYPE "image/png" EXTENSION "png" IMAGEMODE RGBA
FORMATOPTION "COMPRESSION=1" END
OUTPUTFORMAT NAME "jpg" DRIVER "AGG/JPEG" MIMETYPE "image/jpeg" EXTENSION "jpg" IMAGEMODE RGB
FORMATOPTION "QUALITY=85" END
OUTPUTFORMAT NAME "tif" DRIVER "GDAL/GTiff" MIMETYPE "image/tiff" EXTENSION "tif"
IMAGEMODE INT16 END
WEB METADATA
"ows_enable_request" "*" "ows_title" "peer" "ows_srs" "EPSG:3857 {scene.crs}"
"ows_onlineresource" "http://127.0.0.1/?" "wcs_label" "peer"
END END
{described}
END
"""
