"""Is a mail from whom it says: signatures of ours, and what is found out about mail from outside."""
import secrets

import pytest

from house import CliError, House, mail, wait_for
from rawsmtp import Peer

dkim = pytest.importorskip("dkim", reason="python3-dkim is not installed: nothing was cross-checked")


@pytest.fixture(scope="module")
def home():
    h = House(zone="MX far.example 10 mx.far.example\nA mx.far.example 127.0.0.1\n")
    try:
        h.start()
        yield h
    finally:
        h.destroy()


def keys_of(rows):
    return {r["name"] + ".": r["record"].encode() for r in rows}


def verifies(data, keys):
    """python3-dkim on every signature of a mail."""
    def txt(name, timeout=5):
        return keys.get(name.decode() if isinstance(name, bytes) else name)
    d = dkim.DKIM(data)
    n = sum(1 for name, _ in d.headers if name.lower() == b"dkim-signature")

    def one(i):
        try:
            return dkim.DKIM(data).verify(idx=i, dnsfunc=txt)
        except dkim.ValidationError:
            return False
    return [one(i) for i in range(n)]


def test_signs(home):
    anna, rcpt = home.fresh(), "x@far.example"
    with Peer(home.out_port) as peer:
        home.submit(anna, rcpt, mail("noch ohne", sender=anna, to=rcpt))
        wait_for(lambda: len(peer.mails) == 1)
        assert b"DKIM-Signature" not in peer.mails[0].data
        rows = home.cli("domain", "dkim", "example.org")
        assert [(r["kind"], r["state"]) for r in rows] == [("RSA-2048", "signs"), ("Ed25519", "signs")]
        assert home.cli("domain", "dkim", "example.org") == rows
        home.submit(anna, rcpt, mail("Gr\u00fc\u00dfe und ein sehr langer Betreff, der gefaltet werden mu\u00df, weil er so lang ist",
                                     "Zeile  \r\n\r\n\r\n..\r\nmit  Leerraum \t\r\n\r\n\r\n", anna, rcpt))
        wait_for(lambda: len(peer.mails) == 2)
        good = peer.mails[1].data
        assert verifies(good, keys_of(rows)) == [True, True]
        assert verifies(good.replace(b"Zeile", b"Zeilf"), keys_of(rows)) == [False, False]
        assert verifies(good.replace(b"Subject:", b"Subject: x\r\nSubject:", 1), keys_of(rows)) == [False, False]
        # somebody else's name in From gets no signature
        home.submit(anna, rcpt, mail("falsch", sender="admin@example.org", to=rcpt), sender=anna)
        wait_for(lambda: len(peer.mails) == 3)
        assert b"DKIM-Signature" not in peer.mails[2].data


def test_rotation(home):
    anna, rcpt = home.fresh(), "x@far.example"
    old = home.cli("domain", "dkim", "example.org")
    new = home.cli("domain", "dkim", "example.org", "rotate")
    assert [r["state"] for r in new] == ["signs", "signs", "waits", "waits"]
    with pytest.raises(CliError):
        home.cli("domain", "dkim", "example.org", "rotate")
    with pytest.raises(CliError):
        home.cli("domain", "dkim", "elsewhere.example")
    with Peer(home.out_port) as peer:
        home.submit(anna, rcpt)
        wait_for(lambda: len(peer.mails) == 1)
        assert verifies(peer.mails[0].data, keys_of(old)) == [True, True]
        now = home.cli("domain", "dkim", "example.org", "rotate", "--now")
        assert [r["state"] for r in now] == ["retired"] * 4 + ["signs"] * 2
        home.submit(anna, rcpt)
        wait_for(lambda: len(peer.mails) == 2)
        assert verifies(peer.mails[1].data, keys_of(now[4:])) == [True, True]
        assert verifies(peer.mails[0].data, keys_of(now)) == [True, True]
