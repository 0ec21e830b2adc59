"""titiler.application, in a virtual environment of its own."""

import json
import subprocess
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.http.servers import Running, free_port, stop
from benchmarks.peers.cases import Case, Window
from benchmarks.peers.processes import (
    HttpClient,
    Server,
    plain_environment,
    start,
    wait_for_http,
)
from benchmarks.peers.scene import INDEX_RANGE, NODATA, PALETTE, STRETCH, SceneFiles

#: Read by GDAL and rio-tiler; of what TiTiler's guide to performance says, that which matters for
#: local files. One thread for the files of an item: more would fight for the one core.
_TUNING = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "RIO_TILER_MAX_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
}

_RESCALE = ",".join(map(str, STRETCH))
_INDEX_RESCALE = ",".join(map(str, INDEX_RANGE))


def versions(venv: Path) -> dict[str, str]:
    """Return the versions of what matters in the virtual environment."""
    names = ("titiler.application", "rio-tiler", "rasterio", "numpy", "uvicorn")
    program = (
        "import importlib.metadata as m, json, rasterio\n"
        f"print(json.dumps({{n: m.version(n) for n in {names!r}}}"
        " | {'GDAL': rasterio.__gdal_version__}))"
    )
    done = subprocess.run(
        [venv / "bin" / "python", "-c", program], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def start_titiler(venv: Path, scene: SceneFiles, core: int) -> Server:
    """Start it with one worker of uvicorn."""
    port = free_port()
    log = scene.folder / "titiler.log"
    command = [
        str(venv / "bin" / "python"), "-m", "uvicorn", "titiler.application.main:app",
        "--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    process = start(command, log, core, plain_environment() | _TUNING)
    try:
        running = Running(process, port)
        wait_for_http(running, log, "/healthz")
        return Server("titiler", running, HttpClient(port))
    except BaseException:
        stop(process)
        raise


def address(case: Case, window: Window, scene: SceneFiles) -> str:
    """Return the path that asks for a window."""
    if case.zoom is None:
        return coverage_address(window, scene)
    router, options = _QUERIES[case.layer]
    urls = {"rgb8": scene.rgb8, "jp2": scene.jp2}
    asked = urlencode({"url": str(urls.get(case.layer, scene.item)), **options}, doseq=True)
    return f"/{router}/tiles/WebMercatorQuad/{window.name}.{case.extension}?{asked}"


def coverage_address(window: Window, scene: SceneFiles) -> str:
    """Return the path that asks for stored values of a window in the scene's own CRS."""
    box = ",".join(map(repr, window.bounds))
    query = urlencode(
        {"url": str(scene.bands["B04"]), "coord_crs": scene.crs, "return_mask": "false"}
    )
    return f"/cog/bbox/{box}/{window.pixels}x{window.pixels}.tif?{query}"


_RGB: dict[str, object] = {"assets": ["B04", "B03", "B02"], "rescale": _RESCALE}
_QUERIES: dict[str, tuple[str, dict[str, object]]] = {
    "rgb8": ("cog", {}),
    "rgb16": ("stac", _RGB),
    "rgb16-bilinear": ("stac", {**_RGB, "resampling": "bilinear", "reproject": "bilinear"}),
    "ndvi": (
        "stac",
        {
            "assets": ["B08", "B04"],
            "expression": "(b1-b2)/(b1+b2)",
            "rescale": _INDEX_RESCALE,
            "colormap_name": PALETTE,
        },
    ),
    # JPEG 2000 files do not tell their nodata value
    "jp2": ("cog", {"rescale": _RESCALE, "nodata": NODATA}),
}
