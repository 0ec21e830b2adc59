"""The shipped library: its indices are those of the Awesome Spectral Indices list."""

import re

import numpy as np
import pytest

from styles import reference
from styles.model import ClassColour, RampColour
from styles.registry import StyleRegistry

spyndex = pytest.importorskip("spyndex", reason="the index list is not installed (spyndex)")

LIBRARY = StyleRegistry.load_library()
LISTED = {name: spyndex.indices[name] for name in spyndex.indices}
#: Ids that are not the list's short name in small letters.
NAMES = {
    "savi-0.5": "SAVI",
    "ndre": "NDREI",
    "triangular-chlorophyll": "TCI",
    "shadow-index": "SI",
    "norm-nir": "NormNIR",
    "awei-nsh": "AWEInsh",
    "awei-sh": "AWEIsh",
    "plastic": "PI",
    "bai": "BAI",
    "bareness": "BaI",
    "bsi": "BI",
    "msr705": "MSR705",
    "redness": "RI",
    "brightness": "BITM",
    "brightness-xs": "BIXS",
    "dprvi-vv": "DpRVIVV",
    "dprvi-hh": "DpRVIHH",
    "vv-vh-difference": "VVVHD",
    "vh-vv-difference": "VHVVD",
    "vv-vh-sum": "VVVHS",
    "vv-vh-ratio": "VVVHR",
    "vh-vv-ratio": "VHVVR",
    "vh-vv-product": "VHVVP",
}
#: Ids of other things whose names are those of an index as well.
OTHERS = {"tci"}
#: Constants other than the list's defaults: wavelengths have none there, they are Sentinel-2's.
CONSTANTS = {
    "savi-0.5": {"L": 0.5},
    "fai": {"lambdaN": 842, "lambdaR": 665, "lambdaS1": 1610},
    "fdi": {"lambdaN": 842, "lambdaR": 665, "lambdaS1": 1610},
}
#: The list's bands by what formulas call them.
BANDS = {
    "coastal": "A",
    "blue": "B",
    "green": "G",
    "red": "R",
    "rededge071": "RE1",
    "rededge075": "RE2",
    "rededge078": "RE3",
    "nir": "N",
    "nir08": "N2",
    "swir16": "S1",
    "swir22": "S2",
    "B04": "R",
    "B08": "N",
    "B11": "S1",
    "vv_sigma0": "VV",
    "vh_sigma0": "VH",
    "hh_sigma0": "HH",
    "hv_sigma0": "HV",
}


def listed_name(style_id):
    if style_id in OTHERS:
        return None
    small = {name.lower(): name for name in LISTED}
    return NAMES.get(style_id, small.get(style_id))


INDICES = {style.id: name for style in LIBRARY if (name := listed_name(style.id))}


def inputs_of(style, name, count=2000):
    """Random reflectances, the same for a band under all its names; backscatter likewise."""
    rng = np.random.default_rng(7)
    values = dict(
        zip(dict.fromkeys(BANDS.values()), rng.uniform(0.02, 0.6, (15, count)), strict=False)
    )
    return {band: values[BANDS[band]] for band in style.program.inputs}, values


def constants_of(style_id, name):
    needed = [b for b in LISTED[name].bands if b in spyndex.constants]
    defaults = {b: spyndex.constants[b].default for b in needed}
    return defaults | CONSTANTS.get(style_id, {})


@pytest.mark.parametrize(("style_id", "name"), INDICES.items())
def test_formulas_are_those_of_the_list(style_id, name):
    style = LIBRARY.get(style_id)
    ours, theirs = inputs_of(style, name)
    values = reference.evaluate(style.program, np.stack(list(ours.values())))[0]
    parameters = {b: theirs[b] for b in LISTED[name].bands if b in theirs}
    if name.startswith("k"):
        parameters |= kernels(theirs)
    with np.errstate(all="ignore"):
        expected = spyndex.computeIndex(name, parameters | constants_of(style_id, name))
    if style_id == "arvi":
        # The list has (red - gamma * (red - blue)); Kaufman and Tanre, equation 5, has the other
        # sign, which the list's IAVI has too.
        assert not np.allclose(values, expected, equal_nan=True)
        expected = spyndex.computeIndex("IAVI", parameters | {"gamma": 1.0})
    np.testing.assert_allclose(values, expected, rtol=2e-4, atol=1e-5, equal_nan=True)
    assert np.isfinite(values).mean() > 0.3


def kernels(values):
    """Kernel values of kNDVI with the mean of both bands as length scale (Camps-Valls 2021)."""
    sigma = 0.5 * (values["N"] + values["R"])
    return {
        "kNN": np.ones_like(sigma),
        "kNR": np.exp(-((values["N"] - values["R"]) ** 2) / (2 * sigma**2)),
    }


def test_there_are_many_indices():
    assert len(INDICES) >= 150
    assert set(NAMES) <= set(INDICES)
    domains = {LIBRARY.get(style_id).domain for style_id in INDICES}
    assert domains == {
        "vegetation", "water", "burn", "snow", "soil", "urban", "clouds", "radar"
    }  # fmt: skip


@pytest.mark.parametrize("style_id", INDICES)
def test_indices_say_what_they_are(style_id):
    style = LIBRARY.get(style_id)
    assert re.search(r"\b(19|20)\d\d\b|https?://", style.reference), style.reference
    assert isinstance(style.colour, RampColour)
    assert len(style.description) > 10
    assert style.description.endswith(".")


@pytest.mark.parametrize("style", list(LIBRARY), ids=lambda s: s.id)
def test_the_range_fits_what_comes_out(style):
    """Over plausible surfaces the ramp is neither saturated nor unused."""
    if style.id not in INDICES or isinstance(style.colour, ClassColour) or style.domain == "radar":
        return
    spectra = np.array(list(SURFACES.values()))
    columns = [COLUMNS[BANDS[band]] for band in style.program.inputs]
    values = reference.evaluate(style.program, spectra[:, columns].T)[0]
    values = values[np.isfinite(values)]
    low, high = style.colour.low, style.colour.high
    assert len(values) >= 3
    inside = (values >= low - 0.02 * (high - low)) & (values <= high + 0.02 * (high - low))
    assert inside.sum() >= min(3, len(values)), dict(zip(SURFACES, values, strict=False))
    used = np.ptp(np.clip(values, low, high)) / (high - low)
    assert used > 0.2, f"{used:.2f} of the ramp is used: {values}"


#: Reflectance of typical surfaces in the bands of Sentinel-2; rounded from spectral libraries.
COLUMNS = {
    b: k for k, b in enumerate(("A", "B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2"))
}
SURFACES = {
    "dense crop": (0.02, 0.03, 0.07, 0.03, 0.11, 0.35, 0.44, 0.47, 0.48, 0.22, 0.10),
    "forest": (0.015, 0.02, 0.04, 0.02, 0.06, 0.20, 0.26, 0.28, 0.29, 0.12, 0.05),
    "dry grass": (0.06, 0.08, 0.12, 0.15, 0.19, 0.24, 0.26, 0.28, 0.29, 0.36, 0.27),
    "bare soil": (0.07, 0.09, 0.13, 0.18, 0.20, 0.22, 0.24, 0.26, 0.27, 0.35, 0.30),
    "city": (0.11, 0.13, 0.15, 0.17, 0.18, 0.19, 0.20, 0.21, 0.22, 0.25, 0.23),
    "clear water": (0.05, 0.05, 0.04, 0.02, 0.015, 0.01, 0.01, 0.01, 0.01, 0.005, 0.003),
    "green water": (0.04, 0.05, 0.08, 0.05, 0.07, 0.03, 0.03, 0.02, 0.02, 0.01, 0.006),
    "snow": (0.85, 0.85, 0.85, 0.84, 0.83, 0.82, 0.80, 0.78, 0.76, 0.10, 0.08),
    "cloud": (0.60, 0.58, 0.58, 0.60, 0.62, 0.63, 0.64, 0.64, 0.65, 0.50, 0.40),
    "burned": (0.04, 0.045, 0.05, 0.06, 0.07, 0.08, 0.085, 0.09, 0.10, 0.17, 0.18),
}


def test_ids_of_the_list_in_other_places():
    """What has the name of an index without being one is written out in this file."""
    small = {name.lower() for name in LISTED}
    assert {s.id for s in LIBRARY if s.id in small and s.id not in INDICES} == {"tci"}
