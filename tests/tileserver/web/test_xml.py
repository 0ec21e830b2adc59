from lxml import etree

from tileserver.web.xml import Writer, clean, serialise


def test_documents_hold_any_text():
    writer = Writer({None: "http://example.com"})
    root = writer.root("a")
    writer.add(root, "b", "x\x00\ud800<&>\n", {"c": "\x1f"})
    back = etree.fromstring(serialise(root))
    assert back[0].text == "x\ufffd\ufffd<&>\n"
    assert back[0].get("c") == "\ufffd"
    assert clean("\U0001f6f0 ok\t") == "\U0001f6f0 ok\t"
