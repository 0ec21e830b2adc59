from types import SimpleNamespace

import pytest
from fastapi import Request

from tileserver.web.address import address_headers, endpoint, public_url


def request(headers: dict[str, str], root_path: str = "") -> Request:
    return Request(
        {
            "type": "http",
            "scheme": "http",
            "method": "GET",
            "path": f"{root_path}/wms",
            "root_path": root_path,
            "query_string": b"",
            "server": ("10.0.0.1", 8000),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        }
    )


def told(headers: dict[str, str], root_path: str = "", url: str | None = None, trust=False) -> str:
    settings = SimpleNamespace(public_url=url, trust_forwarded=trust)
    return public_url(request(headers, root_path), settings)


FORWARDED = {
    "Host": "inner:8000",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "eo.example, inner",
    "X-Forwarded-Prefix": "/maps/",
}


def test_the_request_s_own_host():
    assert told({"Host": "maps.example:81"}) == "http://maps.example:81"
    assert told({"Host": "[::1]:8000"}, root_path="/a") == "http://[::1]:8000/a"


def test_the_root_path_is_there_once():
    settings = SimpleNamespace(public_url=None, trust_forwarded=False)
    asked = request({"Host": "maps.example"}, root_path="/a")
    assert endpoint(asked, settings) == "http://maps.example/a/wms"


def test_the_setting_wins():
    assert told(FORWARDED, url="https://x.example/y/", trust=True) == "https://x.example/y"


def test_forwarding_headers_count_only_where_trusted():
    assert told(FORWARDED) == "http://inner:8000"
    assert told(FORWARDED, trust=True) == "https://eo.example/maps"


def test_the_standard_header():
    headers = {"Host": "inner", "Forwarded": 'for=1.2.3.4;proto=HTTPS;host="eo.example:444", for=b'}
    assert told(headers, trust=True) == "https://eo.example:444"


@pytest.mark.parametrize("host", ["", "a b", "evil/path", "a@b", 'x"><script>', "a:b:c", "x" * 300])
def test_what_is_no_host_is_not_repeated(host):
    assert told({"Host": host}) == "http://10.0.0.1:8000"


def test_what_is_no_prefix_or_scheme_is_not_repeated():
    headers = {"Host": "a", "X-Forwarded-Prefix": "/../<x>", "X-Forwarded-Proto": "javascript"}
    assert told(headers, trust=True) == "http://a"


def test_the_headers_that_an_address_comes_from_are_known():
    for trust in (False, True):
        settings = SimpleNamespace(public_url=None, trust_forwarded=trust)
        plain = public_url(request({"Host": "inner"}), settings)
        for name in ("Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"):
            value = {"Forwarded": "host=a", "X-Forwarded-Proto": "https"}.get(name, "/a")
            changed = public_url(request({"Host": "inner", name: value.strip("/")}), settings)
            changed += public_url(request({"Host": "inner", name: value}), settings)
            assert (changed != plain * 2) <= (name in address_headers(settings))
        assert "Host" in address_headers(settings)
        assert ("Forwarded" in address_headers(settings)) == trust
