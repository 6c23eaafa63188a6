"""What the owners of domains are told about mail in their names (RFC 9990): counted, kept over a crash, sent once, to nobody who did
not ask for it."""
import datetime
import email
import email.policy
import gzip
import time
import xml.etree.ElementTree as ET

import pytest

from house import mail, wait_for
from rawsmtp import Peer
from test_auth import PUBLIC, ProxyHouse, key_record, knock, signed
from test_clock import DAY, TimedHouse

RUA = "mailto:x@strict.example,mailto:agg@watch.example!10m,mailto:tiny@strict.example!10,mailto:no@elsewhere.example," \
    "https://strict.example/dmarc"
WORLD = f"""TXT strict.example v=spf1 ip4:192.0.2.0/28 -all
TXT _dmarc.strict.example v=DMARC1; p=reject; sp=quarantine; aspf=s; rua={RUA}
TXT k._domainkey.strict.example {key_record(PUBLIC)}
TXT strict.example._report._dmarc.watch.example v=DMARC1; rua=mailto:other@watch.example
TXT _dmarc.test.example v=DMARC1; p=reject; t=y; rua=mailto:x@test.example
TXT _dmarc.quiet.example v=DMARC1; p=none
TXT _dmarc.lax.example v=DMARC1; p=none; rua=mailto:x@elsewhere.example
TXT _dmarc.hop.example v=DMARC1; p=none; rua=mailto:x@hop2.example
TXT hop.example._report._dmarc.hop2.example v=DMARC1; rua=mailto:victim@strict.example
TXT _dmarc.example.org v=DMARC1; p=none; rua=mailto:x@example.org
""" + "".join(f"MX {d} 10 mx.example.net\n" for d in
              ("strict.example", "watch.example", "elsewhere.example", "test.example", "hop2.example", "lax.example")) \
    + "A mx.example.net 127.0.0.1\n"
NS = {"d": "urn:ietf:params:xml:ns:dmarc-2.0"}


class ReportHouse(ProxyHouse, TimedHouse):
    pass


@pytest.fixture
def home():
    h = ReportHouse(settings=["proxy_networks=127.0.0.1/32"])
    h.zone.write_text(WORLD)
    h.set_clock(int(DAY - (time.time() + DAY // 2) % DAY))     # noon: a day does not end within a test
    try:
        yield h.start()
    finally:
        h.destroy()


def seen(h):
    """(domain, source, disposition, dkim, spf) -> messages"""
    return {(r["header_from"], r["source"], r["disposition"], r["dkim"], r["spf"]): r["messages"] for r in h.cli("report", "sent")}


def states(h, days=2):
    return {r["domain"]: r["report"] for r in h.cli("report", "sent", "--days", str(days))}


def read(data):
    """The mail, its file's name, and the report as a tree."""
    m = email.message_from_bytes(data, policy=email.policy.default)
    part = next(p for p in m.walk() if p.get_content_type() == "application/gzip")
    return m, part.get_filename(), ET.fromstring(gzip.decompress(part.get_payload(decode=True)))


def texts(tree, path):
    return [e.text for e in tree.findall(path, NS)]


@pytest.mark.limit(400)
def test_reports(home):
    h, anna = home, home.fresh()

    def come(sender, ip, want=250, dkim=False, envelope=None, **kw):
        text = mail(sender=sender, to=anna, **kw)
        assert knock(h, signed(text) if dkim else text, sender if envelope is None else envelope, anna, ip)[0] == want

    come("b@strict.example", "192.0.2.3")
    come("b@strict.example", "192.0.2.3")
    h.kill_core()                                        # at once: taken is taken
    come("b@strict.example", "198.51.100.9", dkim=True, envelope="b@list.example")
    for _ in range(3):
        come("b@strict.example", "198.51.100.9", want=550)
    come("b@sub.strict.example", "198.51.100.10", envelope="")
    come("b@test.example", "198.51.100.9")
    for d in ("quiet", "lax", "hop", "nothing"):
        come(f"b@{d}.example", "198.51.100.9")
    come("b@example.org", "198.51.100.9")
    # reports of others are not told about: else two houses would go on for ever
    come("b@strict.example", "192.0.2.3", subject="Report Domain: example.org Submitter: strict.example Report-ID: <1>")
    want = {("strict.example", "192.0.2.3", "pass", "fail", "pass"): 2,
            ("strict.example", "198.51.100.9", "pass", "pass", "fail"): 1,
            ("strict.example", "198.51.100.9", "reject", "fail", "fail"): 3,
            ("sub.strict.example", "198.51.100.10", "quarantine", "fail", "fail"): 1,
            ("test.example", "198.51.100.9", "quarantine", "fail", "fail"): 1,
            ("lax.example", "198.51.100.9", "none", "fail", "fail"): 1,
            ("hop.example", "198.51.100.9", "none", "fail", "fail"): 1}
    wait_for(lambda: seen(h) == want, 30)
    h.kill_core()                                        # counted is counted
    assert seen(h) == want
    assert set(states(h).values()) == {"waits"}
    day = datetime.datetime.fromtimestamp(h.now(), datetime.timezone.utc).date()
    with Peer(h.out_port) as peer:
        h.pass_time(DAY + 5 * 3600)
        wait_for(lambda: set(states(h).values()) == {"sent", "nobody"}, 150)
        wait_for(lambda: len(peer.mails) == 3, 30)       # strict.example's two addresses, test.example's
        h.kill_core()
        time.sleep(22)                                   # the job runs again: nothing is sent twice
        assert len(peer.mails) == 3
    assert states(h) == {"strict.example": "sent", "test.example": "sent", "lax.example": "nobody", "hop.example": "nobody"}
    found = {}
    for m in peer.mails:
        found.setdefault(read(m.data)[2].find("d:policy_published/d:domain", NS).text, []).append(m)
    rcpts = sorted(r for m in found["strict.example"] for r in m.recipients)
    assert [r.strip("<>").split(">")[0] for r in rcpts] == ["other@watch.example", "x@strict.example"]
    check_strict(found["strict.example"][0].data, day)
    # what we write, we read
    h.cli("settings", "set", "report_address", "reports@example.org")
    assert knock(h, found["strict.example"][0].data, "postmaster@far.example", "reports@example.org")[0] == 250
    assert {(r["header_from"], r["source"], r["disposition"], r["dkim"], r["spf"]): r["messages"] for r in h.cli("report", "dmarc")} == {
        k: n for k, n in want.items() if k[0].endswith("strict.example")}
    tree = read(found["test.example"][0].data)[2]
    assert texts(tree, "d:policy_published/d:testing") == ["y"]
    assert texts(tree, ".//d:reason/d:type") == ["policy_test_mode"]


def check_strict(data, day):
    m, name, tree = read(data)
    begin = int(datetime.datetime.combine(day, datetime.time(), datetime.timezone.utc).timestamp())
    assert name == f"example.org!strict.example!{begin}!{begin + 86399}.xml.gz"
    report_id = texts(tree, "d:report_metadata/d:report_id")[0]
    assert m["Subject"] == f"Report Domain: strict.example Submitter: example.org Report-ID: <{report_id}>"
    assert m["From"] == "postmaster@example.org" and m["Auto-Submitted"] == "auto-generated"
    assert m.get_content_type() == "multipart/mixed"
    assert tree.tag == "{%s}feedback" % NS["d"] and texts(tree, "d:version") == ["1.0"]
    assert [int(t) for t in texts(tree, "d:report_metadata/d:date_range/*")] == [begin, begin + 86399]
    assert texts(tree, "d:policy_published/*") == ["strict.example", "treewalk", "reject", "quarantine", "quarantine", "r", "s", "n"]
    rows = {}
    for r in tree.findall("d:record", NS):
        key = tuple(texts(r, p)[0] for p in ("d:identifiers/d:header_from", "d:row/d:source_ip", ".//d:disposition",
                                             ".//d:policy_evaluated/d:dkim", ".//d:policy_evaluated/d:spf"))
        rows[key] = (int(texts(r, "d:row/d:count")[0]), r)
    assert {k: n for k, (n, _) in rows.items()} == {
        ("strict.example", "192.0.2.3", "pass", "fail", "pass"): 2, ("strict.example", "198.51.100.9", "pass", "pass", "fail"): 1,
        ("strict.example", "198.51.100.9", "reject", "fail", "fail"): 3,
        ("sub.strict.example", "198.51.100.10", "quarantine", "fail", "fail"): 1}
    by_dkim = rows[("strict.example", "198.51.100.9", "pass", "pass", "fail")][1]
    assert texts(by_dkim, "d:auth_results/d:dkim/*") == ["strict.example", "k", "pass"]
    assert texts(by_dkim, "d:auth_results/d:spf/*") == ["list.example", "mfrom", "none"]
    assert texts(by_dkim, "d:identifiers/d:envelope_from") == ["list.example"]
    bounce = rows[("sub.strict.example", "198.51.100.10", "quarantine", "fail", "fail")][1]
    assert texts(bounce, "d:identifiers/*") == ["sub.strict.example"]
    assert not tree.findall(".//d:reason", NS)


def test_off_and_note(home):
    h, anna = home, home.fresh()
    h.cli("settings", "set", "dmarc_reports", "off")
    assert knock(h, mail(sender="b@lax.example", to=anna), "b@lax.example", anna)[0] == 250
    assert knock(h, mail(sender="b@strict.example", to=anna), "b@strict.example", anna)[0] == 550
    time.sleep(8)
    h.cli("settings", "set", "dmarc_reports", "on")
    h.cli("settings", "set", "smtp.dmarc", "note")
    assert knock(h, mail(sender="b@strict.example", to=anna), "b@strict.example", anna)[0] == 250
    wait_for(lambda: seen(h) == {("strict.example", "198.51.100.9", "none", "fail", "fail"): 1}, 20)
    # a bounce to where our reports come from, and mail to the address for reports, tell nothing new
    h.cli("settings", "set", "dmarc_reports.from", anna)
    h.cli("settings", "set", "report_address", "reports@example.org")
    assert knock(h, mail(sender="b@lax.example", to=anna), "", anna)[0] == 250
    assert knock(h, mail(sender="b@lax.example", to=anna), "b@lax.example", "reports@example.org")[0] == 550
    time.sleep(8)
    assert len(seen(h)) == 1
    # a clean stop writes down what was refused a moment ago
    h.cli("settings", "set", "smtp.dmarc", "honour")
    assert knock(h, mail(sender="b@strict.example", to=anna), "b@strict.example", anna, "198.51.100.77")[0] == 550
    h.stop()
    for f in h.dir.rglob("*"):
        if f.is_file():
            assert b"strict.example" not in f.read_bytes() and b"198.51.100.77" not in f.read_bytes(), f
    h.start()
    assert ("strict.example", "198.51.100.77", "reject", "fail", "fail") in seen(h)
