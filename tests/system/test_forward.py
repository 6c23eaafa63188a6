"""Mail that is passed on to the outside: its sender becomes an address of ours (SRS), and bounces find their way back."""
import re

import pytest

from house import mail, wait_for
from rawsieve import Sieve
from rawsmtp import Peer, Smtp
from test_clock import DAY, TimedHouse

ZONE = "MX far.example 10 mx.far.example\nA mx.far.example 127.0.0.1\n" \
       "MX news-sender.news.example 10 mx.far.example\nMX first.example 10 mx.far.example\n"


@pytest.fixture(scope="module")
def home():
    h = TimedHouse()
    h.zone.write_text(ZONE)
    try:
        h.start()
        h.cli("alias", "add", "presse@example.org", "extern@far.example")
        yield h
    finally:
        h.destroy()


def forwarded(h, sender, to="presse@example.org"):
    """The envelope sender with which the mail goes on."""
    with Peer(h.out_port) as peer:
        with Smtp(h.port("smtp")) as s:
            assert s.data(to, mail() + b".\r\n", sender)[0] == 250
        wait_for(lambda: peer.mails)
        return re.match(r"<(.*)>", peer.mails[0].sender)[1]


def refused(h, to, sender=""):
    with Smtp(h.port("smtp")) as s:
        s.ok(f"MAIL FROM:<{sender}>")
        return s.cmd(f"RCPT TO:<{to}>")


def bounce(h, to):
    """A bounce to this address: whom it reaches."""
    with Peer(h.out_port) as peer:
        with Smtp(h.port("smtp")) as s:
            assert s.data(to, mail(subject="Unzustellbar") + b".\r\n", "")[0] == 250
        wait_for(lambda: peer.mails)
        assert peer.mails[0].sender.startswith("<>"), "a bounce stays one"
        return re.match(r"<(.*)>", peer.mails[0].recipients[0])[1]


@pytest.mark.parametrize("sender,pattern", [
    ("Gast@far.example", r"SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=far\.example=Gast@example\.org"),
    ("bounces+98765-ab12-anna=far.example-weekly@news-sender.news.example", r"SRSL=[A-Z2-7]{8}=[A-Z2-7]{2}=[A-Z2-7]+@example\.org"),
    ("SRS0=abcd=3F=origin.example=x@first.example", r"SRS1=[A-Z2-7]{8}=first\.example==abcd=3F=origin\.example=x@example\.org"),
    ("SRS1=zzzz=first.example==abcd=3F=o.example=x@far.example", r"SRS1=[A-Z2-7]{8}=first\.example==abcd=3F=o\.example=x@example\.org"),
])
def test_there_and_back(home, sender, pattern):
    ours = forwarded(home, sender)
    assert re.fullmatch(pattern, ours)
    if sender.startswith("SRS1"):
        sender = "SRS0=abcd=3F=o.example=x@first.example"
    assert bounce(home, ours) == sender
    if sender.startswith("Gast"):       # servers on the way may fold the local part: the hash holds
        assert bounce(home, ours.lower()) == sender.lower()


def test_not_rewritten(home):
    assert forwarded(home, "") == ""
    assert forwarded(home, "admin@example.org") == "admin@example.org", "is from here already"


def test_expires(home):
    short = forwarded(home, "gast@far.example")
    long = forwarded(home, "x" * 60 + "@far.example")
    home.pass_time(21 * DAY)
    assert refused(home, short)[0] == refused(home, long)[0] == 250
    home.pass_time(2 * DAY)
    assert refused(home, short)[0] == refused(home, long)[0] == 550


def test_forged(home):
    ours = forwarded(home, "gast@far.example")
    head, day, rest = re.match(r"(SRS0=[^=]*)=(..)=(.*)", ours).groups()
    flipped = ("B" if head[5] == "A" else "A") + head[6:]
    for forged in [f"SRS0={flipped}={day}={rest}", f"{head}={day}={rest}".replace("gast", "opfer"),
                   f"{head}=AA={rest}", "SRS0=x=AA=far.example=a@example.org", "SRSL=AAAAAAAA=AA=BAAA@example.org"]:
        assert refused(home, forged)[0] == 550, forged
    assert refused(home, ours, "spammer@far.example")[0] == 550, "for bounces only"
    assert refused(home, ours)[0] == 250
    with Smtp(home.port("smtp")) as s:                 # what only looks like it is an address like any other
        s.ok("MAIL FROM:<>")
        assert s.cmd("RCPT TO:<SRS0=nobody@example.org>")[0] == 550


def test_sieve_redirect(home):
    anna = home.fresh()
    with Sieve(home, anna) as s:
        s.put("regeln", 'require "copy"; redirect :copy "extern@far.example";\r\n')
    assert forwarded(home, "gast@far.example", anna).startswith("SRS0=")
    assert home.wait_mail(anna)[0].startswith(b"Return-Path: <gast@far.example>"), "here it keeps its sender"


def test_our_own_report_goes_back(home):
    """The target refuses: who sent the mail hears of it, not the postmaster."""
    with Peer(home.out_port, RCPT=["550 5.1.1 Nein", "250 2.1.5 Ok"]) as peer:
        with Smtp(home.port("smtp")) as s:
            assert s.data("presse@example.org", mail(subject="Kommt zurück") + b".\r\n", "gast@far.example")[0] == 250
        wait_for(lambda: peer.mails)
        assert peer.mails[0].sender.startswith("<>") and peer.mails[0].recipients[0].startswith("<gast@far.example>")
        assert b"550 5.1.1 Nein" in peer.mails[0].data
