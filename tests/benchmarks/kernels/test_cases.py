import io
import json
import sys

import imagecodecs
import numpy as np
import PIL.Image
import pytest

from benchmarks.kernels import __main__ as command
from benchmarks.kernels.cases import cases
from benchmarks.kernels.formulas import formulas

TABLE = list(cases())


@pytest.mark.parametrize("case", TABLE, ids=lambda c: f"{c.name} - {c.peer}")
def test_both_sides_do_the_same(case):
    ours, theirs = case.ours(), case.theirs()
    if "palette" in case.name:
        # Pillow writes alpha of entries that do not occur, too.
        found, expected = (PIL.Image.open(io.BytesIO(data)) for data in (ours, theirs))
        np.testing.assert_array_equal(found.convert("RGBA"), expected.convert("RGBA"))
    elif case.name.startswith("PNG"):
        np.testing.assert_array_equal(imagecodecs.imread(ours), imagecodecs.imread(theirs))
    elif isinstance(ours, bytes):
        found, expected = (imagecodecs.imread(data).astype(int) for data in (ours, theirs))
        assert np.abs(found[..., :3] - expected[..., :3]).mean() < 2


def test_results_are_written(tmp_path, monkeypatch, capsys):
    file = tmp_path / "kernels.json"
    arguments = ["kernels", "--only", "empty", "--seconds", "0.01", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", arguments)
    command.main()
    found = json.loads(file.read_text())
    assert {case["case"] for case in found["others"]} == {"PNG RGBA, empty"}
    assert found["cases"] == []
    assert found["machine"]["cores"] >= 1
    assert "PNG RGBA, empty" in capsys.readouterr().out


@pytest.mark.parametrize(
    "formula", [f for f in formulas() if f.case.endswith("256")], ids=lambda f: f.case
)
def test_all_sides_of_a_formula_give_the_same_picture(formula):
    """rio-tiler cuts where the others round, and has no ramps without RGB."""
    expected = formula.sides["vm"]().astype(int)
    assert len(np.unique(expected)) > 50
    for name, call in formula.sides.items():
        found = np.asarray(call()).astype(int)
        if name.startswith("rio_tiler"):
            if found.shape[1] == 1:
                cut = expected[:, None] * 255 // 254
                has = expected[:, None] != 255
                assert (np.abs(found - cut)[has] <= 1).all()
            elif expected.ndim == 2:
                assert (np.abs(found - expected[:, :3]) <= 1).all()
        else:
            assert (np.abs(found - expected) <= 1).all(), name
            assert (found == expected).mean() > 0.999


def test_formulas_are_written_in_microseconds(tmp_path, monkeypatch, capsys):
    file = tmp_path / "kernels.json"
    arguments = ["kernels", "--only", "ndvi_256", "--seconds", "0.01", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", arguments)
    command.main()
    (case,) = json.loads(file.read_text())["cases"]
    assert case["case"] == "ndvi_256"
    assert {"vm_us", "fused_us", "numpy_us", "numexpr_us", "rio_tiler_us"} <= set(case)
    assert "ndvi_256" in capsys.readouterr().out
