"""Values of programs at single pixels."""

from collections.abc import Mapping

import numpy as np

from renderers.programs import run
from styles.program import Program

#: What the value of a formula is called beside those of its bands.
NAME = "expression"


def computed(program: Program, bands: Mapping[str, float | None]) -> dict[str, float | None]:
    """Run a program on the bands of one pixel.

    Args:
        program: What to compute.
        bands: Physical values of its inputs, None where there is no data.

    Returns:
        `expression`, or of several outputs `expression_1` and so on; None where there is no value.
    """
    outputs = program.outputs
    names = [NAME] if outputs == 1 else [f"{NAME}_{number + 1}" for number in range(outputs)]
    known = [bands[name] for name in program.inputs]
    inputs = np.array([[np.nan if v is None else v] for v in known], np.float32)
    values = run(program, inputs, np.ones(1, np.uint8))
    if any(value is None for value in known):
        return dict.fromkeys(names)
    return {n: None if np.isnan(v) else float(v) for n, v in zip(names, values[:, 0], strict=True)}
