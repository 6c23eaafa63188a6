"""TLS towards other servers: DANE with signed zones that Debian's unbound serves, and what REQUIRETLS makes of it."""
import hashlib
import shutil
import subprocess

import pytest

from house import House, free_port, mail, wait_for
from rawsmtp import Peer
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
             "bogus.probe": base + record + good + "\n", "notlsa.probe": base}
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


@pytest.mark.parametrize("domain,words", [("wrongkey.probe", "not trusted"), ("bogus.probe", "TLSA records cannot be looked up")])
def test_dane_waits(signed_world, domain, words):
    """Another key than the record's, and a record whose signature is wrong: never delivered, never bounced at once."""
    h, anna = signed_world, signed_world.fresh()
    with Peer(h.out_port, tls=h.context) as peer:
        h.submit(anna, f"b@{domain}")
        waits(h, anna, words)
        assert not peer.mails
        assert domain == "wrongkey.probe" or not peer.connections


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
