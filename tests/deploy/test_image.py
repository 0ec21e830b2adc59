"""The image, really built by Debian's buildah on a debootstrap base, run and asked for a map."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = "localhost/tileserver:test"
TOOLS = ("buildah", "debootstrap")
START_SECONDS = 120
EDGE, PIXEL = 512, 100.0
LEFT, TOP = 1_000_000.0, 6_000_000.0

pytestmark = pytest.mark.slow


def buildah_command(*arguments: str) -> list[str]:
    storage = Path(os.environ.get("CONTAINER_STORAGE", REPOSITORY / ".cache/containers"))
    place = ("--root", str(storage / "root"), "--runroot", str(storage / "run"))
    return ["buildah", "--storage-driver", "vfs", *place, *arguments]


def buildah(*arguments: str) -> str:
    done = subprocess.run(
        buildah_command(*arguments),
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image() -> str:
    """The image, built from the working tree."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"Debian packages are missing: {', '.join(missing)}")
    if os.getuid() != 0:
        pytest.skip("debootstrap and chroot isolation need root")
    built = subprocess.run(
        [REPOSITORY / "deploy" / "build-offline.sh", IMAGE],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return IMAGE


@pytest.fixture
def container(image: str) -> Iterator[str]:
    name = buildah("from", "--pull-never", image)
    yield name
    buildah("rm", name)


@pytest.fixture
def products(tmp_path: Path) -> Path:
    """A folder with one COG of three bands, readable by the container's user."""
    folder = tmp_path / "products"
    folder.mkdir()
    rows, columns = np.mgrid[0:EDGE, 0:EDGE]
    bands = np.stack([rows // 2, columns // 2, (rows + columns) // 4]).astype(np.uint8)
    with rasterio.open(
        folder / "ramp.tif",
        "w",
        driver="COG",
        width=EDGE,
        height=EDGE,
        count=3,
        dtype="uint8",
        crs="EPSG:3857",
        transform=Affine(PIXEL, 0, LEFT, 0, -PIXEL, TOP),
    ) as target:
        target.write(bands)
    return folder


def run_arguments(container: str, products: Path, *command: str) -> list[str]:
    # tmp_path is closed to others, so the folder comes in by a mount
    place = ("--volume", f"{products}:/data:ro", "--env", 'TILESERVER_FILE_ROOTS=["/data"]')
    return ["run", "--isolation", "chroot", *place, container, "--", *command]


def get(url: str) -> tuple[int, str, bytes]:
    """Status, media type and body; an HTTP error is an answer too."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(container: str, products: Path) -> Iterator[str]:
    """The image's server on a free port of this machine, whose network a chroot shares."""
    port = free_port()
    command = ["tileserver", "serve", "--host", "127.0.0.1", "--port", str(port)]
    log = products.parent / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            buildah_command(*run_arguments(container, products, *command)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(process, f"{url}/healthz", log)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if get(url)[0] == 200:
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the container did not serve {url}:\n{log.read_text()[-3000:]}")


def test_labels_user_and_command(image: str):
    config = json.loads(buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
    assert config["User"] == "10001:10001"
    assert config["Cmd"] == ["tileserver", "serve", "--host", "0.0.0.0"]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert "8000/tcp" in config["ExposedPorts"]


def test_the_page_and_all_native_libraries_are_there(container: str, products: Path):
    program = (
        "import os, rasterio, imagecodecs, numba, obstore, lxml.etree, pyproj, uvloop;"
        "import tileserver, importlib.resources as r;"
        "assert (r.files('tileserver') / 'static/page/index.html').is_file();"
        "assert imagecodecs.JPEG2K.available;"
        "print(os.getuid())"
    )
    assert buildah(*run_arguments(container, products, "python", "-c", program)) == "10001"


def test_it_serves_health_the_page_and_a_map(container: str, products: Path):
    add = ("tileserver", "catalogue", "add", "/data/ramp.tif", "--collection", "ramp")
    buildah(*run_arguments(container, products, *add))
    right, bottom = LEFT + EDGE * PIXEL, TOP - EDGE * PIXEL
    query = (
        "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=ramp&STYLES=&CRS=EPSG:3857"
        f"&BBOX={LEFT},{bottom},{right},{TOP}&WIDTH=256&HEIGHT=256&FORMAT=image/png"
    )
    with serving(container, products) as url:
        assert get(f"{url}/healthz")[0] == 200
        status, media_type, page = get(f"{url}/")
        assert (status, media_type.partition(";")[0]) == (200, "text/html")
        assert b"<script" in page
        status, media_type, body = get(f"{url}/wms?{query}")
    assert (status, media_type) == (200, "image/png"), body[:500]
    with Image.open(io.BytesIO(body)) as picture:
        assert picture.size == (256, 256)
        assert len(picture.convert("RGB").getcolors(1 << 16)) > 100
