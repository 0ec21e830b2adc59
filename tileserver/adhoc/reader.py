"""rio-tiler's reader over our own engine: TiTiler's routes ask it, our kernels answer."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, get_args

import attr
import numpy as np
from morecantile import Tile, TileMatrixSet
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.features import bounds as feature_bounds
from rasterio.features import rasterize
from rasterio.transform import array_bounds
from rasterio.warp import calculate_default_transform, transform_bounds, transform_geom
from rio_tiler.constants import WEB_MERCATOR_TMS, WGS84_CRS
from rio_tiler.errors import InvalidBufferSize, PointOutsideBounds, TileOutsideBounds
from rio_tiler.expression import parse_expression
from rio_tiler.io.base import BaseReader
from rio_tiler.models import BandStatistics, ImageData, Info, PointData
from rio_tiler.utils import CRS_to_uri, get_vrt_transform, output_size

from renderers.crs import canonical_name, transform_points
from renderers.errors import SourceUnsupportedError
from renderers.geobox import Bounds, GeoBox
from renderers.image import Raster
from renderers.scene import BandAsset, Scene
from renderers.sourcegrid import outline
from styles.model import Resampling
from tileserver.adhoc.sources import Session, SourceFile, Sources
from tileserver.errors import InvalidParameterError, OperationNotSupportedError

#: Names of GDAL that are ours too.
_RESAMPLINGS: dict[str, Resampling] = {name: name for name in get_args(Resampling)}

#: By the text that a grid's definition has for it. Bounded by the number of grids.
_GRID_CRS: dict[str, CRS] = {}

_DRIVERS = {"tiff": "GTiff", "jp2": "JP2OpenJPEG"}


@attr.s(auto_attribs=True, frozen=True)
class Opened:
    """A file within a request; what TiTiler's routes pass to the reader as its input."""

    session: Session
    file: SourceFile


@attr.s(auto_attribs=True, frozen=True)
class _Values:
    """How values are wanted.

    Attributes:
        bands: Numbers, from 1.
        nodata: Stored value that means "no data", or None where there is none.
        unscale: Physical values instead of stored ones.
        resampling: Ours.
    """

    bands: tuple[int, ...]
    nodata: float | None
    unscale: bool
    resampling: Resampling


@attr.s
class EngineReader(BaseReader):
    """One raster, read by our own readers and warped by our own kernels.

    Methods and arguments are those of `rio_tiler.io.Reader`. Differences: one resampling step
    (`reproject` where the CRS differs, else `resampling`); overviews by our level rule; `padding`
    has no effect, as pixels beyond the edge are always at hand.

    Attributes:
        input: A file within a request, or the address of one (an asset of a STAC item).
        session: The request, where `input` is an address.
    """

    input: Opened | str = attr.ib()
    tms: TileMatrixSet = attr.ib(default=WEB_MERCATOR_TMS)
    session: Session | None = attr.ib(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Take what the file says of itself.

        Raises:
            SourceUnsupportedError: It has no georeference that is an affine grid.
        """
        if isinstance(self.input, str):
            if self.session is None:
                raise ValueError("an address is read within a session")
            url = self.input
            opened = Opened(self.session, self.session.wait(lambda s: s.open(url)))
        else:
            opened = self.input
        self._session, self._file = opened.session, opened.file
        box = self._file.info.geobox
        if box is None and self._file.info.grid is not None:
            raise SourceUnsupportedError("the pixels of the file are no regular grid on a map")
        if box is None:
            raise SourceUnsupportedError("the file has no georeference")
        self._box = box
        self.transform, self.width, self.height = box.transform, box.width, box.height
        # Order of GDAL: files whose rows go north have their "bottom" on top.
        t = box.transform
        rotated = t.b != 0.0 or t.d != 0.0
        self.bounds = box.bounds if rotated else array_bounds(box.height, box.width, t)
        self.crs = rasterio_crs(box.crs)
        self.block_shapes = [
            (level.block_height, level.block_width) for level in self._file.info.levels[:1]
        ]
        table = self._file.info.colour_table
        self.colormap = dict(enumerate(table)) if table else {}

    @property
    def minzoom(self) -> int:
        """Zoom of the whole file on one tile."""
        return int(self._minzoom)

    @property
    def maxzoom(self) -> int:
        """Zoom of the file's own resolution."""
        return int(self._maxzoom)

    def tile_exists(self, tile_x: int, tile_y: int, tile_z: int) -> bool:
        """Tell whether the file touches a tile; 0.1 ms where GDAL's way takes 1.2.

        True where part of the tile lies beyond the domain of the file's CRS.
        """
        bounds = self.tms.xy_bounds(Tile(tile_x, tile_y, tile_z))
        tile = GeoBox.from_bounds(_checked(bounds), 1, 1, our_crs(grid_crs(self.tms)))
        x, y = outline(tile, self._box.crs)
        if len(x) < len(outline(tile, tile.crs)[0]):
            return True
        west, south, east, north = self._box.bounds
        return bool(x.min() < east and x.max() > west and y.min() < north and y.max() > south)

    def info(self) -> Info:
        """Return what the file says of itself."""
        info = self._file.info
        nodata_type = "None"
        if info.nodata is not None:
            nodata_type = "Nodata"
        elif info.masked:
            nodata_type = "Mask"
        said: dict[str, Any] = {
            "bounds": self.bounds,
            "crs": CRS_to_uri(self.crs) or self.crs.to_wkt(),
            "band_metadata": [(f"b{n}", {}) for n in self._all],
            "band_descriptions": [(f"b{n}", self._description(n)) for n in self._all],
            "dtype": info.dtype,
            "nodata_type": nodata_type,
            "driver": _DRIVERS.get(self._file.reader, self._file.reader),
            "count": info.count,
            "width": info.width,
            "height": info.height,
            "overviews": [round(level.scale_x) for level in info.levels[1:]],
            "scales": list(self._scales(self._all)),
            "offsets": list(self._offsets(self._all)),
        }
        if self.colormap:
            said["colormap"] = self.colormap
            said["colorinterp"] = ["palette"]
        if info.nodata is not None:
            said["nodata_value"] = info.nodata
        return Info.model_validate(said)

    def statistics(
        self,
        categorical: bool = False,
        categories: list[float] | None = None,
        percentiles: list[int] | None = None,
        hist_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, BandStatistics]:
        """Return statistics of a preview; `options` are those of `preview`."""
        return self.preview(**options).statistics(
            categorical=categorical,
            categories=categories,
            percentiles=percentiles,
            hist_options=hist_options,
        )

    def tile(
        self,
        tile_x: int,
        tile_y: int,
        tile_z: int,
        tilesize: int | None = None,
        **options: Any,
    ) -> ImageData:
        """Return a tile of the reader's tile matrix set; `options` are those of `part`.

        Raises:
            TileOutsideBounds: The file does not touch it.
        """
        if not self.tile_exists(tile_x, tile_y, tile_z):
            raise TileOutsideBounds(f"Tile(x={tile_x}, y={tile_y}, z={tile_z}) is outside bounds")
        matrix = self.tms.matrix(tile_z)
        crs = grid_crs(self.tms)
        return self.part(
            tuple(self.tms.xy_bounds(Tile(tile_x, tile_y, tile_z))),
            dst_crs=crs,
            bounds_crs=crs,
            width=tilesize or matrix.tileWidth,
            height=tilesize or matrix.tileHeight,
            **options,
        )

    def part(
        self,
        bbox: Sequence[float],
        dst_crs: CRS | None = None,
        bounds_crs: CRS = WGS84_CRS,
        buffer: float | None = None,
        align_bounds_with_dataset: bool = False,
        **options: Any,
    ) -> ImageData:
        """Return what lies in a box.

        Args:
            bbox: West, south, east, north, in `bounds_crs`.
            dst_crs: Of the result; `bounds_crs` by default.
            bounds_crs: Of the box.
            buffer: Pixels to add on each side, a multiple of 0.5.
            align_bounds_with_dataset: Grow the box to whole pixels of the file.
            options: `max_size`, `width`, `height` in pixels; and how values are wanted.

        Raises:
            InvalidBufferSize: Another number of pixels.
        """
        if buffer and buffer % 0.5:
            raise InvalidBufferSize("buffer must be a multiple of 0.5")
        dst_crs = dst_crs or bounds_crs
        bounds = _checked(bbox)
        if bounds_crs != dst_crs:
            bounds = transform_bounds(bounds_crs, dst_crs, *bounds, densify_pts=21)
            bounds = _checked(bounds)
        sizes = {name: options.pop(name, None) for name in ("max_size", "width", "height")}
        bounds, width, height = self._grid(bounds, dst_crs, sizes, align_bounds_with_dataset)
        if buffer:
            step_x, step_y = (bounds[2] - bounds[0]) / width, (bounds[3] - bounds[1]) / height
            bounds = (
                bounds[0] - step_x * buffer,
                bounds[1] - step_y * buffer,
                bounds[2] + step_x * buffer,
                bounds[3] + step_y * buffer,
            )
            width, height = width + int(buffer * 2), height + int(buffer * 2)
        self._session.sources.check_samples(width * height)
        name = self._box.crs if dst_crs == self.crs else our_crs(dst_crs)
        return self._picture(GeoBox.from_bounds(bounds, width, height, name), **options)

    def preview(self, dst_crs: CRS | None = None, **options: Any) -> ImageData:
        """Return the whole file in a smaller size.

        Args:
            dst_crs: Of the result; the file's own by default.
            options: `max_size` (1024 by default), `width`, `height` in pixels; and how values are
                wanted.
        """
        box = self._box
        if dst_crs and dst_crs != self.crs:
            transform, width, height = calculate_default_transform(
                self.crs, dst_crs, self.width, self.height, *self.bounds
            )
            box = GeoBox(width, height, transform, our_crs(dst_crs))
        width, height = options.pop("width", None), options.pop("height", None)
        max_size = options.pop("max_size", 1024)
        height, width = output_size(
            dataset_height=box.height,
            dataset_width=box.width,
            output_height=height,
            output_width=width,
            max_size=None if width or height else max_size,
        )
        self._session.sources.check_samples(width * height)
        return self._picture(box.zoomed(width, height), **options)

    def point(
        self, lon: float, lat: float, coord_crs: CRS = WGS84_CRS, **options: Any
    ) -> PointData:
        """Return the values of the pixel at a point.

        Args:
            lon: Or x, in `coord_crs`.
            lat: Or y.
            coord_crs: Of the point.
            options: How values are wanted. Resampling has no meaning for one pixel.

        Raises:
            PointOutsideBounds: The file ends before it.
        """
        x, y = transform_points(
            our_crs(coord_crs), self._box.crs, np.array([float(lon)]), np.array([float(lat)])
        )
        column, row = (float(v[0]) for v in self._box.to_pixel(x, y))
        if not (0 <= column < self._box.width and 0 <= row < self._box.height):
            raise PointOutsideBounds("Point is outside dataset bounds")
        box = self._box.crop(math.floor(column), math.floor(row), 1, 1)
        options.pop("resampling_method", None)
        options.pop("reproject_method", None)
        expression = options.pop("expression", None)
        image = self._read(box, self._wanted(box, _bands_of(expression, options), **options))
        point = PointData(
            image.array[:, 0, 0],
            band_names=image.band_names,
            band_descriptions=image.band_descriptions,
            coordinates=(lon, lat),
            crs=coord_crs,
            assets=image.assets,
            pixel_location=(math.floor(column), math.floor(row)),
            nodata=image.nodata,
            scales=image.scales,
            offsets=image.offsets,
        )
        return point.apply_expression(expression) if expression else point

    def feature(
        self,
        shape: dict[str, Any],
        dst_crs: CRS | None = None,
        shape_crs: CRS = WGS84_CRS,
        **options: Any,
    ) -> ImageData:
        """Return what lies in the box of a GeoJSON feature, with what is outside of it missing.

        Args:
            shape: Feature or geometry, in `shape_crs`.
            dst_crs: Of the result; `shape_crs` by default.
            shape_crs: Of the shape.
            options: Those of `part`.
        """
        geometry = shape.get("geometry", shape)
        dst_crs = dst_crs or shape_crs
        image = self.part(feature_bounds(geometry), dst_crs, shape_crs, **options)
        cells = self._session.cells_per_pixel
        self._session.sources.check_samples(image.width * image.height * cells)
        if dst_crs != shape_crs:
            geometry = transform_geom(shape_crs, dst_crs, geometry)
        inside = rasterize(
            [geometry],
            out_shape=(image.height, image.width),
            transform=image.transform,
            all_touched=True,
            fill=0,
            default_value=1,
            dtype="uint8",
        ).astype(bool)
        image.cutline_mask = inside
        image.array.mask = np.where(inside, image.array.mask, True)
        return image

    def _grid(
        self, bounds: Bounds, crs: CRS, sizes: dict[str, int | None], align: bool
    ) -> tuple[Bounds, int, int]:
        """Return bounds, width and height of the result as rio-tiler chooses them."""
        width, height = sizes["width"], sizes["height"]
        if width and height and not align:
            return bounds, width, height
        t = self._box.transform
        if crs == self.crs and t.b == 0.0 and t.d == 0.0:
            if align:
                bounds = self._aligned(bounds)
            own_width = abs((bounds[2] - bounds[0]) / t.a)
            own_height = abs((bounds[3] - bounds[1]) / t.e)
        else:
            transform, own_width, own_height = get_vrt_transform(
                self, bounds, height, width, dst_crs=crs, align_bounds_with_dataset=align
            )
            bounds = array_bounds(own_height, own_width, transform)
        height, width = output_size(
            dataset_height=own_height,
            dataset_width=own_width,
            output_height=height,
            output_width=width,
            max_size=None if width or height else sizes["max_size"],
        )
        return bounds, width, height

    def _aligned(self, bounds: Bounds) -> Bounds:
        """Return the smallest box of whole pixels around one, to a millionth of a pixel."""
        t = self._box.transform
        columns = sorted(((bounds[0] - t.c) / t.a, (bounds[2] - t.c) / t.a))
        rows = sorted(((bounds[1] - t.f) / t.e, (bounds[3] - t.f) / t.e))
        left, top = math.floor(columns[0] + 1e-6), math.floor(rows[0] + 1e-6)
        right, bottom = math.ceil(columns[1] - 1e-6), math.ceil(rows[1] - 1e-6)
        width, height = max(right - left, 1), max(bottom - top, 1)
        return self._box.crop(left, top, width, height).bounds

    def _picture(self, box: GeoBox, expression: str | None = None, **options: Any) -> ImageData:
        wanted = self._wanted(box, _bands_of(expression, options), **options)
        image = self._read(box, wanted)
        return image.apply_expression(expression) if expression else image

    def _wanted(
        self,
        box: GeoBox,
        bands: tuple[int, ...],
        nodata: float | None = None,
        unscale: bool = False,
        resampling_method: str = "nearest",
        reproject_method: str = "nearest",
        **options: Any,
    ) -> _Values:
        """Check how values are wanted.

        Raises:
            RequestError: A band is not there, or a resampling or an option is not ours.
        """
        options.pop("padding", None)
        if options:
            raise OperationNotSupportedError(f"{min(options)} is not offered here")
        for band in bands:
            if not 1 <= band <= self._file.info.count:
                count = self._file.info.count
                raise InvalidParameterError(
                    f"there is no band {band}: the file has {count}", parameter="bidx"
                )
        # Both are checked, so that an address is right or wrong wherever its box lies.
        methods = {
            "resampling": _resampling(resampling_method, "resampling"),
            "reproject": _resampling(reproject_method, "reproject"),
        }
        resampling = methods["resampling" if box.crs == self._box.crs else "reproject"]
        if nodata is None:
            nodata = self._file.info.nodata
        return _Values(bands or tuple(self._all), nodata, bool(unscale), resampling)

    def _read(self, box: GeoBox, wanted: _Values) -> ImageData:
        """Return values on a grid."""
        scene = self._scene(wanted)
        names = tuple(f"b{n}" for n in wanted.bands)
        self._session.sources.check_samples(box.width * box.height * len(names))
        # A nodata value is missing in its own band only, a mask in all: the engine's mosaic shows
        # pixels that have data in all bands that it is asked for.
        groups = [(n,) for n in names] if wanted.nodata is not None else [names]
        parts = [self._part_of(scene, group, box, wanted.resampling) for group in groups]
        data = parts[0].data if len(parts) == 1 else np.concatenate([p.data for p in parts])
        valid = parts[0].valid if len(parts) == 1 else np.concatenate([p.valid for p in parts])
        values = _as_stored(data, np.dtype(self._file.info.dtype))
        # Untouched zeros cost nothing, unlike the opposite of a mask that says "all".
        whole = bool(valid.all())
        missing = np.zeros(valid.shape, np.bool_) if whole else ~valid
        if not whole:
            np.copyto(values, _filler(wanted.nodata, values.dtype), where=missing)
        scales, offsets = self._scales(wanted.bands), self._offsets(wanted.bands)
        if wanted.unscale:
            values = values.astype(np.float32, copy=False)
            # Each step in double precision and then rounded, as rio-tiler has it.
            for step, factors in ((np.multiply, scales), (np.add, offsets)):
                step(values, np.array(factors)[:, None, None], out=values, casting="unsafe")
            scales, offsets = (1.0,) * len(names), (0.0,) * len(names)
        return ImageData(
            np.ma.MaskedArray(values, mask=missing),
            bounds=box.bounds,
            crs=rasterio_crs(box.crs),
            band_names=list(names),
            band_descriptions=[self._description(n) for n in wanted.bands],
            nodata=wanted.nodata,
            scales=list(scales),
            offsets=list(offsets),
            assets=[self._file.url],
        )

    def _part_of(
        self, scene: Scene, names: tuple[str, ...], box: GeoBox, resampling: Resampling
    ) -> Raster:
        def work(sources: Sources) -> Any:
            return sources.read(scene, names, box, resampling)

        raster: Raster = self._session.wait(work)
        return raster

    def _scene(self, wanted: _Values) -> Scene:
        """Return the file as a scene whose physical values are the stored ones."""
        bands = {
            f"b{n}": BandAsset(self._file.ref, self._file.reader, n, nodata=wanted.nodata)
            for n in wanted.bands
        }
        return Scene(self._file.ref.path, "", None, bands)

    @property
    def _all(self) -> range:
        return range(1, self._file.info.count + 1)

    def _description(self, band: int) -> str:
        known = self._file.info.descriptions
        return (known[band - 1] if band <= len(known) else "") or f"b{band}"

    def _scales(self, bands: Sequence[int]) -> tuple[float, ...]:
        known = self._file.info.scales
        return tuple(known[n - 1] if n <= len(known) else 1.0 for n in bands)

    def _offsets(self, bands: Sequence[int]) -> tuple[float, ...]:
        known = self._file.info.offsets
        return tuple(known[n - 1] if n <= len(known) else 0.0 for n in bands)


@lru_cache(maxsize=256)
def rasterio_crs(name: str) -> CRS:
    """Return rasterio's object of a canonical name."""
    return CRS.from_user_input(name)


def grid_crs(tms: TileMatrixSet) -> CRS:
    """Return the CRS of a tile matrix set, which morecantile makes anew at every look (0.5 ms)."""
    text = str(tms.crs.root)
    found = _GRID_CRS.get(text)
    if found is None:
        found = _GRID_CRS[text] = tms.rasterio_crs
    return found


@lru_cache(maxsize=256)
def our_crs(crs: CRS) -> str:
    """Return the canonical name of rasterio's object."""
    authority = crs.to_authority(confidence_threshold=100)
    return canonical_name(":".join(authority) if authority else crs.to_wkt())


def _bands_of(expression: str | None, options: dict[str, Any]) -> tuple[int, ...]:
    """Return the bands that an expression or `bidx` names; () for all."""
    indexes = options.pop("indexes", None)
    if expression:
        return tuple(sorted(parse_expression(expression)))
    if indexes is None:
        return ()
    return (indexes,) if isinstance(indexes, int) else tuple(indexes)


def _resampling(name: str, parameter: str) -> Resampling:
    """Return our name of one of GDAL's ways to resample.

    Raises:
        OperationNotSupportedError: We have none like it.
    """
    known = _RESAMPLINGS.get(name)
    if known is None:
        message = f"{parameter} {name} is not offered: there are {', '.join(_RESAMPLINGS)}"
        raise OperationNotSupportedError(message, parameter=parameter)
    return known


def _checked(bbox: Sequence[float]) -> Bounds:
    """Refuse boxes without an inside.

    Raises:
        InvalidParameterError: It has none, or is not finite.
    """
    west, south, east, north = (float(value) for value in bbox)
    if not all(map(math.isfinite, (west, south, east, north))) or west >= east or south >= north:
        raise InvalidParameterError("the box has no inside", parameter="bbox")
    return west, south, east, north


def _filler(nodata: float | None, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return what stands where no data is: the nodata value, else 0."""
    fits = nodata is not None and (dtype.kind == "f" or math.isfinite(nodata))
    return np.asarray(nodata if fits else 0, np.float64).astype(dtype)


def _as_stored(data: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values in the file's type; interpolated ones are rounded half up, as GDAL does."""
    if data.dtype == dtype:
        return data
    if dtype.kind in "ui" and data.dtype.kind == "f":
        limits = np.iinfo(dtype)
        return np.clip(np.floor(data + 0.5), limits.min, limits.max).astype(dtype)
    return data.astype(dtype)
