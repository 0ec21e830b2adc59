"""Everything a running server or command needs, opened from the settings and closed again."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from cache.memory import MemoryCache
from renderers.draw import Renderer
from renderers.encoders.registry import default_encoders
from renderers.files import FileCache, OpenFile
from renderers.pyramids.folder import PyramidFolder
from renderers.pyramids.pyramids import Pyramids
from renderers.readers.gdal import COPY_QUOTA
from renderers.readers.registry import ReaderRegistry, default_registry
from renderers.readers.spool import Spool
from renderers.scene import Scene
from renderers.stores import StoreOptions, StorePolicy, StoreRegistry
from renderers.unpacked import Unpacker
from renderers.warmup import warm_up
from styles.registry import StyleRegistry
from tileserver.adhoc.allowed import AllowedAddresses
from tileserver.adhoc.sources import Sources
from tileserver.catalogue.combined import CombinedCatalogue, open_catalogue
from tileserver.descriptors import SldDocuments
from tileserver.jobs import Jobs
from tileserver.layers import LayerStyles
from tileserver.legends import Legends
from tileserver.limits import Admission, budget, cores
from tileserver.metrics import Metrics
from tileserver.ownstyles import OwnStyles
from tileserver.pipeline import Pipeline
from tileserver.settings import Settings, StoreSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What commands need: stores, readers, the catalogue."""

    settings: Settings
    stores: StoreRegistry
    readers: ReaderRegistry
    catalogue: CombinedCatalogue


def store_options(settings: StoreSettings) -> StoreOptions:
    """Return a store's settings in the renderer's terms."""
    secret, token = settings.secret_access_key, settings.session_token
    return StoreOptions(
        prefix=settings.prefix.rstrip("/"),
        endpoint=settings.endpoint,
        region=settings.region,
        access_key_id=settings.access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
        session_token=token.get_secret_value() if token else None,
        anonymous=settings.anonymous,
        virtual_hosted=settings.virtual_hosted,
    )


def _rgba(colour: str) -> tuple[int, int, int, int]:
    """Read `#rrggbb` or `#rrggbbaa`."""
    red, green, blue, alpha = bytes.fromhex(f"{colour[1:]}ff"[:8])
    return red, green, blue, alpha


def open_stores(settings: Settings) -> StoreRegistry:
    """Return the store registry that the settings describe."""
    policy = StorePolicy(
        file_roots=tuple(settings.file_roots),
        http_hosts=frozenset(host.lower() for host in settings.http_hosts),
        timeout=settings.store_timeout,
        connect_timeout=settings.store_connect_timeout,
        retries=settings.store_retries,
    )
    spool = Spool(settings.cache_dir / "spool", limit=settings.spool_bytes, quota=COPY_QUOTA)
    options = [store_options(store) for store in settings.stores]
    return StoreRegistry(options, policy, Unpacker(spool))


def open_tools(settings: Settings) -> Tools:
    """Open what commands need; the catalogue's database is made where it does not exist."""
    stores = open_stores(settings)
    readers = default_registry(settings.cache_dir / "spool", copy_limit=settings.spool_bytes)
    catalogue = open_catalogue(settings.data_dir / "catalogue.sqlite", stores)
    return Tools(settings, stores, readers, catalogue)


def open_pyramids(settings: Settings) -> Pyramids | None:
    """Return the levels kept beside files, None where the settings keep none."""
    if not settings.pyramid_bytes:
        return None
    return Pyramids(PyramidFolder(settings.cache_dir / "pyramids", settings.pyramid_bytes))


class Services:
    """What a running server needs. `await close()` when done."""

    def __init__(self, settings: Settings) -> None:
        """Open everything; kernels are compiled or loaded here, before the first request."""
        self.settings = settings
        tools = open_tools(settings)
        self.stores, self.readers, self.catalogue = tools.stores, tools.readers, tools.catalogue
        threads = settings.threads or cores()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="pixels")
        self.files = FileCache(
            self.stores,
            self.readers,
            self._pool,
            block_bytes=settings.block_cache_bytes,
            index_bytes=settings.index_cache_bytes,
            pyramids=open_pyramids(settings),
        )
        self.tiles = MemoryCache(settings.tile_cache_bytes)
        self.admission = Admission(settings.max_rendering or 4 * threads, settings.max_queue)
        self.own_styles = OwnStyles(
            settings.data_dir / "styles.sqlite", StyleRegistry.load(settings.styles_dir)
        )
        self.styles = LayerStyles(self.own_styles.registry, _rgba(settings.footprint_colour))
        self._saving: set[asyncio.Task[None]] = set()
        self.pipeline = Pipeline(
            self.catalogue,
            Renderer(self.files, self._pool, self._save_index, alone=threads == 1),
            self.styles,
            default_encoders(),
            self.tiles,
            self._pool,
            (budget(settings), self.admission, settings.max_layers),
        )
        self.legends = Legends(self._pool)
        self.documents = SldDocuments(
            self.stores,
            AllowedAddresses(settings.sld_urls, self.stores, setting="sld_urls", parameter="SLD"),
        )
        # Each of these requests holds a thread while it waits, so that fewer of them run at once.
        gate = Admission(2 * threads, settings.max_queue)
        self.adhoc = Sources(
            self.stores,
            Renderer(self.files, self._pool),
            AllowedAddresses(settings.adhoc_urls, self.stores),
            (budget(settings), self.admission, gate),
            max_age=settings.tile_max_age,
        )
        self.jobs = Jobs(settings.data_dir / "jobs")
        self.metrics = Metrics(self.figures)
        warm_up()

    def figures(self) -> dict[str, dict[str, float]]:
        """Return the figures of caches, stores and queue."""
        files = self.files.stats()
        return {
            "tile_cache": dict(self.tiles.stats()),
            "block_cache": dict(files["blocks"]),
            "file_cache": dict(files["files"]),
            "background": dict(files["background"]),
            "pyramids": dict(files["pyramids"]),
            "stores": {"requests": self.stores.requests, "bytes": self.stores.bytes_read},
            "queue": {"inside": self.admission.inside, "refused": self.admission.refused},
        }

    async def close(self) -> None:
        """Finish what is being kept, then close the catalogue and the threads."""
        if self._saving:
            await asyncio.wait(self._saving, timeout=5)
        await self.files.close()
        await asyncio.to_thread(self.jobs.close)
        self.catalogue.close()
        self.own_styles.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _save_index(self, scene: Scene, band: str, file: OpenFile) -> None:
        """Keep an index that was built on first touch, without holding up the request."""
        # The index belongs to the bytes it was built from: to the ETag that was seen.
        asset = replace(scene.bands[band], ref=file.source.ref)
        seen = replace(scene, bands={**scene.bands, band: asset})
        task = asyncio.ensure_future(
            self.catalogue.save_index(seen, band, file.reader.id, file.index.to_bytes())
        )
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)
