"""INPROGRESS (RFC 9585): long commands say how far they are; here they are asked to after a millisecond."""
import re

import pytest
from house import House, mail
from rawimap import Imap


@pytest.fixture(scope="module")
def hasty():
    h = House(settings=["imap_progress_ms=1"])
    h.start()
    yield h
    h.destroy()


def steps(answer, tag):
    """(done, goal) as told; each further than the one before."""
    out = []
    for u in answer.untagged:
        m = re.match(rb'\* OK \[INPROGRESS \("(\w+)" (\d+) (\d+)\)\] ', u)
        if m:
            assert m[1] == tag
            out.append((int(m[2]), int(m[3])))
    assert all(done < goal for done, goal in out)
    assert all(a[0] < b[0] for a, b in zip(out, out[1:]))
    return out


def test_search_copy_append(hasty):
    anna = hasty.fresh()
    message = mail("Lang", body="Text " * 20000 + "\r\n")
    with Imap.login(hasty, anna) as a:
        tag = a.start(b"APPEND INBOX" + b" {%d+}\r\n%s" % (len(message), message) * 40)
        told = a.until(tag)
        assert told.status == "OK" and {goal for _, goal in steps(told, tag)} == {40}, told
        a.ok("SELECT INBOX")
        tag = a.start("SEARCH BODY zq")  # too short for the index: all are read
        told = a.until(tag)
        assert told.status == "OK" and {goal for _, goal in steps(told, tag)} == {40}, told
        tag = a.start("SORT (SUBJECT) UTF-8 BODY zq")
        told = a.until(tag)
        assert told.status == "OK" and steps(told, tag)
        a.ok("CREATE Kopien")
        for _ in range(6):
            a.ok("COPY 1:* INBOX")
        tag = a.start("COPY 1:2560 Kopien")
        told = a.until(tag)
        assert told.status == "OK" and set(steps(told, tag)) <= {(1000, 2560), (2000, 2560)} and steps(told, tag), told
        assert told.text.startswith(b"[COPYUID ")
        assert re.search(rb" 1:2560 1:2560\]", told.text), told
        tag = a.start("MOVE 1:2500 Kopien")
        told = a.until(tag)
        assert told.status == "OK" and steps(told, tag)
        assert a.ok("STATUS Kopien (MESSAGES)").find(rb"MESSAGES 5060\)")
        assert a.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 60\)")


def test_not_before_it_is_time(house):
    anna = house.fresh()
    with Imap.login(house, anna) as a:
        for _ in range(3):
            a.append("INBOX", mail(body="Text " * 20000 + "\r\n"))
        a.ok("SELECT INBOX")
        assert not a.ok("SEARCH BODY zq").find(rb"INPROGRESS")
