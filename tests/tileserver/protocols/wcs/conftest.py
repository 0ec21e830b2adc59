"""A server over two small scenes of known values, and the schemas."""

from collections.abc import Callable, Iterator

import pytest
from lxml import etree
from support.coverages import Site, serving


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("wcs")) as running:
        yield running


@pytest.fixture
def valid(schema: Callable[[str], etree.XMLSchema]) -> Callable[[bytes, str], etree._Element]:
    """Parse a document and check it against a schema."""

    def check(body: bytes, path: str) -> etree._Element:
        root = etree.fromstring(body)
        schema(path).assertValid(root)
        return root

    return check
