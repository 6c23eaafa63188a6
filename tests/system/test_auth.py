"""Is a mail from whom it says: signatures of ours, and what is found out about mail from outside."""
import base64
import email
import email.message
import email.policy
import email.utils
import imaplib
import re
import secrets
import smtplib
import socket
import subprocess
import time

import dkim
import dns.zone
import nacl.signing as nacl
import pytest

from house import SLOW, CliError, House, free_port, mail, wait_for
from rawsmtp import Peer, Smtp
from test_dns import NameServer
from test_net import proxy


@pytest.fixture(scope="module")
def home():
    h = House(zone="MX far.example 10 mx.far.example\nA mx.far.example 127.0.0.1\n")
    try:
        h.start()
        yield h
    finally:
        h.destroy()


def keys_of(rows):
    return {r["name"] + ".": r["record"].encode() for r in rows}


def verifies(data, keys):
    """python3-dkim on every signature of a mail."""
    def txt(name, timeout=5):
        return keys.get(name.decode() if isinstance(name, bytes) else name)
    d = dkim.DKIM(data)
    n = sum(1 for name, _ in d.headers if name.lower() == b"dkim-signature")

    def one(i):
        try:
            return dkim.DKIM(data).verify(idx=i, dnsfunc=txt)
        except dkim.ValidationError:
            return False
    return [one(i) for i in range(n)]


def test_signs(home):
    anna, rcpt = home.fresh(), "x@far.example"
    with Peer(home.out_port) as peer:
        home.submit(anna, rcpt, mail("noch ohne", sender=anna, to=rcpt))
        wait_for(lambda: len(peer.mails) == 1)
        assert b"DKIM-Signature" not in peer.mails[0].data
        rows = home.cli("domain", "dkim", "example.org")
        assert [(r["kind"], r["state"]) for r in rows] == [("RSA-2048", "signs"), ("Ed25519", "signs")]
        assert home.cli("domain", "dkim", "example.org") == rows
        home.submit(anna, rcpt, mail("Gr\u00fc\u00dfe und ein sehr langer Betreff, der gefaltet werden mu\u00df, weil er so lang ist",
                                     "Zeile  \r\n\r\n\r\n..\r\nmit  Leerraum \t\r\n\r\n\r\n", anna, rcpt))
        wait_for(lambda: len(peer.mails) == 2)
        good = peer.mails[1].data
        assert verifies(good, keys_of(rows)) == [True, True]
        assert verifies(good.replace(b"Zeile", b"Zeilf"), keys_of(rows)) == [False, False]
        assert verifies(good.replace(b"Subject:", b"Subject: x\r\nSubject:", 1), keys_of(rows)) == [False, False]
        # somebody else's name in From is refused, and gets no signature where it is allowed
        forged = mail("falsch", sender="admin@example.org", to=rcpt)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            home.submit(anna, rcpt, forged, sender=anna)
        assert refused.value.smtp_code == 550 and b"5.7.1" in refused.value.smtp_error
        home.cli("settings", "set", "submission.from", "any")
        home.submit(anna, rcpt, forged, sender=anna)
        home.cli("settings", "set", "submission.from", "own")
        wait_for(lambda: len(peer.mails) == 3)
        assert b"DKIM-Signature" not in peer.mails[2].data


def test_what_the_house_writes_is_signed(home):
    """Delivery reports (by the domain above the host's name) and notices of absence."""
    anna, rcpt = home.fresh(), "fremd@far.example"
    keys = keys_of(home.cli("domain", "dkim", "example.org"))
    home.cli("mail", "vacation", "set", anna, "Bin nicht da.", "--subject", "Abwesend")
    with Peer(home.out_port) as peer, home.smtp() as s:
        s.sendmail(rcpt, anna, mail("hallo", sender=rcpt, to=anna), rcpt_options=["NOTIFY=SUCCESS"])
        wait_for(lambda: len(peer.mails) == 2)
        report, = [m.data for m in peer.mails if b"multipart/report" in m.data]
        notice, = [m.data for m in peer.mails if b"Subject: Abwesend" in m.data]
        for data in report, notice:
            assert verifies(data, keys) == [True, True] and data.count(b"d=example.org;") == 2
        assert b"From: " in report and b"MAILER-DAEMON@mail.example.org" in report


def test_rotation(home):
    anna, rcpt = home.fresh(), "x@far.example"
    old = home.cli("domain", "dkim", "example.org")
    new = home.cli("domain", "dkim", "example.org", "rotate")
    assert [r["state"] for r in new] == ["signs", "signs", "waits", "waits"]
    with pytest.raises(CliError):
        home.cli("domain", "dkim", "example.org", "rotate")
    with pytest.raises(CliError):
        home.cli("domain", "dkim", "elsewhere.example")
    with Peer(home.out_port) as peer:
        home.submit(anna, rcpt)
        wait_for(lambda: len(peer.mails) == 1)
        assert verifies(peer.mails[0].data, keys_of(old)) == [True, True]
        now = home.cli("domain", "dkim", "example.org", "rotate", "--now")
        assert [r["state"] for r in now] == ["retired"] * 4 + ["signs"] * 2
        home.submit(anna, rcpt)
        wait_for(lambda: len(peer.mails) == 2)
        assert verifies(peer.mails[1].data, keys_of(now[4:])) == [True, True]
        assert verifies(peer.mails[0].data, keys_of(now)) == [True, True]


# ---- mail from outside ----

def key_record(public):
    return "v=DKIM1; k=rsa; p=" + public


def new_key():
    """A key for python3-dkim and its record."""
    r = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], capture_output=True, check=True)
    p = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=r.stdout, capture_output=True, check=True)
    return r.stdout, base64.b64encode(p.stdout).decode()


KEY, PUBLIC = new_key()
SEED = secrets.token_bytes(32)
ED = base64.b64encode(bytes(nacl.SigningKey(SEED).verify_key)).decode()
OUTSIDE = f"""MX far.example 10 mx.far.example
A mx.far.example 127.0.0.1
TXT strict.example v=spf1 ip4:192.0.2.0/28 include:more.example -all
TXT more.example v=spf1 a:host.more.example ?all
A host.more.example 192.0.2.77
TXT _dmarc.strict.example v=DMARC1; p=reject; rua=mailto:x@strict.example
TXT k._domainkey.strict.example {key_record(PUBLIC)}
TXT e._domainkey.strict.example v=DKIM1; k=ed25519; p={ED}
TXT _dmarc.mild.example v=DMARC1; p=quarantine
TXT mild.example v=spf1 -all
TXT _dmarc.lax.example v=DMARC1; p=none
FAIL broken.example
FAIL _dmarc.broken.example
SLOW slow.example
SLOW _dmarc.slow.example
FAIL k._domainkey.dead.example
TXT _dmarc.dead.example v=DMARC1; p=reject
TXT dead.example v=spf1 -all
TXT k._domainkey.list.example {key_record(PUBLIC)}
""" + "".join(f"SLOW n{i}.tar.example\n" for i in range(80))


class ProxyImap(imaplib.IMAP4):
    def _create_socket(self, timeout):
        s = super()._create_socket(timeout)
        s.sendall(proxy("127.0.0.1"))
        return s


class ProxySmtp(smtplib.SMTP_SSL):
    def _get_socket(self, host, port, timeout):
        s = socket.create_connection((host, port), timeout)
        s.sendall(proxy("127.0.0.1"))
        return self.context.wrap_socket(s, server_hostname=self._host)


class ProxyHouse(House):
    """Our own clients come from this machine, says the proxy. Strangers need not come twice."""
    greylist = "off"

    def start(self, ready=True):
        super().start(ready)
        if ready:
            self.cli("settings", "set", "smtp.greylist", self.greylist)
        return self

    def imap(self, user, tls=False):
        i = ProxyImap("127.0.0.1", self.port("imap"), timeout=30 * SLOW)
        i.authenticate("PLAIN", lambda _: f"\0{user}\0{self.accounts[user]}".encode())
        return i

    def smtp(self, kind="smtp", user=None):
        s = ProxySmtp("127.0.0.1", self.port(kind), timeout=30 * SLOW)
        s.login(user, self.accounts[user])
        return s


@pytest.fixture(scope="module")
def door():
    h = ProxyHouse(settings=["proxy_networks=127.0.0.1/32"], zone=OUTSIDE)
    try:
        h.start()
        yield h
    finally:
        h.destroy()


class Visitor(Smtp):
    """From far away, through a proxy."""

    def __init__(self, h, ip, helo="mx.sender.example"):
        self.s = socket.create_connection(("127.0.0.1", h.port("smtp")), timeout=30 * SLOW)
        self.s.sendall(proxy(ip))
        self.f = self.s.makefile("rb")
        self.greeting = self.reply()
        self.caps = self.cmd("EHLO " + helo)[1]


def knock(h, text, sender, to, ip="198.51.100.9", helo="mx.sender.example"):
    with Visitor(h, ip, helo) as s:
        assert s.cmd(f"MAIL FROM:<{sender}>")[0] == 250
        assert s.cmd(f"RCPT TO:<{to}>")[0] == 250
        assert s.cmd("DATA")[0] == 354
        body = text.replace(b"\r\n.", b"\r\n..")
        s.send(body + b".\r\n")
        return s.reply()


def results(data):
    """Our Authentication-Results, unfolded; there must be one, and it stands before Received."""
    m = email.message_from_bytes(data, policy=email.policy.compat32)
    found = [re.sub(r"\s+", " ", v) for v in m.get_all("Authentication-Results", [])
             if v.strip().startswith("mail.example.org;")]
    assert len(found) == 1, data[:2000]
    names = [k.lower() for k in m.keys()]
    assert names.index("authentication-results") < names.index("received")
    return found[0]


def got(h, user, box="INBOX"):
    return results(h.wait_mail(user, mailbox=box)[0])


def signed(text, selector=b"k", domain=b"strict.example", key=None, **kw):
    return dkim.sign(text, selector, domain, key or KEY, **kw).replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n") + text


def test_dkim_of_others(door):
    """python3-dkim signs in every canonical form, we verify."""
    for head in (b"simple", b"relaxed"):
        for body in (b"simple", b"relaxed"):
            anna = door.fresh()
            text = mail("Ein  Betreff \t mit Leerraum", "Zeile  \r\n\tmit \t Leerraum \r\n\r\n\r\n", "b@strict.example", anna)
            for kw in ({}, {"selector": b"e", "key": base64.b64encode(SEED), "signature_algorithm": b"ed25519-sha256"}):
                text = signed(text, canonicalize=(head, body), **kw)
            assert knock(door, text, "b@strict.example", anna)[0] == 250
            r = got(door, anna)
            assert r.count("dkim=pass") == 2 and "header.a=ed25519-sha256" in r and "header.a=rsa-sha256" in r, r
            assert "spf=fail" in r and "dmarc=pass (p=reject dis=none) header.from=strict.example" in r


def test_spf(door):
    anna = door.fresh()
    assert knock(door, mail(sender="b@strict.example", to=anna), "b@strict.example", anna, "192.0.2.7")[0] == 250
    r = got(door, anna)
    assert "spf=pass smtp.mailfrom=b@strict.example" in r and "dkim=none" in r and "dmarc=pass" in r
    bert = door.fresh()
    assert knock(door, mail(sender="b@strict.example", to=bert), "b@strict.example", bert, "192.0.2.77")[0] == 250
    assert "spf=pass" in got(door, bert)


def test_policies(door):
    anna = door.fresh()
    assert knock(door, mail(sender="b@strict.example", to=anna), "b@strict.example", anna)[:1] == (550,)
    changed = signed(mail(sender="b@strict.example", to=anna)).replace(b"Guten", b"Schlechten")
    code, text = knock(door, changed, "b@strict.example", anna)
    assert code == 550 and "5.7.1" in text and "strict.example" in text
    assert knock(door, mail(sender="b@sub.strict.example", to=anna), "b@elsewhere.example", anna)[0] == 550
    assert knock(door, mail(sender="b@mild.example", to=anna), "b@mild.example", anna)[0] == 250
    r = got(door, anna, "Junk")
    assert "dmarc=fail (p=quarantine dis=quarantine)" in r
    assert knock(door, mail(sender="b@lax.example", to=anna), "b@lax.example", anna)[0] == 250
    assert "dmarc=fail (p=none dis=none)" in got(door, anna)
    # two names in From: nobody can be asked
    bert = door.fresh()
    assert knock(door, b"From: b@lax.example\r\n" + mail(sender="c@strict.example", to=bert), "b@lax.example", bert)[0] == 250
    assert "dmarc=permerror" in got(door, bert, "Junk")
    door.cli("settings", "set", "smtp.dmarc", "note")
    carl = door.fresh()
    assert knock(door, mail(sender="b@strict.example", to=carl), "b@strict.example", carl)[0] == 250
    assert "dmarc=fail (p=reject dis=reject)" in got(door, carl)
    door.cli("settings", "set", "smtp.dmarc", "honour")


def test_whose_report(door):
    """Who sent a report is said only when DMARC has confirmed it; a forged one is refused or stands without a name."""
    to = "berichte@example.org"
    door.cli("settings", "set", "report_address", to)

    def text(sender, report_id):
        m = email.message.EmailMessage(policy=email.policy.SMTP)
        m["From"], m["To"], m["Subject"], m["Date"] = sender, to, "Report", email.utils.formatdate()
        m.set_content((f"<feedback><report_metadata><org_name>x</org_name><report_id>{report_id}</report_id></report_metadata>"
                       "<policy_published><domain>example.org</domain></policy_published><record><row><source_ip>192.0.2.9</source_ip>"
                       "<count>1</count></row></record></feedback>").encode(), "application", "xml")
        return m.as_bytes()
    assert knock(door, signed(text("b@strict.example", "a")), "b@strict.example", to)[0] == 250
    assert knock(door, text("b@strict.example", "b"), "b@strict.example", to)[0] == 550
    assert knock(door, text("b@lax.example", "c"), "b@lax.example", to)[0] == 250
    assert sorted(r["confirmed"] for r in door.cli("report", "dmarc")) == ["-", "strict.example"]
    door.cli("settings", "set", "report_address", "")


@pytest.mark.parametrize("domain", ["broken.example", "slow.example", "dead.example"])
def test_silent_dns_refuses_nobody(door, domain):
    anna = door.fresh()
    text = mail(sender=f"b@{domain}", to=anna)
    if domain == "dead.example":
        text = signed(text, domain=b"dead.example")
    start = time.monotonic()
    assert knock(door, text, f"b@{domain}", anna)[0] == 250
    assert time.monotonic() - start < 14 * SLOW
    assert "dmarc=temperror" in got(door, anna)


def test_slow_names_block_nobody(door):
    """Sixty mails wait for a dead name server; all others go on."""
    anna = door.fresh()
    waiting = []
    for i in range(60):
        s = Visitor(door, f"198.51.100.{100 + i}")
        s.cmd(f"MAIL FROM:<b@n{i}.tar.example>")
        s.cmd(f"RCPT TO:<{anna}>")
        s.cmd("DATA")
        s.send(mail(sender=f"b@n{i}.tar.example", to=anna) + b".\r\n")
        waiting.append(s)
    start = time.monotonic()
    bert = door.fresh()
    assert knock(door, mail(sender="b@lax.example", to=bert), "b@lax.example", bert)[0] == 250
    assert len(door.wait_mail(bert)) == 1
    assert time.monotonic() - start < 4 * SLOW
    for s in waiting:
        assert s.reply()[0] == 250
        s.close()


def test_forged_results(door):
    anna = door.fresh()
    forged = b"Authentication-Results: mail.example.org; dkim=pass header.d=bank.example\r\n" \
        b"Authentication-Results: (x) \"MAIL.example.org\" 1;\r\n\tspf=pass\r\n" \
        b"Authentication-Results: other.example; spf=pass\r\n"
    assert knock(door, forged + mail(sender="b@lax.example", to=anna), "b@lax.example", anna)[0] == 250
    data = door.wait_mail(anna)[0]
    assert "bank" not in results(data) and b"bank.example" not in data and b"MAIL.example.org" not in data
    assert b"Authentication-Results: other.example" in data
    door.submit(anna, anna, forged + mail(sender=anna, to=anna))
    data = door.wait_mail(anna, 2)[1]
    assert b"bank.example" not in data


def test_who_is_not_asked(door):
    anna = door.fresh()
    with Visitor(door, "127.0.0.1") as s:
        assert s.data(anna, mail(sender="b@strict.example", to=anna).decode() + ".\r\n", sender="b@strict.example")[0] == 250
    door.cli("settings", "set", "smtp.trusted_relays", "203.0.113.5 203.0.113.6")
    assert knock(door, mail(sender="b@strict.example", to=anna), "b@strict.example", anna, "203.0.113.6")[0] == 250
    assert knock(door, mail(sender="b@strict.example", to=anna), "b@strict.example", anna, "203.0.113.7")[0] == 550
    for data in door.wait_mail(anna, 2):
        assert b"Authentication-Results" not in data


def test_arc(door):
    anna = door.fresh()
    text = signed(mail(sender="b@strict.example", to=anna))
    # a list seals what it has seen, then changes the text
    text = b"Authentication-Results: list.example; dkim=pass header.d=strict.example; arc=none\r\n" + text
    fields = dkim.arc_sign(text, b"k", b"list.example", KEY, b"list.example",
                           include_headers=[b"from", b"to", b"subject", b"date"])
    sealed = b"".join(f.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for f in fields) + text
    assert knock(door, sealed, "b@strict.example", anna)[0] == 250
    r = got(door, anna)
    assert "arc=pass (chain is whole) arc.domain=list.example" in r, r
    bert = door.fresh()
    sealed = sealed.replace(b"cv=none", b"cv=pass")
    assert knock(door, sealed, "b@strict.example", bert)[0] == 250
    assert "arc=fail" in got(door, bert)


def test_out_dies_meanwhile(door):
    """The questions `out` took along are asked again."""
    anna = door.fresh()
    with Visitor(door, "198.51.100.50") as s:
        s.cmd("MAIL FROM:<b@n70.tar.example>")
        s.cmd(f"RCPT TO:<{anna}>")
        s.cmd("DATA")
        s.send(signed(mail(sender="b@strict.example", to=anna)) + b".\r\n")
        time.sleep(0.3)
        door.kill("out")
        assert s.reply()[0] == 250
    assert "dkim=pass" in got(door, anna)


# ---- what must be in the DNS ----

def checked(h, domain="example.org"):
    return {(r["purpose"], r["name"]): (r["state"], r["fix"]) for r in h.cli("domain", "check", domain)}


def publish(server, lines):
    """Records as `domain dns` prints them, in our own name server."""
    text = {}
    for line in lines:
        name = line.split()[0]
        if "(the IPv4" in line:
            line = f"{name} 60 IN A 127.0.0.1"
        text.setdefault("example.org.", []).append(line)
    zone = dns.zone.from_text("@ 60 IN SOA ns post 1 3600 600 86400 60\n@ 60 IN NS ns\nns 60 IN A 127.0.0.1\n" +
                              "\n".join(text["example.org."]) + "\n", origin="example.org.", relativize=False)
    server.zones = [zone]


def test_domain_dns_and_check():
    port = free_port()
    h = House(settings=["out_hosts=", "dns_anchor=", f"dns_forwarders=127.0.0.1@{port}"])
    with NameServer(port, []) as server:
        try:
            h.start()
            found = checked(h)
            assert found[("MX", "example.org")] == ("missing", "example.org. 3600 IN MX 10 mail.example.org.")
            assert found[("DKIM", "example.org")] == ("missing", "kontor domain dkim example.org")
            assert found[("SRV", "_imaps._tcp.example.org")][0] == "optional"
            keys = h.cli("domain", "dkim", "example.org")
            records = [r["record"] for r in h.cli("domain", "dns", "example.org")]
            for kind in ("MX", "TXT \"v=spf1", "TXT \"v=DMARC1", "TXT \"v=TLSRPTv1", "TXT \"v=STSv1", "TLSA 3 1 1 ", "SRV",
                         "CAA", "CNAME", "TXT \"v=DKIM1; k=rsa", "TXT \"v=DKIM1; k=ed25519"):
                assert any(f" IN {kind}" in r for r in records), kind
            h.stop()        # what is remembered as missing is forgotten
            publish(server, records)
            h.start()
            found = checked(h)
            assert {s for s, _ in found.values()} == {"ok"}, found
            # wrong in many ways
            h.stop()
            bad = [r.replace("10 mail.example.org.", "10 elsewhere.example.").replace("v=spf1 mx -all", "v=spf1 -all")
                    .replace(keys[1]["record"][-20:], "A" * 19 + "=").replace("TLSA 3 1 1 ", "TLSA 3 1 1 00")[:4000]
                   for r in records if "_dmarc" not in r]
            bad = [re.sub(r"TLSA 3 1 1 00(\w{62})\w\w", r"TLSA 3 1 1 00\1", r) for r in bad]
            publish(server, bad + ["example.org. 60 IN TXT \"v=spf1 +all\""])
            server.fail = {"_imaps._tcp.example.org"}
            h.start()
            found = checked(h)
            assert found[("MX", "example.org")][0] == "wrong"
            assert found[("SPF", "example.org")][0] == "wrong"
            assert found[("DMARC", "_dmarc.example.org")][0] == "missing"
            assert found[("DKIM", keys[0]["name"])][0] == "ok"
            assert found[("DKIM", keys[1]["name"])][0] == "wrong"
            assert found[("TLSA", "_25._tcp.mail.example.org")][0] == "wrong"
            assert found[("SRV", "_imaps._tcp.example.org")][0] == "unknown"
            # one SPF record, but not for us
            h.stop()
            publish(server, [r.replace("v=spf1 mx -all", "v=spf1 ip4:192.0.2.1 -all") for r in records])
            h.start()
            assert checked(h)[("SPF", "example.org")][0] == "wrong"
            with pytest.raises(CliError):
                h.cli("domain", "check", "elsewhere.example")
        finally:
            h.destroy()
