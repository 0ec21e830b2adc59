"""Tables of values that are kept from picture to picture."""

import numpy as np

from renderers.painter import BandKind, Painters, style_painter
from styles.registry import stretch_style


def test_the_tables_of_a_file_without_nodata_are_filled_once():
    painters = Painters()
    painter = style_painter(stretch_style("rgb", ("r", "g", "b"), 10.0, 100.0))
    # As the tables of a scene give them: every time other objects, also for NaN.
    first, second = (
        painters.tables(
            painter,
            [BandKind("uint8", *row) for row in np.array([[np.nan, 1.0, 0.0]] * 3).tolist()],
            256 * 256,
        )
        for _ in range(2)
    )
    assert all(a is b for a, b in zip(first, second, strict=True))
