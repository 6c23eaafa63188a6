"""Mail nobody wants: lists of bad addresses, rates, guessed addresses, forged fields of scanners."""
import socket
import time

import pytest

from house import SLOW, CliError, House, mail
from rawsmtp import Smtp
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
    door.cli("settings", "set", "smtp.dnsbl", "slow.example=reject")
    try:
        start = time.monotonic()
        assert knock(door, mail(to=anna), "b@elsewhere.example", anna, "198.51.100.17")[0] == 250
        assert time.monotonic() - start < 14 * SLOW
    finally:
        door.cli("settings", "set", "smtp.dnsbl", ZONES)


def test_settings_are_checked(door):
    for bad in ("zone", "a.example=11", "a.example=no", "..", " ".join(f"a{i}.example" for i in range(17))):
        with pytest.raises(CliError):
            door.cli("settings", "set", "smtp.dnsbl", bad)
    with pytest.raises(CliError):
        door.cli("settings", "set", "smtp.rate", "many")


def test_trusted_relays_are_not_asked_about(door):
    anna = door.fresh()
    door.cli("settings", "set", "smtp.trusted_relays", "198.51.100.9")
    try:
        assert try_rcpt(door, "198.51.100.9", anna)[0] == 250
    finally:
        door.cli("settings", "set", "smtp.trusted_relays", "")


def test_rate(door):
    anna = door.fresh()
    door.cli("settings", "set", "smtp.rate_new", "3")
    try:
        with Visitor(door, "203.0.113.9") as s:
            for _ in range(3):
                assert s.cmd("MAIL FROM:<b@elsewhere.example>")[0] == 250
                assert s.cmd("RSET")[0] == 250
            code, text = s.cmd("MAIL FROM:<b@elsewhere.example>")
            assert code == 451 and "4.7.1" in text
        with Visitor(door, "203.0.113.77") as s:       # its neighbour
            assert s.cmd("MAIL FROM:<b@elsewhere.example>")[0] == 451
        assert try_rcpt(door, "192.0.2.9", anna)[0] == 250
    finally:
        door.cli("settings", "set", "smtp.rate_new", "")


def test_harvest(door):
    anna = door.fresh()
    door.cli("settings", "set", "smtp.rate_unknown", "5")
    try:
        with Visitor(door, "203.0.114.9") as s:
            assert s.cmd("MAIL FROM:<b@elsewhere.example>")[0] == 250
            for i in range(5):
                assert s.cmd(f"RCPT TO:<guess{i}@example.org>")[0] == 550
            code, text = s.cmd(f"RCPT TO:<{anna}>")
            assert code == 451 and "4.7.1" in text and "unknown recipients" in text
            assert s.cmd("RCPT TO:<postmaster@example.org>")[0] == 250
        assert try_rcpt(door, "203.0.115.9", anna)[0] == 250
    finally:
        door.cli("settings", "set", "smtp.rate_unknown", "")


FORGED = b"X-Spam-Score: -99 / 15\r\nX-Spam-Flag: NO\r\nX-Spamd-Result: default: False [-9.00 / 15.00];\r\n\tFOO(1)\r\n" \
    b"X-Rspamd-Server: evil\r\nX-Virus-Scanned: clean\r\n"


def test_forged_scanner_fields(door):
    """Fields of scanners that came with a mail are nobody's word; a relay that is trusted may have them."""
    anna = door.fresh()
    assert knock(door, FORGED + mail(to=anna), "b@elsewhere.example", anna, "198.51.100.20")[0] == 250
    data = door.wait_mail(anna)[0]
    assert b"X-Spam" not in data and b"X-Virus" not in data and b"X-Rspamd" not in data and b"FOO(1)" not in data
    door.cli("settings", "set", "smtp.trusted_relays", "198.51.100.21")
    try:
        assert knock(door, FORGED + mail(to=anna), "b@elsewhere.example", anna, "198.51.100.21")[0] == 250
        assert b"X-Spam-Score: -99" in door.wait_mail(anna, 2)[1]
    finally:
        door.cli("settings", "set", "smtp.trusted_relays", "")
