"""kontor mail import from a live IMAP server: a real Dovecot, and scripted ones that lie, drip and hang up."""
import imaplib
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from house import BIN, CliError, wait_for
from imapserver import Dovecot
from test_move import everything, text

WORD = "geheim \"Wort\" \\ü"


@pytest.fixture(scope="module")
def dovecot():
    d = Dovecot({"anna": WORD, "bert": WORD, "cora": WORD, "dora": WORD}).start()
    yield d
    d.stop()


def there(d, user):
    i = imaplib.IMAP4("127.0.0.1", d.imap)
    i.authenticate("PLAIN", lambda _: f"\0{user}\0{WORD}".encode())
    return i


def crlf(n, body="Grüße\n"):
    return text(n, body).replace(b"\n", b"\r\n")


def bring(h, user, url, *more, word=WORD, there="anna"):
    return h.cli("mail", "import", user, url, "--user", there, "--password-file", "-", *more, stdin=word + "\n", timeout=120)


def plain(d):
    return f"imap://127.0.0.1:{d.imap}"


def test_everything(house, dovecot):
    """Folders with umlauts and levels, roles, flags, keywords, dates, subscriptions, a mail of 20 MB; then only what is new."""
    i = there(dovecot, "anna")
    big = crlf(9, "Zeile 20 MB\n" * 1700000)
    for n, (box, flags, date, data) in enumerate([
            ("INBOX", "(\\Seen $Wichtig a)", '" 2-Jan-2019 03:04:05 +0200"', crlf(1)),
            ("INBOX", "(\\Flagged \\Answered \\Deleted)", '"23-Nov-2026 19:36:35 +0000"', b"\xff\x00 no mail\r\n".replace(b"\0", b"?")),
            ("INBOX.Entw&APw-rfe.2026 Mai", "()", '"24-Dec-1999 10:00:00 +0000"', crlf(3)),
            ("INBOX.Geschickt", "(\\Seen)", '"24-Dec-2001 10:00:00 +0000"', crlf(4)),
            ("INBOX.Skizzen", "(\\Draft)", '"24-Dec-2002 10:00:00 +0000"', crlf(5)),
            ("INBOX.sagt \\\"c\\\" er", "()", '"24-Dec-2003 10:00:00 +0000"', crlf(6)),
            ("INBOX.Archive", "(\\Seen $Forwarded)", '"24-Dec-2004 10:00:00 +0000"', big)]):
        if box != "INBOX" and box not in ("INBOX.Leer",):
            i.create(f'"{box}"')
        assert i.append(f'"{box}"', flags, date, data)[0] == "OK", box
    i.create("INBOX.Leer")
    for box in ("INBOX.Entw&APw-rfe.2026 Mai", "INBOX.Leer"):
        i.subscribe(f'"{box}"')
    user = house.fresh()
    r = bring(house, user, f"imaps://localhost:{dovecot.imaps}", "--ca-file", str(dovecot.dir / "cert.pem"))
    assert r["imported"] == 7 and r["skipped"] == 0, r
    got = everything(house, user)
    assert got["INBOX"] == sorted([((b"$Wichtig", b"\\Seen", b"a"), b" 2-Jan-2019 01:04:05 +0000", crlf(1)),
                                   ((b"\\Answered", b"\\Deleted", b"\\Flagged"), b"23-Nov-2026 19:36:35 +0000", b"\xff? no mail\r\n")])
    assert got["Entw&APw-rfe/2026 Mai"] == [((), b"24-Dec-1999 10:00:00 +0000", crlf(3))]
    assert got["Sent"] == [((b"\\Seen",), b"24-Dec-2001 10:00:00 +0000", crlf(4))] and "Geschickt" not in got
    assert got["Drafts"] == [((b"\\Draft",), b"24-Dec-2002 10:00:00 +0000", crlf(5))]
    assert got["Archive"] == [((b"$Forwarded", b"\\Seen"), b"24-Dec-2004 10:00:00 +0000", big)]
    assert [k for k in got if k.startswith("sagt")] and got["Leer"] == []
    mine = house.imap(user)
    subscribed = {line.split(b' "/" ', 1)[1].strip(b'"') for line in mine.lsub()[1]}
    assert {b"Entw&APw-rfe/2026 Mai", b"Leer"} <= subscribed and not [s for s in subscribed if s.startswith(b"sagt")]
    mine.logout()
    assert i.append("INBOX", None, None, crlf(20))[0] == "OK"
    i.select("INBOX")
    i.store("1", "+FLAGS", "(\\Deleted)")
    i.expunge()
    i.logout()
    r = bring(house, user, plain(dovecot), "--insecure")
    assert r["imported"] == 1 and r["there_already"] == 5, "what went there stays here, what is new comes"
    assert len(everything(house, user)["INBOX"]) == 3
    other = house.fresh()
    r = bring(house, other, plain(dovecot), "--insecure", "--folder", "Leer", "--folder", "INBOX.Geschickt", "--into", "Alt")
    assert r["imported"] == 1 and len(everything(house, other)["Alt/Geschickt"]) == 1
    with pytest.raises(CliError) as no:
        bring(house, other, plain(dovecot), "--insecure", "--folder", "Nichts")
    assert "no such folder" in no.value.text
    secrets = [p.read_bytes() for p in house.dir.rglob("*") if p.is_file()] + [house.log().encode()]
    assert not [1 for s in secrets if WORD.encode() in s], "the other server's password stays on the command line"


def test_signing_in(house, dovecot, tmp_path):
    """Certificates, fingerprints, STARTTLS, an administrator for the user, wrong words."""
    i = there(dovecot, "bert")
    i.append("INBOX", None, None, crlf(1))
    i.logout()
    user = house.fresh()
    tls = f"imaps://localhost:{dovecot.imaps}"
    starttls = f"imap://localhost:{dovecot.imap}"
    for url, more in ((tls, ()), (starttls, ()), (tls, ("--fingerprint", "ab" * 32)), (starttls, ("--fingerprint", "ab" * 32)),
                      (f"imaps://127.0.0.1:{dovecot.imaps}", ("--ca-file", str(dovecot.dir / "cert.pem")))):
        with pytest.raises(CliError) as no:
            bring(house, user, url, *more, there="bert")
        assert "not trusted" in no.value.text, (url, more, no.value.text)
    for url, more in ((tls, ("--fingerprint", dovecot.fingerprint())), (starttls, ("--ca-file", str(dovecot.dir / "cert.pem"))),
                      (f"imap://[127.0.0.1]:{dovecot.imap}", ("--fingerprint", dovecot.fingerprint().replace(":", "").lower()))):
        assert bring(house, user, url, "--again", *more, there="bert")["imported"] == 1, url
    assert bring(house, user, plain(dovecot), "--insecure", "--master", "boss", "--again", there="bert", word="boss-word")["imported"] == 1
    assert len(everything(house, user)["INBOX"]) == 4
    for more, word, want in (((), "falsch", "refuses this name or password"), (("--master", "boss"), WORD, "refuses this name or password")):
        with pytest.raises(CliError) as no:
            bring(house, user, plain(dovecot), "--insecure", *more, there="bert", word=word)
        assert want in no.value.text
    for url, more, want in ((f"imap://bert@localhost:{dovecot.imap}", (), "--user"), ("imaps://", (), "imaps://HOST"),
                            (tls, ("--insecure",), "contradict"), (tls, ("--fingerprint", "abc"), "64 hex"),
                            (tls, ("--ca-file", str(tmp_path / "none")), "roots"), ("imap://127.0.0.1:1", (), "cannot be reached")):
        with pytest.raises(CliError) as no:
            bring(house, user, url, *more, there="bert")
        assert want in no.value.text, no.value.text


def test_password_is_asked_for(house, dovecot):
    """From the terminal, never shown; without a terminal the option is named. A terminal shows how far it is."""
    i = there(dovecot, "cora")
    i.append("INBOX", None, None, crlf(1))
    i.logout()
    user = house.fresh()
    command = [BIN, "mail", "import", user, plain(dovecot), "--insecure", "--user", "cora", "--state", str(house.dir)]
    r = subprocess.run(command, capture_output=True, env=house.env(), start_new_session=True, timeout=60)
    assert r.returncode == 1 and b"--password-file" in r.stderr
    pid, fd = os.forkpty()
    if pid == 0:
        os.execve(BIN, command, house.env())
    shown = b""
    sent = False
    while True:
        try:
            part = os.read(fd, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
        if b"Password of cora" in shown and not sent:
            time.sleep(0.2)
            os.write(fd, WORD.encode() + b"\n")
            sent = True
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    assert b"imported" in shown and "ü".encode() not in shown
    assert re.search(rb"\[#+\.*\] +\d+ %, \d+ mails, \d+/s", shown), shown


@pytest.mark.limit(240)
def test_killed_and_run_again(new_house, dovecot, tmp_path):
    """kill -9 of the importer, of core and of the other server's connections: nothing twice, nothing lost."""
    h = new_house()
    h.may_die = True
    user = h.account("dora")
    n = 4000
    box = dovecot.dir / "mail/dora/Maildir"
    i = there(dovecot, "dora")
    i.select("INBOX")
    i.logout()
    for k in range(n):
        p = box / "new" / f"{1700000000 + k}.M{k}.host"
        p.write_bytes(text(k, "Zeile\n" * 200))
        os.utime(p, (1700000000 + k,) * 2)
    command = [BIN, "mail", "import", user, plain(dovecot), "--insecure", "--user", "dora", "--password-file", str(tmp_path / "w"),
               "--state", str(h.dir)]
    (tmp_path / "w").write_text(WORD)

    def count():
        try:
            i = h.imap(user)
            found = int(re.search(rb"MESSAGES (\d+)", i.status("INBOX", "(MESSAGES)")[1][0])[1])
            i.logout()
            return found
        except (imaplib.IMAP4.error, OSError):       # core is starting
            return -1
    interrupted = 0
    for who in ("cli", "core", "cli"):
        before = wait_for(lambda: count() + 1, 20) - 1
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=h.env())
        wait_for(lambda: count() > before or p.poll() is not None, 60, 0.01)
        if who == "cli":
            p.kill()
        else:
            h.kill_core()
        p.communicate(timeout=60)
        interrupted += p.returncode != 0
        h.wait_running()
        wait_for(lambda: count() >= 0, 20)
    assert interrupted
    r = h.cli(*command[1:-2], timeout=120)
    assert r["imported"] + r["there_already"] == n
    got = everything(h, user)["INBOX"]
    assert len(got) == n and len({x[2] for x in got}) == n
    assert h.cli_raw("store", "check", timeout=120).returncode == 0


# ---- servers that are not to be trusted ----

class Liar:
    """One mailbox of scripted mails. on(n-th connection, command words) gives bytes to say instead, None: behave; ... : hang up."""

    def __init__(self, mails, on=lambda n, words: None, greeting=b"* OK hello\r\n", caps=b"IMAP4rev1 AUTH=PLAIN SASL-IR", validity=7):
        self.mails, self.on, self.greeting, self.caps, self.validity = mails, on, greeting, caps, validity
        self.connections, self.commands = 0, []
        self.s = socket.create_server(("127.0.0.1", 0))
        self.port = self.s.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(c, self.connections), daemon=True).start()

    def rows(self, words, uid):
        out = b""
        for part in words.split(b","):
            lo, _, hi = part.partition(b":")
            for k, m in enumerate(self.mails, 1):
                here = m[0] if uid else k
                if int(lo) <= here <= int(hi or lo):
                    out += b"* %d FETCH (UID %d " % (k, m[0])
                    out += b"BODY[] {%d}\r\n%s" % (len(m[1]), m[1]) if uid else \
                        b'FLAGS (\\Seen) INTERNALDATE "24-Dec-1999 10:00:00 +0000" RFC822.SIZE %d' % (m[2] if len(m) > 2 else len(m[1]))
                    out += b")\r\n"
        return out

    def answer(self, words):
        verb = words[0].upper() if words else b""
        if verb == b"CAPABILITY":
            return b"* CAPABILITY " + self.caps + b"\r\n"
        if verb == b"LIST":
            return b'* LIST () "/" INBOX\r\n'
        if verb == b"STATUS":
            return b"* STATUS INBOX (MESSAGES %d)\r\n" % len(self.mails)
        if verb == b"EXAMINE":
            return b"* %d EXISTS\r\n* OK [UIDVALIDITY %d] ok\r\n" % (len(self.mails), self.validity)
        if verb == b"FETCH":
            return self.rows(words[1], False)
        if verb == b"UID":
            return self.rows(words[2], True)
        return b""

    def serve(self, c, n):
        try:
            c.sendall(self.greeting)
            f = c.makefile("rb")
            for line in f:
                tag, *words = line.split()
                self.commands.append(b" ".join(words))
                said = self.on(n, words)
                if said is ...:
                    break
                c.sendall(said.replace(b"TAG", tag) if said is not None else self.answer(words) + tag + b" OK done\r\n")
        except OSError:
            pass
        c.close()

    @property
    def url(self):
        return f"imap://127.0.0.1:{self.port}"


def some(n, first=1):
    return [(k, crlf(k)) for k in range(first, first + n)]


def test_server_that_hangs_up(house):
    """The connection breaks in the middle, twice; one mail costs it every time and is named; all others come, once."""
    def on(n, words):
        if words[:2] == [b"UID", b"FETCH"]:
            if n <= 2:
                return liar.rows(words[2], True)[:6000 * n]
            if b"777" in words[2].split(b","):
                return ... if n % 2 else b"* BYE I cannot\r\n"
        return None
    liar = Liar(some(600) + [(777, crlf(777))] + some(50, 800), on)
    serve = liar.serve

    def cut(c, n):
        if n <= 2:
            threading.Timer(1.5, lambda: c.shutdown(socket.SHUT_RDWR)).start()
        serve(c, n)
    liar.serve = cut
    user = house.fresh()
    r = bring(house, user, liar.url)
    assert r["imported"] == 650 and r["there_already"] == 0, r
    assert r["skips"] == [{"file": "INBOX, UID 777", "why": "the other server hangs up instead"}]
    assert len(everything(house, user)["INBOX"]) == 650
    assert not [c for c in liar.commands if c.startswith((b"SELECT", b"STORE", b"UID STORE"))], "nothing is changed there"
    again = Liar(liar.mails)
    r = bring(house, user, again.url)
    assert (r["imported"], r["there_already"]) == (1, 650), "the same mailbox, wherever it answers"


def test_mails_go_while_the_line_is_down(house):
    """Numbers move up between two connections: what was not brought yet is found all the same."""
    def on(n, words):
        if n == 1 and words[0] == b"FETCH" and words[1].startswith(b"501:"):
            del liar.mails[:700]
            return ...
        return None
    liar = Liar(some(1200), on)
    user = house.fresh()
    r = bring(house, user, liar.url)
    assert r["imported"] == 1000 and r["there_already"] == r["skipped"] == 0, r
    liar.mails.clear()
    liar.mails.extend(some(3, 9000))
    def anew(n, words):
        if n > 2 and words[0] == b"EXAMINE":
            liar.validity += 1
        return ... if words[:2] == [b"UID", b"FETCH"] and n < 4 else None
    liar.on = anew
    r = bring(house, user, liar.url)
    assert r["imported"] == 0 and "made anew" in r["skips"][0]["why"]
    assert bring(house, user, liar.url)["imported"] == 3


def test_lies_about_sizes(house):
    """Announced too large: named. Larger than announced, wrong literals, no body at all: named, the rest comes."""
    def on(n, words):
        if words[:2] == [b"UID", b"FETCH"]:
            uids = words[2].split(b",")
            if b"3" in uids:
                return b"* 3 FETCH (UID 3 BODY[] {4000000000}\r\nx"
            if b"4" in uids:
                return b"* 4 FETCH (UID 4 BODY[] {3}\r\nSubject: longer\r\n\r\n)\r\nTAG OK\r\n"
            if uids == [b"5"]:
                return b"* 5 FETCH (UID 5 BODY[] NIL)\r\nTAG OK done\r\n"
            if uids == [b"6"]:
                return b"TAG NO [SERVERBUG] broken\x1b[2J mail\r\n"
            if b"6" in uids:
                return b"TAG NO no\r\n"
        return None
    mails = [(1, crlf(1)), (2, crlf(2), 200 << 20)] + some(4, 3) + some(3, 7)
    user = house.fresh()
    r = bring(house, user, Liar(mails, on).url)
    why = {s["file"].removeprefix("INBOX, UID "): s["why"] for s in r["skips"]}
    assert why == {"2": "too large", "3": "too large", "4": "the other server hangs up instead", "5": "empty",
                   "6": "[SERVERBUG] broken?[2J mail"}, r
    assert r["imported"] == 4 and len(everything(house, user)["INBOX"]) == 4


LONG = b"* LIST () \"/\" " + b"x" * (2 << 20)


@pytest.mark.parametrize("name, said, want", [
    ("no IMAP", {"greeting": b"220 smtp.example.net ESMTP\r\n"}, "cannot be read"),
    ("full", {"greeting": b"* BYE too many\r\n"}, "too many"),
    ("endless line", {"LIST": LONG}, "cannot be read"),
    ("endless list", {"LIST": b'* LIST () "/" x\r\n' * 10002 + b"TAG OK\r\n"}, "too many folders"),
    ("literal beyond all bounds", {"LIST": b'* LIST () "/" {999999999}\r\n'}, "cannot be read"),
    ("wrong tag", {"LIST": b"other OK done\r\n"}, "cannot be read"),
    ("silence", {"LIST": b""}, "does not answer"),
    ("no LOGIN", {"caps": b"IMAP4rev1 LOGINDISABLED"}, "no way of signing in"),
    ("asks on", {"AUTHENTICATE": b"+ more\r\nTAG NO no\r\n"}, "refuses"),
    ("no STARTTLS", {"caps": b"IMAP4rev1 STARTTLS", "STARTTLS": b"TAG NO not today\r\n"}, "STARTTLS"),
])
def test_broken_servers(house, name, said, want):
    """A clear end within bounds."""
    liar = Liar(some(3), lambda n, words: said.get(words[0].decode().upper()) if words else None,
                **{k: v for k, v in said.items() if k in ("greeting", "caps")})
    began = time.monotonic()
    with pytest.raises(CliError) as no:
        bring(house, house.fresh(), liar.url, "--patience", "2")
    assert want in no.value.text and time.monotonic() - began < 30, no.value.text


def test_counts_that_are_not_true(house):
    """More mails counted than there are, FETCH for others, numbers out of range, an EXPUNGE in between: no loop, nothing twice."""
    def on(n, words):
        if words[0] == b"EXAMINE":
            return b"* 4294967295 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\nTAG OK done\r\n"
        if words[0] == b"FETCH" and words[1].startswith(b"1:"):
            return b"* 99999 FETCH (UID 1)\r\n" + liar.rows(b"1:9", False) * 2 + b"TAG OK done\r\n"
        if words[:2] == [b"UID", b"FETCH"]:
            return b"* 2 EXPUNGE\r\n" + liar.rows(words[2], True) * 2 + b"* 7 FETCH (UID 70 BODY[] {3}\r\na:b)\r\nTAG OK done\r\n"
        return None
    liar = Liar(some(9), on)
    user = house.fresh()
    r = bring(house, user, liar.url)
    assert r["imported"] == 9 and [s["why"] for s in r["skips"]] == ["the other server does not give the mails it counts"], r
    assert len(everything(house, user)["INBOX"]) == 9


def test_without_lasting_numbers(house):
    """UIDNOTSTICKY: the mail's own octets name it."""
    def on(n, words):
        if words[0] == b"EXAMINE":
            return b"* 5 EXISTS\r\n* OK [UIDVALIDITY %d] ok\r\n* NO [UIDNOTSTICKY] x\r\nTAG OK done\r\n" % liar.validity
        return None
    liar = Liar(some(5), on)
    user = house.fresh()
    assert bring(house, user, liar.url)["imported"] == 5
    liar.validity, liar.mails = 8, [(k + 100, m) for k, m in some(6)][:5]
    r = bring(house, user, liar.url)
    assert (r["imported"], r["there_already"]) == (0, 5)


def test_other_peoples_folders(house):
    """Of the namespaces only one's own; a view of all mail is named, and brought where it is asked for."""
    def on(n, words):
        if words[0] == b"NAMESPACE":
            return b'* NAMESPACE (("" "/")) (("Others/" "/")) (("Public/" "/"))\r\nTAG OK\r\n'
        if words[0] == b"LIST":
            return b'* LIST () "/" INBOX\r\n* LIST (\\All) "/" {8}\r\nAll Mail\r\n* LIST () "/" Others/boss\r\n' \
                b'* LIST () "/" Public/x\r\n* LIST () "." a/b.c\r\n* LIST (\\Noselect) "/" "nur Ebene"\r\nTAG OK\r\n'
        return None
    liar = Liar(some(2), on, caps=b"IMAP4rev1 AUTH=PLAIN SASL-IR NAMESPACE")
    user = house.fresh()
    r = bring(house, user, liar.url)
    assert r["imported"] == 4 and r["skips"] == [{"file": "All Mail", "why": "a view of other folders' mails; --folder brings it"}]
    assert not [c for c in liar.commands if b"Others" in c or b"Public" in c]
    assert bring(house, user, liar.url, "--folder", "All Mail")["imported"] == 2
    assert len(everything(house, user)["All Mail"]) == 2 and len(everything(house, user)["a_b/c"]) == 2
