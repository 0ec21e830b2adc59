"""Small neural nets as programs: one hidden layer of tanh, one linear output.

The form is that of the biophysical processor for Sentinel-2 (Weiss and Baret, S2ToolBox Level 2
products: LAI, FAPAR, FCOVER, ATBD version 2.0, 2020, section 3): inputs are normalised to -1 to 1,
each neuron is tanh(bias + sum of weights * inputs), the output is linear and denormalised::

    network:
      inputs:
        - {band: green, range: [0.0, 0.24], domain: [0.0, 0.25]}
        - {cos: view_zenith, range: [0.98, 1.0]}                    # of degrees
        - {cos: [sun_azimuth, view_azimuth], range: [-1.0, 1.0]}    # of their difference
      hidden:
        weights: [[0.5, 0.1, -0.2], [0.3, 0.2, 0.1]]                # a row per neuron
        bias: [0.1, -0.4]
      output: {weights: [0.3, 0.7], bias: -0.1, range: [0.0, 14.0], limits: [0, 8], tolerance: 0.2}
      shows: value                                                  # or flags

A value beyond `limits` by no more than `tolerance` becomes the limit. Pixels with an input outside
its `domain`, or a value further outside, show nothing: the processor flags them as not usable.
`shows: flags` gives which of `FLAGS` a pixel has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from styles import checks
from styles.checks import Path
from styles.errors import DefinitionError
from styles.expression import compile_formula
from styles.program import Program

#: What `shows: flags` gives; of several the first that holds.
FLAGS: Final = {
    1: "input outside the definition domain",
    2: "value below the least by more than the tolerance",
    3: "value above the greatest by more than the tolerance",
    4: "value raised to the least",
    5: "value lowered to the greatest",
    0: "good",
}
#: Characters of the longest formula that is made here.
_LONGEST: Final = 65_536
_DEGREES: Final = 0.017453292519943295


@dataclass(frozen=True, slots=True)
class _Input:
    """An input: its formula, the range that becomes -1 to 1, and the domain that is allowed."""

    formula: str
    low: float
    high: float
    domain: tuple[float, float] | None


def compile_network(definition: Any, path: Path = ("network",)) -> Program:
    """Compile a network to a program of one output.

    Normalisation and denormalisation are taken into the weights, in float64, so that a neuron of n
    inputs costs 2 n operations and an exponential: tanh(x) = 1 - 2 / (exp(2 x) + 1).

    Args:
        definition: As above.
        path: Leads to it, for errors.

    Raises:
        DefinitionError: It is wrong.
        StyleError: It does not fit into a program.
    """
    top = checks.mapping(
        definition, path, {"inputs", "hidden", "output", "shows"},
        required=("inputs", "hidden", "output"),
    )  # fmt: skip
    listed = checks.items(top["inputs"], (*path, "inputs"))
    inputs = [_input(entry, (*path, "inputs", k)) for k, entry in enumerate(listed)]
    if not inputs:
        raise DefinitionError("one input is needed", (*path, "inputs"))
    value, limits, tolerance = _value(top, inputs, path)
    shows = top.get("shows", "value")
    if shows not in ("value", "flags"):
        raise DefinitionError("must be value or flags", (*path, "shows"))
    formula = _value_formula if shows == "value" else _flags_formula
    return compile_formula(formula(value, inputs, limits, tolerance), longest=_LONGEST)


def _input(entry: Any, path: Path) -> _Input:
    known = {"band", "cos", "range", "domain"}
    given = checks.mapping(entry, path, known, required=("range",))
    if ("band" in given) == ("cos" in given):
        raise DefinitionError("one of band and cos is needed", path)
    if "band" in given:
        formula = _name(given["band"], (*path, "band"))
    else:
        angles = given["cos"] if isinstance(given["cos"], list | tuple) else [given["cos"]]
        if not 1 <= len(angles) <= 2:
            raise DefinitionError("one angle, or two whose difference counts", (*path, "cos"))
        names = [_name(angle, (*path, "cos")) for angle in angles]
        formula = f"cos(({' - '.join(names)}) * {_DEGREES!r})"
    low, high = checks.pair(given["range"], (*path, "range"))
    if not low < high:
        raise DefinitionError("must rise", (*path, "range"))
    domain = given.get("domain")
    return _Input(
        formula, low, high, None if domain is None else checks.pair(domain, (*path, "domain"))
    )


def _name(value: Any, path: Path) -> str:
    name = checks.text(value, path)
    if not name.isidentifier() or not name.isascii():
        raise DefinitionError("a name of letters, digits and _", path)
    return name


def _value(
    top: Mapping[str, Any], inputs: Sequence[_Input], path: Path
) -> tuple[str, tuple[float, float], float]:
    """Return the formula of the value, its limits and the tolerance beyond them."""
    hidden = checks.mapping(
        top["hidden"], (*path, "hidden"), {"weights", "bias"}, required=("weights", "bias")
    )
    keys = ("weights", "bias", "range", "limits", "tolerance")
    output = checks.mapping(top["output"], (*path, "output"), set(keys), required=keys)
    rows = checks.items(hidden["weights"], (*path, "hidden", "weights"))
    biases = _numbers(hidden["bias"], len(rows), (*path, "hidden", "bias"))
    weights = _numbers(output["weights"], len(rows), (*path, "output", "weights"))
    low, high = checks.pair(output["range"], (*path, "output", "range"))
    half = 0.5 * (high - low)
    whole = low + half * (1.0 + checks.number(output["bias"], (*path, "output", "bias")))
    terms = []
    for k, (row, bias, weight) in enumerate(zip(rows, biases, weights, strict=True)):
        factors = _numbers(row, len(inputs), (*path, "hidden", "weights", k))
        terms.append(f"{-2.0 * half * weight!r} / (exp({_neuron(factors, bias, inputs)}) + 1)")
        whole += half * weight
    limits = checks.pair(output["limits"], (*path, "output", "limits"))
    tolerance = checks.number(output["tolerance"], (*path, "output", "tolerance"))
    return f"({whole!r} + {' + '.join(terms)})", limits, abs(tolerance)


def _neuron(factors: Sequence[float], bias: float, inputs: Sequence[_Input]) -> str:
    """Return twice the sum that goes into the tanh of a neuron, of inputs as they come."""
    constant, terms = 2.0 * bias, []
    for factor, given in zip(factors, inputs, strict=True):
        slope = 2.0 * factor * 2.0 / (given.high - given.low)
        constant -= 2.0 * factor + slope * given.low
        terms.append(f"{slope!r} * {given.formula}")
    return f"{constant!r} + {' + '.join(terms)}"


def _numbers(value: Any, count: int, path: Path) -> list[float]:
    numbers = [checks.number(n, (*path, k)) for k, n in enumerate(checks.items(value, path))]
    if len(numbers) != count:
        raise DefinitionError(f"must be {count} numbers", path)
    return numbers


def _inside(inputs: Sequence[_Input]) -> str:
    tests = [
        f"(clamp({i.formula}, {i.domain[0]!r}, {i.domain[1]!r}) == {i.formula})"
        for i in inputs
        if i.domain is not None
    ]
    return " and ".join(tests) or "1"


def _value_formula(
    value: str, inputs: Sequence[_Input], limits: tuple[float, float], tolerance: float
) -> str:
    low, high = limits
    usable = f"{value} >= {low - tolerance!r} and {value} <= {high + tolerance!r}"
    return f"where({_inside(inputs)} and {usable}, clamp({value}, {low!r}, {high!r}), nan)"


def _flags_formula(
    value: str, inputs: Sequence[_Input], limits: tuple[float, float], tolerance: float
) -> str:
    low, high = limits
    above = f"where({value} > {high + tolerance!r}, 3, where({value} > {high!r}, 5, 0))"
    below = f"where({value} < {low - tolerance!r}, 2, where({value} < {low!r}, 4, {above}))"
    return f"where({_inside(inputs)}, {below}, 1)"
