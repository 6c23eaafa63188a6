"""HTTP on the wire, and what mail programs and people fetch there to set themselves up."""
import html.parser
import json
import plistlib
import re
import socket
import ssl
import subprocess
import xml.etree.ElementTree as ET

import pytest

from house import House, wait_for

POX = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
ASKS = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:])}


def curl(house, url_path, *options, host="mail.example.org", plain=False):
    port = house.port("http" if plain else "https")
    scheme = "http" if plain else "https"
    r = subprocess.run(["curl", "-sS", "-k", "-i", "--max-time", "20", "--resolve", f"{host}:{port}:127.0.0.1", *options,
                        f"{scheme}://{host}:{port}{url_path}"], capture_output=True, timeout=30)
    assert r.returncode == 0, r.stderr
    return Answer(r.stdout)


def raw(house, data, plain=True, until_end=True):
    s = socket.create_connection(("127.0.0.1", house.port("http" if plain else "https")), timeout=20)
    if not plain:
        c = ssl.create_default_context()
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE
        s = c.wrap_socket(s)
    s.sendall(data)
    got = b""
    while until_end:
        piece = s.recv(65536)
        if not piece:
            break
        got += piece
    s.close()
    return got


class Page(html.parser.HTMLParser):
    """Tags in balance, texts, form fields."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.tags = [], "", []
        self.feed(text)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


# ---- HTTP itself ----

def test_statuses(house):
    ok = curl(house, "/mail/setup")
    assert ok.status == 200 and ok.fields["content-type"] == "text/html; charset=utf-8"
    assert "date" in ok.fields and ok.fields["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in ok.fields["content-security-policy"] and "connection" not in ok.fields
    head = curl(house, "/mail/setup", "--head")
    assert head.status == 200 and head.body == b"" and head.fields["content-length"] == ok.fields["content-length"]
    assert curl(house, "/").status == 404
    refused = curl(house, "/mail/setup", "-d", "x=y")
    assert refused.status == 405 and refused.fields["allow"] == "GET, HEAD"
    assert curl(house, "/autodiscover/autodiscover.xml").fields["allow"] == "POST"
    assert curl(house, "/mail/setup", "-X", "BREW").status == 501
    assert curl(house, "/mail/setup", host="www.elsewhere.example").status == 421
    assert curl(house, "/mail/setup", host="autoconfig.elsewhere.example").status == 421
    assert curl(house, "/mail/setup", "-d", "@/dev/null", "-H", "Transfer-Encoding: chunked").status == 411
    assert curl(house, "/autodiscover/autodiscover.xml", "-d", "x" * 100000).status == 413


def test_plain_leads_to_tls(house):
    a = curl(house, "/mail/setup?email=a%40b", plain=True)
    assert a.status == 308
    assert a.fields["location"] == f"https://mail.example.org:{house.port('https')}/mail/setup?email=a%40b"
    a = Answer(raw(house, b"GET /mail/setup HTTP/1.0\r\nHost: mail.example.org\r\n\r\n"))
    assert a.fields["location"] == "https://mail.example.org/mail/setup"
    assert curl(house, "/.well-known/mta-sts.txt", host="mta-sts.example.org", plain=True).status == 308
    assert curl(house, "/mail/config-v1.1.xml", host="autoconfig.example.org", plain=True).status == 200


def test_keep_alive_and_pipelining(house):
    one = b"GET /mail/setup.css HTTP/1.1\r\nHost: mail.example.org\r\n\r\n"
    last = b"\r\nGET /nothing HTTP/1.1\r\nHost: mail.example.org\r\nConnection: close\r\n\r\n" + one
    got = raw(house, one + one + last, plain=False)
    assert [int(x) for x in re.findall(rb"HTTP/1\.1 (\d+)", got)] == [200, 200, 404]
    got = raw(house, b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: mail.example.org\r\nContent-Length: 3\r\n"
              b"Expect: 100-continue\r\n\r\n<x>" + last, plain=False)
    assert [int(x) for x in re.findall(rb"HTTP/1\.1 (\d+)", got)] == [100, 200, 404]


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
    (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 70 + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20000 + b"\r\n\r\n", 431),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", 413),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
])
def test_refused_and_closed(house, request_bytes, status):
    """One answer, then the end: nothing after it is taken for a request."""
    got = raw(house, request_bytes + b"GET /mail/setup HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [int(x) for x in re.findall(rb"HTTP/1\.1 (\d+)", got)] == [status]
    assert b"Connection: close" in got


def test_sealed(new_house):
    h = new_house()
    assert curl(h, "/mail/setup").status == 200
    h.cli("seal", "close")
    a = curl(h, "/mail/setup")
    assert a.status == 503 and a.fields["retry-after"] == "60"


def test_without_a_port(new_house):
    h = new_house(settings=["without=http"])
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", h.port("http")), timeout=5)
    assert curl(h, "/mail/setup").status == 200


# ---- what programs ask for ----

def test_autoconfig(house):
    house.cli("settings", "set", "organisation.name", "Verein <A & B>")
    for host, path in (("autoconfig.example.org", "/mail/config-v1.1.xml?emailaddress=no.one%40example.org"),
                       ("example.org", "/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=anna@example.org"),
                       ("autoconfig.example.org", "/mail/config-v1.1.xml")):
        for plain in (False, True):
            a = curl(house, path, host=host, plain=plain)
            assert a.status == 200 and a.fields["content-type"].startswith("text/xml")
            root = ET.fromstring(a.body)
            assert root.tag == "clientConfig" and root.find("emailProvider/domain").text == "example.org"
            assert root.find("emailProvider/displayName").text == "Verein <A & B>"
            found = {(s.get("type"), s.find("port").text, s.find("socketType").text)
                     for s in root.iter() if s.tag.endswith("Server")}
            assert found == {("imap", "993", "SSL"), ("imap", "143", "STARTTLS"), ("pop3", "995", "SSL"),
                             ("pop3", "110", "STARTTLS"), ("smtp", "465", "SSL"), ("smtp", "587", "STARTTLS")}
            assert {s.find("hostname").text for s in root.iter() if s.tag.endswith("Server")} == {"mail.example.org"}
    assert curl(house, "/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=a@elsewhere.example").status == 404
    assert curl(house, "/.well-known/autoconfig/mail/config-v1.1.xml").status == 404    # the server's name is no domain


def pox(house, body, host="autodiscover.example.org"):
    a = curl(house, "/Autodiscover/Autodiscover.xml", "-H", "Content-Type: text/xml", "-d", body, host=host)
    assert a.status == 200
    return ET.fromstring(a.body)


def ask(address, schema=POX):
    return (f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{ASKS}"><Request><EMailAddress>{address}</EMailAddress>'
            f"<AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>")


def test_autodiscover(house):
    root = pox(house, ask("anna@example.org"))
    account = root.find(f"{{{POX}}}Response/{{{POX}}}Account")
    assert account.find(f"{{{POX}}}Action").text == "settings"
    rows = {p.find(f"{{{POX}}}Type").text: p for p in account.findall(f"{{{POX}}}Protocol")}
    assert {k: v.find(f"{{{POX}}}Port").text for k, v in rows.items()} == {"IMAP": "993", "POP3": "995", "SMTP": "465"}
    assert rows["IMAP"].find(f"{{{POX}}}LoginName").text == "anna@example.org"
    assert rows["IMAP"].find(f"{{{POX}}}Server").text == "mail.example.org"
    code = "{*}Response/{*}Error/{*}ErrorCode"
    assert pox(house, ask("anna@elsewhere.example")).find(code).text == "500"
    assert pox(house, ask("anna")).find(code).text == "600"
    assert pox(house, "nothing").find(code).text == "600"
    assert pox(house, '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + ask("&x;")[38:]).find(code).text == "600"
    assert pox(house, ask("a@example.org", "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
                          )).find(code).text == "601"
    a = curl(house, "/autodiscover/autodiscover.json?Email=a%40example.org&Protocol=AutodiscoverV1", host="autodiscover.example.org")
    assert json.loads(a.body) == {"Protocol": "AutodiscoverV1",
                                  "Url": "https://autodiscover.example.org/autodiscover/autodiscover.xml"}
    a = curl(house, "/autodiscover/autodiscover.json?Email=a%40example.org&Protocol=ActiveSync", host="autodiscover.example.org")
    assert a.status == 400 and json.loads(a.body)["ErrorCode"] == "InvalidProtocol"


def profile(house, address, tmp_path):
    a = curl(house, f"/mail/apple.mobileconfig?email={address}")
    assert a.status == 200 and a.fields["content-type"] == "application/x-apple-aspen-config"
    assert int(a.fields["content-length"]) == len(a.body)
    (tmp_path / "p").write_bytes(a.body)
    r = subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", str(tmp_path / "p"), "-purpose", "any", "-CAfile",
                        str(house.dir / "tls/self.crt")], capture_output=True, timeout=30)
    assert r.returncode == 0, r.stderr
    broken = bytearray(a.body)
    at = broken.index(b"IncomingMailServerHostName")
    broken[at + 3] ^= 1
    (tmp_path / "q").write_bytes(broken)
    assert subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", str(tmp_path / "q"), "-purpose", "any", "-CAfile",
                           str(house.dir / "tls/self.crt")], capture_output=True, timeout=30).returncode != 0
    return plistlib.loads(r.stdout)


def test_apple_profile(house, tmp_path):
    p = profile(house, "anna%2Bx@example.org", tmp_path)
    m = p["PayloadContent"][0]
    assert p["PayloadType"] == "Configuration" and m["PayloadType"] == "com.apple.mail.managed"
    assert m["EmailAddress"] == m["IncomingMailServerUsername"] == m["OutgoingMailServerUsername"] == "anna+x@example.org"
    assert (m["IncomingMailServerHostName"], m["IncomingMailServerPortNumber"], m["IncomingMailServerUseSSL"]) == \
        ("mail.example.org", 993, True)
    assert (m["OutgoingMailServerPortNumber"], m["OutgoingMailServerUseSSL"]) == (465, True)
    uuid = r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-8[0-9A-F]{3}-[0-9A-F]{12}"
    assert re.fullmatch(uuid, p["PayloadUUID"]) and re.fullmatch(uuid, m["PayloadUUID"]) and p["PayloadUUID"] != m["PayloadUUID"]
    again, other = profile(house, "anna%2Bx@example.org", tmp_path), profile(house, "bernd@example.org", tmp_path)
    assert again == p and other["PayloadUUID"] != p["PayloadUUID"]
    assert other["PayloadIdentifier"] != p["PayloadIdentifier"]
    assert curl(house, "/mail/apple.mobileconfig").status == 400
    assert curl(house, "/mail/apple.mobileconfig?email=a@elsewhere.example").status == 404
    got = raw(house, b"GET /mail/apple.mobileconfig?email=a@example.org HTTP/1.1\r\nHost: example.org\r\n\r\n"
              b"GET /x HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n", plain=False)
    assert got.count(b"HTTP/1.1 200") == 1 and got.count(b"HTTP/1.1 404") == 1


def test_page_for_people(house):
    a = curl(house, "/mail/setup", "-H", "Accept-Language: fr, de-DE;q=0.8, en;q=0.5")
    page = Page(a.body.decode())
    assert ("html", {"lang": "de"}) in page.tags and "E-Mail einrichten" in page.text and "993" not in page.text
    assert any(t == "label" and x.get("for") == "email" for t, x in page.tags)
    a = curl(house, "/mail/setup?email=anna@example.org", "-H", "Accept-Language: en")
    page = Page(a.body.decode())
    assert ("html", {"lang": "en"}) in page.tags
    assert all(x in page.text for x in ("993", "465", "995", "mail.example.org", "anna@example.org"))
    link = next(x["href"] for t, x in page.tags if t == "a")
    assert curl(house, link).fields["content-type"] == "application/x-apple-aspen-config"
    page = Page(curl(house, "/mail/setup?email=%22%3E%3Cscript%3Ealert(1)%3C/script%3E@example.org").body.decode())
    assert not any(t == "script" for t, _ in page.tags)
    page = Page(curl(house, "/mail/setup?email=anna@elsewhere.example").body.decode())
    assert "993" not in page.text and any(x.get("role") == "alert" for _, x in page.tags)
    assert not any(t in ("script", "style") for t, _ in page.tags)
    css = curl(house, "/mail/setup.css")
    assert css.fields["content-type"].startswith("text/css") and css.body.count(b"{") == css.body.count(b"}")


def test_nobody_learns_who_exists(house, tmp_path):
    anna = house.fresh()
    name = anna.partition("@")[0]
    other = "q" * len(name)

    def same(get):
        one, two = get(anna), get(f"{other}@example.org")
        assert one.replace(name.encode(), b"*") == two.replace(other.encode(), b"*")
    same(lambda x: curl(house, f"/mail/setup?email={x}", "-H", "Accept-Language: de").body)
    same(lambda x: curl(house, f"/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress={x}").body)
    same(lambda x: curl(house, "/autodiscover/autodiscover.xml", "-d", ask(x)).body)
    one, two = profile(house, anna, tmp_path), profile(house, f"{other}@example.org", tmp_path)
    assert one.keys() == two.keys() and one["PayloadContent"][0].keys() == two["PayloadContent"][0].keys()


def test_mta_sts_policy(new_house):
    h = new_house()

    def policy(mode):
        a = curl(h, "/.well-known/mta-sts.txt", host="mta-sts.example.org")
        assert a.status == 200 and a.fields["content-type"] == "text/plain"
        rows = dict(x.split(": ") for x in a.body.decode().split("\r\n")[:-1])
        assert rows == {"version": "STSv1", "mode": mode, "mx": "mail.example.org", "max_age": "604800"}
        records = [r["record"] for r in h.cli("domain", "dns", "example.org")]
        assert any(r.startswith("mta-sts.example.org. ") and "CNAME mail.example.org." in r for r in records)
        return next(r for r in records if "v=STSv1" in r)
    first = policy("testing")
    assert policy("testing") == first
    h.cli("settings", "set", "mta_sts_mode", "enforce")
    assert policy("enforce") != first
    assert curl(h, "/.well-known/mta-sts.txt", host="example.org").status == 404


def test_no_address_in_the_log(house):
    curl(house, "/mail/setup?email=geheim.name@example.org")
    wait_for(lambda: "verb=/mail/setup" in house.log())
    assert "geheim.name" not in house.log()
