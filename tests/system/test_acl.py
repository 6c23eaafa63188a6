"""Shared mailboxes (RFC 4314) on the real daemon: what they are for, and that delivery is no way around the rights."""
from house import mail, wait_for
from rawimap import Imap
from rawsieve import Sieve

SIEVE = 'require ["fileinto", "mailbox"];\r\nfileinto :create "shared/%s/Projekte";\r\n'


def test_a_shared_folder(house):
    anna, bert = house.fresh(), house.fresh()
    with Imap.login(house, anna) as a, Imap.login(house, bert) as b:
        a.ok("CREATE Projekte")
        assert b.cmd(f"SELECT shared/{anna}/Projekte").status == "NO"
        a.ok(f"SETACL Projekte {bert} lrswite")
        assert b.ok('LIST "" "shared/*"').find(rb"Projekte")
        b.ok(f"SELECT shared/{anna}/Projekte")
        tag = b.idle()
        a.append("Projekte", mail("Geteilt"))
        while b" EXISTS" not in b.line():
            pass
        assert b.done(tag).status == "OK"
        assert b"Geteilt" in b.ok("FETCH 1 BODY[HEADER]").untagged[0]  # anna's mail, opened with her key
        b.ok("COPY 1 INBOX")
        b.append(f"shared/{anna}/Projekte", mail("Zurück"))
        a.ok("SELECT Projekte")
        assert a.ok("FETCH 1:2 FLAGS").untagged[0].find(b"\\Seen") > 0
        a.ok(f"DELETEACL Projekte {bert}")
        assert b.cmd("NOOP").status in ("NO", "GONE")
    with Imap.login(house, bert) as b:
        b.ok("SELECT INBOX")
        assert b"Geteilt" in b.ok("FETCH 1 BODY[HEADER]").untagged[0]  # the copy is his


def test_delivery_is_no_way_around_rights(house):
    """CVE-2026-40204: neither a sub-address nor a script puts mail into what somebody has shared to read."""
    anna, bert = house.fresh(), house.fresh()
    with Imap.login(house, anna) as a:
        a.ok("CREATE Projekte")
        a.ok(f"SETACL Projekte {bert} lr")
        with Sieve(house, bert, tls=True) as s:
            s.put("x", SIEVE % anna)
        house.deliver(bert)
        name, domain = bert.split("@")
        house.deliver(f"{name}+shared/{anna.split('@')[0]}@{domain}")
        with Imap.login(house, bert) as b:
            wait_for(lambda: b.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 2"))
        assert a.ok("STATUS Projekte (MESSAGES)").find(rb"MESSAGES 0")
    with Imap.login(house, bert) as b:
        assert not [u for u in b.ok('LIST "" "*"').untagged if b"shared" in u and anna.encode() not in u and b'"/" shared\r' not in u]


def test_annotations_are_sealed_and_stay(house):
    anna = house.fresh()
    with Imap.login(house, anna) as a:
        a.ok('SETMETADATA INBOX (/private/vendor/geheimfach "Vertraulichkeitswort")')
    house.kill_core()
    with Imap.login(house, anna) as a:
        assert a.ok("GETMETADATA INBOX /private/vendor/geheimfach").find(rb'"Vertraulichkeitswort"')
    for path in house.dir.rglob("*"):
        if path.is_file() and "log" not in path.name:
            data = path.read_bytes()
            assert b"Vertraulichkeitswort" not in data and b"geheimfach" not in data, path
