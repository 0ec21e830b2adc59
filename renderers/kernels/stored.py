"""Stored values of the nearest pixels, exactly: what coverages are made of."""

from typing import Any, Final

import numpy as np
from numba import carray, types
from numpy.typing import NDArray

from renderers.kernels import places
from renderers.kernels.gather import FIRST_BLOCK, LAYOUT, unmask
from renderers.kernels.options import inlined, kernel
from renderers.kernels.places import NOWHERE, pointer
from styles.opcodes import BLOCK

Array = NDArray[Any]

_ENDLESS: Final = 1 << 40

_i64 = types.Array(types.int64, 1, "C")
_i64_rows = types.Array(types.int64, 2, "C")
_f64_rows = types.Array(types.float64, 2, "C")
_u8 = types.Array(types.uint8, 1, "C", readonly=True)
_u8_out = types.Array(types.uint8, 1, "C")


@inlined
def _copy(
    source: Array, offset: Array, start: int, stop: int, nodata: Any, out: Array, ok: Array
) -> None:
    for p in range(start, stop):
        value = source[np.uintp(offset[p])]
        out[p] = value
        lacking = (value == nodata) | (value != value)
        ok[p] = np.uint8(0) if lacking else ok[p]


def _signature(kind: Any) -> Any:
    return types.void(
        _i64_rows, _f64_rows, _i64, _i64_rows, _i64, _i64, types.int64, _u8,
        types.Array(kind, 1, "C", readonly=True), types.Array(kind, 2, "C"), _u8_out,
    )  # fmt: skip


@kernel(
    [
        _signature(kind)
        for kind in (
            types.uint8, types.uint16, types.uint32, types.uint64, types.float32, types.float64,
        )
    ]
)  # fmt: skip
def copy_stored(
    layouts: Array,
    scales: Array,
    strides: Array,
    bands: Array,
    addresses: Array,
    masks: Array,
    width: int,
    has_nodata: Array,
    nodata: Array,
    out: Array,
    valid: Array,
) -> None:
    """Copy the stored values of the nearest pixels of one scene.

    Whole numbers are passed by their bits, as unsigned numbers of their size.

    Args:
        layouts: int64 (layouts, places.LAYOUT_FIELDS).
        scales: float64 (layouts, 2), pixels of the level per pixel of full resolution.
        strides: int64, pixels per row of each block, all layouts together.
        bands: int64 (bands, gather.BAND_FIELDS).
        addresses: int64, of every block's values.
        masks: int64, of every block's mask, 0 for none.
        width: Pixels per target row.
        has_nodata: uint8 (bands,), whether `nodata` means anything; a stored NaN never is data.
        nodata: (bands,), the stored value that means "no data".
        out: (bands, pixels), written; undefined where not valid.
        valid: uint8 (pixels,); becomes 0 where a band has no data, and stays where all have.
    """
    pixels = valid.shape[0]
    offset = np.zeros(BLOCK, np.int32)
    ok = np.empty(BLOCK, np.uint8)
    starts, blocks = np.empty(BLOCK + 1, np.int32), np.empty(BLOCK + 1, np.int32)
    for start in range(0, pixels, BLOCK):
        count = min(BLOCK, pixels - start)
        ok[:count] = 1
        known = np.int64(-1)
        runs = 0
        for b in range(bands.shape[0]):
            band = bands[b]
            layout = layouts[band[LAYOUT]]
            if band[LAYOUT] != known:
                known = band[LAYOUT]
                runs = 0
                at = 0
                while at < count:
                    row = (start + at) // width
                    first = start + at - row * width
                    piece = min(width - first, count - at)
                    runs = places.locate_nearest(
                        layout, scales[known], strides, (row, first, piece), at,
                        offset, starts, blocks, runs,
                    )  # fmt: skip
                    at += piece
            target = out[b, start : start + count]
            for k in range(runs):
                begin = starts[k]
                stop = starts[k + 1] if k + 1 < runs else count
                if blocks[k] == NOWHERE:
                    ok[begin:stop] = 0
                    continue
                entry = band[FIRST_BLOCK] + blocks[k]
                source = carray(pointer(addresses[entry]), (_ENDLESS,), out.dtype)
                if has_nodata[b] != 0:
                    _copy(source, offset, begin, stop, nodata[b], target, ok)
                else:
                    for p in range(begin, stop):
                        value = source[np.uintp(offset[p])]
                        target[p] = value
                        if value != value:
                            ok[p] = 0
                unmask(masks[entry], offset, begin, stop, ok)
        goal = valid[start : start + count]
        for p in range(count):
            goal[p] &= ok[p]
