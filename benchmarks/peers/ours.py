"""This server: its catalogue of the scene, its process, its addresses."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.http.servers import Running, free_port, stop
from benchmarks.peers.cases import Case, Window
from benchmarks.peers.processes import (
    AnswerError,
    HttpClient,
    Server,
    plain_environment,
    start,
    wait_for_http,
)
from benchmarks.peers.scene import INDEX_RANGE, PALETTE, STRETCH, SceneFiles
from tileserver.services import open_tools
from tileserver.settings import MB, Settings

#: Holds every decoded block of a case: three bands of 16 bits of the whole scene are 720 MB.
BLOCK_CACHE = 1024 * MB

_RGB16 = {"bands": ["red", "green", "blue"], "rgb": {"stretch": list(STRETCH)}}

#: Own styles by collection; the first is the default. Values are the stored ones: the items have
#: no scale and offset, as the peers are asked for stored values too.
STYLES: dict[str, list[dict[str, Any]]] = {
    "rgb8": [{"id": "rgb8", "bands": ["b1", "b2", "b3"], "rgb": {"stretch": [0, 255]}}],
    "bands": [
        {"id": "rgb16", **_RGB16},
        {"id": "rgb16-bilinear", **_RGB16, "resampling": "bilinear"},
        {
            "id": "ndvi",
            "expression": "(nir - red) / (nir + red)",
            "ramp": {"map": PALETTE, "range": list(INDEX_RANGE)},
        },
    ],
    "jp2": [{"id": "jp2", "bands": ["red"], "ramp": {"map": "gray", "range": list(STRETCH)}}],
}
_COLLECTION_OF = {style["id"]: name for name, styles in STYLES.items() for style in styles}


def make_catalogue(scene: SceneFiles) -> Path:
    """Make the catalogue anew with the command line, and give its collections the styles.

    Returns:
        The catalogue's folder.
    """
    folder = scene.folder / "catalogue"
    shutil.rmtree(folder, ignore_errors=True)
    sources = {"rgb8": scene.rgb8, "bands": scene.item, "jp2": scene.jp2_item}
    for collection, source in sources.items():
        command = [program(), "catalogue", "add", str(source), "--collection", collection]
        done = subprocess.run(
            command, env=environment(scene, folder), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{source.name} was not added: {done.stdout}{done.stderr}")
    asyncio.run(_put_styles(Settings(data_dir=folder, file_roots=[scene.folder])))
    return folder


def start_ours(scene: SceneFiles, catalogue: Path, core: int, *, blocks: bool) -> Server:
    """Start the server as its users do.

    Args:
        scene: Files it may read.
        catalogue: From `make_catalogue`.
        core: CPU number.
        blocks: Whether it keeps decoded blocks.
    """
    settings = {
        "threads": "1",
        "tile_cache_bytes": "0",
        "block_cache_bytes": str(BLOCK_CACHE if blocks else 0),
    }
    port = free_port()
    name = "ours" if blocks else "ours_cold"
    log = scene.folder / f"{name}.log"
    command = [program(), "serve", "--port", str(port)]
    process = start(command, log, core, environment(scene, catalogue, **settings))
    try:
        running = Running(process, port)
        wait_for_http(running, log, "/readyz")
        return Server(name, running, HttpClient(port))
    except BaseException:
        stop(process)
        raise


def address(case: Case, window: Window, scene: SceneFiles) -> str:
    """Return the path that asks for a window."""
    if case.zoom is None:
        return coverage_address(window, scene)
    collection = _COLLECTION_OF[case.layer]
    return f"/tiles/{collection}/{case.layer}/WebMercatorQuad/{window.name}.{case.extension}"


def coverage_address(window: Window, scene: SceneFiles) -> str:
    """Return the path of a subset in the scene's own CRS, in TiTiler's form."""
    box = ",".join(map(repr, window.bounds))
    query = urlencode(
        {"url": str(scene.bands["B04"]), "coord_crs": scene.crs, "return_mask": "false"}
    )
    return f"/cog/bbox/{box}/{window.pixels}x{window.pixels}.tif?{query}"


def absent(case: Case, server: Server, window: Window, scene: SceneFiles) -> str:
    """Return why this server cannot be asked a case, "" where it can.

    Raises:
        AnswerError: It knows the route and still does not answer.
    """
    if case.zoom is not None:
        return ""
    try:
        server.client.get(coverage_address(window, scene))
    except AnswerError as error:
        if error.status != 404:
            raise
        return "no route that answers a subset"
    return ""


def check_caches(server: Server) -> None:
    """Make sure that no answer came from the cache of rendered tiles.

    Raises:
        RuntimeError: One did, or the metrics do not tell.
    """
    _, body = server.client.get("/metrics")
    hits = re.search(r'^tileserver_tile_cache\{what="hits"\} (\S+)$', body.decode(), re.MULTILINE)
    if hits is None or float(hits[1]) != 0:
        raise RuntimeError(f"{server.name} answered from its tile cache: {hits and hits[1]}")


def program() -> str:
    """Return our command."""
    return str(Path(sys.executable).parent / "tileserver")


def environment(scene: SceneFiles, catalogue: Path, **settings: str) -> dict[str, str]:
    """Return the environment of our server over a catalogue, with some settings."""
    told = {
        "data_dir": str(catalogue),
        "cache_dir": str(scene.folder / "spool"),
        "file_roots": json.dumps([str(scene.folder)]),
        **settings,
    }
    if "adhoc_urls" in Settings.model_fields:
        told["adhoc_urls"] = json.dumps([str(scene.folder)])
    return plain_environment() | {f"TILESERVER_{k.upper()}": v for k, v in told.items()}


async def _put_styles(settings: Settings) -> None:
    tools = open_tools(settings)
    try:
        for name, styles in STYLES.items():
            own = tuple({"title": s["id"], "resampling": "nearest", **s} for s in styles)
            collection = await tools.catalogue.local.collection(name)
            ids = tuple(str(s["id"]) for s in own)
            await tools.catalogue.local.put_collection(
                replace(collection, own_styles=own, styles=ids)
            )
    finally:
        tools.catalogue.close()
