"""TLS towards other servers: DANE with signed zones that Debian's unbound serves, and what REQUIRETLS makes of it."""
import email
import email.policy
import gzip
import hashlib
import json
import re
import shutil
import socketserver
import subprocess
import threading
import time

import pytest

from house import CliError, House, free_port, mail, wait_for
from rawsmtp import Peer, Smtp
from test_clock import DAY, TimedHouse
from test_dns import signed
from test_queue import ours, queue_id, report
from test_smarthost import ca  # noqa: F401

CAPS = ("PIPELINING", "8BITMIME", "SIZE 10000000")


def tlsa(ca, name, self_signed=False):
    """'3 1 1 HEX' of the certificate that Authority.server has made for this name."""
    cert = (ca.folder / f"{name}-{self_signed}-False").with_suffix(".pem")
    key = subprocess.run(["openssl", "x509", "-in", str(cert), "-noout", "-pubkey"], check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True, capture_output=True).stdout
    return "3 1 1 " + hashlib.sha256(der).hexdigest()


class Unbound:
    """Debian's unbound: serves the signed zones in `folder`, forwards nothing."""

    def __init__(self, folder, port, zones):
        conf = folder / "unbound.conf"
        conf.write_text(f"""server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{folder}"
  module-config: "iterator"
  access-control: 127.0.0.0/8 allow
remote-control:
  control-enable: no
""" + "".join(f'auth-zone:\n  name: "{z}"\n  zonefile: "{folder}/{z}.signed"\n  for-downstream: no\n  for-upstream: yes\n'
              f'  fallback-enabled: no\n' for z in zones))
        self.process = subprocess.Popen([shutil.which("unbound") or "/usr/sbin/unbound", "-c", str(conf)], stderr=subprocess.PIPE)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def signed_world(tmp_path_factory, ca):
    folder = tmp_path_factory.mktemp("dane")
    port = free_port()
    h = House(settings=[f"dns_forwarders=127.0.0.1@{port}", "out_hosts="])
    h.context = ca.server("mx.dane.probe", self_signed=True)
    good = tlsa(ca, "mx.dane.probe", True)
    base = "@ 60 IN MX 10 mx\nmx 60 IN A 127.0.0.1\n"
    record = f"_{h.out_port}._tcp.mx 60 IN TLSA "
    zones = {"dane.probe": base + record + good + "\n", "wrongkey.probe": base + record + "3 1 1 " + "ab" * 32 + "\n",
             "bogus.probe": base + record + good + "\n", "notlsa.probe": base,
             "alias.probe": "@ 60 IN MX 10 mx\nmx 60 IN CNAME mx.dane.probe.\n" + record + "3 1 1 " + "ab" * 32 + "\n",
             "aliaswrong.probe": "@ 60 IN MX 10 mx\nmx 60 IN CNAME mx.wrongkey.probe.\n" + record + good + "\n",
             "aliasown.probe": "@ 60 IN MX 10 mx\nmx 60 IN CNAME mx.notlsa.probe.\n" + record + good + "\n"}
    anchors = "".join(signed(folder, n, z)[1] for n, z in zones.items())
    changed = folder / "bogus.probe.signed"
    changed.write_text(changed.read_text().replace(good.split()[-1], "cd" * 32))
    (h.base / "anchor").write_text(anchors)
    (h.base / "anchor").chmod(0o644)
    with open(h.dir / "kontor.conf", "a") as f:
        f.write(f"\ndns_anchor = {h.base / 'anchor'}\n")
    server = Unbound(folder, port, zones)
    try:
        yield h.start()
    finally:
        h.destroy()
        server.stop()


def waits(h, anna, words):
    def shown():
        for r in ours(h, anna):
            if words in str(h.cli("queue", "show", queue_id(r))):
                return r
    row = wait_for(shown, 30)
    assert not h.fetch_all(anna), "no bounce for a passing failure"
    h.cli("queue", "remove", queue_id(row))


def test_dane(signed_world):
    """The certificate is self-signed and leads to no root: the signed record is what counts."""
    h, anna = signed_world, signed_world.fresh()
    with Peer(h.out_port, tls=h.context) as peer:
        h.submit(anna, "b@dane.probe")
        wait_for(lambda: peer.mails, 20)
        assert peer.mails[0].tls
    wait_for(lambda: any("destination=dane.probe" in line and "policy=dane" in line for line in h.log().splitlines()))


@pytest.mark.parametrize("domain", ["alias.probe", "aliasown.probe"])
def test_dane_alias(signed_world, domain):
    """The record where the alias leads to comes before the one at the server's own name; without any there, the latter counts."""
    h, anna = signed_world, signed_world.fresh()
    with Peer(h.out_port, tls=h.context) as peer:
        h.submit(anna, f"b@{domain}")
        wait_for(lambda: peer.mails, 20)
        assert peer.mails[0].tls
    wait_for(lambda: any(f"destination={domain}" in line and "policy=dane" in line for line in h.log().splitlines()))


@pytest.mark.parametrize("domain,words", [("wrongkey.probe", "not trusted"), ("aliaswrong.probe", "not trusted"), ("bogus.probe", "TLSA records cannot be looked up")])
def test_dane_waits(signed_world, domain, words):
    """Another key than the record's, and a record whose signature is wrong: never delivered, never bounced at once."""
    h, anna = signed_world, signed_world.fresh()
    with Peer(h.out_port, tls=h.context) as peer:
        h.submit(anna, f"b@{domain}")
        waits(h, anna, words)
        assert not peer.mails
        assert domain.endswith(("wrongkey.probe", "aliaswrong.probe")) or not peer.connections


def test_dane_needs_tls(signed_world):
    h, anna = signed_world, signed_world.fresh()
    with Peer(h.out_port) as peer:
        h.submit(anna, "b@dane.probe")
        waits(h, anna, "TLS is demanded")
        assert not peer.mails


def test_signed_without_tlsa(signed_world):
    """That there is no record is proved as well: whatever the server offers will do."""
    h, anna = signed_world, signed_world.fresh()
    with Peer(h.out_port) as peer:
        h.submit(anna, "b@notlsa.probe")
        wait_for(lambda: peer.mails, 20)


def test_tls_required_no(signed_world):
    """The sender prefers delivery to safety (RFC 8689 section 5)."""
    h, anna = signed_world, signed_world.fresh()
    with Peer(h.out_port) as peer:
        h.submit(anna, "b@dane.probe", message=mail(sender=anna, TLS_Required="No"))
        wait_for(lambda: peer.mails, 20)


# ---- MTA-STS ----

POLICY = "version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: {age}\n"


class PolicyHost(socketserver.ThreadingTCPServer):
    """Serves policies over HTTPS; `answers` maps a domain to bytes, or to a function of the connection that does worse."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, contexts):
        self.answers, self.asked, self.contexts = {}, [], contexts
        self.released = threading.Event()
        self.first = next(iter(contexts.values()))
        self.first.sni_callback = self.choose
        super().__init__(("127.0.0.1", 0), PolicyConversation)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def choose(self, sock, name, _):
        sock.asked_for = name
        if name in self.contexts:
            sock.context = self.contexts[name]

    def stop(self):
        self.released.set()
        self.shutdown()
        self.server_close()


class PolicyConversation(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            link = self.server.first.wrap_socket(self.request, server_side=True)
            data = b""
            while b"\r\n\r\n" not in data:
                part = link.recv(4096)
                if not part:
                    return
                data += part
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(re.search(rb"Content-Length: (\d+)", head + b"Content-Length: 0")[1])
            while len(body) < length:
                body += link.recv(65536)
            data = head + b"\r\n\r\n" + body
            domain = link.asked_for.partition(".")[2]
            self.server.asked.append((domain, data))
            answer = self.server.answers.get(domain, http(b"nothing", status="404 Not Found"))
            if callable(answer):
                answer(link, self.server)
            else:
                link.sendall(answer)
            link.unwrap()
        except OSError:
            pass


def http(body, status="200 OK", kind="text/plain", more=""):
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def policy(mode, mx, age=86400):
    return http(POLICY.format(mode=mode, mx=mx, age=age).encode())


STS_DOMAINS = ["enforce", "wrongmx", "testing", "none", "endless", "drip", "type", "redirect", "bighead", "badcert", "xn--mller-kva",
               "renewed", "kept", "plain", "require", "posted"]


def rua(host, domain):
    if domain == "posted":
        return f"https://post.collect.example:{host.port}/v1/tls?d=posted,https://post.forger.example:{host.port}/v1/tls"
    return "mailto:tls@report.example"


@pytest.fixture(scope="module")
def sts_world(ca):  # noqa: F811
    names = [f"mta-sts.{d}.example" for d in STS_DOMAINS] + ["post.collect.example", "post.forger.example"]
    contexts = {n: ca.server(n, self_signed="badcert" in n or "forger" in n) for n in names}
    host = PolicyHost(contexts)
    zone = "".join(f"MX {d}.example 10 mx.{d}.example\nA mx.{d}.example 127.0.0.1\nA mta-sts.{d}.example 127.0.0.1\n"
                   + (f"TXT _mta-sts.{d}.example v=STSv1; id=1;\n" if d not in ("plain", "posted") else "")
                   + f"TXT _smtp._tls.{d}.example v=TLSRPTv1; rua={rua(host, d)}\n" for d in STS_DOMAINS)
    zone += "A post.collect.example 127.0.0.1\nA post.forger.example 127.0.0.1\n"
    zone += "MX report.example 10 mx.report.example\nA mx.report.example 127.0.0.1\n"
    h = TimedHouse(settings=[f"mta_sts_port={host.port}"])
    shutil.copy(ca.root, h.base / "roots.pem")      # other runs of pytest close the folder of temporary files
    (h.base / "roots.pem").chmod(0o644)
    with open(h.dir / "kontor.conf", "a") as f:
        f.write(f"\ntls_roots = {h.base / 'roots.pem'}\n")
    h.zone.write_text(zone)
    h.host, h.ca = host, ca
    try:
        yield h.start()
    finally:
        h.destroy()
        host.stop()


def sent(h, domain, tls=None, **kw):
    """Delivered: the envelope; else None, and the mail waits (and is taken away)."""
    anna = h.fresh()
    with Peer(h.out_port, tls=tls, caps=kw.pop("caps", CAPS)) as peer:
        h.submit(anna, f"b@{domain}.example", **kw)
        def done():
            if peer.mails:
                return True
            try:
                shown = [str(h.cli("queue", "show", queue_id(r))) for r in ours(h, anna)]
            except CliError:
                return False                         # it has just left
            return any("TLS" in text or "policy" in text for text in shown)
        wait_for(done, 45)
        for r in ours(h, anna):
            if not peer.mails:
                h.cli("queue", "remove", queue_id(r))
        return peer.mails[0] if peer.mails else None


def results(h, domain):
    return {(r["policy"], r["result"]) for r in h.cli("queue", "tls", f"{domain}.example") or []}


def test_sts_enforce(sts_world):
    h = sts_world
    h.host.answers["enforce.example"] = policy("enforce", "*.enforce.example")
    assert sent(h, "enforce", h.ca.server("mx.enforce.example")).tls
    assert ("MTA-STS", "ok") in results(h, "enforce")
    assert sent(h, "enforce", h.ca.server("mx.enforce.example", self_signed=True)) is None, "a certificate nobody vouches for"
    assert sent(h, "enforce", h.ca.server("mx.other.example")) is None, "another name"
    assert sent(h, "enforce") is None, "no TLS at all"
    assert {r for p, r in results(h, "enforce")} == {"ok", "certificate-not-trusted", "certificate-host-mismatch", "starttls-not-supported"}
    head = h.host.asked[0][1]
    assert head.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.enforce.example\r\n")
    assert len([a for a in h.host.asked if a[0] == "enforce.example"]) == 1, "fetched once"


def test_sts_other_mx(sts_world):
    sts_world.host.answers["wrongmx.example"] = policy("enforce", "mail.wrongmx.example")
    assert sent(sts_world, "wrongmx", sts_world.ca.server("mx.wrongmx.example")) is None
    assert results(sts_world, "wrongmx") == {("MTA-STS", "validation-failure")}


def test_sts_testing_does_not_enforce(sts_world):
    """Whatever is wrong is told in the report, and the mail goes out all the same."""
    h = sts_world
    h.host.answers["testing.example"] = policy("testing", "mx.testing.example")
    assert sent(h, "testing", h.ca.server("mx.testing.example", self_signed=True)).tls
    assert not sent(h, "testing").tls
    assert results(h, "testing") == {("MTA-STS", "certificate-not-trusted"), ("MTA-STS", "starttls-not-supported")}


def test_sts_none(sts_world):
    sts_world.host.answers["none.example"] = policy("none", "mx.none.example")
    assert not sent(sts_world, "none").tls
    assert results(sts_world, "none") == {("none", "starttls-not-supported")}


def test_sts_a_label(sts_world):
    h = sts_world
    h.host.answers["xn--mller-kva.example"] = policy("enforce", "mx.xn--mller-kva.example")
    assert sent(h, "xn--mller-kva", h.ca.server("mx.xn--mller-kva.example")).tls
    assert ("MTA-STS", "ok") in results(h, "müller")


def endless(link, server):
    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nversion: STSv1\n")
    while not server.released.is_set():
        link.sendall(b"mx: x.example\n" * 1000)


def drip(link, server):
    for octet in http(b"version: STSv1\n"):
        link.sendall(bytes([octet]))
        if server.released.wait(2):
            return


def big_head(link, server):
    link.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 200000 + b"\r\n\r\n")


@pytest.mark.limit(120)
@pytest.mark.parametrize("domain,answer,fault", [
    ("endless", endless, "sts-policy-fetch-error"), ("drip", drip, "sts-policy-fetch-error"),
    ("type", http(POLICY.format(mode="enforce", mx="x.example", age=1).encode(), kind="text/html"), "sts-policy-fetch-error"),
    ("redirect", http(b"", "301 Moved", more="Location: https://mta-sts.enforce.example/.well-known/mta-sts.txt\r\n"),
     "sts-policy-fetch-error"),
    ("bighead", big_head, "sts-policy-fetch-error"), ("badcert", policy("enforce", "x.example"), "sts-webpki-invalid"),
])
def test_hostile_policy_host(sts_world, domain, answer, fault):
    """No policy can be had so: the mail goes out as without one, within the time of one fetch, and the report says why."""
    h = sts_world
    h.host.answers[f"{domain}.example"] = answer
    assert sent(h, domain) is not None
    assert results(h, domain) == {("MTA-STS", fault)}
    before = len(h.host.asked)
    assert sent(h, domain) is not None
    assert len(h.host.asked) == before, "not asked again at once"


def test_sts_kept_over_a_restart(sts_world):
    """Once known, a policy holds although its host and its record are gone: also in a new process."""
    h = sts_world
    h.host.answers["kept.example"] = policy("enforce", "mx.kept.example")
    assert sent(h, "kept", h.ca.server("mx.kept.example")).tls
    before = h.zone.read_text()
    del h.host.answers["kept.example"]
    h.zone.write_text(before.replace("TXT _mta-sts.kept.example v=STSv1; id=1;\n", ""))
    h.stop()
    h.start()
    assert sent(h, "kept") is None, "still enforced"
    h.zone.write_text(before)
    h.pass_time(2 * DAY)
    assert not sent(h, "kept").tls, "its time is over"


def test_requiretls(sts_world):
    """Only over TLS that is proved, to a server that offers it; else it comes back, header only."""
    h = sts_world
    anna = h.fresh()
    h.host.answers["require.example"] = policy("enforce", "mx.require.example")
    context = h.ca.server("mx.require.example")
    with Peer(h.out_port, tls=context, caps=(*CAPS, "REQUIRETLS")) as peer:
        h.submit(anna, "b@require.example", options=["REQUIRETLS"])
        wait_for(lambda: peer.mails, 20)
        assert peer.mails[0].tls and "REQUIRETLS" in peer.mails[0].sender
    for domain, tls in [("require", context), ("plain", h.ca.server("mx.plain.example"))]:
        anna = h.fresh()
        with Peer(h.out_port, tls=tls) as peer:
            h.submit(anna, f"b@{domain}.example", options=["REQUIRETLS"], body="Vertraulich: Kranich\r\n")
            text = h.wait_mail(anna)[0]
            assert b"Status: 5.7.30" in text and b"Kranich" not in text
            assert not peer.mails
    with Smtp(h.port("smtp")) as s:
        assert "REQUIRETLS" not in s.caps and s.cmd("MAIL FROM:<a@b.example> REQUIRETLS")[0] == 555


@pytest.mark.limit(240)
def test_tls_report(sts_world):
    """A day later one report a domain goes to whom its record names: packed JSON that says what happened."""
    h = sts_world
    for n in (True, False):
        assert sent(h, "plain", h.ca.server("mx.plain.example") if n else None).tls == n
    assert sent(h, "posted")
    answers = [http(b"", "503 Busy"), http(b"", "201 Created")]
    h.host.answers["collect.example"] = lambda link, _: link.sendall(answers.pop(0))
    with Peer(h.out_port) as peer:
        h.pass_time(DAY + 5 * 3600)
        wait_for(lambda: [m for m in peer.mails if b"TLS-Report-Domain: plain.example" in m.data], 150)
        mails = [email.message_from_bytes(m.data, policy=email.policy.default) for m in peer.mails]
    m = next(m for m in mails if m["TLS-Report-Domain"] == "plain.example")
    assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "tlsrpt"
    assert m["TLS-Required"] == "No" and m["From"] == "postmaster@example.org" and m["To"] == "tls@report.example"
    part = [p for p in m.walk() if p.get_content_type() == "application/tlsrpt+gzip"][0]
    report = json.loads(gzip.decompress(part.get_payload(decode=True)))
    entry = next(p for p in report["policies"] if p["policy"]["policy-type"] == "no-policy-found")
    assert entry["policy"]["policy-domain"] == "plain.example"
    assert entry["summary"]["total-successful-session-count"] == 1
    failure = next(f for f in entry["failure-details"] if f["result-type"] == "starttls-not-supported")
    assert failure["failed-session-count"] == 1 and failure["receiving-mx-hostname"] == "mx.plain.example"
    assert len([m for m in mails if m["TLS-Report-Domain"] == "plain.example"]) == 1
    assert not results(h, "report"), "reports are not reported on"
    check_posted(h)


def check_posted(h):
    """By HTTPS: again after a refusal, once; nothing to whoever has no certificate for the name."""
    def posts():
        return [data for domain, data in h.host.asked if domain == "collect.example"]

    def rows():
        return {r["recipient"].split("/")[2].split(":")[0]: r for r in h.cli("queue", "list") if r["recipient"].startswith("https:")}
    wait_for(posts, 150)
    assert wait_for(lambda: len(rows()) == 1 and rows(), 20)      # one message, two URLs
    message = str(next(iter(rows().values()))["id"])

    def replies():
        return {r["address"]: r["last_reply"] for r in h.cli("queue", "show", message)["recipients"]}
    wait_for(lambda: len(replies()) == 2 and all(replies().values()), 20)
    assert {("forger" in a): r for a, r in replies().items()} == {
        False: "the server does not take it", True: "the server's certificate is not trusted"}
    h.cli("queue", "retry", message)
    wait_for(lambda: len(posts()) == 2 and len(replies()) == 1, 20)
    assert "forger" in next(iter(replies()))
    assert not [d for d, _ in h.host.asked if d == "forger.example"]
    h.cli("queue", "remove", message)
    head, _, body = posts()[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/tls?d=posted HTTP/1.1\r\nHost: post.collect.example:%d\r\n" % h.host.port)
    assert b"Content-Type: application/tlsrpt+gzip" in head
    report = json.loads(gzip.decompress(body))
    assert report["policies"][0]["policy"]["policy-domain"] == "posted.example"
    assert posts()[0].partition(b"\r\n\r\n")[2] == body
