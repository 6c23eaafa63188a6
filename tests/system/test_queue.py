"""Out into the world: a foreign server that behaves, and many that do not."""
import email
import email.policy
import re
import shutil
import smtplib
import subprocess
import time

import pytest

from conftest import ZONE
from house import House, mail, wait_for
from rawsmtp import Peer

ZONE = ZONE + "".join(f"MX z{n}.example 10 mx.example.net\n" for n in range(60))
ALL = ["NOTIFY=SUCCESS,FAILURE,DELAY"]


@pytest.fixture(scope="module")
def home():
    h = House(zone=ZONE)
    try:
        h.start()
        yield h
    finally:
        h.destroy()


@pytest.fixture
def net(home, numbers=iter(range(60))):
    """A foreign domain nobody has used: out lets a place that failed rest."""
    return f"z{next(numbers)}.example"


def parse(data):
    return email.message_from_bytes(data, policy=email.policy.default)


def report(data):
    """The delivery-status part of a bounce as text."""
    m = parse(data)
    assert m.get_content_type() == "multipart/report", m.as_string()[:500]
    status = [p for p in m.walk() if p.get_content_type() == "message/delivery-status"]
    assert status
    return "\n".join(str(p) for p in status[0].get_payload())


def rows(h):
    return h.cli("queue", "list") or []


def ours(h, word):
    return [r for r in rows(h) if word in str(r)]


def queue_id(row):
    return str(row["id"])


def test_goes_out_as_it_is(home, net):
    anna = home.fresh()
    text = mail("Nach draußen", "Grüße\r\n..Punkt\r\n.\r\nEnde\r\n", anna, f"b@{net}")
    with Peer(home.out_port) as peer:
        home.submit(anna, [f"b@{net}", f"c@{net}"], text)
        wait_for(lambda: peer.mails)
        m = peer.mails[0]
        assert m.sender.split()[0] == f"<{anna}>"
        assert {r.split()[0] for r in m.recipients} == {f"<b@{net}>", f"<c@{net}>"}
        assert m.data.endswith(text) and b"Bcc" not in m.data
        wait_for(lambda: not ours(home, anna))


def test_smtp_sink(home, net):
    anna = home.fresh()
    assert shutil.which("/usr/sbin/smtp-sink"), "install postfix (tools/packages.txt)"
    folder = home.base / "sink"
    folder.mkdir(exist_ok=True)
    sink = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "root", "-d", str(folder) + "/%M.", f"127.0.0.1:{home.out_port}",
                             "10"], stderr=subprocess.PIPE)
    try:
        time.sleep(0.3)
        assert sink.poll() is None, sink.stderr.read()
        home.submit(anna, f"b@{net}", subject="In den Ausguss")
        wait_for(lambda: any(b"In den Ausguss" in f.read_bytes() for f in folder.iterdir()))
    finally:
        sink.terminate()
        sink.wait(5)


def test_second_mx(home):
    anna = home.fresh()
    with Peer(home.out_port) as peer:
        home.submit(anna, "b@two.example")
        wait_for(lambda: peer.mails, 20)


def test_dsn_parameters_travel(home, net):
    anna = home.fresh()
    with Peer(home.out_port) as peer:
        home.submit(anna, f"b@{net}", options=["RET=HDRS", "ENVID=abc123"],
                    rcpt=["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;b@{net}"])
        wait_for(lambda: peer.mails)
        assert "RET=HDRS" in peer.mails[0].sender and "ENVID=abc123" in peer.mails[0].sender
        assert "NOTIFY=SUCCESS,FAILURE" in peer.mails[0].recipients[0]
        assert f"ORCPT=rfc822;b@{net}" in peer.mails[0].recipients[0]


def test_relayed_report_when_the_peer_knows_no_dsn(home, net):
    anna = home.fresh()
    with Peer(home.out_port, caps=["PIPELINING"]) as peer:
        home.submit(anna, f"b@{net}", options=["ENVID=nr7"], rcpt=ALL)
        wait_for(lambda: peer.mails)
        assert "ENVID" not in peer.mails[0].sender and "NOTIFY" not in peer.mails[0].recipients[0]
    text = report(home.wait_mail(anna)[0])
    assert "Action: relayed" in text and "Original-Envelope-Id: nr7" in text and "Status: 2" in text


def test_success_report_for_local_delivery(home):
    anna, bernd = home.fresh(), home.fresh()
    home.submit(anna, bernd, rcpt=["NOTIFY=SUCCESS"])
    home.wait_mail(bernd)
    text = report(home.wait_mail(anna)[0])
    assert "Action: delivered" in text and bernd in text


def test_a_group_is_reported_as_expanded(home, net):
    """Whoever asks for success hears of the group, once, and not who is in it, inside or outside."""
    anna, bernd, clara = home.fresh(), home.fresh(), home.fresh()
    group = f"gruppe-{net.split('.')[0]}@example.org"
    home.cli("alias", "add", group, bernd, clara, f"aussen@{net}")
    with Peer(home.out_port) as peer:
        home.submit(anna, group, rcpt=["NOTIFY=SUCCESS,FAILURE"])
        home.wait_mail(bernd)
        home.wait_mail(clara)
        wait_for(lambda: peer.mails)
        assert "SUCCESS" not in peer.mails[0].recipients[0] and "FAILURE" in peer.mails[0].recipients[0]
    text = report(home.wait_mail(anna)[0])
    assert text.count("Action: ") == 1 and "Action: expanded" in text and group in text
    assert bernd not in text and net not in text
    home.submit(anna, group, rcpt=["NOTIFY=FAILURE"])
    home.wait_mail(bernd, 2)
    assert len(home.fetch_all(anna)) == 1


def test_bounce(home, net):
    anna = home.fresh()
    with Peer(home.out_port, RCPT=["550 5.1.1 Hier nicht"]):
        home.submit(anna, f"weg@{net}", subject="kommt zurück")
        got = home.wait_mail(anna)[0]
    text = report(got)
    assert "Action: failed" in text and "Status: 5.1.1" in text and f"weg@{net}" in text and "Hier nicht" in text
    assert b"Return-Path: <>" in got
    assert parse(got)["Auto-Submitted"].startswith("auto-")
    assert not ours(home, anna)


def test_notify_never(home, net):
    anna = home.fresh()
    with Peer(home.out_port, RCPT=["550 5.1.1 Nein"]) as peer:
        home.submit(anna, f"weg@{net}", rcpt=["NOTIFY=NEVER"])
        wait_for(lambda: any(c.startswith("RCPT") for c in peer.commands))
        wait_for(lambda: not ours(home, anna))
    time.sleep(0.5)
    assert not home.fetch_all(anna)


def test_one_of_two_refused(home, net):
    anna = home.fresh()
    with Peer(home.out_port, RCPT=["250 2.1.5 Ok", "550 5.1.1 Nein"]) as peer:
        home.submit(anna, [f"gut@{net}", f"weg@{net}"])
        wait_for(lambda: peer.mails)
        text = report(home.wait_mail(anna)[0])
    assert text.count("Final-Recipient") == 1


def test_double_bounce_goes_to_postmaster(home, net):
    """The report cannot be delivered either: postmaster hears of it, and nobody else."""
    home.cli("alias", "add", "weiter@example.org", f"weg@{net}")
    with Peer(home.out_port, RCPT=["550 5.1.1 Nein"]) as peer:
        home.deliver("weiter@example.org", sender=f"absender@{net}")
        wait_for(lambda: any(c.startswith("MAIL FROM:<>") for c in peer.commands))
        home.wait_mail("admin@example.org")


def test_null_mx(home):
    anna = home.fresh()
    home.submit(anna, "b@nomail.example")
    text = report(home.wait_mail(anna)[0])
    assert "5.1.10" in text


def test_unknown_domain(home):
    anna = home.fresh()
    home.submit(anna, "b@gibtsnicht.example")
    assert re.search(r"Status: 5\.(1\.2|4\.4)", report(home.wait_mail(anna)[0]))


def test_dns_dead_waits(home):
    """The resolver fails: the mail waits, is shown, and can be taken away."""
    anna = home.fresh()
    home.submit(anna, "b@broken.example")
    row = wait_for(lambda: ours(home, anna))[0]
    time.sleep(0.5)
    assert not home.fetch_all(anna), "no bounce for a passing failure"
    assert "broken.example" in str(home.cli("queue", "show", queue_id(row)))
    home.cli("queue", "remove", queue_id(row))
    assert not ours(home, anna)


def test_later_then_taken(home, net):
    anna = home.fresh()
    with Peer(home.out_port, RCPT=["450 4.2.1 Graue Liste", "250 2.1.5 Ok"]) as peer:
        home.submit(anna, f"b@{net}")
        wait_for(lambda: any(c.startswith("RCPT") for c in peer.commands))
        row = wait_for(lambda: ours(home, anna))[0]
        assert "Graue Liste" in str(wait_for(lambda: "Graue" in str(home.cli("queue", "show", queue_id(row))) and
                                             home.cli("queue", "show", queue_id(row))))
        home.cli("queue", "retry", queue_id(row))
        wait_for(lambda: peer.mails)
        wait_for(lambda: not ours(home, anna))
        assert len(peer.mails) == 1
    assert not home.fetch_all(anna)


def test_hold_and_remove(home, net):
    anna = home.fresh()
    with Peer(home.out_port, MAIL=["451 4.3.0 Nicht jetzt", "250 2.1.0 Ok"]) as peer:
        home.submit(anna, f"b@{net}")
        row = wait_for(lambda: ours(home, anna))[0]
        wait_for(lambda: any(c.startswith("MAIL") for c in peer.commands))
        time.sleep(0.3)
        home.cli("queue", "hold", queue_id(row))
        time.sleep(1)
        assert not peer.mails and ours(home, anna)
        home.cli("queue", "remove", queue_id(row))
        assert not ours(home, anna)
    assert not home.fetch_all(anna), "removed without a report"


@pytest.mark.parametrize("what", [{"GREET": ["421 4.3.2 Voll", "220 mx"]}, {"GREET": ["close", "220 mx"]},
                                  {"MAIL": ["close", "250 Ok"]}, {"DATA": ["close", "354 los"]},
                                  {"END": ["close", "250 Ok"]}, {"END": ["451 4.3.0 Gleich", "250 Ok"]},
                                  {"DATA": ["452 4.3.1 Voll", "354 los"]}])
def test_bad_days_of_a_peer(home, what, net):
    """Whatever breaks, the mail goes out once after a retry, and no report is sent."""
    anna = home.fresh()
    with Peer(home.out_port, **what) as peer:
        home.submit(anna, f"b@{net}", subject="zäh")

        def again():
            if not peer.mails:
                for r in ours(home, anna):
                    home.cli("queue", "retry", queue_id(r))
            return peer.mails
        wait_for(again, 30, 0.5)
        wait_for(lambda: not ours(home, anna))
        assert len(peer.mails) == 1
    assert not home.fetch_all(anna)


def test_peer_that_hangs_in_data_stops_nobody(home, net):
    anna = home.fresh()
    with Peer(home.out_port, host="127.0.0.2", END=["hang"]) as hang, Peer(home.out_port) as good:
        home.submit(anna, "b@slow.example")
        wait_for(lambda: any(c == "DATA" for c in hang.commands))
        home.submit(anna, f"b@{net}")
        wait_for(lambda: good.mails, 10)
        assert home.cli("status")
    for r in ours(home, anna):
        home.cli("queue", "remove", queue_id(r))


def test_queue_survives_a_restart(new_house):
    h = new_house(zone=ZONE)
    anna = h.account("anna")
    h.submit(anna, "b@example.net", subject="bleibt")   # nobody listens: refused connection
    wait_for(lambda: ours(h, anna))
    h.stop()
    with Peer(h.out_port) as peer:
        h.start()
        for r in ours(h, anna):
            h.cli("queue", "retry", queue_id(r))
        wait_for(lambda: peer.mails, 20)
        assert len(peer.mails) == 1


def test_one_bad_recipient_domain_does_not_block_others(home, net):
    anna = home.fresh()
    with Peer(home.out_port) as peer:
        home.submit(anna, ["b@broken.example", f"b@{net}"])
        wait_for(lambda: peer.mails)
    for r in ours(home, anna):
        home.cli("queue", "remove", queue_id(r))


def test_eight_bit_to_an_old_peer(home, net):
    anna = home.fresh()
    text = (f"From: {anna}\r\nTo: b@{net}\r\nSubject: acht\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
            "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n").encode()
    with Peer(home.out_port, caps=["SIZE"]) as peer:
        home.submit(anna, f"b@{net}", text, options=["BODY=8BITMIME"])
        wait_for(lambda: peer.mails)
    assert peer.mails[0].data.isascii() and parse(peer.mails[0].data).get_content().rstrip() == "Grüße"


def test_foreign_recipient_needs_a_login(home, net):
    with home.smtp("submission") as s, pytest.raises(smtplib.SMTPException):
        s.sendmail("gast@example.net", [f"b@{net}"], mail())
