"""Runs programs over values that lie ready."""

import numpy as np
from numpy.typing import NDArray

from renderers.kernels import vm
from styles.program import Program


def run(
    program: Program, inputs: NDArray[np.float32], there: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Run a program.

    Args:
        program: What to compute.
        inputs: C-contiguous, shape (inputs, pixels), in the order of the program's.
        there: Shape (pixels,), set to 0 where an output has no value.

    Returns:
        Shape (outputs, pixels).
    """
    values = np.empty((program.outputs, inputs.shape[1]), np.float32)
    vm.run(*program.machine, inputs, values, there)
    return values
