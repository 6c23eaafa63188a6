"""Days in seconds: what expires, what is late, and a clock that somebody sets while the house runs.

The real clock of a house's processes is moved by a file (KONTOR_TEST_CLOCK, src/main/child.h)."""
import datetime
import os
import pathlib
import smtplib
import struct
import time

import pytest

from conftest import ZONE
from house import House, mail, wait_for
from rawsmtp import Peer
from test_auth import ProxyHouse, knock
from test_queue import ours, parse, queue_id, report, rows

HOUR, DAY = 3600, 86400


class TimedHouse(House):
    def __init__(self, **kw):
        self.shift_file = None
        super().__init__(zone=ZONE + "".join(f"MX z{n}.example 10 mx.example.net\n" for n in range(9)), **kw)
        self.shift_file = self.base / "clock"
        self.set_clock(0)

    def env(self):
        return super().env() | ({"KONTOR_TEST_CLOCK": str(self.shift_file)} if self.shift_file else {})

    def set_clock(self, seconds):
        self.off = seconds
        with open(self.shift_file, "r+b" if self.shift_file.exists() else "w+b") as f:
            f.write(struct.pack("=q", seconds * 1000000))   # in place: the houses have it mapped
        self.shift_file.chmod(0o644)

    def now(self):
        return time.time() + self.off

    def pass_time(self, seconds):
        """The house was off for so long."""
        self.stop()
        self.set_clock(self.off + seconds)
        self.start()


@pytest.fixture
def timed():
    h = TimedHouse()
    try:
        yield h.start()
    finally:
        h.destroy()


def busy_sec(h):
    """CPU time of all processes so far."""
    ticks = 0
    for pid in h.pids().values():
        v = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(v[11]) + int(v[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def assert_calm(h):
    time.sleep(0.5)
    before = busy_sec(h)
    time.sleep(2)
    assert busy_sec(h) - before < 0.5, "something runs in circles"


def next_attempt(h, row):
    """Real seconds of the house's clock."""
    times = [r["next"] for r in h.cli("queue", "show", queue_id(row))["recipients"]]
    return max(datetime.datetime.fromisoformat(t.replace("Z", "+00:00")).timestamp() for t in times)


def test_expiry(timed):
    anna = timed.account("anna")
    timed.submit(anna, "b@z1.example", subject="zu lange")        # nobody listens there
    wait_for(lambda: "status=4.4.1" in timed.log())
    wait_for(lambda: ours(timed, anna))
    assert not timed.fetch_all(anna)
    timed.pass_time(5 * DAY + HOUR)
    got = timed.wait_mail(anna)[0]
    text = report(got)
    assert "Action: failed" in text and "b@z1.example" in text and "Status: 4.4.1" in text
    assert b"Return-Path: <>" in got and b"zu lange" in got
    wait_for(lambda: not ours(timed, anna))
    time.sleep(0.5)
    assert len(timed.fetch_all(anna)) == 1


def test_delay_is_reported_once(timed):
    anna = timed.account("anna")
    timed.submit(anna, "b@z2.example", subject="dauert")
    timed.submit(anna, "c@z2.example", rcpt=["NOTIFY=FAILURE"])   # does not want to hear of delays
    wait_for(lambda: len(ours(timed, anna)) == 2)
    timed.pass_time(5 * HOUR)
    got = timed.wait_mail(anna)[0]
    text = report(got)
    assert "Action: delayed" in text and "Will-Retry-Until:" in text and "b@z2.example" in text
    assert parse(got)["Subject"] == "Your mail is delayed"
    timed.pass_time(9 * HOUR)
    time.sleep(2)
    assert len(timed.fetch_all(anna)) == 1 and len(ours(timed, anna)) == 2
    with Peer(timed.out_port) as peer:
        timed.pass_time(9 * HOUR)
        wait_for(lambda: len(peer.mails) == 2, 20)
        wait_for(lambda: not ours(timed, anna))
    assert len(timed.fetch_all(anna)) == 1


@pytest.mark.parametrize("by", [-3 * HOUR, -40 * DAY, 9 * DAY])
def test_clock_is_set_while_running(timed, by):
    """Nothing is lost, sent twice, bounced or spun for; numbers go on; what waits, waits as long as it would have."""
    anna, bernd = timed.account("anna"), timed.account("bernd")
    i = timed.imap(bernd)
    i.create("Kiste")
    before = int(i.status("Kiste", "(UIDVALIDITY)")[1][0].split()[-1].rstrip(b")"))
    i.select("INBOX")
    timed.submit(anna, bernd, subject="vorher")
    timed.submit(anna, "b@z3.example", subject="wartet")          # nobody listens
    waiting = wait_for(lambda: [r for r in ours(timed, anna) if next_attempt(timed, r) > timed.now() + 60])[0]
    rest = next_attempt(timed, waiting) - timed.now()
    with Peer(timed.out_port, host="127.0.0.2", END=["hang"]) as hang:
        timed.submit(anna, "b@slow.example", subject="unterwegs")
        wait_for(lambda: any(c == "DATA" for c in hang.commands))

        timed.set_clock(by)
        with Peer(timed.out_port) as good:
            timed.submit(anna, [bernd, "b@z4.example"], subject="nachher")
            wait_for(lambda: good.mails)
            wait_for(lambda: f"event=clock_jump seconds={by}" in timed.log() or f"seconds={by + 1}" in timed.log() or
                     f"seconds={by - 1}" in timed.log())
            left = next_attempt(timed, waiting) - timed.now()
            assert abs(left - rest) < 30, (left, rest)
            assert_calm(timed)
            assert hang.connections == 1 and not good.mails[1:], "a lease ended with the clock"
            timed.cli("queue", "retry", queue_id(waiting))
            wait_for(lambda: len(good.mails) == 2, 20)
        assert len(timed.wait_mail(bernd, 2)) == 2
    wait_for(lambda: len(rows(timed)) == 1)                       # the hung one, put off
    assert not timed.fetch_all(anna), "no bounce, no warning"
    with Peer(timed.out_port, host="127.0.0.2") as slow:
        timed.cli("queue", "retry", queue_id(rows(timed)[0]))
        wait_for(lambda: slow.mails, 90)
        wait_for(lambda: not rows(timed))
        assert len(slow.mails) == 1
    i.noop()
    assert i.uid("search", "ALL")[1] == [b"1 2"]
    i.delete("Kiste")
    i.create("Kiste")
    after = int(i.status("Kiste", "(UIDVALIDITY)")[1][0].split()[-1].rstrip(b")"))
    assert after > before
    i.logout()


def test_clock_went_back_while_off(timed):
    """What would wait for days now is due, and new mailboxes still get higher numbers than those there are."""
    anna = timed.account("anna")
    i = timed.imap(anna)
    i.create("Alt")
    old = int(i.status("Alt", "(UIDVALIDITY)")[1][0].split()[-1].rstrip(b")"))
    i.logout()
    timed.submit(anna, "b@z5.example")
    wait_for(lambda: [r for r in ours(timed, anna) if next_attempt(timed, r) > timed.now() + 60])
    with Peer(timed.out_port) as peer:
        timed.pass_time(-7 * DAY)
        wait_for(lambda: peer.mails, 20)
        wait_for(lambda: not ours(timed, anna))
    i = timed.imap(anna)
    i.create("Neu")
    assert int(i.status("Neu", "(UIDVALIDITY)")[1][0].split()[-1].rstrip(b")")) > old
    i.logout()


class TimedGrey(TimedHouse, ProxyHouse):
    greylist = "unproven"


def knocks(h, to):
    return knock(h, mail(sender="b@elsewhere.example", to=to), "b@elsewhere.example", to, "203.0.113.9")[0]


def limited(h, who):
    with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPDataError)) as e:
        h.submit(who, who)
    return e.value.smtp_code == 450


def test_what_follows_a_set_clock_and_what_does_not():
    """Terms go by the calendar at once; limits, the grey list, and what is deleted by age do not see the jump."""
    h = TimedGrey(settings=["proxy_networks=127.0.0.1/32"])
    try:
        h.set_clock(600 - int(time.time()) % 3600)   # no hour ends in the midst of it
        start = h.off
        h.start()
        h.cli("settings", "set", "smtp.greylist_wait", "3600")
        anna, office = h.account("anna"), h.role("kasse")
        day = datetime.date.fromtimestamp(h.now())
        h.cli("role", "assign", office, anna, "--from", str(day - datetime.timedelta(5)),
              "--to", str(day + datetime.timedelta(5)))
        i = h.imap(anna)
        i.create("Akten")
        for box in ("Akten", "INBOX"):
            i.append(box, None, None, mail(to=anna))
        i.select("INBOX")
        i.store("1", "+FLAGS", "(\\Deleted)")
        i.expunge()
        h.cli("mail", "retention", "set", anna, "Akten", "7")
        h.cli("settings", "set", "undelete_days", "7")
        h.cli("account", "limits", anna, "--send-limit", "2")
        h.submit(anna, anna)
        h.submit(anna, anna)
        assert limited(h, anna) and knocks(h, anna) == 451

        def kept():
            h.cli("mail", "retention", "run")
            assert h.cli("store", "sweep")["messages"] == 0
            assert int(i.status("Akten", "(MESSAGES)")[1][0].split()[-1].rstrip(b")")) == 1
            assert [(r["mailbox"], r["messages"]) for r in h.cli("mail", "undelete", anna, "--list")] == [("INBOX", 1)]
        for by, holds in ((3 * HOUR, True), (9 * DAY, False), (-40 * DAY, False), (0, True)):
            h.set_clock(start + by)
            assert (office in str(i.list())) == holds
            assert limited(h, anna), by
            assert knocks(h, anna) == 451, by
            kept()
        assert h.wait_mail(anna, 2)
        h.pass_time(9 * DAY)              # with the start the clock is believed
        h.cli("mail", "retention", "run")
        i = h.imap(anna)
        assert int(i.status("Akten", "(MESSAGES)")[1][0].split()[-1].rstrip(b")")) == 0
        assert h.submit(anna, anna) == {}
        assert knocks(h, anna) == 451     # the first knock is too long ago
    finally:
        h.destroy()
