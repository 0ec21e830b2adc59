import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.paint import paint
from support.sldschemas import faults

from styles.errors import StyleError
from styles.model import ClassColour, RampColour, RgbColour
from styles.sld.document import layer_of, read_sld
from styles.sld.elements import MAX_BYTES, SldError

VALUES = np.array(
    [-500, -10, 0, 0.25, 1, 5, 9.99, 10, 10.01, 55, 100, 101, 254, 255, 256, 1000], np.float32
)


VENDOR = re.compile(
    "VendorOption|'(type|extended|opacity|thresholdsBelongTo)' attribute|content is empty"
)


def sld10(symbolizer, *, name="dem", style="<Name>mine</Name><Title>My style</Title>"):
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<StyledLayerDescriptor version="1.0.0" xmlns="http://www.opengis.net/sld"
    xmlns:ogc="http://www.opengis.net/ogc">
  <NamedLayer><Name>{name}</Name>
    <UserStyle>{style}
      <FeatureTypeStyle><Rule><RasterSymbolizer>{symbolizer}</RasterSymbolizer></Rule>
      </FeatureTypeStyle>
    </UserStyle>
  </NamedLayer>
</StyledLayerDescriptor>""".encode()


def sld11(symbolizer):
    return f"""<sld:StyledLayerDescriptor version="1.1.0" xmlns:sld="http://www.opengis.net/sld"
    xmlns:se="http://www.opengis.net/se" xmlns:ogc="http://www.opengis.net/ogc">
  <sld:NamedLayer><se:Name>dem</se:Name>
    <sld:UserStyle><se:Name>mine</se:Name><sld:IsDefault>true</sld:IsDefault>
      <se:CoverageStyle><se:Rule><se:RasterSymbolizer>{symbolizer}</se:RasterSymbolizer></se:Rule>
      </se:CoverageStyle>
    </sld:UserStyle>
  </sld:NamedLayer>
</sld:StyledLayerDescriptor>""".encode()


def style_of(body):
    """The style of a document that is valid, but for what GeoServer and QGIS add to it."""
    version = "1.1.0" if b'version="1.1.0"' in body else "1.0.0"
    found = faults(f"sld/{version}/StyledLayerDescriptor.xsd", body)
    assert [fault for fault in found if not VENDOR.search(fault)] == []
    return read_sld(body)[0].style().style


def pixels(style, *bands):
    """RGBA of each value, shape (values, 4)."""
    data = np.stack([np.asarray(b, np.float32) for b in bands])[:, None, :]
    image = paint(style, data, np.ones(data.shape[1:], bool))
    return image.rgba()[0].astype(int)


def colormap(entries, kind=""):
    lines = "".join(
        f'<ColorMapEntry color="{c}" quantity="{q}" label="{label}" opacity="{a}"/>'
        for q, c, a, label in entries
    )
    return f"<ColorMap{kind}>{lines}</ColorMap>"


ENTRIES = [(0, "#000080", 1, "deep"), (10, "#00ff00", 0.5, "low"), (255, "#FFFFFF", 1, "high")]
RGBA = {0: (0, 0, 128, 255), 10: (0, 255, 0, 128), 255: (255, 255, 255, 255)}


@pytest.mark.parametrize("kind", ["", ' type="ramp"', ' type="ramp" extended="true"'])
def test_ramp(kind):
    style = style_of(sld10(colormap(ENTRIES, kind)))
    assert (style.title, style.program.inputs) == ("My style", ("b1",))
    found = pixels(style, VALUES)
    expected = np.stack(
        [
            np.interp(VALUES, sorted(RGBA), [RGBA[q][channel] for q in sorted(RGBA)])
            for channel in range(4)
        ],
        axis=1,
    )
    # 255 colours lie between the first and the last quantity: half a step of about one unit, in
    # which the steepest channel changes by 26 levels.
    assert np.abs(found - expected).max() <= 13
    assert np.abs(found - expected)[VALUES >= 20].max() <= 1


def test_intervals_end_before_their_quantity():
    style = style_of(sld10(colormap(ENTRIES, ' type="intervals"')))
    found = pixels(style, VALUES)
    for value, pixel in zip(VALUES, found, strict=True):
        upper = next((q for q in sorted(RGBA) if value < q), None)
        assert tuple(pixel) == ((0, 0, 0, 0) if upper is None else RGBA[upper])
    assert [entry.name for entry in style.colour.classes] == ["deep", "low", "high"]


def test_values_alone_are_shown():
    style = style_of(sld10(colormap(ENTRIES, ' type="values"')))
    found = pixels(style, VALUES)
    for value, pixel in zip(VALUES, found, strict=True):
        assert tuple(pixel) == RGBA.get(float(value), (0, 0, 0, 0))
    assert style.resampling == "mode"
    broken = style_of(
        sld10(colormap([(0.25, "#ff0000", 1, ""), (-10, "#00ff00", 1, "x")], ' type="values"'))
    )
    shown = {float(v): tuple(p) for v, p in zip(VALUES, pixels(broken, VALUES), strict=True)}
    assert {v for v, p in shown.items() if p[3]} == {0.25, -10.0}
    assert shown[0.25] == (255, 0, 0, 255)


@pytest.mark.parametrize(
    ("attribute", "at_ten"),
    [
        ("", "#00ff00"),
        (' thresholdsBelongTo="succeeding"', "#00ff00"),
        (' threshholdsBelongTo="preceding"', "#0000ff"),
    ],
)
def test_categorize(attribute, at_ten):
    body = sld11(
        f"""<se:ColorMap><se:Categorize fallbackValue="#000000"{attribute}>
        <se:LookupValue>Rasterdata</se:LookupValue><se:Value>#0000ff</se:Value>
        <se:Threshold>10</se:Threshold><se:Value>#00ff00</se:Value>
        <se:Threshold>100</se:Threshold><se:Value>#ff0000</se:Value>
        </se:Categorize></se:ColorMap>"""
    )
    style = style_of(body)
    found = ["#{:02x}{:02x}{:02x}".format(*tuple(p[:3])) for p in pixels(style, VALUES)]
    for value, colour in zip(VALUES, found, strict=True):
        if value == 10:
            assert colour == at_ten
        elif value != 100:
            assert colour == ("#0000ff" if value < 10 else "#00ff00" if value < 100 else "#ff0000")
    assert [e.name for e in style.colour.classes] == ["below 10", "10 to 100", "from 100"]


def test_interpolate():
    style = style_of(
        sld11(
            """<se:Opacity>0.5</se:Opacity><se:ColorMap>
            <se:Interpolate fallbackValue="#ffffff" mode="linear" method="color">
            <se:LookupValue>Rasterdata</se:LookupValue>
            <se:InterpolationPoint><se:Data>0</se:Data><se:Value>#000000</se:Value>
            </se:InterpolationPoint>
            <se:InterpolationPoint><se:Data>254</se:Data>
            <se:Value><ogc:Literal>#fe00fe</ogc:Literal></se:Value></se:InterpolationPoint>
            </se:Interpolate></se:ColorMap>"""
        )
    )
    level = np.rint(np.clip(VALUES, 0, 254))
    expected = np.stack([level, 0 * level, level, np.full(VALUES.shape, 128)], axis=1)
    assert np.abs(pixels(style, VALUES) - expected).max() <= 1


def channel(kind, source, contrast=""):
    return f"<{kind}><SourceChannelName>{source}</SourceChannelName>{contrast}</{kind}>"


def limits(low, high, algorithm="StretchToMinimumMaximum"):
    return f"""<ContrastEnhancement><Normalize>
        <VendorOption name="algorithm">{algorithm}</VendorOption>
        <VendorOption name="minValue">{low}</VendorOption>
        <VendorOption name="maxValue">{high}</VendorOption></Normalize></ContrastEnhancement>"""


def test_colours_of_three_channels():
    style = style_of(
        sld10(
            f"""<Opacity>0.25</Opacity><ChannelSelection>
            {channel("RedChannel", 3, limits(0, 100))}{channel("GreenChannel", "nir")}
            {channel("BlueChannel", "b1", limits(-10, 10))}</ChannelSelection>"""
        )
    )
    assert style.program.inputs == ("b3", "nir", "b1")
    assert isinstance(style.colour, RgbColour)
    found = pixels(style, VALUES, VALUES, VALUES)
    assert (found[:, 3] == 64).all()
    for k, (low, high) in enumerate(((0, 100), (0, 255), (-10, 10))):
        expected = np.rint(255 * np.clip((VALUES - low) / (high - low), 0, 1))
        assert np.abs(found[:, k] - expected).max() <= 1


def test_gamma_brightens():
    grey = style_of(
        sld10(
            f"""<ChannelSelection>{channel("GrayChannel", 1)}</ChannelSelection>
            <ContrastEnhancement><GammaValue>2</GammaValue></ContrastEnhancement>"""
        )
    )
    expected = 255 * np.sqrt(np.clip(VALUES / 255, 0, 1))
    found = pixels(grey, VALUES)
    assert np.abs(found[VALUES >= 50, 0] - expected[VALUES >= 50]).max() <= 1
    assert (found[:, :3] == found[:, :1]).all()
    colours = style_of(
        sld10(
            f"""<ChannelSelection>{channel("RedChannel", 1)}{channel("GreenChannel", 1)}
            {channel("BlueChannel", 1)}</ChannelSelection>
            <ContrastEnhancement><GammaValue>2</GammaValue></ContrastEnhancement>"""
        )
    )
    assert np.abs(pixels(colours, VALUES)[:, 0] - expected).max() <= 1


def test_a_source_may_be_a_formula():
    style = style_of(
        sld10(
            f"""<ChannelSelection>{channel("GrayChannel", "(nir - red) / (nir + red)")}
            </ChannelSelection>{colormap([(-1, "#ff0000", 1, ""), (1, "#00ff00", 1, "")])}"""
        )
    )
    assert set(style.bands) == {"nir", "red"}
    assert style.formula == "(nir - red) / (nir + red)"
    intervals = style_of(
        sld10(
            f"""<ChannelSelection>{channel("GrayChannel", "nir - red")}
            </ChannelSelection>{
                colormap([(0, "#ff0000", 1, ""), (1, "#00ff00", 1, "")], ' type="intervals"')
            }"""
        )
    )
    assert tuple(pixels(intervals, [0.5], [0.2])[0]) == (0, 255, 0, 255)


def test_normalize_without_limits_wants_those_of_the_data():
    normal = "<ContrastEnhancement><Normalize/></ContrastEnhancement>"
    grey = channel("GrayChannel", 1, normal)
    style = style_of(sld10(f"<ChannelSelection>{grey}</ChannelSelection>"))
    assert style.percentiles == (2.0, 98.0)
    # It is no style of a range that was named.
    assert style != style_of(
        sld10(f"<ChannelSelection>{channel('GrayChannel', 1)}</ChannelSelection>")
    )


def test_a_style_of_qgis():
    # The form in which QGIS writes a raster layer: a UserLayer with an empty constraint.
    body = """<StyledLayerDescriptor xmlns="http://www.opengis.net/sld" version="1.0.0"
      xmlns:gml="http://www.opengis.net/gml" xmlns:ogc="http://www.opengis.net/ogc"
      xmlns:sld="http://www.opengis.net/sld">
      <UserLayer><sld:LayerFeatureConstraints><sld:FeatureTypeConstraint/>
      </sld:LayerFeatureConstraints>
      <sld:UserStyle><sld:Name>elevation</sld:Name><sld:FeatureTypeStyle><sld:Rule>
      <sld:RasterSymbolizer><sld:ChannelSelection><sld:GrayChannel>
      <sld:SourceChannelName>1</sld:SourceChannelName></sld:GrayChannel></sld:ChannelSelection>
      <sld:ColorMap type="ramp"><sld:ColorMapEntry color="#d7191c" label="0" quantity="0"/>
      <sld:ColorMapEntry color="#2c7bb6" label="100" quantity="100"/></sld:ColorMap>
      </sld:RasterSymbolizer></sld:Rule></sld:FeatureTypeStyle></sld:UserStyle></UserLayer>
      </StyledLayerDescriptor>"""
    layers = read_sld(body.encode())
    assert layer_of(layers, "anything") is layers[0]
    assert isinstance(layers[0].style().style.colour, RampColour)


def test_layers_and_styles_are_found_by_name():
    body = b"""<StyledLayerDescriptor version="1.0.0" xmlns="http://www.opengis.net/sld">
      <NamedLayer><Name>a</Name><NamedStyle><Name>ndvi</Name></NamedStyle></NamedLayer>
      <NamedLayer><Name>b</Name></NamedLayer></StyledLayerDescriptor>"""
    layers = read_sld(body)
    assert (layers[0].style().name, layers[0].style().style) == ("ndvi", None)
    assert layers[0].style("other") is None
    assert layers[1].style() is None
    assert layer_of(layers, "c") is None


@pytest.mark.parametrize(
    ("symbolizer", "words"),
    [
        ("", "ChannelSelection or ColorMap is needed"),
        ("<Opacity>0.5</Opacity>", "ChannelSelection or ColorMap is needed"),
        ("<ShadedRelief/>", "ShadedRelief is not supported"),
        ("<ImageOutline/>", "ImageOutline is not supported"),
        ("<VendorOption name='x'>1</VendorOption>", "VendorOption is not supported"),
        ("<Opacity>2</Opacity>", "opacity is 0 to 1"),
        ("<Opacity>much</Opacity>", "is no number"),
        (
            "<Opacity><ogc:PropertyName>a</ogc:PropertyName></Opacity>",
            "PropertyName is not supported",
        ),
        ("<OverlapBehavior><AVERAGE/></OverlapBehavior>", "AVERAGE is not supported"),
        (
            "<ContrastEnhancement><Histogram/></ContrastEnhancement>",
            "Histogram is not supported",
        ),
        (
            "<ContrastEnhancement><Logarithmic/></ContrastEnhancement>",
            "Logarithmic is not supported",
        ),
        (
            "<ContrastEnhancement><GammaValue>99</GammaValue></ContrastEnhancement>",
            "gamma is 0.1 to 10",
        ),
        (limits(0, 1, "ClipToZero"), "ClipToZero is not supported"),
        (limits(1, 0), "minValue is not below maxValue"),
        ("<ChannelSelection/>", "either GrayChannel or"),
        (f"<ChannelSelection>{channel('RedChannel', 1)}</ChannelSelection>", "either GrayChannel"),
        (
            f"<ChannelSelection>{channel('GrayChannel', 'a b')}</ChannelSelection>",
            "GrayChannel: ",
        ),
        ("<ColorMap/>", "no ColorMapEntry"),
        ("<ColorMap><ColorMapEntry color='#000000'/></ColorMap>", "quantity is missing"),
        (colormap([(0, "red", 1, "")]), "'red' is no colour"),
        (colormap([(0, "#000000", 1, "")]), "two or more stops"),
        (colormap([(5, "#000000", 1, ""), (0, "#000000", 1, "")]), "quantities must rise"),
        (colormap([("nan", "#000000", 1, "")]), "'nan' is no number"),
        (colormap(ENTRIES, ' type="wild"'), "type 'wild' is not supported"),
        (
            colormap([(k, "#000000", 1, "") for k in range(99)], ' type="intervals"'),
            "1 to 32 intervals",
        ),
        ("<Opacity>1</Opacity><Opacity>1</Opacity>", "only one is supported"),
        (
            colormap(ENTRIES)
            + "<ContrastEnhancement><GammaValue>2</GammaValue></ContrastEnhancement>",
            "ContrastEnhancement together with ColorMap",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(symbolizer, words):
    with pytest.raises(SldError, match=words) as caught:
        read_sld(sld10(symbolizer))
    assert "line " in str(caught.value)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("<NamedLayer><UserStyle/></NamedLayer>", "exactly one FeatureTypeStyle"),
        ("<NamedLayer><NamedStyle><Name>a</Name></NamedStyle></NamedLayer>", "Name is missing"),
        (
            "<UserLayer><RemoteOWS><Service>WFS</Service></RemoteOWS></UserLayer>",
            "RemoteOWS is not supported",
        ),
        ("<UserLayer><InlineFeature/></UserLayer>", "InlineFeature is not supported"),
        (
            "<UserLayer><LayerFeatureConstraints><FeatureTypeConstraint><Extent/>"
            "</FeatureTypeConstraint></LayerFeatureConstraints></UserLayer>",
            "Extent: is not supported",
        ),
        ("<Mystery/>", "Mystery: is not supported"),
        ("", "1 to 64 layers"),
        (
            "<NamedLayer><Name>a</Name><UserStyle><FeatureTypeStyle><Rule><Filter/>"
            "</Rule></FeatureTypeStyle></UserStyle></NamedLayer>",
            "Filter is not supported",
        ),
        (
            "<NamedLayer><Name>a</Name><UserStyle><FeatureTypeStyle><Rule>"
            "<MinScaleDenominator>5</MinScaleDenominator></Rule></FeatureTypeStyle></UserStyle>"
            "</NamedLayer>",
            "MinScaleDenominator is not supported",
        ),
        (
            "<NamedLayer><Name>a</Name><UserStyle><FeatureTypeStyle><Rule/><Rule/>"
            "</FeatureTypeStyle></UserStyle></NamedLayer>",
            "only one is supported",
        ),
        (
            "<NamedLayer><Name>a</Name><UserStyle><FeatureTypeStyle><Rule><LineSymbolizer/>"
            "</Rule></FeatureTypeStyle></UserStyle></NamedLayer>",
            "LineSymbolizer is not supported",
        ),
    ],
)
def test_layers_that_are_not_rasters_are_refused_by_name(inside, words):
    body = f'<StyledLayerDescriptor version="1.0.0">{inside}</StyledLayerDescriptor>'
    with pytest.raises(SldError, match=words):
        read_sld(body.encode())


BOMB = (
    '<!DOCTYPE a [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12))
    + "]><StyledLayerDescriptor>&a11;</StyledLayerDescriptor>"
)


@pytest.mark.parametrize(
    "body",
    [
        BOMB.encode(),
        BOMB.encode("utf-16"),
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><StyledLayerDescriptor/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><StyledLayerDescriptor>&x;'
        b"</StyledLayerDescriptor>",
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x">%x;]><StyledLayerDescriptor/>',
        b"<!DOCTYPE StyledLayerDescriptor><StyledLayerDescriptor/>",
    ],
)
def test_documents_that_reach_out_or_blow_up_are_refused(body):
    with pytest.raises(SldError, match="DTD"):
        read_sld(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not XML"),
        (b"<a", "not XML"),
        (b"<a></b>", "not XML"),
        (b"<?xml version='1.0' encoding='none-such'?><a/>", "not XML"),
        (b"<a>" * 50 + b"</a>" * 50, "deep"),
        (b"<a>" + b"<b/>" * 30_000 + b"</a>", "elements"),
        (b" " * MAX_BYTES + b"<a/>", "bytes"),
        (b"<Map/>", "StyledLayerDescriptor is expected"),
        (b"<StyledLayerDescriptor version='9'/>", "version"),
        (b"<StyledLayerDescriptor><x:a xmlns:x='urn:y'/></StyledLayerDescriptor>", "foreign"),
    ],
)
def test_what_is_no_descriptor_is_refused(body, words):
    with pytest.raises(SldError, match=words):
        read_sld(body)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=100)
def test_any_bytes_are_read_or_refused(body):
    with pytest.raises(SldError):
        read_sld(body)


NAMES = st.sampled_from(
    [
        *("Opacity", "ColorMap", "ColorMapEntry", "ChannelSelection", "GrayChannel", "RedChannel"),
        *("SourceChannelName", "Normalize", "ContrastEnhancement", "GammaValue", "Categorize"),
        *("Interpolate", "LookupValue", "Value", "Threshold", "InterpolationPoint", "Data"),
        *("OverlapBehavior", "VendorOption", "Literal"),
    ]
)
TREES = st.recursive(
    st.builds("<{0}>{1}</{0}>".format, NAMES, st.sampled_from(["", "1", "#ff0000", "b1", "1e9"])),
    lambda inner: st.builds(
        lambda name, parts: f"<{name} quantity='1' color='#00ff00'>{''.join(parts)}</{name}>",
        NAMES,
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


@given(st.lists(TREES, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_symbolizer_is_a_style_or_refused(trees):
    try:
        style = read_sld(sld10("".join(trees)))[0].style().style
    except StyleError:
        return
    assert isinstance(style.colour, RgbColour | RampColour | ClassColour)
