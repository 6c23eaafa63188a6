"""Sieve and ManageSieve: real clients put scripts, mail lands where they say."""
import base64
import email
import email.policy
import subprocess
import time

import pytest

from house import SLOW, mail, wait_for
from rawimap import Imap
from rawsieve import Sieve


def utf7(name):
    """A mailbox name as IMAP4rev1 writes it."""
    out, run = "", ""
    for c in name + "\0":
        if ord(c) > 126:
            run += c
            continue
        if run:
            out += "&" + base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"
            run = ""
        out += c.replace("&", "&-").replace("\0", "")
    return out


def put(house, user, script, name="regeln"):
    with Sieve(house, user) as s:
        s.put(name, script)


def test_conversation(house):
    anna = house.fresh()
    with Sieve(house) as s:
        caps = s.greeting[2]
        assert s.greeting[0] == "OK" and '"VERSION" "1.0"' in caps and '"STARTTLS"' in caps and "SCRAM-SHA-256" in caps
        for ext in ("fileinto", "vacation", "variables", "imap4flags", "body", "regex", "duplicate", "editheader", "mboxmetadata", "servermetadata"):
            assert ext in caps.split('"SIEVE" "')[1].split('"')[0].split()
        assert "OWNER" not in caps
        assert s.cmd('LISTSCRIPTS')[0] == "NO"
        assert s.cmd('AUTHENTICATE "PLAIN" "AGZhbHNjaABmYWxzY2g="')[0] == "NO"
        assert s.cmd('AUTHENTICATE "NICHTS"')[0] == "NO"
        assert s.cmd('FOO')[0] == "NO"
        assert s.cmd('NOOP "Größe"')[:2] == ("OK", '(TAG "Größe") "Done"')
    with Sieve(house, anna, tls=True) as s:
        assert "STARTTLS" not in s.greeting[2] and "PLAIN" in s.greeting[2]
        assert f'"OWNER" "{anna}"' in s.ok("CAPABILITY")
        assert s.ok("LISTSCRIPTS") == ""
        s.ok('HAVESPACE "a" 1000')
        assert s.cmd('HAVESPACE "a" 9000000')[1].startswith("(QUOTA")
        s.put("eins", "keep;\r\n")
        s.put("größe", "# nichts\r\n", active=False)
        assert s.ok("LISTSCRIPTS") == '"eins" ACTIVE\r\n"größe"\r\n'
        assert s.ok('GETSCRIPT "größe"') == "{10}\r\n# nichts\r\n\r\n"
        assert s.cmd('DELETESCRIPT "eins"')[1].startswith("(ACTIVE)")
        assert s.cmd('SETACTIVE "nein"')[1].startswith("(NONEXISTENT)")
        assert s.cmd('RENAMESCRIPT "eins" "größe"')[1].startswith("(ALREADYEXISTS)")
        s.ok('RENAMESCRIPT "eins" "zwei"')
        s.ok('SETACTIVE ""')
        s.ok('DELETESCRIPT "zwei"')
        assert s.ok("LISTSCRIPTS") == '"größe"\r\n'
        r = s.cmd('CHECKSCRIPT "if true { kepp; }"')
        assert r[0] == "NO" and 'line 1, column 11: There is no command' in r[1]
        s.ok('CHECKSCRIPT "keep;"')
        s.ok("UNAUTHENTICATE")
        assert s.cmd("LISTSCRIPTS")[0] == "NO"
        assert s.cmd("LOGOUT")[0] == "OK"
        assert s.reply()[0] == ""


def test_bad_input(house):
    anna = house.fresh()
    with Sieve(house, anna) as s:
        big = b"#" * 1048576
        assert s.cmd(b'PUTSCRIPT "a" {%d+}\r\n' % len(big) + big)[:2] == ("NO", '(QUOTA/MAXSIZE) "This is larger than 262144 octets"')
        assert s.cmd(b'PUTSCRIPT "a" {20+}\r\n' + b"if " * 6 + b";;")[0] == "NO"
        assert s.cmd(b'CHECKSCRIPT {3}\r\nabc')[0] == "NO"
        s.reply()
        assert s.cmd(b'PUTSCRIPT "a\\')[0] == "NO"
        assert s.cmd(b'PUTSCRIPT "\x00" "keep;"')[0] == "NO"
        assert s.ok("LISTSCRIPTS") == ""
        assert s.cmd(b'X {999999999+}')[0] == "BYE"
    with Sieve(house) as s:                          # before sign-in nothing large is taken
        assert s.cmd(b'AUTHENTICATE "PLAIN" {20000+}\r\n' + b"A" * 20000)[0] == "NO"
        s.send(b"X" * 20000)
        assert s.reply()[0] == "BYE"


def test_sieve_connect(house, tmp_path):
    anna = house.fresh()
    script = tmp_path / "ferien.sieve"
    script.write_text('require ["fileinto", "mailbox"];\nfileinto :create "Büro";\n', encoding="utf-8")
    secret = tmp_path / "secret"
    secret.write_text(house.accounts[anna])
    base = ["sieve-connect", "--server", "127.0.0.1", "--port", str(house.port("sieve")), "--user", anna, "--nosslverify",
            "--passwordfd", "0"]

    def run(*args):
        with open(secret) as f:
            r = subprocess.run(base + list(args), stdin=f, capture_output=True, text=True, timeout=30 * SLOW)
        assert r.returncode == 0, r.stdout + r.stderr
        return r.stdout
    run("--upload", "--localsieve", str(script), "--remotesieve", "ferien")
    run("--activate", "--remotesieve", "ferien")
    assert "ferien" in run("--list")
    run("--download", "--remotesieve", "ferien", "--localsieve", str(tmp_path / "wieder"))
    assert (tmp_path / "wieder").read_text(encoding="utf-8").split() == script.read_text(encoding="utf-8").split()
    house.deliver(anna, subject="x")
    house.wait_mail(anna, mailbox=utf7("Büro"))


def test_swaks_and_umlauts(house):
    anna = house.fresh()
    put(house, anna, 'require ["fileinto", "mailbox", "variables", "imap4flags"];\n'
        'if header :matches "subject" "[*] Grüße*" { set :lower "l" "${1}"; fileinto :create :flags "\\\\Flagged" "Börse/${l}"; }\n')
    r = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(house.port("smtp")), "--from", "gast@example.net", "--to", anna,
                        "--header", "Subject: =?utf-8?q?=5BWien=5D_Gr=C3=BC=C3=9Fe_aus?="], capture_output=True, text=True, timeout=30 * SLOW)
    assert r.returncode == 0, r.stdout
    house.wait_mail(anna, mailbox=utf7("Börse/wien"))
    assert house.fetch_all(anna) == []
    i = house.imap(anna)
    i.select('"' + utf7("Börse/wien") + '"')
    assert b"\\Flagged" in i.fetch("1", "(FLAGS)")[1][0]
    i.logout()


def test_reject(house):
    anna, ben = house.fresh(), house.fresh()
    put(house, anna, 'require "reject"; reject "Nein, danke.";')
    with house.smtp() as s:
        s.ehlo()
        s.mail("gast@example.net")
        s.rcpt(anna)
        code, text = s.data(mail(to=anna))
        assert code == 550 and b"5.7.1 Nein, danke." in text
    with house.lmtp() as s:
        s.ehlo()
        s.mail("gast@example.net")
        s.rcpt(anna)
        s.rcpt(ben)
        s.docmd("DATA")
        s.send(b"Subject: beide\r\n\r\nx\r\n.\r\n")
        assert [s.getreply()[0] for _ in range(2)] == [550, 250]
    house.submit(ben, [anna, ben], mail(to=anna, sender=ben))          # one takes it: the other's words come as a report
    got = house.wait_mail(ben, 3)
    assert any(b"Nein, danke." in m and b"5.7.1" in m for m in got)
    assert house.fetch_all(anna) == []


def test_redirect_and_loop(house):
    anna, ben = house.fresh(), house.fresh()
    put(house, anna, f'redirect "{ben}";')
    put(house, ben, f'require "copy"; redirect :copy "{anna}";')
    house.deliver(anna, subject="im Kreis")
    assert len(house.wait_mail(ben)) == 1
    time.sleep(1)
    assert len(house.fetch_all(ben)) == 1 and house.fetch_all(anna) == []


def test_vacation(house):
    anna, ben = house.fresh(), house.fresh()
    put(house, anna, 'require "vacation"; vacation :days 3 :subject "Bin im Büro nicht" text:\nIch bin müde.\n.\n;')
    for _ in range(2):
        house.submit(ben, anna)
    got = email.message_from_bytes(house.wait_mail(ben)[0], policy=email.policy.default)
    assert got["Subject"] == "Bin im Büro nicht" and "müde" in got.get_content()
    assert got["Auto-Submitted"].startswith("auto-replied") and anna in got["From"] and got["In-Reply-To"]
    time.sleep(1)
    assert len(house.fetch_all(ben)) == 1 and len(house.fetch_all(anna)) == 2


def test_runaway_scripts_keep_the_mail(house):
    anna = house.fresh()
    put(house, anna, 'require ["body", "regex", "variables"];\n' + "".join(
        f'if body :raw :matches "*a*b*c*d*e*f*g*{n}" {{ discard; }}\n' for n in range(1000)))
    start = time.monotonic()
    house.deliver(anna, "Subject: lang\r\n\r\n" + ("abcdefg" * 100 + "\r\n") * 1000)
    assert time.monotonic() - start < 10 * SLOW
    assert len(house.wait_mail(anna)) == 1
    wait_for(lambda: "script_failed" in house.log())


def test_rules_and_vacation_by_command(house):
    anna, ben = house.fresh(), house.fresh()
    house.cli("mail", "rule", "add", anna, "grüße", "--header", "subject", "--contains", "GRÜSSE", "--move", "Post/Grüße")
    house.cli("mail", "rule", "add", anna, "weg", "--header", "subject", "--is", 'ein "Witz"', "--discard")
    house.cli("mail", "vacation", "set", anna, "Bin bis Montag\nnicht da.", "--subject", "Abwesend", "--from", "2020-01-01", "--until", "2099-12-31")
    rules = house.cli("mail", "rule", "list", anna)
    assert [(r["name"], r["match"], r["value"], r["action"], r["argument"]) for r in rules] == [
        ("grüße", "contains", "GRÜSSE", "move", "Post/Grüße"), ("weg", "is", 'ein "Witz"', "discard", "")]
    assert house.cli("mail", "vacation", "show", anna)["text"] == "Bin bis Montag\nnicht da."
    house.submit(ben, anna, mail(to=anna, sender=ben, subject="Viele Grüße"))
    house.submit(ben, anna, mail(to=anna, sender=ben, subject='ein "Witz"'))
    house.wait_mail(anna, mailbox=utf7("Post/Grüße"))
    got = email.message_from_bytes(house.wait_mail(ben)[0], policy=email.policy.default)
    assert got["Subject"] == "Abwesend" and "nicht da." in got.get_content()
    assert house.fetch_all(anna) == []
    house.cli("mail", "rule", "remove", anna, "grüße")
    house.cli("mail", "rule", "remove", anna, "weg")
    house.cli("mail", "vacation", "clear", anna)
    with Sieve(house, anna) as s:
        assert s.ok("LISTSCRIPTS") == ""
        s.put("eigenes", "keep;")
    with pytest.raises(Exception, match="of its own"):
        house.cli("mail", "vacation", "set", anna, "x")


def test_lists_outside_the_script(house):
    """extlists: a group for its members, and whom one has written to."""
    anna, ben, carla = house.fresh(), house.fresh(), house.fresh()
    house.cli("group", "add", "ak-lists@example.org", anna, ben)
    house.cli("group", "add", "ak-other@example.org", ben, carla)
    script = ('require ["extlists", "fileinto", "mailbox", "envelope"];'
              'if address :list "from" "mailto:ak-lists@example.org" { fileinto :create "Kreis"; }'
              'elsif not valid_ext_list "mailto:ak-lists@example.org" { fileinto :create "Falsch"; }'
              'elsif valid_ext_list "mailto:ak-other@example.org" { fileinto :create "Verraten"; }'
              'elsif envelope :list "from" "urn:ietf:params:sieve:addrbook:default" { fileinto :create "Bekannt"; }')
    put(house, anna, script)
    stranger, friend = "fremd@example.net", "freundin@example.net"
    house.submit(anna, friend, mail("an eine Freundin", sender=anna, to=friend))
    for sender, subject in ((ben, "kreis"), (carla, "haus"), (friend, "freundin"), (stranger, "fremd")):
        house.deliver(anna, mail(subject, sender=sender, to=anna), sender=sender)
    with house.imap(anna) as i:
        def subjects(box):
            if i.select(box)[0] != "OK":
                return None
            return [d[1].strip() for d in i.fetch("1:*", "(BODY[HEADER.FIELDS (SUBJECT)])")[1] if isinstance(d, tuple)]
        wait_for(lambda: subjects("INBOX"))
        assert subjects("Kreis") == [b"Subject: kreis"]
        assert sorted(subjects("Bekannt")) == [b"Subject: freundin", b"Subject: haus"]
        assert subjects("INBOX") == [b"Subject: fremd"]
        assert subjects("Falsch") is None and subjects("Verraten") is None


def test_annotations(house):
    """What SETMETADATA says decides where mail goes (RFC 5490)."""
    anna = house.fresh()
    put(house, anna, 'require ["fileinto", "variables", "mboxmetadata", "servermetadata"];\r\n'
        'if allof(servermetadata "/private/filter" "an", metadata :matches "INBOX" "/private/ziel" "*") { fileinto "${1}"; }')
    with Imap.login(house, anna) as i:
        house.deliver(anna, subject="vorher")
        assert i.ok('STATUS Archive (MESSAGES)').find(rb"MESSAGES (\d+)")[1] == b"0"
        i.ok('SETMETADATA INBOX (/private/ziel "Archive")')
        i.ok('SETMETADATA "" (/private/filter "an")')
        house.deliver(anna, subject="nachher")
        assert i.ok('STATUS Archive (MESSAGES)').find(rb"MESSAGES (\d+)")[1] == b"1"
        i.ok('SETMETADATA INBOX (/private/ziel NIL)')
        house.deliver(anna, subject="zuletzt")
        assert i.ok('STATUS INBOX (MESSAGES)').find(rb"MESSAGES (\d+)")[1] == b"2"


def test_reports_and_answers_run_scripts(house):
    """What the house writes to its own people is delivered like any mail: their scripts see it."""
    anna, ben = house.fresh(), house.fresh()
    put(house, anna, 'require ["reject", "vacation"]; if header :contains "subject" "nein" { reject "Nein, danke."; } else { vacation "Bin weg."; }')
    put(house, ben, 'require ["fileinto"]; if address :localpart "from" "mailer-daemon" { fileinto "Trash"; } '
        'elsif header :contains "auto-submitted" "auto-replied" { fileinto "Archive"; }')
    house.submit(ben, [anna, ben], mail(to=anna, sender=ben, subject="nein"))
    assert b"Nein, danke." in house.wait_mail(ben, mailbox="Trash")[0]
    house.submit(ben, anna, mail(to=anna, sender=ben, subject="ja"))
    assert b"Bin weg." in house.wait_mail(ben, mailbox="Archive")[0]
    assert len(house.fetch_all(ben)) == 1 and len(house.fetch_all(anna)) == 1


def messages(i, box):
    return int(i.ok(f"STATUS {box} (MESSAGES)").find(rb"MESSAGES (\d+)")[1])


EVENT = 'require ["imapsieve", "environment", "imap4flags", "fileinto", "copy", "reject", "body"];\r\n'


def test_imap_events(house):
    """Scripts that run on APPEND, COPY, MOVE and changed flags (RFC 6785): they do what they say, end, and never stop a command."""
    anna, ben = house.fresh(), house.fresh()
    with Sieve(house, anna) as s:
        s.put("dahin", EVENT + 'fileinto :copy "Archive";', active=False)
        s.put("zurueck", EVENT + 'fileinto :copy "INBOX";', active=False)
        s.put("weiter", EVENT + f'if environment "imap.cause" "COPY" {{ redirect :copy "{ben}"; }}', active=False)
        s.put("kaputt", EVENT + 'setflag "\\\\Deleted"; reject "nein";', active=False)
        s.put("endlos", 'require ["imapsieve", "body"];\n' + "".join(
            f'if body :raw :matches "*a*b*c*d*e*f*g*{n}" {{ discard; }}\n' for n in range(1000)), active=False)
    with Imap.login(house, anna) as i:
        assert i.ok("CAPABILITY").find(rb" IMAPSIEVE=sieve://\S+:(\d+) ")[1] == b"%d" % house.port("sieve")
        i.ok('SETMETADATA INBOX (/shared/imapsieve/script "dahin")')
        i.ok('SETMETADATA Archive (/shared/imapsieve/script "zurueck")')
        assert i.append("INBOX", mail("im Kreis")).status == "OK"
        assert (messages(i, "INBOX"), messages(i, "Archive")) == (1, 1)
        i.ok('SETMETADATA "Sent" (/shared/imapsieve/script "weiter")')
        i.ok("SELECT INBOX")
        i.ok("UID COPY 1 Sent")
        assert len(house.wait_mail(ben)) == 1
        i.ok('SETMETADATA INBOX (/shared/imapsieve/script "kaputt")')
        i.ok("UID STORE 1 +FLAGS (\\Flagged)")
        i.ok('SETMETADATA INBOX (/shared/imapsieve/script "endlos")')
        start = time.monotonic()
        assert i.append("INBOX", ("Subject: lang\r\n\r\n" + ("abcdefg" * 100 + "\r\n") * 1000).encode()).status == "OK"
        assert time.monotonic() - start < 10 * SLOW
        assert b"FLAGS (\\Flagged)" in b"".join(i.ok("UID FETCH 1 FLAGS").untagged)
        assert b"FLAGS ()" in b"".join(i.ok("UID FETCH 2 FLAGS").untagged)
    house.deliver(anna, subject="zugestellt")                          # no event: mail that is delivered
    house.wait_mail(anna, 3)
    with Imap.login(house, anna) as i:
        assert messages(i, "Archive") == 1
    wait_for(lambda: "is for mail that is delivered" in house.log() and "takes too long" in house.log())


def test_imap_events_survive_a_kill(house):
    """Each message's script has run once, whenever core dies."""
    anna = house.fresh()
    with Sieve(house, anna) as s:
        s.put("ablage", EVENT + 'addflag "$Da"; fileinto :copy "Archive";', active=False)
    with Imap.login(house, anna) as i:
        for n in range(150):
            assert i.append("INBOX", mail(f"Nr. {n}")).status == "OK"
        i.ok('SETMETADATA Sent (/shared/imapsieve/script "ablage")')
        i.ok("SELECT INBOX")
        i.ok("UID COPY 1:* Sent")
    house.kill_core()
    with Imap.login(house, anna) as i:
        wait_for(lambda: messages(i, "Archive") >= 150, 60)
        i.ok("SELECT Sent")
        assert len(i.ok("SEARCH KEYWORD $Da").untagged[0].split()) == 2 + 150
        time.sleep(1)
        assert messages(i, "Archive") == 150
