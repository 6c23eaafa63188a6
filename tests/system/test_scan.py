"""Real rspamd, real clamd: what they say is done, and what happens while they say nothing."""
import email
import re
import shutil
import smtplib
import threading
import time

import pytest

from house import SLOW, House, free_port, mail, wait_for
from rawsieve import Sieve
from scanners import EICAR, Clamd, Mute, Rspamd
from test_auth import ProxyHouse, Visitor, knock
from test_net import proxy

needs_rspamd = pytest.mark.skipif(not shutil.which("rspamd"), reason="rspamd is not installed: its answers were not tested")
needs_clamd = pytest.mark.skipif(not shutil.which("clamd"), reason="clamd is not installed: its answers were not tested")
IP = "198.51.100.30"
SENDER = "b@elsewhere.example"


def proxied(*settings):
    return ProxyHouse(settings=["proxy_networks=127.0.0.1/32", *settings])


def scans(h):
    return {k: int(v) for k, v in re.findall(r'kontor_scans_total\{result="(\w+)"\} (\d+)', h.metrics())}


@pytest.fixture(scope="module")
def rspamd():
    with Rspamd() as r:
        yield r


@pytest.fixture(scope="module")
def clamd():
    with Clamd() as c:
        yield c


@pytest.fixture(scope="module")
def filtered(rspamd):
    h = proxied(f"rspamd=127.0.0.1:{rspamd.port}", f"rspamd_controller=127.0.0.1:{rspamd.learn}")
    try:
        h.start()
        yield h
    finally:
        h.destroy()


@pytest.fixture(scope="module")
def scanned(clamd):
    h = proxied(f"clamd={clamd.socket}")
    try:
        h.start()
        yield h
    finally:
        h.destroy()


def send(h, to, subject="Hallo", body="Guten Tag\r\n", sender=SENDER, ip=IP, data=None):
    return knock(h, data or mail(subject, body, sender, to), sender, to, ip)


@needs_rspamd
def test_actions(filtered):
    h, anna = filtered, filtered.fresh()
    assert send(h, anna)[0] == 250
    m = email.message_from_bytes(h.wait_mail(anna)[0])
    assert m["X-Spam-Flag"] == "NO" and m["X-Spamd-Result"].startswith("default: False [0.00 / 15.00]")
    assert send(h, anna, "LEICHT verdient")[0] == 250
    m = email.message_from_bytes(h.wait_mail(anna, 1, "Junk")[0])
    assert m["X-Spam-Flag"] == "YES" and "TEST_JUNK(8.00)" in m["X-Spamd-Result"]
    assert m["X-Spamd-Result"].startswith("default: True [8.00 / 15.00]")
    code, text = send(h, anna, "SCHWER verdient")
    assert code == 550 and "5.7.1" in text
    code, text = send(h, anna, "SPAETER")
    assert code == 451 and "4.7.1" in text
    assert len(h.fetch_all(anna)) == 1 and len(h.fetch_all(anna, "Junk")) == 1


@needs_rspamd
def test_forged_fields_are_replaced(filtered):
    anna = filtered.fresh()
    forged = b"X-Spamd-Result: default: False [-99.00 / 15.00]\r\nX-Spam-Flag: NO\r\n"
    assert send(filtered, anna, data=forged + mail("LEICHT", to=anna))[0] == 250
    m = email.message_from_bytes(filtered.wait_mail(anna, 1, "Junk")[0])
    assert len(m.get_all("X-Spamd-Result")) == 1 and m.get_all("X-Spam-Flag") == ["YES"]


@needs_rspamd
def test_envelope_travels(filtered):
    anna, bert = filtered.fresh(), filtered.fresh()
    with Visitor(filtered, IP) as s:
        s.cmd("MAIL FROM:<umschlag@elsewhere.example>")
        s.cmd(f"RCPT TO:<{anna}>")
        s.cmd(f"RCPT TO:<{bert}>")
        s.cmd("DATA")
        s.send(mail(to=anna) + b".\r\n")
        assert s.reply()[0] == 250
    assert b"TEST_ENVELOPE(8.00)" in filtered.wait_mail(bert, 1, "Junk")[0]


@needs_rspamd
def test_large_message(filtered):
    anna = filtered.fresh()
    assert send(filtered, anna, "LEICHT", "Zeile mit Text\r\n" * 200000)[0] == 250
    assert len(filtered.wait_mail(anna, 1, "Junk")) == 1


@needs_rspamd
def test_sieve_reads_the_score(filtered):
    anna = filtered.fresh()
    script = 'require ["spamtest","relational","comparator-i;ascii-numeric","fileinto","mailbox"];\n' \
        'if spamtest :value "ge" :comparator "i;ascii-numeric" "5" { fileinto :create "Punkte"; }\n'
    with Sieve(filtered, anna, first=proxy("127.0.0.1")) as s:
        s.put("x", script)
    assert send(filtered, anna, "LEICHT")[0] == 250
    assert send(filtered, anna, "harmlos")[0] == 250
    assert len(filtered.wait_mail(anna, 1, "Punkte")) == 1
    assert len(filtered.wait_mail(anna)) == 1


@needs_rspamd
def test_own_people_are_not_filtered(filtered):
    anna = filtered.fresh()
    filtered.submit(anna, anna, subject="SCHWER")
    assert b"X-Spam" not in filtered.wait_mail(anna)[0]
    with Visitor(filtered, "127.0.0.1") as s:
        assert s.data(anna, mail("SCHWER", to=anna).decode() + ".\r\n")[0] == 250
    assert len(filtered.wait_mail(anna, 2)) == 2


@needs_rspamd
def test_out_dies_while_it_is_asked(filtered):
    """The message is given to the next `out`."""
    anna = filtered.fresh()
    for _ in range(3):
        with Visitor(filtered, IP) as s:
            s.cmd(f"MAIL FROM:<{SENDER}>")
            s.cmd(f"RCPT TO:<{anna}>")
            s.cmd("DATA")
            s.send(mail("LEICHT", to=anna) + b".\r\n")
            filtered.kill("out")
            assert s.reply()[0] == 250
        filtered.wait_running()
    assert len(filtered.wait_mail(anna, 3, "Junk")) == 3


@pytest.mark.parametrize("what", ["nobody", "mute", "nonsense", "error", "endless"])
@pytest.mark.limit(120)
def test_no_answer_of_the_filter(what):
    """The mail comes in, in time, logged and counted."""
    answers = {"mute": None, "nonsense": b"SSH-2.0-x\r\n\r\n", "error": b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}",
               "endless": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000000}
    fake = Mute(answers[what]) if what in answers else None
    if fake:
        threading.Thread(target=fake.serve, daemon=True).start()
    h = proxied(f"rspamd=127.0.0.1:{fake.port if fake else free_port()}")
    try:
        h.start()
        anna = h.fresh()
        start = time.monotonic()
        assert send(h, anna)[0] == 250
        assert time.monotonic() - start < 25 * SLOW
        data = h.wait_mail(anna)[0]
        assert b"X-Spamd" not in data and b"X-Spam-Flag" not in data
        assert "event=scan_failed scanner=rspamd" in h.log()
        assert scans(h) == {"ok": 0, "failed": 1}
    finally:
        h.destroy()
        if fake:
            fake.close()


# ---- viruses ----

@needs_clamd
def test_infected(scanned):
    anna = scanned.fresh()
    code, text = send(scanned, anna, data=mail("Rechnung", to=anna, attach=("a.com", EICAR)))
    assert code == 550 and "5.7.1" in text and "Eicar-Test" in text
    assert send(scanned, anna)[0] == 250
    assert b"X-Virus-Scanned: clamd at mail.example.org" in scanned.wait_mail(anna)[0]
    assert scans(scanned)["failed"] == 0


@needs_clamd
def test_own_people_send_no_viruses(scanned):
    anna = scanned.fresh()
    with pytest.raises(smtplib.SMTPDataError) as e:
        scanned.submit(anna, "x@elsewhere.example", mail("x", sender=anna, attach=("a.com", EICAR)))
    assert e.value.smtp_code == 550 and b"Eicar-Test" in e.value.smtp_error
    assert scanned.cli("queue", "list") == []


@needs_clamd
def test_too_large_for_the_scanner(scanned):
    """clamd has a bound of its own: such mail is taken and says that it was not looked at, or is refused, as the setting says."""
    anna = scanned.fresh()
    large = "Zeile mit Text\r\n" * 200000
    assert send(scanned, anna, body=large)[0] == 250
    got = scanned.wait_mail(anna)[0]
    assert b"X-Virus-Scanned" not in got and b"X-Virus-Unscanned: too large for clamd at " in got
    scanned.cli("settings", "set", "virus.too_large", "refuse")
    code, text = send(scanned, anna, body=large)
    assert code == 550 and "too large for the virus scanner" in text
    assert send(scanned, anna)[0] == 250                            # others as ever
    scanned.cli("settings", "set", "virus.too_large", "accept")


@needs_clamd
def test_virustest(scanned):
    anna = scanned.fresh()
    script = 'require ["virustest","relational","comparator-i;ascii-numeric","fileinto","mailbox"];\n' \
        'if virustest :value "eq" :comparator "i;ascii-numeric" "1" { fileinto :create "Sauber"; }\n'
    with Sieve(scanned, anna, first=proxy("127.0.0.1")) as s:
        s.put("x", script)
    assert send(scanned, anna)[0] == 250
    assert len(scanned.wait_mail(anna, 1, "Sauber")) == 1


@needs_clamd
@pytest.mark.limit(120)
def test_scanner_is_away():
    """Mail comes later (or in, as the setting says), and again when the scanner is back."""
    with Clamd() as c:
        h = proxied(f"clamd={c.socket}")
        try:
            h.start()
            anna = h.fresh()
            c.stop()
            code, text = send(h, anna)
            assert code == 451 and "virus scanner" in text
            h.cli("settings", "set", "virus.failure", "accept")
            assert send(h, anna)[0] == 250
            assert b"X-Virus-Scanned" not in h.wait_mail(anna)[0]
            h.cli("settings", "set", "virus.failure", "tempfail")
            c.start()
            assert send(h, anna)[0] == 250
            assert "event=scan_failed scanner=clamd" in h.log()
        finally:
            h.destroy()


def test_places_are_checked():
    with pytest.raises(AssertionError, match="rspamd: neither ADDRESS:PORT nor the path of a socket"):
        House(settings=["rspamd=nowhere"])


@needs_rspamd
def test_rspamd_learns(filtered, rspamd):
    anna = filtered.fresh()
    assert send(filtered, anna, "lehrreich")[0] == 250
    filtered.wait_mail(anna)
    i = filtered.imap(anna)
    i.select("INBOX")
    assert i._simple_command("MOVE", "1", "Junk")[0] == "OK"
    wait_for(lambda: "learned message as spam" in rspamd.log())
    i.select("Junk")
    assert i._simple_command("MOVE", "1", "INBOX")[0] == "OK"
    wait_for(lambda: "learned message as ham" in rspamd.log())
    i.logout()
