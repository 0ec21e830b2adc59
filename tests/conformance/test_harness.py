"""`scripts/conformance`: counting, the mirror, the data that it draws, absent suites."""

import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import rasterio

from conformance import __main__ as program
from conformance.bluelake import AUTOS, LAKES
from conformance.data import drawn_terrain, write_cite
from conformance.engine import Counts, EngineError, count_ctl, count_testng
from conformance.maven import AbsentError, Repository
from conformance.mirror import find, serving


def write_log(folder: Path, name: str, result: str | None, message: str = "") -> None:
    place = folder / "users" / "somebody" / "s0001" / name
    place.mkdir(parents=True, exist_ok=True)
    end = "" if result is None else f'<endtest result="{result}"/>'
    said = f"<message>{message}</message>" if message else ""
    place.joinpath("log.xml").write_text(
        f'<log><starttest prefix="a" local-name="{name or "main"}"><assertion>It is so.'
        f"</assertion></starttest>{said}{end}</log>"
    )


def test_results_of_team_engine_are_counted_by_kind(tmp_path: Path):
    # The root has inherited the failure: it is told once, by the test that failed.
    write_log(tmp_path, "", "5")
    for number, result in enumerate("01234"):
        write_log(tmp_path, f"t{number}", result)
    write_log(tmp_path, "bad", "6", "expected this\n  got that")
    counts = count_ctl(tmp_path)
    assert (counts.passed, counts.failed, counts.skipped) == (3, 1, 2)
    assert counts.failures == ("a:bad (failed): expected this got that",)


def test_a_test_without_an_end_has_failed(tmp_path: Path):
    write_log(tmp_path, "", "1")
    write_log(tmp_path, "stuck", None)
    counts = count_ctl(tmp_path)
    assert counts.failed == 1
    assert "a:stuck (unfinished): It is so." in counts.failures


def test_no_log_is_an_error_and_not_a_pass(tmp_path: Path):
    with pytest.raises(EngineError):
        count_ctl(tmp_path)
    with pytest.raises(EngineError):
        count_testng(tmp_path)


def test_results_of_testng_are_read_from_its_report(tmp_path: Path):
    (tmp_path / "out" / "x").mkdir(parents=True)
    (tmp_path / "out" / "x" / "testng-results.xml").write_text(
        '<testng-results skipped="2" failed="1" passed="7"><suite><test><class>'
        '<test-method status="FAIL" name="landing"><exception><message>no link</message>'
        "</exception></test-method></class></test></suite></testng-results>"
    )
    assert count_testng(tmp_path) == Counts(7, 1, 2, ("landing: no link",))


def test_the_mirror_answers_what_it_has_and_nothing_outside(tmp_path: Path):
    root = tmp_path / "mirror"
    (root / "schemas.example").mkdir(parents=True)
    (root / "schemas.example" / "a.xsd").write_text("<schema/>")
    (tmp_path / "secret").write_text("x")
    assert find(root, "http://schemas.example/../../secret") is None
    log = tmp_path / "log"
    with serving(root, log) as port:
        proxy = urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{port}"})
        opener = urllib.request.build_opener(proxy)
        with opener.open("http://schemas.example/a.xsd") as answer:
            assert answer.read() == b"<schema/>"
        with pytest.raises(urllib.error.HTTPError) as error:
            opener.open("http://schemas.example/b.xsd")
        error.value.close()
    assert error.value.code == 404
    assert "b.xsd" in log.read_text()


def test_a_suite_that_does_not_resolve_is_absent_and_not_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def refuse(self: Repository, artifact: str) -> Path:
        raise AbsentError(f"{artifact}: not found")

    monkeypatch.setattr(Repository, "fetch", refuse)
    monkeypatch.setattr(program, "CACHE", tmp_path)
    report = tmp_path / "counts.json"
    monkeypatch.setattr("sys.argv", ["conformance", "wmts10", "--json", str(report)])
    assert program.main() == 3
    assert "wmts10: absent" in capsys.readouterr().out
    assert '"passed"' not in report.read_text()
    assert '"absent": true' in report.read_text()


def test_the_data_of_the_suites_is_drawn_where_it_should_be(tmp_path: Path):
    write_cite(tmp_path, tmp_path / "no such folder")
    with rasterio.open(tmp_path / "Lakes.tif") as lakes:
        at = [(0.0014, -0.0010), (0.0020, -0.0013), (0.0028, -0.0012), (0.0020, -0.0008)]
        # Deepest, lower water, full lake, island.
        assert [int(v[0]) for v in lakes.sample(at)] == [480, 490, 500, 0]
    assert set(LAKES) == {480, 490, 500}
    for second, points in AUTOS.items():
        path = tmp_path / f"autos_20000101T00{second // 60:02}{second % 60:02}.tif"
        with rasterio.open(path) as autos:
            here = [(x * 1e-4, y * 1e-4) for x, y in points]
            assert all(v[0] == 1 for v in autos.sample(here))


def test_the_drawn_terrain_has_the_heights_that_the_suite_asks_for():
    heights = drawn_terrain()
    assert heights[:150, :150].min() >= 335
    assert heights[450:, 450:].max() <= 200
    rest = heights.copy()
    rest[:150, :150] = rest[450:, 450:] = 250
    assert 200 < rest.min() <= rest.max() < 335
    assert heights.min() >= 0
    assert heights.max() <= 425
    assert 0 < np.count_nonzero(heights == 250) < 315_000
