"""SMTP as the RFCs have it, good and bad input, over raw sockets."""
import base64
import socket

import pytest

from house import mail, wait_for
from rawimap import Imap
from rawsmtp import Smtp


def auth_plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


@pytest.fixture
def s(house):
    with Smtp(house.port("smtp")) as c:
        yield c


def test_capabilities(house, s):
    for word in ("PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "STARTTLS", "CHUNKING", "BINARYMIME",
                 "SMTPUTF8", "DSN", "LIMITS"):
        assert word in s.caps, s.caps
    assert "AUTH" not in s.caps, "no AUTH on port 25"
    with Smtp(house.port("submissions"), tls=True) as t:
        assert "AUTH" in t.caps and "PLAIN" in t.caps and "SCRAM-SHA-256" in t.caps and "STARTTLS" not in t.caps


def test_pipelining(house, s):
    anna = house.fresh()
    s.send(f"MAIL FROM:<a@example.net>\r\nRCPT TO:<{anna}>\r\nRCPT TO:<niemand@example.org>\r\nDATA\r\n")
    assert [s.reply()[0] for _ in range(4)] == [250, 250, 550, 354]
    s.send("Subject: x\r\n\r\nHallo\r\n.\r\nNOOP\r\nQUIT\r\n")
    assert [s.reply()[0] for _ in range(3)] == [250, 250, 221]
    assert s.over()
    house.wait_mail(anna)


def test_order_of_commands(s):
    assert s.cmd("RCPT TO:<a@example.org>")[0] == 503
    assert s.cmd("DATA")[0] == 503
    assert s.cmd("BDAT 0 LAST")[0] == 503
    assert s.cmd("MAIL FROM:<a@example.net>")[0] == 250
    assert s.cmd("MAIL FROM:<a@example.net>")[0] == 503
    assert s.cmd("DATA")[0] == 554
    assert s.cmd("RSET")[0] == 250


@pytest.mark.parametrize("line, answer", [
    ("MAIL FROM:a@example.net", "501 5.1.7"), ("MAIL FROM:<a@example.net> SIZE=x", "501 5.5.4"),
    ("MAIL FROM:<a@example.net> BODY=9BIT", "501 5.5.4"), ("MAIL FROM:<a@example.net> FOO=1", "555 5.5.4"),
    ("MAIL FROM:<a@@example.net>", "501 5.1.7"), ("MAIL FROM:<" + "a" * 65 + "@example.net>", "501 5.1.7"),
    ("MAIL FROM:<a@example.net> SIZE=99999999999", "552 5.3.4"), ("FOO", "500 5.5.2"), ("HELO", "501 5.5.4"),
    ("", "500 5.5.2"), ("VRFY postmaster", "252 2.1.5"), ("EXPN alle", "502 5.5.1"), ("EHLO", "501 5.5.4"),
    ("ETRN x", "500 5.5.2"), ("AUTH PLAIN", "502 5.5.1"), ("MAIL FROM:<a@example.net> RET=ALLES", "501 5.5.4"),
    ("NOOP egal", "250 2.0.0"), ("RSET x", "501 5.5.4"),
])
def test_bad_lines(s, line, answer):
    code, text = s.cmd(line)
    assert f"{code} {text.split()[0]}" == answer
    assert s.cmd("NOOP")[0] == 250


def test_null_sender_and_postmaster(house, s):
    assert s.cmd("MAIL FROM:<>")[0] == 250
    assert s.cmd("RCPT TO:<postmaster@example.org>")[0] == 250
    assert s.cmd("RCPT TO:<Postmaster>")[0] == 250


def test_delivery_makes_no_mailbox(house, s):
    """CVE-2026-40204: what a stranger writes behind the plus opens no folder and no other's mailbox."""
    anna = house.fresh()
    with Imap.login(house, anna) as i:
        before = sorted(i.ok('LIST "" "*"').untagged)
    for tag in ("Neu", "shared/vorstand@example.org/INBOX", "../../x", "INBOX/Neu"):
        local, domain = anna.split("@")
        assert s.data(f'"{local}+{tag}"@{domain}', "Subject: x\r\n\r\nx\r\n.\r\n")[0] == 250
    house.wait_mail(anna, 4)
    with Imap.login(house, anna) as i:
        assert sorted(i.ok('LIST "" "*"').untagged) == before
        assert i.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 4\)")


def test_too_long_line(s):
    s.send("NOOP " + "x" * 5000 + "\r\n")
    assert s.reply()[0] == 500
    assert s.cmd("NOOP")[0] == 250


def test_endless_line_ends_the_connection(s):
    s.send(b"y" * 70000)
    code, text = s.reply()
    assert (code, text) == (421, "4.7.0 mail.example.org Line without end, closing")
    assert s.over()


def test_too_many_errors(s):
    for _ in range(20):
        assert s.cmd("QUATSCH")[0] == 500
    assert s.cmd("NOOP")[0] == 250, "20 are forgiven"
    assert s.cmd("QUATSCH")[0] == 500
    assert s.reply() == (421, "4.7.0 mail.example.org Too many errors, closing")
    assert s.over()


def test_nul_bytes(house, s):
    assert s.cmd(b"NOOP \0\0")[0] == 500
    assert s.cmd(b"MAIL FROM:<a\0b@example.net>")[0] == 500
    anna = house.fresh()
    code, _ = s.data(anna, b"Subject: n\r\n\r\na\0b\r\n.\r\n")
    assert code == 550 and not house.fetch_all(anna)


def test_raw_eight_bit_command(s):
    assert s.cmd(b"MAIL FROM:<gr\xfc\xdfe@example.net>")[0] == 501
    assert s.cmd("NOOP")[0] == 250


SMUGGLE = [b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r", b"\r\n\0.\r\n", b"\n.\r"]


@pytest.mark.parametrize("end", SMUGGLE)
def test_smuggling(house, end):
    """What only looks like an end of data is none: the words after it are text or refused, never commands."""
    anna, bernd = house.fresh(), house.fresh()
    with Smtp(house.port("smtp")) as s:
        s.begin(anna)
        s.ok("DATA", 354)
        s.send(b"Subject: erste\r\n\r\nText" + end + b"MAIL FROM:<boese@example.net>\r\nRCPT TO:<" + bernd.encode() +
               b">\r\nDATA\r\nSubject: geschmuggelt\r\n\r\nx\r\n.\r\n")
        code, text = s.reply()
        assert code in (250, 550, 554, 500, 521, 451), text
        s.s.settimeout(0.5)
        try:
            extra = s.f.read(1)
        except (socket.timeout, TimeoutError):
            extra = b""
        assert extra == b"", "a second reply: something was smuggled"
    assert not house.fetch_all(bernd)


def test_dot_stuffing(house, s):
    anna = house.fresh()
    assert s.data(anna, b"Subject: d\r\n\r\n..\r\n..two\r\n.x\r\nend\r\n.\r\n")[0] == 250
    assert house.wait_mail(anna)[0].endswith(b"\r\n\r\n.\r\n.two\r\nx\r\nend\r\n")


def test_bytes_come_out_as_they_went_in(house):
    anna = house.fresh()
    text = mail("Anhang", "Umlaute äöü\r\n", attach=("Übersicht.pdf", bytes(range(256)) * 3000))
    house.deliver(anna, text)
    got = house.wait_mail(anna)[0]
    assert got.endswith(text), "trace lines before, then every octet as it was"


def test_bdat(house, s):
    anna = house.fresh()
    s.begin(anna)
    s.send(b"BDAT 14\r\nSubject: bdat\r")
    assert s.reply()[0] == 250
    s.send(b"BDAT 11 LAST\r\n\n\r\nHallo!\r\n")
    assert s.reply()[0] == 250
    assert house.wait_mail(anna)[0].endswith(b"Subject: bdat\r\n\r\nHallo!\r\n")


def test_bdat_without_mail_keeps_in_step(house, s):
    s.send(b"BDAT 10\r\nNOOP\r\nQUITNOOP\r\n")
    assert s.reply()[0] == 503
    assert s.reply()[0] == 250
    s.send(b"BDAT x\r\n")
    assert s.reply()[0] == 501
    s.send(b"BDAT 99999999999999999999\r\n")
    assert s.reply()[0] == 501


def test_binarymime(house, s):
    anna = house.fresh()
    s.ok("MAIL FROM:<a@example.net> BODY=BINARYMIME")
    s.ok(f"RCPT TO:<{anna}>")
    assert s.cmd("DATA")[0] == 503
    body = b"Subject: b\r\nContent-Transfer-Encoding: binary\r\n\r\na\0\n\rb"
    s.send(b"BDAT %d LAST\r\n%s" % (len(body), body))
    assert s.reply()[0] == 250


def test_size_limit(house, s):
    limit = [int(c.split()[1]) for c in s.caps.splitlines() if c.startswith("SIZE ")][0]
    assert s.cmd(f"MAIL FROM:<a@example.net> SIZE={limit + 1}")[0] == 552


def test_many_recipients(house, s):
    anna = house.fresh()
    s.ok("MAIL FROM:<a@example.net>")
    codes = {s.cmd(f"RCPT TO:<{anna.replace('@', '+%d@' % n)}>")[0] for n in range(100)}
    assert codes == {250}
    more = [s.cmd(f"RCPT TO:<{anna.replace('@', '+x%d@' % n)}>")[0] for n in range(3000)]
    assert more[-1] == 452, "bounded"


def test_huge_header_does_not_stop_delivery(house, s):
    """Crafted headers: many parameters, deep nesting, endless references."""
    anna = house.fresh()
    deep = "".join(f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(500))
    evil = [
        "Content-Type: text/plain; " + "; ".join(f"x*{n}*=%41" for n in range(3000)) + "\r\n\r\nx\r\n",
        "References: " + "\r\n ".join(f"<{n}@x>" for n in range(4000)) + "\r\n\r\nx\r\n",
        "Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + deep,
        "To: " + "(" * 900 + "\r\n\r\nx\r\n",
        "Subject: " + "=?utf-8?q?=" * 80 + "\r\nContent-Type: ;;;===\r\n\r\nx\r\n",
        "\r\n", " \r\n", "kein Header\r\n\r\n", "X: " + "a" * 990 + "\r\n\r\n" + "b" * 990 + "\r\n",
        "".join(f"X-{n}: v\r\n" for n in range(5000)) + "\r\nx\r\n",
    ]
    taken = 0
    for text in evil:
        text = "\r\n".join(part[i:i + 900] for part in text.split("\r\n") for i in range(0, max(1, len(part)), 900))
        code, _ = s.data(anna, text.encode() + b"\r\n.\r\n")
        assert code in (250, 550, 552, 554), code
        taken += code == 250
    assert house.deliver(anna) == {}
    wait_for(lambda: len(house.fetch_all(anna)) == taken + 1)
    with Imap.login(house, anna) as i:
        i.ok("SELECT INBOX")
        i.ok("FETCH 1:* (ENVELOPE BODYSTRUCTURE FLAGS)")
        i.ok("SEARCH TEXT x")


def test_starttls_discards_what_came_in_clear(house):
    """Commands sent in the same packet as STARTTLS must not count after the handshake."""
    with Smtp(house.port("submission")) as s:
        s.send("STARTTLS\r\nRSET\r\nNOOP\r\nMAIL FROM:<boese@example.net>\r\n")
        assert s.reply()[0] == 220
        s.s.settimeout(5)
        s.tls()
        s.send("NOOP\r\n")
        assert s.reply()[0] == 250
        s.s.settimeout(0.5)
        with pytest.raises((socket.timeout, TimeoutError)):
            s.f.read(1)


def test_starttls_forgets_ehlo(house):
    with Smtp(house.port("smtp")) as s:
        s.ok("STARTTLS", 220)
        s.tls()
        assert s.cmd("STARTTLS")[0] == 503
        assert s.cmd("EHLO again.example.net")[0] == 250


def test_auth_junk(house):
    anna = house.fresh()
    with Smtp(house.port("submissions"), tls=True) as s:
        assert s.cmd("MAIL FROM:<" + anna + ">")[0] == 530
        assert s.cmd("AUTH")[0] == 501
        assert s.cmd("AUTH GIBTSNICHT")[0] == 504
        assert s.cmd("AUTH PLAIN !!!!")[0] == 501
        assert s.cmd("AUTH PLAIN " + base64.b64encode(b"nur eins").decode())[0] == 501
        assert s.cmd("AUTH PLAIN")[0] == 334
        assert s.cmd("*")[0] == 501
        assert s.cmd("AUTH LOGIN")[0] == 334
        assert s.cmd("=")[0] == 501
    with Smtp(house.port("submissions"), tls=True) as s:
        s.send("AUTH PLAIN\r\n")
        assert s.reply()[0] == 334
        s.send(b"A" * 20000 + b"\r\n")
        assert s.reply()[0] == 501
    with Smtp(house.port("submissions"), tls=True) as s:
        assert s.cmd(auth_plain(anna, house.accounts[anna]))[0] == 235
        assert s.cmd(auth_plain(anna, house.accounts[anna]))[0] == 503


def test_junk_in_auth_blocks_nobody(house):
    anna = house.fresh()
    bad = [Smtp(house.port("submissions"), tls=True) for _ in range(8)]
    for b in bad:
        b.send("AUTH PLAIN\r\n")
        b.reply()
        b.send("%%%%\r\n")
    house.submit(anna, anna)
    for b in bad:
        b.close()


@pytest.mark.limit(40)
def test_guessing_ends_the_connection(house):
    anna = house.fresh()
    with Smtp(house.port("submissions"), tls=True) as s:
        codes = []
        for _ in range(6):
            code, _ = s.cmd(auth_plain(anna, "falsch"))
            codes.append(code)
            if code in (0, 421):
                break
        assert codes == [535] * 5 + [421], codes


def test_submission_adds_date_and_message_id(house):
    anna = house.fresh()
    house.submit(anna, anna, message=f"From: {anna}\r\nSubject: karg\r\n\r\nx\r\n".encode())
    m = house.wait_mail(anna)[0]
    assert b"\r\nDate: " in m and b"\r\nMessage-ID: <" in m and b"<<" not in m


def test_loop_is_noticed(house, s):
    anna = house.fresh()
    code, _ = s.data(anna, "".join("Received: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\n" for _ in range(120)) +
                     "\r\nx\r\n.\r\n")
    assert code == 554


def test_lmtp(house):
    anna, bernd = house.fresh(), house.fresh()
    with Smtp(house.port("lmtp"), ehlo=None) as s:
        assert s.cmd("EHLO x")[0] == 500
        s.ok("LHLO x.example.net")
        s.ok("MAIL FROM:<a@example.net>")
        s.ok(f"RCPT TO:<{anna}>")
        assert s.cmd("RCPT TO:<niemand@example.org>")[0] == 550
        s.ok(f"RCPT TO:<{bernd}>")
        s.ok("DATA", 354)
        s.send("Subject: l\r\n\r\nx\r\n.\r\n")
        assert s.reply()[0] == 250 and s.reply()[0] == 250
        assert s.cmd("NOOP")[0] == 250
    house.wait_mail(anna)
    house.wait_mail(bernd)


def test_slow_sender_harms_nobody(house):
    slow = [Smtp(house.port("smtp")) for _ in range(20)]
    anna = house.fresh()
    for c in slow:
        c.begin(anna)
        c.ok("DATA", 354)
        c.send("Subject: nie fertig\r\n")
    house.deliver(anna)
    assert len(house.wait_mail(anna)) == 1
    for c in slow:
        c.close()
    assert len(house.fetch_all(anna)) == 1, "what was never finished is not there"
