"""Reports of others: taken as mail, kept, counted, forgotten."""
import email.policy
import gzip
import io
import json
import secrets
import smtplib
import time
import zipfile
from email.message import EmailMessage

import pytest

TO = "dmarc-reports@example.org"


def dmarc(domain="example.org", org="Google & Söhne", report_id=None, rows=1, count=3):
    row = """<record><row><source_ip>192.0.2.{}</source_ip><count>{}</count><policy_evaluated><disposition>none</disposition>
<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.org</header_from></identifiers>
<auth_results><dkim><domain>example.org</domain><result>pass</result></dkim></auth_results></record>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feedback><report_metadata><org_name>{org.replace("&", "&amp;")}</org_name><email>noreply@example.net</email>
<report_id>{report_id or secrets.token_hex(8)}</report_id><date_range><begin>1700000000</begin><end>1700086400</end></date_range>
</report_metadata><policy_published><domain>{domain}</domain><p>none</p></policy_published>
{"".join(row.format(i + 1, count) for i in range(rows))}</feedback>""".encode()


def tls(report_id=None):
    return json.dumps({"organization-name": "Firma", "date-range": {"start-datetime": "2026-01-01T00:00:00Z",
                       "end-datetime": "2026-01-01T23:59:59Z"}, "contact-info": "x@example.net",
                       "report-id": report_id or secrets.token_hex(8), "policies": [{
                           "policy": {"policy-type": "sts", "policy-domain": "example.org"},
                           "summary": {"total-successful-session-count": 50, "total-failure-session-count": 2},
                           "failure-details": [{"result-type": "certificate-expired", "receiving-mx-hostname": "mail.example.org",
                                                "failed-session-count": 2}]}]}).encode()


def zipped(data):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("report.xml", data)
    return b.getvalue()


def send(house, data, subtype="gzip", to=TO, maintype="application"):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = "noreply@example.net", TO, "Report domain: example.org"
    m.set_content("This is a report.\n")
    m.add_attachment(data, maintype=maintype, subtype=subtype, filename="r")
    with smtplib.SMTP("127.0.0.1", house.port("smtp"), timeout=30) as s:
        return s.sendmail("noreply@example.net", to if isinstance(to, list) else [to], m.as_bytes(policy=email.policy.SMTP))


@pytest.fixture
def home(new_house):
    h = new_house()
    h.cli("settings", "set", "report_address", TO)
    return h


def test_dmarc(home):
    send(home, gzip.compress(dmarc(report_id="a", rows=2)))
    send(home, gzip.compress(dmarc(report_id="a", rows=2)))            # the same again
    send(home, zipped(dmarc(report_id="b", count=10)), "zip")
    send(home, dmarc(domain="kreis.example.org", report_id="c"), "xml")
    rows = home.cli("report", "dmarc", "example.org")
    assert [(r["source"], r["messages"]) for r in rows] == [("192.0.2.1", 13), ("192.0.2.2", 3)]
    assert rows[0] == {"domain": "example.org", "reporter": "Google & Söhne", "confirmed": "-", "source": "192.0.2.1",
                       "header_from": "example.org", "disposition": "none", "dkim": "pass", "spf": "fail", "messages": 13}
    assert {r["domain"] for r in home.cli("report", "dmarc")} == {"example.org", "kreis.example.org"}
    assert home.cli("report", "tls") == []
    home.stop()
    home.start()
    assert len(home.cli("report", "dmarc", "example.org")) == 2


def test_tls(home):
    send(home, gzip.compress(tls("a")), "tlsrpt+gzip")
    send(home, tls("b"), "tlsrpt+json")
    rows = home.cli("report", "tls")
    assert [(r["result"], r["good"], r["failed"], r["mx"]) for r in sorted(rows, key=lambda r: r["result"])] == \
        [("all", 100, 4, "-"), ("certificate-expired", 0, 4, "mail.example.org")]
    assert rows[0]["reporter"] == "Firma" and rows[0]["policy"] == "sts"


def test_bad_reports(home):
    bomb = gzip.compress(b"<feedback>" + b" " * (200 << 20))
    assert len(bomb) < 1 << 20
    for data in (b"", b"nothing", gzip.compress(b"nothing"), gzip.compress(dmarc())[:-20], bomb, zipped(b"<a/>"),
                 b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + dmarc()[39:], gzip.compress(b"[" * 100000), b"PK\3\4" + b"\0" * 100):
        with pytest.raises(smtplib.SMTPDataError) as e:
            send(home, data)
        assert e.value.smtp_code == 550 and b"5.6.0" in e.value.smtp_error
    assert home.cli("report", "dmarc") == []
    send(home, gzip.compress(dmarc()))
    assert len(home.cli("report", "dmarc")) == 1


def test_no_mailbox_and_beside_one(home):
    anna = home.fresh()
    assert send(home, gzip.compress(dmarc()), to=[TO, anna]) == {}
    home.wait_mail(anna, 1)
    assert len(home.cli("report", "dmarc")) == 1
    assert all(TO != a["address"] for a in home.cli("account", "list"))
    home.cli("settings", "set", "report_address", "")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(home, gzip.compress(dmarc()))


def test_dns_names_the_address(home):
    records = [r["record"] for r in home.cli("domain", "dns", "example.org")]
    assert sum(f"rua=mailto:{TO}" in r for r in records) == 2
    home.cli("domain", "add", "kreis.example")
    records = [r["record"] for r in home.cli("domain", "dns", "kreis.example")]
    assert any(r.startswith("kreis.example._report._dmarc.example.org. ") and '"v=DMARC1"' in r for r in records)


def test_sealed_at_rest(home):
    send(home, dmarc(org="Geheimreporter"), "xml")
    assert len(home.cli("report", "dmarc")) == 1
    home.stop()
    for f in home.dir.rglob("*"):
        if f.is_file():
            data = f.read_bytes()
            assert b"Geheimreporter" not in data and TO.encode() not in data, f


def test_recent_only(home):
    send(home, gzip.compress(dmarc()))
    assert len(home.cli("report", "dmarc", "--days", "1")) == 1
    time.sleep(1.1)
    assert home.cli("report", "dmarc", "--days", "0") == []
