"""Journaling: a copy of every mail with its true envelope, for one account; both or neither, no loops."""
import email
import email.policy
import smtplib
import threading
import time

import pytest

from house import CliError, mail, wait_for
from rawsmtp import Peer
from test_clock import DAY, TimedHouse


def read(raw):
    """(lines of the text, the mail inside as bytes)"""
    m = email.message_from_bytes(raw, policy=email.policy.default)
    text, inner = m.iter_parts()
    assert "X-MS-Journal-Report" in m and inner.get_content_type() == "message/rfc822"
    return text.get_content().splitlines(), raw[raw.index(b"Content-Type: message/rfc822"):].split(b"\r\n\r\n", 1)[1]


def copies(h, n, mailbox="INBOX"):
    return [read(raw) for raw in h.wait_mail("archiv@example.org", n, mailbox)]


def wrapped(h, n):
    """The copies among n mails."""
    return [read(raw) for raw in h.wait_mail("archiv@example.org", n) if b"X-MS-Journal" in raw]


def test_journal(new_house):
    h = new_house(zone="MX example.net 10 mx.example.net\nA mx.example.net 127.0.0.1\n")
    anna, bert, keeper = h.account("anna"), h.account("bert"), h.account("archiv")
    h.cli("group", "add", "alle@example.org", anna, bert)
    h.deliver(anna, subject="davor")
    for no in ("niemand@example.org", "archiv@example.net"):
        with pytest.raises(CliError) as e:
            h.cli("settings", "set", "journal", no)
        assert "accounts here only" in e.value.text
    said = h.cli("settings", "set", "journal", keeper)
    assert "data protection" in said["warning"]
    # from outside, to a group and a hidden recipient
    m = mail(subject="Grüße an alle", to="alle@example.org")
    h.deliver(["alle@example.org", keeper], m, sender="gast@example.net")
    lines, inner = wrapped(h, 2)[0]
    assert lines[0] == "Sender: gast@example.net"
    assert {"Recipient: anna@example.org, Expanded: alle@example.org", "Recipient: bert@example.org, Expanded: alle@example.org",
            "Recipient: archiv@example.org"} <= set(lines)
    assert b"Message-ID: " in m and m.split(b"Message-ID: ", 1)[1].split(b"\r\n")[0].decode() in "\n".join(lines)
    assert m.replace(b"\r\n", b"\n") in inner.replace(b"\r\n", b"\n"), "as it came, octet by octet"
    # sent by people here, to outside
    with Peer(h.out_port) as peer:
        h.submit(anna, "draussen@example.net", subject="hinaus")
        wait_for(lambda: peer.mails)
    lines, inner = wrapped(h, 3)[-1]
    assert "Sender: anna@example.org" in lines and "Recipient: draussen@example.net" in lines and b"hinaus" in inner
    # not its own: no loop
    h.deliver(keeper, subject="nur ans Archiv")
    h.submit(keeper, bert, subject="vom Archiv")
    time.sleep(0.5)
    assert sum(b"X-MS-Journal" in r for r in h.fetch_all(keeper)) == 2
    # chosen ones only; a mailbox of the account
    i = h.imap(keeper)
    i.create("Kasse")
    i.logout()
    h.cli("settings", "set", "journal", "archiv+Kasse@example.org")
    h.cli("settings", "set", "journal.only", "kasse@example.org example.com")
    h.role("kasse")
    h.deliver(bert)
    h.deliver(bert, sender="wer@example.com", subject="Nummer eins")
    h.deliver("kasse@example.org", subject="Nummer zwei")
    assert {b"eins" in x[1] for x in copies(h, 2, mailbox="Kasse")} == {True, False}
    # a full journal takes them all the same, no script touches them
    h.cli("account", "limits", keeper, "--quota", "1K")
    h.cli("mail", "rule", "add", keeper, "weg", "--header", "subject", "--contains", "Nummer", "--discard")
    h.deliver("kasse@example.org", subject="Nummer drei")
    copies(h, 3, mailbox="Kasse")
    # sealed: nothing to read in the state folder
    for p in h.dir.rglob("*"):
        if p.is_file():
            data = p.read_bytes()
            assert b"Recipient: kasse" not in data and b"Nummer drei" not in data, p
    # the journal is gone: mail is not taken, and not lost
    h.cli("account", "remove", keeper, "--yes")
    before = len(h.fetch_all(bert))
    with pytest.raises(smtplib.SMTPDataError) as e:
        h.deliver(bert, sender="wer@example.com")
    assert e.value.smtp_code == 451 and len(h.fetch_all(bert)) == before
    h.deliver(bert, subject="nicht betroffen")
    h.cli("settings", "set", "journal", "")
    h.deliver(bert, sender="wer@example.com")
    assert h.cli_raw("store", "check", timeout=120).returncode == 0


def test_retention_of_the_journal():
    h = TimedHouse()
    try:
        h.start()
        anna, keeper = h.account("anna"), h.account("archiv")
        h.cli("settings", "set", "journal", keeper)
        h.deliver(anna)
        copies(h, 1)
        h.cli("mail", "retention", "set", keeper, "INBOX", "30")
        assert not h.cli("mail", "retention", "run", "--dry-run")
        h.pass_time(31 * DAY)
        h.cli("mail", "retention", "run")
        wait_for(lambda: not h.fetch_all(keeper))
        assert len(h.fetch_all(anna)) == 1
    finally:
        h.destroy()


@pytest.mark.limit(120)
def test_both_or_neither_when_core_is_killed(new_house):
    """kill -9 of core while mails come: what was answered 250 is there, and every mail that is there has its copy."""
    h = new_house()
    h.may_die = True
    anna, keeper = h.account("anna"), h.account("archiv")
    h.cli("settings", "set", "journal", keeper)
    taken, stop = [], threading.Event()

    def send(who):
        for n in range(10000):
            if stop.is_set():
                return
            try:
                h.deliver(anna, subject=f"mail {who} {n}")
                taken.append(f"mail {who} {n}")
            except (smtplib.SMTPException, OSError):
                time.sleep(0.05)
    threads = [threading.Thread(target=send, args=(who,)) for who in range(3)]
    for t in threads:
        t.start()
    for _ in range(3):
        before = len(taken)
        wait_for(lambda: len(taken) > before + 10, 20)
        h.kill_core()
    stop.set()
    for t in threads:
        t.join(30)

    def subjects(raws):
        return sorted(email.message_from_bytes(raw, policy=email.policy.default)["Subject"] for raw in raws)
    mine = subjects(wait_for(lambda: h.fetch_all(anna), 20))
    assert set(taken) <= set(mine)
    assert subjects(h.fetch_all(keeper)) == mine
