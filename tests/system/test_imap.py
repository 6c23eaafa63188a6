"""IMAP over raw sockets: notices, resynchronisation, and what strangers may send."""
import base64
import re
import ssl
import time

import pytest

from house import mail, wait_for
from rawimap import Imap


def test_greeting_and_capabilities(house):
    with Imap(house.port("imap")) as i:
        assert i.greeting.startswith(b"* OK [CAPABILITY ")
    with Imap.login(house, house.fresh()) as i:
        words = i.ok("CAPABILITY").find(rb"CAPABILITY (.*)\r")[1].decode().split()
    for w in ("IMAP4rev2 IMAP4rev1 IDLE LITERAL+ SASL-IR ENABLE ID NAMESPACE UNSELECT UIDPLUS MOVE MULTIAPPEND CONDSTORE "
              "QRESYNC ESEARCH SEARCHRES LIST-EXTENDED LIST-STATUS SPECIAL-USE STATUS=SIZE QUOTA OBJECTID").split():
        assert w in words or (w == "LITERAL+" and "LITERAL-" in words), w


@pytest.mark.limit(90)
def test_idle_on_two_connections_within_a_second(house):
    anna = house.fresh()
    with Imap.login(house, anna) as a, Imap.login(house, anna, tls=True) as b:
        tags = []
        for i in (a, b):
            i.ok("SELECT INBOX")
            tags.append(i.idle())
        start = time.monotonic()
        house.deliver(anna)
        for i in (a, b):
            while b" EXISTS" not in i.line():
                pass
        assert time.monotonic() - start < 1.0
        # A flag set in one is seen by the other in its IDLE
        assert a.done(tags[0]).status == "OK"
        start = time.monotonic()
        a.ok("STORE 1 +FLAGS (\\Flagged)")
        while b"\\Flagged" not in b.line():
            pass
        assert time.monotonic() - start < 1.0
        a.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        a.ok("EXPUNGE")
        while b" EXPUNGE" not in b.line():
            pass
        assert b.done(tags[1]).status == "OK"


def test_idle_wants_done(house):
    with Imap.login(house, house.fresh()) as i:
        i.ok("SELECT INBOX")
        tag = i.idle()
        i.send("FERTIG\r\n")
        assert i.until(tag).status == "BAD"
        i.ok("NOOP")


def test_condstore_and_qresync(house):
    anna = house.fresh()
    with Imap.login(house, anna) as a:
        for n in range(6):
            a.append("INBOX", mail(f"Nr {n}"))
        s = a.ok("SELECT INBOX (CONDSTORE)")
        validity = s.find(rb"UIDVALIDITY (\d+)")[1].decode()
        modseq = s.find(rb"HIGHESTMODSEQ (\d+)")[1].decode()
        with Imap.login(house, anna) as b:
            b.ok("SELECT INBOX")
            b.ok("STORE 2 +FLAGS (\\Seen)")
            b.ok("STORE 4,6 +FLAGS.SILENT (\\Deleted)")
            b.ok("EXPUNGE")
        a.ok("NOOP")
        changed = a.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})")
        assert len([u for u in changed.untagged if b"FETCH" in u]) == 1 and changed.find(rb"UID 2\b.*MODSEQ")
        old = a.cmd(f"UID STORE 2 (UNCHANGEDSINCE {modseq}) +FLAGS (\\Flagged)")
        assert b"[MODIFIED 2]" in old.text, old
        assert not a.ok("FETCH 2 (FLAGS)").find(rb"Flagged")
    with Imap.login(house, anna) as c:
        c.ok("ENABLE QRESYNC")
        s = c.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq}))")
        assert s.find(rb"VANISHED \(EARLIER\) 4,6"), s
        assert s.find(rb"UID 2\b.*\\Seen|\\Seen.*UID 2\b"), s
        assert not s.find(rb"UID 1\b.*FLAGS")


def test_append_copy_move_uidplus(house):
    anna = house.fresh()
    with Imap.login(house, anna) as i:
        a = i.append("INBOX", mail("eins"), b"\\Seen $Wichtig")
        assert re.search(rb"\[APPENDUID \d+ 1\]", a.text), a
        one, two = mail("m1"), mail("m2")
        m = i.cmd(b"APPEND INBOX {%d+}\r\n%s {%d+}\r\n%s" % (len(one), one, len(two), two))
        assert re.search(rb"\[APPENDUID \d+ 2:3\]", m.text), m
        assert b"[TRYCREATE]" in i.append("Gibtsnicht", mail()).text
        i.ok("SELECT INBOX")
        i.ok("CREATE Ablage")
        assert re.search(rb"\[COPYUID \d+ 1 1\]", i.ok("COPY 1 Ablage").text)
        moved = i.ok("MOVE 2 Ablage")
        assert moved.find(rb"\[COPYUID \d+ 2 2\]") and moved.find(rb"2 EXPUNGE")
        i.ok("SELECT Ablage")
        assert i.ok("FETCH 1 (FLAGS)").find(rb"\$Wichtig.*|\\Seen")
        assert i.ok("STATUS INBOX (MESSAGES UNSEEN SIZE UIDNEXT)").find(rb"MESSAGES 2")
        assert i.ok("UID SEARCH RETURN (MIN MAX COUNT ALL) ALL").find(rb"ESEARCH.*UID.*COUNT 2")
        i.ok("SEARCH RETURN (SAVE) SUBJECT m1")
        assert i.ok("FETCH $ (ENVELOPE)").find(rb'"m1"')


def test_multiappend_is_all_or_nothing(house):
    anna = house.fresh()
    house.cli("account", "limits", anna, "--messages", "2")
    with Imap.login(house, anna) as i:
        texts = b" ".join(b"{%d+}\r\n%s" % (len(t), t) for t in (mail("1"), mail("2"), mail("3")))
        assert i.cmd(b"APPEND INBOX " + texts).status == "NO"
        assert i.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0")


def test_body_parts(house):
    anna = house.fresh()
    data = bytes(range(256)) * 1000
    with Imap.login(house, anna) as i:
        text = mail("Teile", "Grüße\r\n", attach=("Überblick.bin", data))
        i.append("INBOX", text)
        i.ok("SELECT INBOX")
        b = i.ok("FETCH 1 (BODYSTRUCTURE BODY.PEEK[2])")
        part = b.find(rb"BODY\[2\] \{(\d+)\}\r\n")
        whole = [u for u in b.untagged if b"BODY[2]" in u][0]
        at = whole.index(part[0]) + len(part[0])
        assert base64.b64decode(whole[at:at + int(part[1])]) == data
        assert all(x < 128 for x in b.untagged[0].split(b"BODY[2]")[0])
        part = i.ok("FETCH 1 (BODY.PEEK[]<100.50>)").find(rb"BODY\[\]<100> \{50\}\r\n(.{50})")
        assert part[1] == text[100:150]
        assert i.ok("FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)])").find(rb"Subject: Teile")
        assert not i.ok("FETCH 1 (FLAGS)").find(rb"Seen")
        i.ok("FETCH 1 (BODY[1])")
        assert i.ok("FETCH 1 (FLAGS)").find(rb"Seen")


@pytest.mark.parametrize("subject, word", [("Größe", "größe"), ("Größe", "GRÖSSE"), ("Äpfel & Öl", "äpfel"), ("naïve", "naïve")])
def test_search_folds(house, subject, word):
    anna = house.fresh()
    with Imap.login(house, anna) as i:
        i.append("INBOX", mail(subject, subject + " im Text\r\n"))
        latin = (b"Subject: =?iso-8859-1?q?" + b"".join(b"=%02X" % c for c in subject.encode("latin-1")) +
                 b"?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n" + subject.encode("latin-1") + b"\r\n")
        i.append("INBOX", latin)
        i.append("INBOX", mail("anderes", "anderes\r\n"))
        i.ok("SELECT INBOX")
        w = word.encode()
        for key in (b"SUBJECT", b"BODY", b"TEXT"):
            a = i.ok(b"SEARCH CHARSET UTF-8 %s {%d+}\r\n%s" % (key, len(w), w))
            assert a.find(rb"SEARCH 1 2\r"), (key, a)


def test_list_wildcards_are_cheap(house):
    with Imap.login(house, house.fresh()) as i:
        i.ok("CREATE " + "a" * 120)
        start = time.monotonic()
        for pattern, n in (("%*" * 60 + "x", 1), ("*" * 200, 7), ("%a" * 100 + "b", 0), ("*a" * 80 + "z", 0)):
            assert len(i.ok(f'LIST "" "{pattern}"').untagged) == n, "INBOX ends with x"
        assert time.monotonic() - start < 3


DEEP = "BAD Too many arguments or too many parentheses"
NONE = "BAD Command missing or malformed"


@pytest.mark.parametrize("line,answer", [
    (b"FETCH " + b"(" * 5000, DEEP), (b"SEARCH " + b"(" * 3000 + b"ALL" + b")" * 3000, DEEP), (b"LIST " + b"(" * 1000, DEEP),
    (b"ID (" + b'"a" "b" ' * 5000 + b")", DEEP), (b"X" * 20000, NONE), (b"SELECT \"\0\"", "BAD Quoted string without end"),
    (b"SELECT {5}x", "BAD Malformed literal"), (b"FETCH 0:0 FLAGS", "BAD Bad sequence set"),
    (b"FETCH 1:99999999999999 FLAGS", "BAD Bad sequence set"), (b"FETCH 99 FLAGS", "BAD No message has this number"),
    (b"STORE 1 FLAGS", "BAD Flags expected"), (b"LOGIN", "BAD Already signed in"), (b"", NONE),
    (b"SEARCH CHARSET KLINGON ALL",
     "NO [BADCHARSET (UTF-8 US-ASCII ISO-8859-1 ISO-8859-15 WINDOWS-1252)] Unknown charset"),
    (b"FETCH 1 BODY[", "BAD Section without end"), (b"FETCH 1 BODY[1.1.1.1.1.1.1.1.1.99999999999]", "BAD Bad part number"),
    (b"APPEND INBOX {10", "BAD Malformed literal"), (b"SEARCH " + b"OR ALL " * 3000 + b"ALL", DEEP),
    (b"SEARCH " + b"NOT " * 5000 + b"ALL", DEEP), (b"FETCH 1 (FLAGS", "BAD Closing parenthesis missing"),
    (b"STATUS INBOX (X)", "BAD Unknown STATUS item"), (b"UID", NONE), (b"UID NOOP", "BAD Unknown command"),
    (b"\xff\xfe\xfd", NONE),
])
def test_bad_commands(house, line, answer):
    with Imap.login(house, house.shared_user) as i:
        i.ok("SELECT INBOX")
        a = i.cmd(line)
        assert f"{a.status} {a.text.decode()}" == answer and not a.untagged
        i.ok("NOOP")


@pytest.fixture(autouse=True)
def shared_user(house):
    if not hasattr(house, "shared_user"):
        house.shared_user = house.fresh("gemeinsam")
        with Imap.login(house, house.shared_user) as i:
            assert i.append("INBOX", b"Subject: eins\r\n\r\neins\r\n").status == "OK"


@pytest.mark.parametrize("line,answer", [
    (b"a ID (" + b'"x" "y" ' * 3000 + b")", "a BAD Command line too long"),
    (b"a ID (" + b'"x" "y" ' * 31 + b")", "a BAD ID is too long"), (b"a LOGIN " + b"(" * 4000, "a " + DEEP),
    (b"a" * 70000, "* BAD Command line too long"), (b"a LOGIN {4294967296}", "a BAD Literal too large"),
    (b"a LOGIN {99999999999999999999}", "a BAD Literal too large"), (b"a LOGIN {1000000}", "a BAD Literal too large"),
    (b"a LOGIN {8193}", "a BAD Literal too large"), (b"a LOGIN {8192}", "+ OK"),
    (b"a LOGIN {10000000+}", "a BAD Literal too large"), (b"a LOGIN x {60000000}", "a BAD Literal too large"),
    (b"a AUTHENTICATE PLAIN !!!!", "a BAD Not base64"), (b"a AUTHENTICATE PLAIN =", "a BAD Malformed PLAIN message"),
    (b"\0\0\0", "* BAD Tag missing or malformed"), (b'a LIST "" ' + b"%*" * 2000, "a BAD Please sign in first"),
    (b"* OK", "* BAD Tag missing or malformed"), (b"a SELECT INBOX", "a BAD Please sign in first"),
    (b"a AUTHENTICATE NIX", "a NO [CANNOT] Unknown mechanism"), (b"", "* BAD Tag missing or malformed"),
])
def test_bad_before_login(house, line, answer):
    """Refused with the right words, and the next stranger is served."""
    with Imap(house.port("imap")) as i:
        i.send(line + b"\r\n")
        assert i.line().decode() == answer + "\r\n"
    with Imap(house.port("imap")) as i:
        i.ok("NOOP")


def test_append_too_big_is_refused_before_it_is_sent(house):
    with Imap.login(house, house.shared_user) as i:
        i.send(b"a APPEND INBOX {268435457}\r\n")
        assert i.line() == b"a BAD Literal too large\r\n"
        i.send(b"b APPEND INBOX {268435456}\r\n")  # fits the line, not the room of one gate for one address
        assert i.line() == b"b NO [LIMIT] No room for this message now, try again later\r\n"
        i.ok("NOOP")


@pytest.mark.limit(40)
def test_too_many_bad_commands(house):
    with Imap(house.port("imap")) as i:
        for _ in range(20):
            i.send("x QUATSCH\r\n")
            assert i.line() == b"x BAD Unknown command\r\n"
        assert i.cmd("NOOP").status == "OK", "20 are forgiven"
        i.send("x QUATSCH\r\n")
        assert i.line() == b"x BAD Unknown command\r\n"
        assert i.line() == b"* BYE Too many errors\r\n"
        assert i.line() == b""


def test_nul_in_append(house):
    with Imap.login(house, house.shared_user) as i:
        a = i.append("INBOX", b"Subject: n\r\n\r\na\0b\r\n")
        assert a.status == "BAD" and a.text == b"A literal with NUL has to be a literal8"
        i.ok("NOOP")


def test_starttls_discards_what_came_in_clear(house):

    with Imap(house.port("imap")) as i:
        i.send("a STARTTLS\r\nb LOGOUT\r\n")
        assert i.line().startswith(b"a OK")
        c = ssl.create_default_context()
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE
        i.s = c.wrap_socket(i.s, server_hostname="mail.example.org")
        i.f = i.s.makefile("rb")
        i.send("c NOOP\r\n")
        assert i.line().startswith(b"c OK"), "the injected LOGOUT was obeyed"


def test_authenticate_forms(house):
    anna = house.shared_user
    word = base64.b64encode(f"\0{anna}\0{house.accounts[anna]}".encode())
    with Imap(house.port("imap")) as i:
        i.ok(b"AUTHENTICATE PLAIN " + word)
    with Imap(house.port("imap")) as i:
        tag = i.start("AUTHENTICATE PLAIN")
        assert i.line().startswith(b"+")
        i.send(b"*\r\n")
        assert i.until(tag).status == "BAD"
        tag = i.start("AUTHENTICATE PLAIN")
        i.line()
        i.send(word + b"\r\n")
        assert i.until(tag).status == "OK"
        assert i.cmd(b"AUTHENTICATE PLAIN " + word).status == "BAD"


def test_many_connections_of_one_account(house):
    """At the limit per account there is an answer, and the others go on."""
    anna = house.fresh()
    open_ = []
    try:
        for _ in range(80):
            i = Imap(house.port("imap"))
            open_.append(i)
            a = i.cmd(f"LOGIN {anna} {house.accounts[anna]}")
            assert a.status in ("OK", "NO", "GONE"), a
        assert open_[0].cmd("NOOP").status == "OK"
        with Imap.login(house, house.fresh()) as other:
            other.ok("NOOP")
    finally:
        for i in open_:
            i.close()


def test_fetch_while_slow_reader(house):
    """Somebody who asks for much and reads nothing blocks nobody."""
    anna = house.fresh()
    with Imap.login(house, anna) as i:
        big = mail(body=("z" * 70 + "\r\n") * 10000)
        for _ in range(10):
            i.append("INBOX", big)
        i.ok("SELECT INBOX")
        for _ in range(5):
            i.start("FETCH 1:* (BODY.PEEK[])")
        start = time.monotonic()
        bernd = house.fresh()
        house.deliver(bernd)
        house.wait_mail(bernd)
        assert time.monotonic() - start < 5


def test_namespace_special_use_objectid(house):
    anna = house.account("sonder" + house.fresh()[1:7], None, None, "--language", "de")
    with Imap.login(house, anna) as i:
        assert i.ok("NAMESPACE").find(rb'NAMESPACE \(\("" "/"\)\) NIL \(\("shared/" "/"\)\)')
        a = i.ok('LIST "" "*"')
        assert a.find(rb'\\Drafts.*"?Entw&APw-rfe"?') and a.find(rb"\\Trash.*Papierkorb") and a.find(rb"\\Sent.*Gesendet")
        assert i.ok("SELECT INBOX").find(rb"\[MAILBOXID \(\S+\)\]")
        i.append("INBOX", mail())
        assert i.ok("FETCH 1 (EMAILID)").find(rb"EMAILID \(\S+\)")
        assert i.ok('LIST "" "*" RETURN (STATUS (MESSAGES))').find(rb"STATUS \"?INBOX\"? \(MESSAGES 1\)")


def test_everything_of_a_new_mail_is_right(house):
    anna = house.fresh()
    text = mail("Alles", "Zeile\r\n")
    house.deliver(anna, text)
    got = house.wait_mail(anna)[0]
    with Imap.login(house, anna) as i:
        i.ok("SELECT INBOX")
        assert int(i.ok("FETCH 1 (RFC822.SIZE)").find(rb"RFC822.SIZE (\d+)")[1]) == len(got)
        wait_for(lambda: i.ok("FETCH 1 (INTERNALDATE)").find(rb'INTERNALDATE "[ \d]\d-\w{3}-\d{4} '))
