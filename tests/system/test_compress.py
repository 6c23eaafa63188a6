"""IMAP COMPRESS=DEFLATE (RFC 4978) with Python's zlib against the daemon."""
import os
import re
import time
import zlib

import pytest

from house import mail
from rawimap import Imap


class Folded:
    """The socket of an Imap after COMPRESS: read(), readline(), sendall()."""

    def __init__(self, imap):
        self.s, self.f = imap.s, imap.f
        self.out = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.into = zlib.decompressobj(-15)
        self.got, self.wire = b"", 0

    def sendall(self, data):
        self.s.sendall(self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH))

    def more(self):
        raw = self.f.read1(65536)
        self.wire += len(raw)
        self.got += self.into.decompress(raw)
        return bool(raw)

    def take(self, n):
        out, self.got = self.got[:n], self.got[n:]
        return out

    def readline(self):
        while b"\n" not in self.got:
            if not self.more():
                return self.take(len(self.got))
        return self.take(self.got.index(b"\n") + 1)

    def read(self, n):
        while len(self.got) < n and self.more():
            pass
        return self.take(n)

    def close(self):
        self.s.close()


def folded(house, user, **kw):
    i = Imap.login(house, user, **kw)
    assert b"COMPRESS=DEFLATE" in i.ok("CAPABILITY").untagged[0]
    i.ok("COMPRESS DEFLATE")
    f = Folded(i)
    i.s, i.f, i.folded = f, f, f
    return i


@pytest.mark.parametrize("tls", [False, True])
def test_session(house, tls):
    anna = house.fresh()
    text = mail("Lang", "Eine Zeile, die sich wiederholt\r\n" * 20000)
    with folded(house, anna, tls=tls) as i:
        assert b"COMPRESS" not in i.ok("CAPABILITY").untagged[0]
        a = i.cmd("COMPRESS DEFLATE")
        assert a.status == "NO" and a.text.startswith(b"[COMPRESSIONACTIVE]")
        i.append("INBOX", text)
        i.ok("SELECT INBOX")
        before = i.folded.wire
        got = i.ok("FETCH 1 BODY[]").untagged[0]  # large enough to come as a descriptor
        assert text in got and i.folded.wire - before < len(text) / 20
        tag = i.idle()
        house.deliver(anna)
        while b"2 EXISTS" not in i.line():
            pass
        assert i.done(tag).status == "OK"
        tags = [i.start("NOOP") for _ in range(50)]
        for t in tags:
            assert i.until(t).status == "OK"
        assert i.cmd("LOGOUT").status == "OK"


def test_what_cannot_be_compressed(house):
    anna = house.fresh()
    text = mail("Zufall", "") + os.urandom(3 << 20).replace(b"\0", b"x").replace(b"\r", b"x").replace(b"\n", b"\r\n")
    with folded(house, anna) as i:
        i.append("INBOX", text)
        i.ok("SELECT INBOX")
        assert text in i.ok("FETCH 1 BODY[]").untagged[0]


def rss(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


def test_bomb(house):
    """64 MiB of zeros in 64 KiB, five times: little memory, others are served."""
    gates = [pid for name, pid in house.pids().items() if name.startswith("gate")]
    before = sum(rss(p) for p in gates)
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = bomb.compress(b"\0" * (64 << 20)) + bomb.flush(zlib.Z_SYNC_FLUSH)
    assert len(raw) < 100000
    anna, bernd = house.fresh(), house.fresh()
    with Imap.login(house, bernd) as other:
        many = [folded(house, anna) for _ in range(5)]
        for i in many:
            try:
                i.folded.s.sendall(raw)
            except OSError:
                pass
        start = time.monotonic()
        other.ok("NOOP")
        assert time.monotonic() - start < 10
        assert sum(rss(p) for p in gates) - before < 20000
        for i in many:
            i.close()
    with folded(house, anna) as i:
        i.folded.s.sendall(b"\xff\xff\xff\xff")
        assert i.line() == b""
    with Imap.login(house, anna) as i:
        assert i.cmd("COMPRESS LZ4").status == "BAD"
        i.ok("NOOP")


def test_a_secret_does_not_show_in_the_next_reply(house):
    """CVE-2026-40203: the length of an answer must not depend on what an earlier one said."""
    anna = house.fresh()
    secret = "7e5d2c1b9a8f7e6d5c4b3a291807f6e5"
    with folded(house, anna) as i:
        i.append("INBOX", mail("Code", f"{secret}\r\n"))
        for guess in (secret, "ae5d8c1b1a8f2e6d5c4b7a29180af6e5"):
            i.append("INBOX", mail("Code", f"{guess}\r\n"))
        i.ok("SELECT INBOX")
        sizes = []
        for n in (2, 3):
            i.ok("FETCH 1 BODY.PEEK[TEXT]")
            before = i.folded.wire
            i.ok(f"FETCH {n} BODY.PEEK[TEXT]")
            sizes.append(i.folded.wire - before)
        assert abs(sizes[0] - sizes[1]) <= 3, sizes  # carried over it would be about 25
