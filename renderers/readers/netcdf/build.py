"""From the header of a file to the read index of one variable, or to a list of all variables."""

import re
from dataclasses import dataclass, replace
from typing import Any, Final

import h5py
import numpy as np

from renderers.errors import SourceMissingError, SourceUnsupportedError
from renderers.readers.base import RasterInfo
from renderers.readers.netcdf.grid import Place, place_of
from renderers.readers.netcdf.index import (
    NetcdfIndex,
    Validity,
    level_of,
    slice_place,
    value_type,
    words_of,
)
from renderers.readers.netcdf.storage import Storage
from renderers.readers.netcdf.variables import (
    Variable,
    datasets,
    find,
    read_coordinates,
    read_storage,
    read_variable,
)

#: A variable's path, and which slice of its leading dimensions is meant, as in `group/name[3,0]`.
_PART: Final = re.compile(r"(?P<path>[^\[\]]+)(?:\[(?P<slice>\d{1,9}(?:,\d{1,9})*)\])?\Z")
#: Slices that an index without a choice has as bands.
MAX_BANDS: Final = 4096


@dataclass(frozen=True, slots=True)
class Found:
    """An index without the place of swaths, and where the arrays lie that tell it.

    Attributes:
        index: Of the variable.
        longitude: Where its longitudes lie, an array as large as its slices, or None.
        latitude: The same for its latitudes.
    """

    index: NetcdfIndex
    longitude: NetcdfIndex | None = None
    latitude: NetcdfIndex | None = None


def find_variable(file: h5py.File, part: str, size: int) -> Found:
    """Return the index of a variable.

    Args:
        file: The file.
        part: `path` or `path[i,j]`; "" takes the first variable, by path in the order of the
            alphabet, that lies on a regular grid, or else on a swath of this file.
        size: Bytes of the file.

    Raises:
        SourceMissingError: The file has no such variable, or the variable no such slice.
        SourceUnsupportedError: It is kept in a way that is not read here.
        SourceCorruptError: The header contradicts itself.
    """
    if not part:
        return _first(file, size)
    matched = _PART.match(part)
    if matched is None:
        raise SourceMissingError("the NetCDF file has no such variable", detail=part)
    path, chosen = matched["path"], matched["slice"]
    slices = None if chosen is None else tuple(int(place) for place in chosen.split(","))
    return _found(file, read_variable(path, find(file, path)), slices, size)


def _first(file: h5py.File, size: int) -> Found:
    swath: Variable | None = None
    for path, dataset in datasets(file):
        if len(dataset.shape or ()) < 2 or dataset.dtype.kind not in "iuf":
            continue
        variable = read_variable(path, dataset)
        if place_of(file, variable, size) is not None:
            return _found(file, variable, None, size)
        if swath is None and geolocation_of(file, variable) is not None:
            swath = variable
    if swath is None:
        raise SourceUnsupportedError("the NetCDF file has no variable that lies on Earth")
    return _found(file, swath, None, size)


def list_variables(file: h5py.File) -> list[Variable]:
    """Return all arrays of numbers that have rows and columns."""
    return [
        read_variable(path, dataset)
        for path, dataset in datasets(file)
        if len(dataset.shape or ()) >= 2 and dataset.dtype.kind in "iuf" and 0 not in dataset.shape
    ]


def list_times(file: h5py.File, size: int) -> list[tuple[str, str, list[float]]]:
    """Return path, units and values of all coordinate variables that count time."""
    found = []
    for path, dataset in datasets(file):
        if len(dataset.shape or ()) > 1 or dataset.dtype.kind not in "iuf" or not dataset.size:
            continue
        units = read_variable(path, dataset).text("units")
        if " since " in units and dataset.size <= MAX_BANDS:
            alone = not dataset.shape
            values = [float(dataset[()])] if alone else read_coordinates(dataset, size).tolist()
            found.append((path, units, values))
    return found


def _found(file: h5py.File, variable: Variable, slices: tuple[int, ...] | None, size: int) -> Found:
    index = _index(file, variable, slices, size)
    if index.info.crs is not None:
        return Found(index)
    paths = geolocation_of(file, variable)
    if paths is None:
        return Found(index)
    arrays = []
    for path in paths:
        array = read_variable(path, find(file, path))
        first = (0,) * (len(array.shape) - 2) or None
        arrays.append(_index(file, array, first, size, placed=False))
    return Found(index, *arrays)


def geolocation_of(file: h5py.File, variable: Variable) -> tuple[str, str] | None:
    """Return the paths of a swath's longitudes and latitudes, as `coordinates` names them.

    Source: CF conventions 1.11, 5.2 (two-dimensional latitude, longitude coordinate variables).
    """
    group = variable.path.rpartition("/")[0]
    found: dict[str, str] = {}
    for name in variable.text("coordinates").split():
        path = name.strip("/") if name.startswith("/") or not group else f"{group}/{name}"
        try:
            array = read_variable(path, find(file, path))
        except SourceMissingError:
            continue
        kind = _measures(array)
        if kind and array.shape[-2:] == variable.shape[-2:] and set(array.shape[:-2]) <= {1}:
            found[kind] = path
    return (found["lon"], found["lat"]) if len(found) == 2 else None


def _measures(array: Variable) -> str:
    units = array.text("units").replace(" ", "_").lower()
    for kind, unit, standard in (("lon", "east", "longitude"), ("lat", "north", "latitude")):
        if units == f"degrees_{unit}" or array.text("standard_name") == standard:
            return kind
    return ""


def _index(
    file: h5py.File,
    variable: Variable,
    slices: tuple[int, ...] | None,
    size: int,
    *,
    placed: bool = True,
) -> NetcdfIndex:
    dataset = find(file, variable.path)
    storage = read_storage(dataset, size)
    fill = float(np.asarray(dataset.fillvalue).reshape(-1)[0])
    chunk = (1,) * (len(variable.shape) - 2) if storage.contiguous else dataset.chunks[:-2]
    leading = variable.shape[:-2]
    order = tuple(leading), tuple(int(side) for side in chunk)
    if slices is None:
        count, first = int(np.prod(leading, dtype=np.int64)), 0
        if count > MAX_BANDS:
            raise SourceUnsupportedError("the NetCDF variable has too many slices; name one")
    else:
        count = 1
        storage, first, order = _sliced(variable, storage, slices, order)
    place = place_of(file, variable, size) if placed else None
    described = _described(variable, storage, place, count)
    words = words_of(storage) if placed and "flag_masks" in variable.attributes else 1
    if words > 1:
        described, nodata, validity = _in_words(described, words), None, Validity()
    else:
        nodata, validity = _validity(variable, np.dtype(described.dtype))
    return NetcdfIndex(
        replace(described, nodata=nodata), size, storage, _swapped(variable), validity, fill,
        first, order, words,
    )  # fmt: skip


def _in_words(info: RasterInfo, words: int) -> RasterInfo:
    """Describe packed bits as words of 16 bits, which have no value that means no data."""
    names = tuple(f"{name} {word}" for name in info.descriptions for word in range(words))
    ones, zeros = (1.0,) * len(names), (0.0,) * len(names)
    return replace(
        info, dtype="uint16", count=len(names), scales=ones, offsets=zeros, descriptions=names
    )


def _sliced(
    variable: Variable, storage: Storage, slices: tuple[int, ...], order: Any
) -> tuple[Storage, int, Any]:
    """Keep the one plane that holds a slice."""
    leading, chunk = order
    if len(slices) != len(leading) or any(
        place >= side for place, side in zip(slices, leading, strict=True)
    ):
        raise SourceMissingError("the NetCDF variable has no such slice", detail=variable.path)
    number = int(np.ravel_multi_index(slices, leading)) if leading else 0
    plane, position = slice_place(number, leading, chunk)
    kept = replace(
        storage,
        offsets=storage.offsets[plane : plane + 1],
        sizes=storage.sizes[plane : plane + 1],
        skipped=storage.skipped[plane : plane + 1],
    )
    return kept, position, ((storage.depth,), (storage.depth,))


def _described(variable: Variable, storage: Storage, place: Place | None, count: int) -> RasterInfo:
    scale, offset = variable.number("scale_factor"), variable.number("add_offset")
    name = variable.path.rpartition("/")[2]
    names = (name,) if count == 1 else tuple(f"{name} {n}" for n in range(1, count + 1))
    return RasterInfo(
        dtype=value_type(storage, _swapped(variable)).name,
        count=count,
        levels=(level_of(storage),),
        crs=None if place is None else place.crs,
        transform=None if place is None else place.transform,
        scales=(1.0 if scale is None else scale,) * count,
        offsets=(0.0 if offset is None else offset,) * count,
        descriptions=names,
    )


def _swapped(variable: Variable) -> bool:
    """Tell whether `_Unsigned` says another thing than the stored type; bits have no sign."""
    kind = np.dtype(variable.dtype).kind
    if kind == "i" and "flag_masks" in variable.attributes:
        return True
    return {"i": "true", "u": "false"}.get(kind) == variable.text("_Unsigned").lower()


def _validity(variable: Variable, kind: np.dtype[Any]) -> tuple[float | None, Validity]:
    """Return the nodata value, and what else is no data.

    A valid range is one of stored values (CF 2.5.1); one that is written in fractions for packed
    integers is of physical values, which is against the conventions, and is left alone.
    """
    missing = list(
        dict.fromkeys(
            (*_values(variable, "_FillValue", kind), *_values(variable, "missing_value", kind))
        )
    )
    low, high = _valid_range(variable, kind)
    nodata = missing[0] if missing else _outside(low, high, kind)
    if nodata is None:
        return None, Validity()
    return nodata, Validity(tuple(missing[1:]), low, high)


def _valid_range(variable: Variable, kind: np.dtype[Any]) -> tuple[float | None, float | None]:
    both = _values(variable, "valid_range", kind)
    low, high = both if len(both) == 2 else (None, None)
    lowest, highest = (_values(variable, n, kind) for n in ("valid_min", "valid_max"))
    low, high = lowest[0] if lowest else low, highest[0] if highest else high
    if kind.kind != "f" and not all(v is None or v == int(v) for v in (low, high)):
        return None, None
    return low, high


def _outside(low: float | None, high: float | None, kind: np.dtype[Any]) -> float | None:
    """Return a value of the type beyond a valid range, None where that leaves none out."""
    if low is None and high is None:
        return None
    if kind.kind == "f":
        return float("nan")
    limits = np.iinfo(kind)
    if high is not None and high < limits.max:
        return float(limits.max)
    return float(limits.min) if low is not None and low > limits.min else None


def _values(variable: Variable, name: str, kind: np.dtype[Any]) -> list[float]:
    """Return the numbers of an attribute as decoded values have them."""
    value = variable.attributes.get(name)
    if value is None or isinstance(value, str):
        return []
    found = []
    for number in value if isinstance(value, tuple) else (value,):
        # those of unsigned values may be written in the signed type of the file
        turn = 1 << 8 * kind.itemsize if kind.kind == "u" and number < 0 else 0
        found.append(_exact(float(number + turn), kind))
    return found


def _exact(number: float, kind: np.dtype[Any]) -> float:
    """Return a number as the type holds it: 9.96921e36 in float64 is no value of float32."""
    if kind.kind != "f" or not np.isfinite(number):
        return number
    with np.errstate(over="ignore"):
        return float(kind.type(number))
