"""Mail nobody wants: lists of bad addresses, rates, guessed addresses, forged fields of scanners."""
import contextlib
import time

import pytest

from house import SLOW, CliError, mail, wait_for
from test_auth import ProxyHouse, Visitor, knock

LISTS = """A 9.100.51.198.hard.example 127.0.0.2
A 9.100.51.198.soft.example 127.0.0.10
A 10.100.51.198.soft.example 127.0.0.4
A 11.100.51.198.third.example 127.0.0.2
A 11.100.51.198.fourth.example 127.0.0.2
A 12.100.51.198.hard.example 127.255.255.254
A 13.100.51.198.hard.example 192.0.2.80
A 14.100.51.198.all.example 127.0.0.2
A 1.0.0.127.all.example 127.0.0.2
FAIL 15.100.51.198.hard.example
SLOW slow.example
"""
ZONES = "hard.example=reject soft.example=junk third.example=2 fourth.example=3 all.example=reject"


@pytest.fixture(scope="module")
def door():
    h = ProxyHouse(settings=["proxy_networks=127.0.0.1/32"], zone=LISTS)
    try:
        h.start()
        h.cli("settings", "set", "smtp.dnsbl", ZONES)
        yield h
    finally:
        h.destroy()


@contextlib.contextmanager
def setting(h, name, value, after=""):
    h.cli("settings", "set", name, value)
    try:
        yield
    finally:
        h.cli("settings", "set", name, after)


def try_rcpt(h, ip, to, sender="b@elsewhere.example"):
    with Visitor(h, ip) as s:
        assert s.cmd(f"MAIL FROM:<{sender}>")[0] == 250
        return s.cmd(f"RCPT TO:<{to}>")


def test_lists_refuse(door):
    anna = door.fresh()
    code, text = try_rcpt(door, "198.51.100.9", anna)
    assert code == 550 and "5.7.1" in text and "hard.example" in text and "198.51.100.9" in text
    assert try_rcpt(door, "198.51.100.9", "postmaster@example.org")[0] == 250
    lines = [line for line in door.log().splitlines() if "event=dnsbl" in line and "198.51.100.9" in line]
    assert len(lines) == 2 and "zone=hard.example" in lines[0] and "weight=15" in lines[0]      # one a connection


def test_lists_weigh(door):
    anna = door.fresh()
    assert knock(door, mail("eins", to=anna), "b@elsewhere.example", anna, "198.51.100.10")[0] == 250
    assert knock(door, mail("zwei", to=anna), "b@elsewhere.example", anna, "198.51.100.11")[0] == 250
    assert len(door.wait_mail(anna, 2, "Junk")) == 2
    assert door.fetch_all(anna) == []


@pytest.mark.parametrize("ip", ["198.51.100.12", "198.51.100.13", "198.51.100.14", "198.51.100.15", "198.51.100.16"])
def test_lists_say_nothing(door, ip):
    """A question refused (127.255.255.x), a resolver that makes answers up, a dead list, no answer, not listed."""
    anna = door.fresh()
    assert knock(door, mail(to=anna), "b@elsewhere.example", anna, ip)[0] == 250
    assert len(door.wait_mail(anna)) == 1


def test_slow_list_refuses_nobody(door):
    anna = door.fresh()
    with setting(door, "smtp.dnsbl", "slow.example=reject", ZONES):
        start = time.monotonic()
        assert knock(door, mail(to=anna), "b@elsewhere.example", anna, "198.51.100.17")[0] == 250
        assert time.monotonic() - start < 14 * SLOW


def test_settings_are_checked(door):
    for bad in ("zone", "a.example=11", "a.example=no", "..", " ".join(f"a{i}.example" for i in range(17))):
        with pytest.raises(CliError):
            door.cli("settings", "set", "smtp.dnsbl", bad)
    with pytest.raises(CliError):
        door.cli("settings", "set", "smtp.rate", "many")


def test_trusted_relays_are_not_asked_about(door):
    anna = door.fresh()
    with setting(door, "smtp.trusted_relays", "198.51.100.9"):
        assert try_rcpt(door, "198.51.100.9", anna)[0] == 250


def test_rate(door):
    anna = door.fresh()
    with setting(door, "smtp.rate_new", "3"):
        with Visitor(door, "203.0.113.9") as s:
            for _ in range(3):
                assert s.cmd("MAIL FROM:<b@elsewhere.example>")[0] == 250
                assert s.cmd("RSET")[0] == 250
            code, text = s.cmd("MAIL FROM:<b@elsewhere.example>")
            assert code == 451 and "4.7.1" in text
        with Visitor(door, "203.0.113.77") as s:       # its neighbour
            assert s.cmd("MAIL FROM:<b@elsewhere.example>")[0] == 451
        assert try_rcpt(door, "192.0.2.9", anna)[0] == 250


def test_harvest(door):
    anna = door.fresh()
    with setting(door, "smtp.rate_unknown", "5"):
        with Visitor(door, "203.0.114.9") as s:
            assert s.cmd("MAIL FROM:<b@elsewhere.example>")[0] == 250
            for i in range(5):
                assert s.cmd(f"RCPT TO:<guess{i}@example.org>")[0] == 550
            code, text = s.cmd(f"RCPT TO:<{anna}>")
            assert code == 451 and "4.7.1" in text and "unknown recipients" in text
            assert s.cmd("RCPT TO:<postmaster@example.org>")[0] == 250
        assert try_rcpt(door, "203.0.115.9", anna)[0] == 250


FORGED = b"X-Spam-Score: -99 / 15\r\nX-Spam-Flag: NO\r\nX-Spamd-Result: default: False [-9.00 / 15.00];\r\n\tFOO(1)\r\n" \
    b"X-Rspamd-Server: evil\r\nX-Virus-Scanned: clean\r\n"


def test_forged_scanner_fields(door):
    """Fields of scanners that came with a mail are nobody's word; a relay that is trusted may have them."""
    anna = door.fresh()
    assert knock(door, FORGED + mail(to=anna), "b@elsewhere.example", anna, "198.51.100.20")[0] == 250
    data = door.wait_mail(anna)[0]
    assert b"X-Spam-Score" not in data and b"X-Spam-Flag" not in data and b"X-Spamd" not in data and b"X-Virus" not in data and b"X-Rspamd" not in data and b"FOO(1)" not in data
    with setting(door, "smtp.trusted_relays", "198.51.100.21"):
        assert knock(door, FORGED + mail(to=anna), "b@elsewhere.example", anna, "198.51.100.21")[0] == 250
        assert b"X-Spam-Score: -99" in door.wait_mail(anna, 2)[1]


# ---- who is known, allowed, blocked; the grey list ----

KNOWN = """TXT friend.example v=spf1 ip4:192.0.2.0/24 -all
TXT shop.example v=spf1 ip4:192.0.2.0/24 ~all
A 10.2.0.192.soft.example 127.0.0.2
PTR 40.113.0.203.in-addr.arpa mx.named.example
A mx.named.example 203.0.113.40
PTR 41.113.0.203.in-addr.arpa mx.named.example
FAIL 42.113.0.203.in-addr.arpa
"""


class GreyHouse(ProxyHouse):
    greylist = "unproven"


@pytest.fixture(scope="module")
def grey():
    h = GreyHouse(settings=["proxy_networks=127.0.0.1/32"], zone=KNOWN)
    try:
        h.start()
        h.cli("settings", "set", "smtp.greylist_wait", "2")
        yield h
    finally:
        h.destroy()


def text(sender, to, subject="Hallo"):
    return mail(subject, sender=sender, to=to)


def from_friend(h, to, subject="Hallo", ip="192.0.2.10"):
    return knock(h, text("frieda@friend.example", to, subject), "frieda@friend.example", to, ip)


def test_unproven_come_twice(grey):
    anna = grey.fresh()
    one = ("b@elsewhere.example", anna, "203.0.113.9")
    code, words = knock(grey, text(one[0], anna), *one)
    assert code == 451 and "4.7.1" in words
    assert knock(grey, text(one[0], anna), *one)[0] == 451                            # too early
    assert knock(grey, text("c@other.example", anna), "c@other.example", anna, "203.0.113.9")[0] == 451
    time.sleep(2.2)
    assert knock(grey, text(one[0], anna), one[0], anna, "203.0.113.77")[0] == 250    # its neighbour of the same network
    bert = grey.fresh()
    assert knock(grey, text(one[0], bert), one[0], bert, "203.0.113.9")[0] == 250     # known by now, to everybody
    assert len(grey.wait_mail(anna)) == 1 and len(grey.wait_mail(bert)) == 1


@pytest.mark.parametrize("ip,sender,code", [("192.0.2.10", "frieda@friend.example", 250),     # SPF
                                            ("203.0.113.40", "b@w1.example", 250),            # a name that leads back
                                            ("203.0.113.41", "b@w2.example", 451),            # one that does not
                                            ("203.0.113.42", "b@w3.example", 250),            # nobody can say
                                            ("203.0.113.43", "b@w4.example", 451)])
def test_who_is_proven(grey, ip, sender, code):
    anna = grey.fresh()
    assert knock(grey, text(sender, anna), sender, anna, ip)[0] == code


def test_grey_for_all_but_the_known(grey):
    anna = grey.fresh()
    with setting(grey, "smtp.greylist", "on", "unproven"):
        assert from_friend(grey, anna, ip="192.0.2.11")[0] == 451
        grey.submit(anna, "frieda@friend.example")
        assert from_friend(grey, anna, ip="192.0.2.12")[0] == 250       # anna has written to her
        bert = grey.fresh()
        assert knock(grey, text("x@friend.example", bert), "x@friend.example", bert, "192.0.2.13")[0] == 451


def test_known_sender_outweighs_a_list(grey):
    anna = grey.fresh()
    with setting(grey, "smtp.dnsbl", "soft.example=junk"):
        assert from_friend(grey, anna, "eins")[0] == 250
        assert len(grey.wait_mail(anna, 1, "Junk")) == 1
        assert grey.cli("sender", "show", anna, "frieda@friend.example")["verdict"] == "unknown"
        grey.submit(anna, "Frieda@Friend.example")
        seen = grey.cli("sender", "show", anna, "frieda@friend.example")
        assert seen["verdict"] == "good" and seen["verified"]["answered"] == 1 and seen["verdict_unverified"] == "unknown"
        assert from_friend(grey, anna, "zwei")[0] == 250
        wait_for(lambda: any(b"Subject: zwei" in m for m in grey.fetch_all(anna)))
        # the same name, but not from there
        assert knock(grey, text("frieda@friend.example", anna, "drei"), "b@shop.example", anna, "192.0.2.10")[0] == 250
        assert len(grey.wait_mail(anna, 2, "Junk")) == 2 and not any(b"Subject: drei" in m for m in grey.fetch_all(anna))


def test_kept_is_counted(grey):
    anna = grey.fresh()
    for _ in range(2):
        assert from_friend(grey, anna)[0] == 250
    seen = grey.cli("sender", "show", anna, "frieda@friend.example")
    assert seen["verified"]["kept"] == 2 and seen["unverified"]["kept"] == 0 and seen["verdict"] == "unknown"


def test_allowed_and_blocked(grey):
    anna, bert = grey.fresh(), grey.fresh()
    grey.cli("sender", "block", "frieda@friend.example", "--account", anna)
    assert from_friend(grey, anna)[0] == 250
    assert from_friend(grey, bert)[0] == 250
    assert len(grey.wait_mail(anna, 1, "Junk")) == 1 and len(grey.wait_mail(bert)) == 1
    # for the domain: its account says otherwise
    grey.cli("sender", "block", "@friend.example", "--domain", "example.org")
    grey.cli("sender", "allow", "frieda@friend.example", "--account", anna)
    assert from_friend(grey, anna, "zwei")[0] == 250
    assert from_friend(grey, bert, "zwei")[0] == 250
    assert len(grey.wait_mail(anna)) == 1 and len(grey.wait_mail(bert, 1, "Junk")) == 1
    assert grey.cli("sender", "list", "--domain", "example.org")[0]["sender"] == "@friend.example"
    grey.cli("sender", "remove", "@friend.example", "--domain", "example.org")
    # the house refuses
    grey.cli("sender", "block", "@friend.example")
    try:
        code, words = from_friend(grey, bert)
        assert code == 550 and "5.7.1" in words
        assert from_friend(grey, anna, "drei")[0] == 250
    finally:
        grey.cli("sender", "remove", "@friend.example")
    assert from_friend(grey, bert, "drei")[0] == 250
    for bad in (("allow", "nonsense"), ("allow", "@"), ("remove", "x@y.example"), ("allow", "x@y.example", "--domain", "not.ours"),
                ("block", "x@y.example", "--account", "nobody@example.org")):
        with pytest.raises(CliError):
            grey.cli("sender", *bad)


def test_allowed_helps_no_forger(grey):
    anna = grey.fresh()
    grey.cli("sender", "allow", "frieda@friend.example", "--account", anna)
    assert knock(grey, text("frieda@friend.example", anna), "b@forger.example", anna, "203.0.120.1")[0] == 451


# ---- what people move to Junk ----

def learned(h, anna, what="verified"):
    return h.cli("sender", "show", anna, "frieda@friend.example")[what]["junked"]


def test_moving_to_junk_is_learned(grey):
    anna = grey.fresh()
    for subject in ("eins", "zwei", "drei"):
        assert from_friend(grey, anna, subject)[0] == 250
    assert len(grey.wait_mail(anna, 3)) == 3
    i = grey.imap(anna)
    i.select("INBOX")
    assert i._simple_command("MOVE", "1:2", "Junk")[0] == "OK"
    assert learned(grey, anna) == 2
    assert grey.cli("sender", "show", anna, "frieda@friend.example")["verdict"] == "bad"
    assert from_friend(grey, anna, "vier")[0] == 250
    assert len(grey.wait_mail(anna, 3, "Junk")) == 3 and len(grey.fetch_all(anna)) == 1
    # thrown away from there: still junk; back to INBOX: not junk
    i.select("Junk")
    assert i._simple_command("MOVE", "3", "Trash")[0] == "OK"
    assert learned(grey, anna) == 2
    assert i._simple_command("MOVE", "1:2", "INBOX")[0] == "OK"
    seen = grey.cli("sender", "show", anna, "frieda@friend.example")
    assert seen["verified"]["junked"] == 0 and seen["verified"]["kept"] == 3 and seen["verdict"] == "unknown"
    assert from_friend(grey, anna, "fuenf")[0] == 250
    wait_for(lambda: any(b"Subject: fuenf" in m for m in grey.fetch_all(anna)))
    i.logout()


def test_keywords_and_append_are_learned(grey):
    anna = grey.fresh()
    assert from_friend(grey, anna)[0] == 250
    data = grey.wait_mail(anna)[0]
    assert b"X-Spam-Sender: <frieda@friend.example>; verified" in data
    i = grey.imap(anna)
    i.select("INBOX")
    assert i.store("1", "+FLAGS", "($Junk)")[0] == "OK"
    assert i.store("1", "+FLAGS", "($Junk)")[0] == "OK"         # not twice
    assert learned(grey, anna) == 1
    assert i.store("1", "+FLAGS", "($NotJunk)")[0] == "OK"
    assert learned(grey, anna) == 0
    assert i.append("Junk", None, None, data)[0] == "OK"
    assert i.append("INBOX", None, None, data)[0] == "OK"
    assert learned(grey, anna) == 1
    assert i.copy("1", "Junk")[0] == "OK"
    assert learned(grey, anna) == 2 and learned(grey, anna, "unverified") == 0
    i.logout()


def test_forged_sender_field_teaches_nothing(grey):
    anna = grey.fresh()
    forged = b"X-Spam-Sender: <frieda@friend.example>; verified\r\n" + text("b@shop.example", anna)
    assert knock(grey, forged, "b@shop.example", anna, "192.0.2.30")[0] == 250
    assert len(grey.wait_mail(anna)) == 1
    i = grey.imap(anna)
    i.select("INBOX")
    assert i._simple_command("MOVE", "1", "Junk")[0] == "OK"
    i.logout()
    assert learned(grey, anna) == 0
    assert grey.cli("sender", "show", anna, "b@shop.example")["verified"]["junked"] == 1
