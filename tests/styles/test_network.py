import copy

import numpy as np
import pytest

from styles import reference
from styles.errors import DefinitionError
from styles.network import FLAGS, compile_network
from styles.registry import StyleRegistry

LIBRARY = StyleRegistry.load_library()
BANDS = (
    "green", "red", "rededge071", "rededge075", "rededge078", "nir08", "swir16", "swir22",
)  # fmt: skip
SMALL = {
    "inputs": [
        {"band": "red", "range": [0.0, 0.5], "domain": [0.0, 0.6]},
        {"cos": "view_zenith", "range": [0.9, 1.0]},
        {"cos": ["sun_azimuth", "view_azimuth"], "range": [-1.0, 1.0]},
    ],
    "hidden": {"weights": [[0.5, -1.0, 0.25], [2.0, 0.1, -3.0]], "bias": [0.1, -0.4]},
    "output": {
        "weights": [0.8, -0.6],
        "bias": 0.2,
        "range": [1.0, 5.0],
        "limits": [2.0, 4.0],
        "tolerance": 0.25,
    },
}


def run(program, inputs):
    return reference.evaluate(program, np.stack([inputs[b] for b in program.inputs]))[0]


def expected(network, columns):
    """The net as the ATBD writes it, in float64; columns are reflectances and cosines."""
    ranges = np.array([entry["range"] for entry in network["inputs"]])
    scaled = 2 * (columns - ranges[:, 0]) / np.ptp(ranges, axis=1) - 1
    hidden = np.tanh(scaled @ np.array(network["hidden"]["weights"]).T + network["hidden"]["bias"])
    output = network["output"]
    low, high = output["range"]
    return 0.5 * (hidden @ np.array(output["weights"]) + output["bias"] + 1) * (high - low) + low


def small_inputs():
    rng = np.random.default_rng(3)
    inputs = {
        "red": rng.uniform(0, 0.7, 5000),
        "view_zenith": rng.uniform(0, 25, 5000),
        "sun_azimuth": rng.uniform(0, 360, 5000),
        "view_azimuth": rng.uniform(0, 360, 5000),
    }
    between = inputs["sun_azimuth"] - inputs["view_azimuth"]
    columns = (inputs["red"], *(np.cos(np.radians(a)) for a in (inputs["view_zenith"], between)))
    return inputs, np.stack(columns, axis=1)


def test_a_net_is_its_equations():
    inputs, columns = small_inputs()
    values = run(compile_network(SMALL), inputs)
    wanted = expected(SMALL, columns)
    good = (inputs["red"] <= 0.6) & (wanted >= 1.75) & (wanted <= 4.25)
    assert 0.1 < good.mean() < 0.9
    np.testing.assert_array_equal(np.isnan(values), ~good)
    np.testing.assert_allclose(values[good], np.clip(wanted, 2, 4)[good], atol=2e-6)


def test_flags_say_why():
    inputs, columns = small_inputs()
    flags = run(compile_network({**SMALL, "shows": "flags"}), inputs)
    wanted = expected(SMALL, columns)
    conditions = [
        inputs["red"] > 0.6, wanted < 1.75, wanted > 4.25, wanted < 2.0, wanted > 4.0
    ]  # fmt: skip
    np.testing.assert_array_equal(flags, np.select(conditions, [1, 2, 3, 4, 5], 0))
    assert set(np.unique(flags)) == set(FLAGS)


def inputs_of(cases):
    """Bands and angles of rows of the processor's test cases, which hold cosines."""
    view, sun, between = np.degrees(np.arccos(cases[:, 8:11])).T
    angles = {
        "view_zenith": view, "sun_zenith": sun, "sun_azimuth": between,
        "view_azimuth": np.zeros_like(view),
    }  # fmt: skip
    return {**{band: cases[:, k] for k, band in enumerate(BANDS)}, **angles}


@pytest.mark.parametrize(("style", "tolerance"), [("lai", 5e-4), ("fapar", 5e-5), ("fcover", 5e-5)])
def test_the_processors_own_cases(shared, style, tolerance):
    """Its 1000 cases per variable; inputs there have five digits."""
    name = style.upper()
    path = shared / "data" / "biophysical" / "3_0" / "S2A" / name / f"{name}_TestCases"
    cases = np.loadtxt(path, delimiter=",")
    values = run(LIBRARY.get(style).program, inputs_of(cases))
    assert len(cases) == 1000
    np.testing.assert_allclose(values, cases[:, 11], atol=tolerance, rtol=0, equal_nan=True)


def from_files(folder, name):
    """A network of the processor's files."""

    def rows(kind):
        text = (folder / f"{name}_{kind}").read_text()
        return [[float(n) for n in line.split(",")] for line in text.split()]

    domain = rows("DefinitionDomain_MinMax")
    cosines = ("view_zenith", "sun_zenith", ["sun_azimuth", "view_azimuth"])
    ranges = rows("Normalisation")
    inputs = [
        {"band": band, "range": ranges[k], "domain": [domain[0][k], domain[1][k]]}
        for k, band in enumerate(BANDS)
    ]
    inputs += [{"cos": angle, "range": ranges[8 + k]} for k, angle in enumerate(cosines)]
    tolerance, low, high = rows("ExtremeCases")[0]
    hidden = {"weights": rows("Weights_Layer1_Neurons"), "bias": rows("Weights_Layer1_Bias")[0]}
    output = {
        "weights": rows("Weights_Layer2_Neurons")[0],
        "bias": rows("Weights_Layer2_Bias")[0][0],
        "range": rows("Denormalisation")[0],
        "limits": [low, high],
        "tolerance": tolerance,
    }
    return {"inputs": inputs, "hidden": hidden, "output": output}


@pytest.mark.parametrize("name", ["LAI", "FAPAR", "FCOVER"])
def test_the_library_has_the_published_coefficients(shared, name):
    network = from_files(shared / "data" / "biophysical" / "3_0" / "S2A" / name, name)
    assert compile_network(network) == LIBRARY.get(name.lower()).program


@pytest.mark.parametrize(("name", "tolerance"), [("LAI", 1e-3), ("FAPAR", 1e-4)])
def test_the_cases_of_the_former_version(shared, name, tolerance):
    folder = shared / "data" / "biophysical" / "2_1" / name
    cases = np.loadtxt(folder / f"{name}_TestCases", delimiter=",")
    values = run(compile_network(from_files(folder, name)), inputs_of(cases))
    told = np.isfinite(cases[:, 11])
    assert told.sum() > 50
    np.testing.assert_allclose(values[told], cases[told, 11], atol=tolerance, rtol=0)
    # Those files have no value where the net's is beyond the limits.
    assert (np.isnan(values[~told]) | np.isin(values[~told], np.float32([0.0, 0.94, 8.0]))).all()


def test_biophysical_variables_are_of_reflectances_at_the_ground():
    style = LIBRARY.get("lai")
    assert "SCL" in style.bands
    assert "SCL" not in style.program.inputs
    assert len(style.program.inputs) == 12


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("inputs",), [], r"network\.inputs: one input is needed"),
        (("inputs", 0, "band"), "B 4", r"network\.inputs\[0\]\.band: a name of letters"),
        (("inputs", 0, "cos"), "x", r"inputs\[0\]: one of band and cos"),
        (("inputs", 0, "range"), [1, 1], r"inputs\[0\]\.range: must rise"),
        (("inputs", 1, "cos"), ["a", "b", "c"], r"inputs\[1\]\.cos: one angle, or two"),
        (("hidden", "bias"), [1], r"hidden\.bias: must be 2 numbers"),
        (("hidden", "weights", 1), [1, 2], r"hidden\.weights\[1\]: must be 3 numbers"),
        (("output", "weights"), [1, "x"], r"output\.weights\[1\]: must be a number"),
        (("shows",), "all", r"network\.shows: must be value or flags"),
        (("more",), 1, r"network\.more: unknown key"),
    ],
)
def test_errors_name_the_key(path, value, words):
    network = copy.deepcopy(SMALL)
    place = network
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(DefinitionError, match=words):
        compile_network(network)
