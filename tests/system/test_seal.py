"""What lies on the disk cannot be read; what is sealed says so politely; shares open it."""
import base64
import os
import pathlib
import quopri
import re
import smtplib
import socket
import subprocess
import time

import pytest

from conftest import ZONE
from house import PASSWORD, SLOW, STORE, CliError, mail, wait_for
from rawimap import Imap
from rawsmtp import Smtp

WORDS = ["Quastenflosser", "quastenflosser@example.org", "grimbart@fernweh.example", "Zitronenfalterkongress",
         "Fünfzigjähriges Überraschungsfrühstück", "Inhaltswort-Kaulquappe", "Großinhalt-Nachtschwärmer",
         "Anhangsname-Murmeltier", "Ortsverein-Wolkenkuckucksheim", "Postfach-Siebenschläfer", "Stichwort-Igelschnäuzchen",
         "Telefon-Blindschleiche", "außen-empfängerin", "trauermantel@example.net", "Aliasname-Hirschkäfer",
         "hirschkaefer@example.org", "Kassenwart-Eisvogel", "eisvogel@example.org", "Anna Müßiggang", PASSWORD,
         "Losung-Mauersegler"]


def forms(word):
    """The word as it could stand on a disk: plainly, UTF-16, base64 at each offset, quoted-printable, encoded word,
    modified UTF-7, hex."""
    raw = word.encode()
    out = {raw, raw.lower(), word.lower().encode(), word.upper().encode(), word.casefold().encode(),
           word.encode("utf-16-le"), word.encode("utf-16-be"), word.encode("latin-1", "replace"),
           quopri.encodestring(raw), quopri.encodestring(raw, header=True).replace(b"_", b"_"), raw.hex().encode(),
           word.encode("utf-7").replace(b"+", b"&")}
    for value in (raw, word.lower().encode(), word.encode("utf-16-le")):
        for shift in range(3):
            text = base64.b64encode(b"x" * shift + value).rstrip(b"=")
            # Without the letters that neighbours would change
            out.add(text[(0, 2, 3)[shift]:len(text) - 1])
    return {f for f in out if len(f) >= 6}


def search(folder, words, more=()):
    """(file, word) for every find below folder."""
    wanted = {f: w for w in words for f in forms(w)}
    found = set()
    files = [p for p in pathlib.Path(folder).rglob("*") if p.is_file()]
    assert files
    for p in list(files) + list(more):
        data = p.read_bytes()
        found |= {(str(p), w) for f, w in wanted.items() if f in data}
    for p in pathlib.Path(folder).rglob("*"):
        for w in words:
            if w.lower() in p.name.lower():
                found.add((str(p), "file name " + w))
    return found


def fill(h):
    anna = h.account("quastenflosser", "Losung-Mauersegler", "Anna Müßiggang Quastenflosser")
    h.cli("chapter", "add", "Ortsverein-Wolkenkuckucksheim", "--code", "77")
    office = h.role("eisvogel", "Kassenwart-Eisvogel")
    h.cli("role", "assign", office, anna)
    h.cli("alias", "add", "hirschkaefer@example.org", anna, "trauermantel@example.net")
    h.cli("group", "add", "aliasname-hirschkäfer@example.org".replace("ä", "ae"), anna)
    h.cli("account", "app-add", anna, "Telefon-Blindschleiche")
    small = mail("Zitronenfalterkongress", "Inhaltswort-Kaulquappe äöü\r\n", "grimbart@fernweh.example", anna)
    big = mail("Fünfzigjähriges Überraschungsfrühstück", "Großinhalt-Nachtschwärmer\r\n" * 9000,
               "grimbart@fernweh.example", anna, attach=("Anhangsname-Murmeltier.txt",
                                                        b"Inhaltswort-Kaulquappe\n" * 9000))
    for to in (anna, office, "hirschkaefer@example.org"):
        h.deliver(to, small, "grimbart@fernweh.example")
        h.deliver(to, big, "grimbart@fernweh.example")
    own = [m.replace(b"grimbart@fernweh.example", anna.encode()) for m in (big, small)]
    h.submit(anna, "trauermantel@example.net", own[0])
    h.submit(anna, "trauermantel@broken.example", own[1], rcpt=["ORCPT=rfc822;trauermantel@example.net"])
    with Imap.login(h, anna) as i:
        i.ok('CREATE "Postfach-Siebenschl&AOQ-fer"')
        assert i.append("Postfach-Siebenschl&AOQ-fer", big, b"Stichwort-Igelschnaeuzchen").status == "OK"
        i.ok('SELECT "Postfach-Siebenschl&AOQ-fer"')
        i.ok("STORE 1 +FLAGS (Stichwort-Igel)")
        i.ok('SUBSCRIBE "Postfach-Siebenschl&AOQ-fer"')
        i.ok("SELECT INBOX")
        assert i.ok('SEARCH TEXT "Kaulquappe"').find(rb"SEARCH \d")
        i.ok('COPY 1:* "Postfach-Siebenschl&AOQ-fer"')
        with pytest.raises(AssertionError):
            i.ok("LOGIN quastenflosser@example.org Losung-Mauersegler")
    h.cli("settings", "set", "organisation.name", "Ortsverein-Wolkenkuckucksheim")
    wait_for(lambda: h.fetch_all(anna))


def dump(h):
    """The database as a file, when it is not in the folder."""
    if not STORE:
        return []
    out = h.base / "dump.sql"
    with open(out, "wb") as f:
        subprocess.run(["pg_dump", "-d", h.database.url], stdout=f, check=True, timeout=60)
    return [out]


WANTED = [*WORDS, "Stichwort-Igel", "Igelschnaeuzchen", "Kaulquappe", "Nachtschwärmer", "Siebenschl", "hirschkaefer",
          "eisvogel", "trauermantel", "grimbart", "quastenflosser", "Murmeltier", "Blindschleiche", "Wolkenkuckucksheim"]


@pytest.mark.limit(120)
def test_nothing_can_be_read_in_the_folder(new_house):
    h = new_house(zone=ZONE)
    fill(h)
    running = search(h.dir, WANTED)
    h.stop()
    found = search(h.dir, WANTED, dump(h))
    assert not found and not running, sorted(found | running)[:20]
    # The folder does hold what we looked for, in its sealed form
    size = sum(p.stat().st_size for p in [*h.dir.rglob("*"), *dump(h)] if p.is_file())
    assert size > 50000


def test_after_kill_nothing_either(new_house):
    h = new_house(zone=ZONE)
    fill(h)
    h.kill_all()
    found = search(h.dir, WANTED, dump(h))
    assert not found, sorted(found)[:20]


@pytest.mark.parametrize("form", range(14))
def test_the_search_finds_what_lies_open(tmp_path, form):
    """The control: the same search on a folder with one word in clear, in each of its forms."""
    every = sorted(forms("Großinhalt-Nachtschwärmer"))
    (tmp_path / "s").mkdir()
    (tmp_path / "s/a").write_bytes(os.urandom(100000))
    assert not search(tmp_path, WANTED)
    (tmp_path / "s/a").write_bytes(os.urandom(5000) + every[form % len(every)] + os.urandom(5000))
    assert search(tmp_path, WANTED)


def shares(h):
    found = re.findall(r"share \d+: (\S+)", h.init_output)
    assert len(found) == 3, h.init_output
    return found


def give(h, share):
    return h.cli("seal", "open", "--share-file", "-", stdin=share + "\n")


def sealed_answers(h):
    with Smtp(h.port("smtp"), ehlo=None) as s:
        code = s.greeting[0]
        if code == 220:
            s.ok("EHLO x.example.net")
            code = s.cmd("MAIL FROM:<a@example.net>")[0]
            if code == 250:
                code = s.cmd("RCPT TO:<anna@example.org>")[0]
        assert code == 421, code
    with Imap(h.port("imap")) as i:
        assert i.greeting.startswith(b"* BYE [UNAVAILABLE]"), i.greeting


def opened(h):
    try:
        with Imap(h.port("imap")) as i:
            return i.greeting.startswith(b"* OK")
    except OSError:
        return False


@pytest.mark.limit(120)
def test_shares(new_house):
    h = new_house(start=False, seal="2/3")
    one, two, three = shares(h)
    for p in h.dir.rglob("*"):
        if p.is_file():
            assert one.encode() not in p.read_bytes() and two.encode() not in p.read_bytes()
    h.start()
    sealed_answers(h)
    assert "sealed" in str(h.cli("seal", "status")).lower()
    give(h, one)
    sealed_answers(h)
    with pytest.raises(CliError):
        give(h, one[:-4] + ("AAAA" if not one.endswith("AAAA") else "BBB0"))
    with pytest.raises(CliError):
        give(h, "Unsinn")
    with pytest.raises(CliError):
        give(h, one)         # the same again is no second one
    sealed_answers(h)
    give(h, three)
    wait_for(lambda: opened(h))
    anna = h.account("anna")
    h.deliver(anna, subject="offen")
    h.wait_mail(anna)
    # Closed by hand: the same answers, connections end or say so, nothing is lost
    h.cli("seal", "close")
    wait_for(lambda: not opened(h))
    sealed_answers(h)
    with pytest.raises((smtplib.SMTPException, OSError)):
        h.deliver(anna, subject="zu")
    give(h, two)
    give(h, one)
    wait_for(lambda: opened(h))
    h.deliver(anna, subject="wieder offen")
    assert len(h.wait_mail(anna, 2)) == 2
    # A restart of everything seals it
    h.stop()
    h.start()
    sealed_answers(h)
    give(h, one)
    give(h, two)
    wait_for(lambda: opened(h))
    assert len(h.wait_mail(anna, 2)) == 2


def memory(pid):
    """What the process has in its writable memory."""
    parts = []
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in open(f"/proc/{pid}/maps"):
            span, rights = line.split()[:2]
            if rights.startswith("rw"):
                first, last = (int(x, 16) for x in span.split("-"))
                try:
                    mem.seek(first)
                    parts.append(mem.read(last - first))
                except (OSError, ValueError):
                    pass
    return b"".join(parts)


@pytest.mark.skipif(SLOW > 1, reason="sanitizers keep freed memory")
def test_passwords_do_not_stay_in_memory(new_house):
    """Signed in by every way and still connected: neither gate nor core has the password any more."""
    h = new_house()
    word = "Sumpfdotterblume-19"
    user = h.account("anna", word)
    plain = base64.b64encode(f"\0{user}\0{word}".encode())
    name, secret = (base64.b64encode(x.encode()) for x in (user, word))
    held = []
    for tls in (False, True):
        i = Imap(h.port("imaps" if tls else "imap"), tls=tls)
        i.ok(f'LOGIN {user} "{word}"')
        held.append(i)
        i = Imap(h.port("imaps" if tls else "imap"), tls=tls)
        i.ok(b"AUTHENTICATE PLAIN " + plain)
        held.append(i)
        s = Smtp(h.port("submissions" if tls else "submission"), tls=tls)
        s.ok(b"AUTH PLAIN " + plain, 235)
        held.append(s)
        s = Smtp(h.port("submissions" if tls else "submission"), tls=tls)
        s.ok("AUTH LOGIN", 334)
        s.ok(name, 334)
        s.ok(secret, 235)
        held.append(s)
    try:
        pids = {n: p for n, p in h.pids().items() if n.startswith("gate") or n == "core"}
        assert len(pids) == 3
        secrets = (word.encode(), plain[len(plain) // 2:], secret)
        for process, pid in pids.items():
            assert user.encode() in memory(pid) or process != "core" # we do see its memory
            # A command's memory is wiped after its reply has left
            wait_for(lambda: not any(what in memory(pid) for what in secrets), 5)
    finally:
        for c in held:
            c.close()


class Waiting:
    """Clients that say nothing: in IDLE, between two commands, with half a command, in a mail, in an APPEND."""

    def __init__(self, h, anna):
        self.all = []
        self.idle, self.quiet, self.append = (self.kept(Imap.login(h, anna)) for _ in range(3))
        self.secure = self.kept(Imap.login(h, anna, tls=True))
        for i in (self.idle, self.quiet, self.secure):
            i.ok("SELECT INBOX")
        self.smtp, self.body = self.kept(Smtp(h.port("smtp"))), self.kept(Smtp(h.port("smtp")))
        self.lmtp = self.kept(Smtp(h.port("lmtp"), ehlo=None))
        self.lmtp.ok("LHLO client.example.net")
        self.pop = self.kept(socket.create_connection(("127.0.0.1", h.port("pop3"))))
        self.pop_f = self.pop.makefile("rb")
        assert self.pop_f.readline().startswith(b"+OK")
        self.idle.idle()
        for c in (self.body, self.lmtp):
            c.ok("MAIL FROM:<gast@example.net>")
            c.ok(f"RCPT TO:<{anna}>")
            c.ok("DATA", 354)
            c.send("Subject: halb\r\n\r\nerste Zeile\r\n")
        self.append.send(b"x APPEND INBOX {100+}\r\nSubject: halb\r\n")

    def kept(self, c):
        self.all.append(c)
        getattr(c, "s", c).settimeout(20 * SLOW)
        return c

    def hear(self, since):
        """Those between two commands at once; those in the midst of one when it is over, and it has changed nothing."""
        for i in (self.idle, self.quiet, self.secure):
            assert i.line().startswith(b"* BYE [UNAVAILABLE]")
        assert self.smtp.reply()[0] == 421
        assert self.pop_f.readline().startswith(b"-ERR [SYS/TEMP]")
        assert time.monotonic() - since < 5 * SLOW, "within the second on an idle machine"
        for c in (self.idle.s, self.quiet.s, self.smtp.s, self.pop):
            assert c.recv(1) == b""
        self.body.send("letzte Zeile\r\n.\r\n")
        assert self.body.reply()[0] == 450
        assert self.body.reply()[0] == 421
        self.lmtp.send("letzte Zeile\r\n.\r\n")
        assert self.lmtp.reply()[0] == 421
        self.append.send(b"y" * 85 + b"\r\n")
        assert self.append.line().startswith(b"x NO [UNAVAILABLE]")
        assert self.append.line().startswith(b"* BYE [UNAVAILABLE]")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for c in self.all:
            c.close()


def test_closing_tells_who_waits(new_house):
    """Clients that say nothing hear of `kontor seal close` at once, also those of an earlier core."""
    h = new_house()
    anna = h.account("anna")
    with Waiting(h, anna) as w:
        start = time.monotonic()
        h.cli("seal", "close")
        w.hear(start)
    h.cli("seal", "open")
    wait_for(lambda: opened(h))
    with Waiting(h, anna) as w:
        h.kill_core()
        start = time.monotonic()
        h.cli("seal", "close")
        w.hear(start)                 # only those in IDLE are known to this core
    h.cli("seal", "open")
    wait_for(lambda: opened(h))
    assert not h.fetch_all(anna)
    h.deliver(anna, subject="offen")
    h.wait_mail(anna)


@pytest.mark.limit(120)
@pytest.mark.parametrize("victims", [["vault"], ["core", "vault"], ["vault", "core"]])
def test_a_sealed_return_tells_who_waits(new_house, victims):
    """The vault comes back without its key: core forgets what it had, and whoever waits hears it in the same second."""
    h = new_house(start=False, seal="2/3")
    one, two, _ = shares(h)
    h.start()
    give(h, one)
    give(h, two)
    wait_for(lambda: opened(h))
    anna = h.account("anna")
    h.deliver(anna, subject="vorher")
    h.wait_mail(anna)
    with Waiting(h, anna) as w:
        old = h.pids()
        for name in victims:
            h.kill(name)
        wait_for(lambda: all(h.pids().get(n, old[n]) != old[n] for n in victims), every=0.01)
        start = time.monotonic()
        w.hear(start)
        sealed_answers(h)
    give(h, one)
    give(h, two)
    wait_for(lambda: opened(h))
    assert len(h.fetch_all(anna)) == 1, "what was acknowledged, and nothing else"
    h.deliver(anna, subject="nachher")
    h.wait_mail(anna, 2)


@pytest.mark.limit(90)
def test_share_of_another_house(new_house):
    a, b = new_house(start=False, seal="2/3"), new_house(start=False, seal="2/3")
    a.start()
    give(a, shares(a)[0])
    with pytest.raises(CliError):
        give(a, shares(b)[1])
    sealed_answers(a)
    give(a, shares(a)[1])
    wait_for(lambda: opened(a))


def test_status_of_an_open_house(house):
    assert "open" in str(house.cli("seal", "status")).lower()
