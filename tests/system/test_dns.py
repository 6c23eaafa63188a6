"""Where mail goes according to a real resolver: libunbound in `out`, asking a name server of our own on loopback."""
import socketserver
import subprocess
import threading
import time

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest

from house import House, free_port, wait_for
from rawsmtp import Peer
from test_queue import ours, queue_id, report

SOA = "@ 60 IN SOA ns.{0}. post.{0}. 1 3600 600 86400 60\n@ 60 IN NS ns.{0}.\nns 60 IN A 127.0.0.1\n"
ZONES = {
    "plain.probe": "@ 60 IN MX 20 second\n@ 60 IN MX 10 first\nfirst 60 IN A 127.0.0.1\nsecond 60 IN A 127.0.0.2\n",
    "down.probe": "@ 60 IN MX 10 first\n@ 60 IN MX 20 second\nfirst 60 IN A 127.0.0.77\nsecond 60 IN A 127.0.0.1\n",
    "nomail.probe": "@ 60 IN MX 0 .\n",
    "alias.probe": "www 60 IN CNAME mail.alias.probe.\nmail 60 IN MX 10 mx.plain.probe.\n",
    "implicit.probe": "@ 60 IN A 127.0.0.1\n",
    "six.probe": "@ 60 IN MX 10 mx\nmx 60 IN AAAA ::1\n",
    "empty.probe": "",
    "mute.probe": "@ 60 IN MX 10 mx.plain.probe.\n",
    "plain2.probe": "@ 60 IN MX 10 mx.plain.probe.\n",
}
ZONES["plain.probe"] += "mx 60 IN A 127.0.0.1\n"
SIGNED = "@ 60 IN MX 10 mx\nmx 60 IN A 127.0.0.1\nmx 60 IN AAAA ::1\n"


class NameServer(socketserver.ThreadingUDPServer):
    """Authoritative for its zones, over UDP and as a forwarder would answer. `fail` names that end in SERVFAIL, `mute`
    names that get no answer, `wrong` zones whose addresses are changed under their signatures."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port, zones):
        self.zones, self.fail, self.mute, self.asked = zones, set(), set(), []
        super().__init__(("127.0.0.1", port), Question)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def answer(self, query):
        q = query.question[0]
        text = q.name.to_text(omit_final_dot=True).lower()
        self.asked.append((text, dns.rdatatype.to_text(q.rdtype)))
        if any(text == m or text.endswith("." + m) for m in self.mute):
            return None
        r = dns.message.make_response(query)
        r.flags |= dns.flags.RA
        if any(text == m or text.endswith("." + m) for m in self.fail):
            r.set_rcode(dns.rcode.SERVFAIL)
            return r
        name = q.name
        for _ in range(4):
            zone = next((z for z in self.zones if name.is_subdomain(z.origin)), None)
            if zone is None:
                r.set_rcode(dns.rcode.NXDOMAIN if not r.answer else dns.rcode.NOERROR)
                return r
            alias = zone.get_rrset(name, "CNAME") if zone.get_node(name) else None
            if alias is None:
                break
            r.answer.append(alias)
            name = alias[0].target
        self.fill(r, zone, name, q.rdtype)
        return r

    def fill(self, r, zone, name, kind):
        def add(section, owner, what):
            found = zone.get_rrset(owner, what)
            if found:
                section.append(found)
                signature = zone.get_rrset(owner, "RRSIG", what)
                if signature:
                    section.append(signature)
            return found
        if zone.get_node(name) is None:
            r.set_rcode(dns.rcode.NXDOMAIN)
            signed = sorted(n for n in zone.nodes if zone.get_rrset(n, "NSEC"))
            for absent in {name, dns.name.from_text("*", origin=zone.origin)}:     # what lies before proves that it is not there
                before = [n for n in signed if n <= absent]
                if before:
                    add(r.authority, before[-1], "NSEC")
        elif add(r.answer, name, kind):
            return
        else:
            add(r.authority, name, "NSEC")
        add(r.authority, zone.origin, "SOA")


class Question(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        answer = self.server.answer(dns.message.from_wire(data))
        if answer is not None:
            socket.sendto(answer.to_wire(), self.client_address)


def zone_of(name, text):
    return dns.zone.from_text(SOA.format(name) + text, origin=name + ".", relativize=False)


def signed(folder, name, text):
    """The zone, signed by Debian's ldns-signzone, and the key that its trust hangs on."""
    stem = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name], cwd=folder, check=True, timeout=30,
                          capture_output=True).stdout.decode().strip()
    source = folder / f"{name}.zone"
    source.write_text(f"$ORIGIN {name}.\n" + SOA.format(name) + text)
    subprocess.run(["ldns-signzone", "-f", f"{name}.signed", source.name, stem], cwd=folder, check=True, timeout=30)
    zone = dns.zone.from_text((folder / f"{name}.signed").read_text(), origin=name + ".", relativize=False)
    return zone, (folder / f"{stem}.key").read_text()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A name server, and a house that asks it."""
    folder = tmp_path_factory.mktemp("dns")
    valid, anchor = signed(folder, "signed.probe", SIGNED)
    bogus, other = signed(folder, "bogus.probe", SIGNED)
    mx = bogus.find_rdataset("bogus.probe.", "MX", create=False)
    changed = dns.zone.from_text(SOA.format("bogus.probe") + "@ 60 IN MX 5 evil\nevil 60 IN A 127.0.0.1\n",
                                 origin="bogus.probe.", relativize=False)
    mx.clear()
    mx.update(changed.find_rdataset("bogus.probe.", "MX"))
    port = free_port()
    with NameServer(port, [zone_of(n, t) for n, t in ZONES.items()] + [valid, bogus]) as server:
        h = House(settings=[f"dns_forwarders=127.0.0.1@{port}", "out_hosts="])
        (h.base / "anchor").write_text(anchor + other)
        (h.base / "anchor").chmod(0o644)
        conf = (h.dir / "kontor.conf").read_text()
        (h.dir / "kontor.conf").write_text(conf + f"\ndns_anchor = {h.base / 'anchor'}\n")
        try:
            h.server = server
            yield h.start()
        finally:
            h.destroy()


def waits(h, anna, words):
    def shown():
        for r in ours(h, anna):
            if words in str(h.cli("queue", "show", queue_id(r))):
                return r
    row = wait_for(shown, 45)
    assert not h.fetch_all(anna), "no bounce for a passing failure"
    return row


@pytest.mark.parametrize("domain", ["plain.probe", "down.probe", "mail.alias.probe", "www.alias.probe", "implicit.probe",
                                    "six.probe"])
def test_found(world, domain):
    """Priorities (the second of plain.probe does not even listen), a dead first server, CNAME, no MX, IPv6."""
    anna = world.fresh()
    with Peer(world.out_port, host="::1" if domain == "six.probe" else "127.0.0.1") as peer:
        world.submit(anna, f"b@{domain}")
        wait_for(lambda: peer.mails, 20)
        wait_for(lambda: not ours(world, anna))
        assert len(peer.mails) == 1
    assert not world.fetch_all(anna)


@pytest.mark.parametrize("domain,status", [("nomail.probe", "5.1.10"), ("gibtsnicht.probe", "5.1.2"), ("empty.probe", "5.1.2")])
def test_takes_no_mail(world, domain, status):
    anna = world.fresh()
    world.submit(anna, f"b@{domain}")
    assert f"Status: {status}" in report(world.wait_mail(anna)[0])


def test_server_failure_waits(world):
    anna = world.fresh()
    world.server.fail.add("plain2.probe")
    world.submit(anna, "b@plain2.probe")
    row = waits(world, anna, "server failure")
    world.server.fail.clear()
    time.sleep(6)                                   # unbound remembers a failure for five seconds
    with Peer(world.out_port) as peer:
        world.cli("queue", "retry", queue_id(row))
        wait_for(lambda: peer.mails, 20)


def test_secure(world):
    anna = world.fresh()
    with Peer(world.out_port) as peer:
        world.submit(anna, "b@signed.probe")
        wait_for(lambda: peer.mails, 20)
    wait_for(lambda: any("destination=signed.probe" in line and "dnssec=1" in line for line in world.log().splitlines()))
    assert not any("destination=plain.probe" in line and "dnssec=1" in line for line in world.log().splitlines())


def test_bogus_waits(world):
    anna = world.fresh()
    with Peer(world.out_port) as peer:
        world.submit(anna, "b@bogus.probe")
        row = waits(world, anna, "DNSSEC")
        assert not peer.mails and not peer.connections
    world.cli("queue", "remove", queue_id(row))


@pytest.mark.limit(120)
def test_dns_dead_waits(world):
    """No answer at all: the mail waits, others go on, and it goes out once the DNS is back."""
    anna = world.fresh()
    world.server.mute.add("mute.probe")
    world.submit(anna, "b@mute.probe")
    with Peer(world.out_port) as peer:
        world.submit(anna, "b@plain.probe")
        wait_for(lambda: peer.mails, 10)
        row = waits(world, anna, "DNS: ")          # libunbound gives up after some seconds, `out` after twenty
        assert world.cli("status") and len(peer.mails) == 1
        assert [a for a in world.server.asked if a[0] == "mute.probe"]
        world.server.mute.clear()
        time.sleep(6)
        world.cli("queue", "retry", queue_id(row))
        wait_for(lambda: len(peer.mails) == 2, 20)
