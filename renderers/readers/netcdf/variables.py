"""What an HDF5 file says of its variables: which there are, their attributes and how they lie."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError, SourceMissingError, SourceUnsupportedError
from renderers.readers.netcdf.storage import MAX_CHUNKS, Storage, check, rows_of

#: Groups inside groups, and objects of one file.
MAX_DEPTH: Final = 16
MAX_OBJECTS: Final = 5000
#: Values of a coordinate variable.
MAX_COORDINATES: Final = 1 << 20
#: Values of an attribute that are kept; flags have 32 at most.
_MAX_ATTRIBUTE: Final = 64

#: An attribute: a text, a number, or several numbers.
Attribute = str | float | int | tuple[float | int, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """One array of a file.

    Attributes:
        path: Names of its groups and its own, with `/` between them and none before.
        shape: Leading dimensions, rows, columns.
        dimensions: Paths of the dimensions, "" where one has no name.
        dtype: As stored, with its byte order.
        attributes: Of its own; arrays of more than 64 values are left out.
    """

    path: str
    shape: tuple[int, ...]
    dimensions: tuple[str, ...]
    dtype: str
    attributes: Mapping[str, Attribute]

    def text(self, name: str) -> str:
        """Return an attribute that is a text, "" where there is none."""
        value = self.attributes.get(name, "")
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """Return an attribute that is one number."""
        value = self.attributes.get(name)
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        return None if value is None or isinstance(value, (str, tuple)) else float(value)


def datasets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Walk over the arrays of a file, by path in the order of the alphabet.

    Only hard links are followed: soft ones say nothing new, external ones name other files.

    Raises:
        SourceUnsupportedError: The file has too many objects.
    """
    count = itertools.count(1)

    def walk(group: h5py.Group, prefix: str, depth: int) -> Iterator[tuple[str, h5py.Dataset]]:
        for name in sorted(group):
            if next(count) > MAX_OBJECTS or depth > MAX_DEPTH:
                raise SourceUnsupportedError("the NetCDF file has too many variables")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            found = group[name]
            if isinstance(found, h5py.Group):
                yield from walk(found, f"{prefix}{name}/", depth + 1)
            elif isinstance(found, h5py.Dataset):
                yield prefix + name, found

    return walk(file, "", 0)


def node(file: h5py.File, path: str) -> h5py.Group | h5py.Dataset:
    """Return the group or array of a path; "" is the file.

    Raises:
        SourceMissingError: There is none.
    """
    found: Any = file
    for name in path.split("/") if path else ():
        known = isinstance(found, h5py.Group) and isinstance(
            found.get(name, getlink=True), h5py.HardLink
        )
        if not known:
            raise SourceMissingError("the NetCDF file has no such variable", detail=path)
        found = found[name]
    return found


def find(file: h5py.File, path: str) -> h5py.Dataset:
    """Return the array of a path.

    Raises:
        SourceMissingError: There is none.
    """
    found = node(file, path)
    if not isinstance(found, h5py.Dataset):
        raise SourceMissingError("the NetCDF file has no such variable", detail=path)
    return found


def read_variable(path: str, dataset: h5py.Dataset) -> Variable:
    """Return what a file says of an array, without touching its values."""
    shape = dataset.shape if dataset.shape is not None else (0,)
    return Variable(
        path,
        tuple(int(side) for side in shape),
        tuple(_dimension(dataset, axis) for axis in range(len(shape))),
        dataset.dtype.str,
        attributes_of(dataset),
    )


def _dimension(dataset: h5py.Dataset, axis: int) -> str:
    scales = dataset.dims[axis]
    if len(scales):
        name = scales[0].name
    else:  # a coordinate variable is its own dimension
        name = dataset.name if len(dataset.shape) == 1 and dataset.is_scale else ""
    return (name or "").strip("/")


def attributes_of(node: h5py.Dataset | h5py.Group) -> dict[str, Attribute]:
    """Return the attributes of an array or group that are texts or few numbers."""
    found: dict[str, Attribute] = {}
    for name in node.attrs:
        kind = node.attrs.get_id(name)
        if kind.shape is None or int(np.prod(kind.shape)) > _MAX_ATTRIBUTE:
            continue
        value = _plain(node.attrs[name])
        if value is not None:
            found[name] = value
    return found


def _plain(value: Any) -> Attribute | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0")
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "SO" and array.size == 1:
        inner = array.reshape(-1)[0]
        return _plain(inner) if isinstance(inner, (bytes, str)) else None
    if array.dtype.kind not in "iufb":
        return None
    if array.ndim == 0:
        scalar: float | int = array.item()
        return scalar
    return tuple(array.reshape(-1).tolist())


def read_storage(dataset: h5py.Dataset, size: int) -> Storage:
    """Return where the chunks of an array lie.

    Args:
        dataset: Of two dimensions or more; the last two are rows and columns.
        size: Bytes of the file.

    Raises:
        SourceUnsupportedError: It is kept in a way that is not read here.
        SourceCorruptError: The header contradicts itself.
    """
    if len(dataset.shape) < 2 or 0 in dataset.shape:
        raise SourceUnsupportedError("a NetCDF variable without rows and columns")
    plist = dataset.id.get_create_plist()
    layout = plist.get_layout()
    if plist.get_external_count():
        raise SourceUnsupportedError("values in other files than the header are not read")
    if layout == h5py.h5d.CONTIGUOUS:
        storage = _contiguous(dataset)
    elif layout == h5py.h5d.CHUNKED:
        filters = tuple(int(plist.get_filter(n)[0]) for n in range(plist.get_nfilters()))
        storage = _chunked(dataset, filters)
    else:
        raise SourceUnsupportedError("compact and virtual HDF5 arrays are not read")
    check(storage, size)
    return storage


def _contiguous(dataset: h5py.Dataset) -> Storage:
    *leading, height, width = dataset.shape
    planes = int(np.prod(leading, dtype=np.int64))
    if planes > MAX_CHUNKS:
        raise SourceUnsupportedError("the NetCDF variable has too many slices")
    start = dataset.id.get_offset()
    plane_bytes = width * height * dataset.dtype.itemsize
    first = np.arange(planes, dtype=np.uint64) * np.uint64(plane_bytes) + np.uint64(start or 0)
    shape = planes, 1, 1
    return Storage(
        width, height, width, rows_of(width, height), 1, dataset.dtype.str, (), True,
        first.reshape(shape), np.full(shape, start is not None, np.uint32),
        np.zeros(shape, np.uint32),
    )  # fmt: skip


def _chunked(dataset: h5py.Dataset, filters: tuple[int, ...]) -> Storage:
    chunks = dataset.chunks
    grid = [-(-side // chunk) for side, chunk in zip(dataset.shape, chunks, strict=True)]
    if np.prod(grid, dtype=np.float64) > MAX_CHUNKS:
        raise SourceUnsupportedError("the NetCDF variable has too many chunks")
    offsets, sizes = np.zeros(grid, np.uint64), np.zeros(grid, np.uint32)
    skipped = np.zeros(grid, np.uint32)

    def note(chunk: Any) -> None:
        where = tuple(o // c for o, c in zip(chunk.chunk_offset, chunks, strict=True))
        if any(w >= g for w, g in zip(where, grid, strict=True)):
            return  # left over from a time when the array was larger
        if chunk.size >= 1 << 32 or chunk.byte_offset is None:
            raise SourceCorruptError("a chunk without a place")
        offsets[where], sizes[where] = chunk.byte_offset, chunk.size
        skipped[where] = chunk.filter_mask

    dataset.id.chunk_iter(note)
    shape = -1, grid[-2], grid[-1]
    return Storage(
        int(dataset.shape[-1]), int(dataset.shape[-2]), int(chunks[-1]), int(chunks[-2]),
        int(np.prod(chunks[:-2], dtype=np.int64)), dataset.dtype.str, filters, False,
        offsets.reshape(shape), sizes.reshape(shape), skipped.reshape(shape),
    )  # fmt: skip


def read_coordinates(dataset: h5py.Dataset, size: int) -> NDArray[np.float64]:
    """Return the values of a coordinate variable of one dimension, unpacked.

    Raises:
        SourceUnsupportedError: It is longer than any axis we draw, or not made of numbers.
    """
    if len(dataset.shape) != 1 or dataset.shape[0] > MAX_COORDINATES:
        raise SourceUnsupportedError("a coordinate variable of another shape")
    plist = dataset.id.get_create_plist()
    kinds = {int(plist.get_filter(n)[0]) for n in range(plist.get_nfilters())}
    whole = dataset.dtype.kind in "iuf" and not plist.get_external_count() and kinds <= {1, 2, 3}
    chunk = dataset.chunks[0] if dataset.chunks else 1
    if not whole or plist.get_layout() == h5py.h5d.VIRTUAL or chunk > MAX_COORDINATES:
        raise SourceUnsupportedError("a coordinate variable that is not read here")
    if dataset.shape[0] > size * 1100:  # more than deflate can pack
        raise SourceCorruptError("a coordinate variable is longer than the file")
    variable = read_variable("", dataset)
    values = np.asarray(dataset[:], np.float64)
    scale, offset = variable.number("scale_factor"), variable.number("add_offset")
    return values * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)
