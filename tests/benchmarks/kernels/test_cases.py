import io
import json
import sys

import imagecodecs
import numpy as np
import PIL.Image
import pytest

from benchmarks.kernels import __main__ as command
from benchmarks.kernels.cases import cases

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
    assert {case["case"] for case in found["cases"]} == {"PNG RGBA, empty"}
    assert found["machine"]["cores"] >= 1
    assert "PNG RGBA, empty" in capsys.readouterr().out
