"""What the organisation decides: offices with terms, aliases, catch-all, sub-addresses, quotas, send limits."""
import base64
import datetime
import imaplib
import smtplib

import pytest

from conftest import ZONE
from house import CliError, mail, wait_for
from rawimap import Imap
from rawsmtp import Peer, Smtp


def day(n):
    return (datetime.date.today() + datetime.timedelta(days=n)).isoformat()


def names(i):
    return b"\n".join(x for x in i.list()[1] if x).decode()


def test_role_mailbox_belongs_to_the_holder_of_the_day(house):
    now, before, later = house.fresh("jetzt"), house.fresh("frueher"), house.fresh("bald")
    office = house.role("kasse" + now[5:9], "Schatzmeisterin")
    house.cli("role", "assign", office, before, "--from", day(-400), "--to", day(-30))
    term = house.cli("role", "assign", office, now, "--from", day(-30), "--to", day(30))["term"]
    house.cli("role", "assign", office, later, "--from", day(30))
    house.deliver(office, subject="Beiträge")
    box = f"shared/{office}/INBOX"
    i = house.imap(now)
    assert office in names(i)
    wait_for(lambda: i.select(f'"{box}"')[1][0] == b"1")
    assert b"Subject:" in i.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1]
    for who in (before, later):
        j = house.imap(who)
        assert office not in names(j)
        assert j.select(f'"{box}"')[0] == "NO"
        j.logout()
    # The right to send as the office goes with it
    assert house.submit(now, now, sender=office, message=mail(sender=office, to=now)) == {}
    with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused)):
        house.submit(before, now, sender=office, message=mail(sender=office, to=now))
    # The term ends today: gone at once, also for the open connection
    house.cli("role", "end", str(term))
    try:
        wait_for(lambda: office not in names(i), 5)
        i.logout()
    except imaplib.IMAP4.abort as e:     # or with a word and a good bye, as the mailbox was open
        assert "ended" in str(e)
    i = house.imap(now)
    assert office not in names(i)
    assert i.select(f'"{box}"')[0] == "NO"
    with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused)):
        house.submit(now, now, sender=office, message=mail(sender=office, to=now))
    i.logout()


def test_successor_sees_the_old_mail(house):
    first, second = house.fresh(), house.fresh()
    office = house.role("amt" + first[1:7], "Amt")
    term = house.cli("role", "assign", office, first, "--from", day(-10))["term"]
    house.deliver(office, subject="Erbe")
    wait_for(lambda: house.fetch_all(first, f"shared/{office}/INBOX"))
    house.cli("role", "end", str(term))
    house.cli("role", "assign", office, second)
    assert len(house.fetch_all(second, f"shared/{office}/INBOX")) == 1


def test_rights_of_a_term(house):
    anna = house.fresh()
    office = house.role("lesen" + anna[1:7], "Nur lesen")
    house.cli("role", "assign", office, anna, "--rights", "read")
    house.deliver(office)
    wait_for(lambda: house.fetch_all(anna, f"shared/{office}/INBOX"))
    with Imap.login(house, anna) as i:
        box = f"shared/{office}/INBOX"
        assert b"[READ-ONLY]" in i.ok(f'SELECT "{box}"').text
        assert i.cmd("STORE 1 +FLAGS (\\Deleted)").status == "NO"
        assert i.append(box, mail()).status == "NO"
        assert i.ok("FETCH 1 (FLAGS)").find(rb"FLAGS \(\)")


def test_no_office_for_a_person(house):
    anna, bernd = house.fresh(), house.fresh()
    with pytest.raises(CliError) as e:
        house.cli("role", "assign", anna, bernd)
    assert e.value.status == 1


def test_alias_group_and_loop(house):
    anna, bernd = house.fresh(), house.fresh()
    tag = anna[1:7]
    house.cli("alias", "add", f"info{tag}@example.org", anna, bernd)
    house.cli("group", "add", f"alle{tag}@example.org", f"info{tag}@example.org", anna)
    house.deliver(f"alle{tag}@example.org")
    house.wait_mail(anna)
    house.wait_mail(bernd)
    assert len(house.fetch_all(anna)) == 1, "twice in the group, once in the mailbox"
    house.cli("alias", "add", f"a{tag}@example.org", f"b{tag}@example.org")
    try:
        house.cli("alias", "add", f"b{tag}@example.org", f"a{tag}@example.org")
    except CliError:
        return  # refused when it was made: as good
    with house.smtp() as s, pytest.raises(smtplib.SMTPException):
        s.sendmail("gast@example.net", [f"a{tag}@example.org"], mail())


def test_alias_to_outside(new_house):
    h = new_house(zone=ZONE)
    with Peer(h.out_port) as peer:
        h.cli("alias", "add", "presse@example.org", "extern@example.net")
        h.deliver("presse@example.org", subject="Anfrage")
        wait_for(lambda: peer.mails)
        assert peer.mails[0].recipients[0].startswith("<extern@example.net>")
        assert b"Subject: Anfrage" in peer.mails[0].data


def test_connections_of_one_account(new_house):
    # bound: ACCOUNT_SESSIONS_MAX
    h = new_house()
    anna, bernd = h.account("anna"), h.account("bernd")

    def refused():
        with Imap(h.port("imap")) as i:
            a = i.cmd(f"LOGIN {anna} {h.accounts[anna]}")
            assert (a.status, a.text) == ("NO", b"[LIMIT] Too many connections of this account")
            assert i.cmd(f"LOGIN {bernd} {h.accounts[bernd]}").status == "OK", "others may"
        with Smtp(h.port("submissions"), tls=True) as s:
            plain = base64.b64encode(f"\0{anna}\0{h.accounts[anna]}".encode()).decode()
            assert s.cmd("AUTH PLAIN " + plain) == (454, "4.7.0 Too many connections of this account")

    many = [Imap.login(h, anna) for _ in range(100)]
    refused()
    h.kill_core()
    for i in many:
        wait_for(lambda: i.cmd("NOOP").status == "OK")
    refused()
    many.pop().ok("LOGOUT")
    wait_for(lambda: Imap(h.port("imap")).cmd(f"LOGIN {anna} {h.accounts[anna]}").status == "OK")
    for i in many:
        i.close()


def test_sub_address(house):
    anna = house.fresh()
    house.deliver(anna.replace("@", "+rundbrief@"))
    m = house.wait_mail(anna)[0]
    assert b"Return-Path:" in m


def test_catch_all(new_house):
    h = new_house()
    anna = h.account("anna")
    assert Smtp(h.port("smtp")).cmd("MAIL FROM:<>")[0] == 250
    with h.smtp() as s, pytest.raises(smtplib.SMTPRecipientsRefused):
        s.sendmail("gast@example.net", ["wer@example.org"], mail())
    h.cli("alias", "add", "@example.org", anna)
    h.deliver("wer@example.org")
    h.wait_mail(anna)


def test_additional_address(house):
    anna = house.fresh()
    more = "zusatz" + anna
    house.cli("address", "add", more, anna)
    house.deliver(more)
    house.wait_mail(anna)
    assert house.submit(anna, anna, sender=more, message=mail(sender=more, to=anna)) == {}
    assert house.cli("address", "resolve", more)


def test_quota(house):
    anna = house.fresh()
    house.cli("account", "limits", anna, "--quota", "100k")
    big = mail(body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 1000)
    house.deliver(anna, big)
    house.wait_mail(anna)
    with house.smtp() as s:
        with pytest.raises((smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)) as e:
            s.sendmail("gast@example.net", [anna], big)
    code, text = (e.value.smtp_code, e.value.smtp_error) if hasattr(e.value, "smtp_code") else \
        list(e.value.recipients.values())[0]
    assert code == 452 and text.startswith(b"4.2.2")
    with Imap.login(house, anna) as i:
        a = i.append("INBOX", big)
        assert a.status == "NO" and b"[OVERQUOTA]" in a.text, a
        q = i.ok("GETQUOTAROOT INBOX")
        used = int(q.find(rb"STORAGE (\d+) 100\b")[1])
        assert 60 < used <= 100
        assert i.append("INBOX", mail()).status == "OK", "a small one still fits"


def test_message_quota(house):
    anna = house.fresh()
    house.cli("account", "limits", anna, "--messages", "2")
    with Imap.login(house, anna) as i:
        assert i.append("INBOX", mail()).status == "OK"
        assert i.append("INBOX", mail()).status == "OK"
        assert b"[OVERQUOTA]" in i.append("INBOX", mail()).text


def test_send_limit(house):
    anna, bernd = house.fresh(), house.fresh()
    house.cli("account", "limits", anna, "--send-limit", "3")
    for _ in range(3):
        house.submit(anna, bernd)
    with pytest.raises(smtplib.SMTPException) as e:
        house.submit(anna, bernd)
    assert "450" in str(e.value)
    assert len(house.wait_mail(bernd, 3)) == 3


def test_sender_must_be_ones_own(house):
    anna, bernd = house.fresh(), house.fresh()
    for sender in (bernd, "chef@example.com", "niemand@example.org"):
        with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused)) as e:
            house.submit(anna, bernd, sender=sender)
        code = getattr(e.value, "smtp_code", None) or list(e.value.recipients.values())[0][0]
        assert code == 553


def test_locked_account_cannot_sign_in_but_gets_mail(house):
    anna = house.fresh()
    house.cli("account", "lock", anna)
    with pytest.raises(imaplib.IMAP4.error):
        house.imap(anna)
    house.deliver(anna)
    house.cli("account", "unlock", anna)
    house.wait_mail(anna)


def test_app_password(house):
    anna = house.fresh()
    made = house.cli("account", "app-add", anna, "Telefon")
    word = made["password"]
    own = house.accounts[anna]
    house.accounts[anna] = word
    house.imap(anna).logout()
    row = house.cli("account", "app-list", anna)[0]
    house.cli("account", "app-remove", anna, str(row["id"]))
    with pytest.raises(imaplib.IMAP4.error):
        house.imap(anna)
    house.accounts[anna] = own
    house.imap(anna).logout()


def test_password_change_counts_at_once(house):
    anna = house.fresh()
    house.imap(anna).logout()
    house.cli("account", "password", anna, "--password-file", "-", stdin="ganz neu 2026\n")
    with pytest.raises(imaplib.IMAP4.error):
        house.imap(anna)
    house.accounts[anna] = "ganz neu 2026"
    house.imap(anna).logout()


def test_removed_account(house):
    anna = house.fresh()
    house.deliver(anna)
    house.wait_mail(anna)
    with pytest.raises(CliError):
        house.cli("account", "remove", anna)  # without --yes
    house.cli("account", "remove", anna, "--yes")
    with pytest.raises(imaplib.IMAP4.error):
        house.imap(anna)
    with house.smtp() as s, pytest.raises(smtplib.SMTPRecipientsRefused):
        s.sendmail("gast@example.net", [anna], mail(to=anna))


def test_umlauts_in_names_and_mailboxes(house):
    anna = house.account("juergen" + house.fresh()[1:7], None, "Jürgen Müßig-Gängström")
    row = [r for r in house.cli("account", "list") if r["address"] == anna][0]
    assert row["name"] == "Jürgen Müßig-Gängström"
    with Imap.login(house, anna) as i:
        i.ok('CREATE "Vorst&AOQ-nde/Pr&APw-fung"')
        assert i.ok('LIST "" "Vorst&AOQ-nde/%"').find(rb'"?Vorst&AOQ-nde/Pr&APw-fung"?')
        assert i.append("Vorst&AOQ-nde/Pr&APw-fung", mail("Über uns")).status == "OK"
        i.ok("ENABLE IMAP4rev2")
        assert i.ok('LIST "" "Vorst*"').find("Vorstände/Prüfung".encode())
        i.ok('RENAME "Vorstände" "Räte"'.encode())
        i.ok('SELECT "Räte/Prüfung"'.encode())
        assert i.cmd(b'CREATE "a&kaputt"').status == "OK", "with IMAP4rev2 names are UTF-8"


def test_command_line_errors(house):
    r = house.cli_raw("account", "add")
    assert r.returncode == 2 and r.stderr
    r = house.cli_raw("account", "show", "gibts-nicht@example.org")
    assert r.returncode == 1 and r.stderr.count(b"\n") == 1
