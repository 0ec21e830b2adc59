from tileserver.recent import Recent


def test_the_one_not_used_for_longest_makes_room():
    recent: Recent[str, int] = Recent(2)
    recent.set("a", 1)
    recent.set("b", 2)
    assert recent.get("a") == 1
    recent.set("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)
    recent.set("a", 4)
    recent.set("d", 5)
    assert (recent.get("a"), recent.get("c"), recent.get("d")) == (4, None, 5)
    assert len(recent) == 2
