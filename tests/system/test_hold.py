"""A stolen password: mail is held, postmaster is told, an administrator decides."""
import re
import smtplib
import socket
import ssl

import pytest

from house import ADMIN, CliError, House, mail, wait_for
from rawsmtp import Peer
from test_auth import ProxySmtp
from test_net import proxy


@pytest.fixture(scope="module")
def home():
    h = House(zone="MX far.example 10 mx.far.example\nA mx.far.example 127.0.0.1\n")
    try:
        h.start()
        h.cli("settings", "set", "submission.hold_new", "3")
        h.cli("settings", "set", "submission.hold_refused", "2")
        yield h
    finally:
        h.destroy()


def told(h, anna):
    """postmaster's mail about this account."""
    def look():
        return [m for m in h.fetch_all(ADMIN) if b"Subject: Outgoing mail is held" in m and anna.encode() in m]
    return wait_for(look, 25)


def held(h, anna):
    return [q for q in h.cli("queue", "held") if q["sender"] == anna]


def refused(h, anna, to="x@far.example"):
    with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPDataError)) as e:
        h.submit(anna, to)
    assert e.value.smtp_code == 451 and b"on hold" in e.value.smtp_error
    return True


def test_many_new_recipients(home):
    anna, bert = home.fresh(), home.fresh()
    before = home.cli("status")["held_accounts"]
    with Peer(home.out_port) as peer:
        for name in "abca":                   # three new ones; who is known already does not count
            home.submit(anna, f"{name}@far.example")
        wait_for(lambda: len(peer.mails) == 4)
        with home.smtp("submissions", anna) as s:
            s.mail(anna)
            s.rcpt("d@far.example")
            s.rcpt(bert)
            code, text = s.data(mail("noch eine", sender=anna, to="d@far.example"))
        assert code == 250 and b"held as" in text
        assert len(home.wait_mail(bert)) == 1                      # people here get it
        assert len(held(home, anna)) == 1 and home.cli("account", "show", anna)["held"] == "new recipients"
        assert home.cli("status")["held_accounts"] == before + 1
        assert refused(home, anna) and refused(home, anna, bert)
        letter = told(home, anna)
        assert len(letter) == 1 and b"account release" in letter[0] and b"never wrote to before" in letter[0]
        assert len(re.findall(r"event=account_held .*new recipients", home.log())) == 1
        home.submit(bert, "a@far.example")                         # others send on
        wait_for(lambda: len(peer.mails) == 5)
        assert len(peer.mails) == 5
        home.cli("account", "release", anna)
        wait_for(lambda: len(peer.mails) == 6)
        assert b"noch eine" in peer.mails[5].data
        assert held(home, anna) == [] and home.cli("account", "show", anna)["held"] is None
        home.submit(anna, "d@far.example")
        wait_for(lambda: len(peer.mails) == 7)


def test_dropped(home):
    anna = home.fresh()
    with Peer(home.out_port) as peer:
        home.submit(anna, [f"n{i}@far.example" for i in range(9)])
        assert len(held(home, anna)) == 1
        home.cli("account", "release", anna, "--drop")
        assert held(home, anna) == [] and peer.mails == []
        home.submit(anna, "ok@far.example")
        wait_for(lambda: len(peer.mails) == 1)
    with pytest.raises(CliError):
        home.cli("account", "release", anna)


def test_held_by_hand_survives_a_crash(home):
    anna = home.fresh()
    home.submit(anna, "y@far.example")                             # nobody is there: it waits in the queue
    wait_for(lambda: any(q["sender"] == anna for q in home.cli("queue", "list")))
    home.cli("account", "hold", anna)
    home.kill_all()
    home.start()
    assert len(held(home, anna)) == 1 and refused(home, anna)
    with Peer(home.out_port) as peer:
        home.cli("account", "release", anna)
        wait_for(lambda: len(peer.mails) == 1, 20)


def test_many_refused_recipients(home):
    anna = home.fresh()
    for i in range(3):
        home.submit(anna, f"x@nowhere{i}.example")                 # there is no such domain
    wait_for(lambda: home.cli("account", "show", anna)["held"] == "refused recipients", 20)
    assert refused(home, anna) and told(home, anna)


def test_far_beyond_the_send_limit(home):
    """One mail too many is only refused; whoever goes on and on is held, with what waits already."""
    anna, bert = home.fresh(), home.fresh()
    home.cli("account", "limits", anna, "--send-limit", "4")
    home.submit(anna, "wartet@far.example")                         # nobody is there: it waits in the queue

    def again(n):
        with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPDataError)) as e:
            home.submit(anna, [bert] + [f"x{i}@far.example" for i in range(n - 1)])
        return e.value.smtp_code, e.value.smtp_error
    assert again(4) == (450, b"4.7.1 Sending limit of this hour reached")
    assert again(6)[0] == 450                                       # ten in all: twice the limit, but no more than ten
    assert home.cli("account", "show", anna)["held"] is None
    code, text = again(4)
    assert code == 451 and b"on hold" in text
    assert home.cli("account", "show", anna)["held"] == "far beyond the send limit"
    assert len(held(home, anna)) == 1 and refused(home, anna, bert)
    assert b"far more people than it may" in told(home, anna)[0]
    assert home.fetch_all(bert) == []
    home.cli("account", "release", anna, "--drop")
    home.submit(anna, bert)                                         # counts anew; three of the hour are left
    assert home.cli("account", "show", anna)["held"] is None
    home.cli("settings", "set", "submission.hold_over", "0")
    assert again(60)[0] == 450 and home.cli("account", "show", anna)["held"] is None
    home.cli("settings", "set", "submission.hold_over", "2")


def test_many_networks():
    h = House(settings=["proxy_networks=127.0.0.1/32"])

    class From(ProxySmtp):
        source = ""

        def _get_socket(self, host, port, timeout):
            s = socket.create_connection((host, port), timeout)
            s.sendall(proxy(self.source))
            return self.context.wrap_socket(s, server_hostname=self._host)
    try:
        h.start()
        h.cli("settings", "set", "submission.hold_networks", "3")
        anna = h.fresh()

        def sign_in(source):
            From.source = source
            s = From("127.0.0.1", h.port("submissions"))
            s.login(anna, h.accounts[anna])
            return s
        for source in ("192.0.2.1", "192.0.2.2", "198.51.100.1", "203.0.113.1"):
            with sign_in(source) as s:
                assert s.mail(anna)[0] == 250                      # three networks
        with sign_in("203.0.114.1") as s:
            assert s.mail(anna)[0] == 451
        assert h.cli("account", "show", anna)["held"] == "sign-ins from many networks"
        bert = h.fresh()                                           # who only reads wanders more: three times as many

        def read(source):
            s = socket.create_connection(("127.0.0.1", h.port("imaps")), 20)
            s.sendall(proxy(source))
            s = ssl._create_unverified_context().wrap_socket(s, server_hostname="mail.example.org")
            f = s.makefile("rb")
            f.readline()
            s.sendall(f"a LOGIN {bert} {h.accounts[bert]}\r\n".encode())
            answer = f.readline()
            s.close()
            return answer
        for n in range(9):
            assert read(f"198.18.{n}.1").startswith(b"a OK")
        assert h.cli("account", "show", bert)["held"] is None
        assert read("198.18.99.1").startswith(b"a OK")
        assert h.cli("account", "show", bert)["held"] == "sign-ins from many networks"
    finally:
        h.destroy()
