"""The programs people use: swaks, msmtp, curl, mutt, mbsync, Python's libraries."""
import email
import email.policy
import imaplib
import os
import re
import shutil
import smtplib
import subprocess

import pytest

from house import mail, wait_for


def run(command, ok=True, **kw):
    assert shutil.which(command[0]), f"{command[0]} is not installed (tools/packages.txt)"
    r = subprocess.run(command, capture_output=True, timeout=40, **kw)
    out = r.stdout.decode(errors="replace") + r.stderr.decode(errors="replace")
    if ok:
        assert r.returncode == 0, out[-3000:]
    return out


def parse(data):
    return email.message_from_bytes(data, policy=email.policy.default)


def swaks(house, port, to, *more, ok=True):
    return run(["swaks", "--server", "127.0.0.1", "--port", str(house.port(port)), "--to", to, "--h-Subject",
                "swaks " + port, "--ehlo", "client.example.net", *more], ok)


def test_swaks_port_25(house):
    anna = house.fresh()
    out = swaks(house, "smtp", anna, "--from", "gast@example.net", "--body", "Hallo von swaks")
    assert "250 2." in out
    m = parse(house.wait_mail(anna)[0])
    assert m["Subject"] == "swaks smtp" and "Hallo von swaks" in m.get_content()
    assert "by mail.example.org" in m["Received"] and m["Return-Path"] == "<gast@example.net>"


def test_swaks_port_25_starttls(house):
    anna = house.fresh()
    swaks(house, "smtp", anna, "--from", "gast@example.net", "--tls")
    assert "ESMTPS" in parse(house.wait_mail(anna)[0])["Received"]


@pytest.mark.parametrize("how", ["PLAIN", "LOGIN"])
def test_swaks_submission_starttls_auth(house, how):
    anna, bernd = house.fresh(), house.fresh()
    swaks(house, "submission", bernd, "--from", anna, "--tls", "--auth", how, "--auth-user", anna, "--auth-password",
          house.accounts[anna])
    assert "ESMTPSA" in parse(house.wait_mail(bernd)[0])["Received"]


def test_swaks_submissions_implicit_tls(house):
    anna = house.fresh()
    swaks(house, "submissions", anna, "--from", anna, "--tlsc", "--auth", "PLAIN", "--auth-user", anna,
          "--auth-password", house.accounts[anna])
    house.wait_mail(anna)


def test_swaks_wrong_password(house):
    anna = house.fresh()
    out = swaks(house, "submissions", anna, "--from", anna, "--tlsc", "--auth", "PLAIN", "--auth-user", anna,
                "--auth-password", "falsch", ok=False)
    assert "535" in out
    assert not house.fetch_all(anna)


def test_swaks_attachment_and_umlauts(house, tmp_path):
    anna = house.fresh()
    (tmp_path / "Überblick.bin").write_bytes(bytes(range(256)) * 400)
    swaks(house, "smtp", anna, "--from", "gast@example.net", "--body", "Grüße aus Köln", "--attach-type",
          "application/octet-stream", "--attach", "@" + str(tmp_path / "Überblick.bin"))
    m = parse(house.wait_mail(anna)[0])
    parts = list(m.iter_attachments())
    assert bytes(range(256)) * 400 in [p.get_payload(decode=True) for p in parts]


def test_swaks_lmtp_answers_for_each(house):
    anna, bernd = house.fresh(), house.fresh()
    out = swaks(house, "lmtp", f"{anna},{bernd}", "--protocol", "LMTP", "--from", "gast@example.net")
    assert len(re.findall(r"<-\s+250 2\.\S+ ", out.split(" -> .")[-1])) >= 2
    house.wait_mail(anna)
    house.wait_mail(bernd)


def test_msmtp(house, tmp_path):
    anna, bernd = house.fresh(), house.fresh()
    conf = tmp_path / "msmtprc"
    conf.write_text(f"account default\nhost 127.0.0.1\nport {house.port('submission')}\nauth on\nuser {anna}\n"
                    f"password {house.accounts[anna]}\nfrom {anna}\ntls on\ntls_starttls on\ntls_certcheck off\n")
    conf.chmod(0o600)
    run(["msmtp", "-C", str(conf), bernd], input=mail("Grüße über msmtp", "Schöne Grüße\r\n", anna, bernd))
    m = parse(house.wait_mail(bernd)[0])
    assert m["Subject"] == "Grüße über msmtp" and "Schöne" in m.get_content()


def test_curl_smtp_and_imap(house, tmp_path):
    anna = house.fresh()
    f = tmp_path / "mail"
    f.write_bytes(mail("curl", "mit curl\r\n", anna, anna))
    user = f"{anna}:{house.accounts[anna]}"
    run(["curl", "-sSk", f"smtps://127.0.0.1:{house.port('submissions')}/client", "--mail-from", anna, "--mail-rcpt",
         anna, "-u", user, "-T", str(f)])
    house.wait_mail(anna)
    out = run(["curl", "-sSk", f"imaps://127.0.0.1:{house.port('imaps')}/INBOX;MAILINDEX=1", "-u", user])
    assert "mit curl" in out and "Subject: curl" in out
    out = run(["curl", "-sSk", f"imap://127.0.0.1:{house.port('imap')}/INBOX?SUBJECT%20curl", "--ssl-reqd", "-u", user])
    assert out.strip() == "* SEARCH 1"
    run(["curl", "-sSk", f"imaps://127.0.0.1:{house.port('imaps')}/INBOX", "-u", user, "-T", str(f)])
    assert len(house.fetch_all(anna)) == 2


def mutt(house, user, home, *args, stdin=b""):
    rc = home / "muttrc"
    rc.write_text(f"set imap_user=\"{user}\"\nset imap_pass=\"{house.accounts[user]}\"\nset folder=\"imap://127.0.0.1:"
                  f"{house.port('imap')}/\"\nset spoolfile=+INBOX\nset ssl_starttls=no\nset ssl_force_tls=no\n"
                  f"set from=\"{user}\"\nset realname=\"Jürgen Größe\"\nset charset=utf-8\nset record=+Sent\n"
                  f"set smtp_url=\"smtp://{user}@127.0.0.1:{house.port('submission')}/\"\n"
                  f"set smtp_pass=\"{house.accounts[user]}\"\nset quit=yes\nset wait_key=no\nset confirmcreate=no\n"
                  f"set header_cache=\"{home}/hc\"\nset tmpdir=\"{home}\"\nset smtp_authenticators=plain\n")
    env = {**os.environ, "HOME": str(home), "TERM": "vt100", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return run(["mutt", "-n", "-F", str(rc), *args], input=stdin, env=env)


def test_mutt_sends_with_attachment_and_keeps_a_copy(house, tmp_path):
    anna, bernd = house.fresh(), house.fresh()
    (tmp_path / "Bericht für alle.txt").write_text("Zahlen: äöüß\n" * 200, encoding="utf-8")
    mutt(house, anna, tmp_path, "-s", "Prüfbericht – März", "-a", str(tmp_path / "Bericht für alle.txt"), "--", bernd,
         stdin="Liebe Grüße\n".encode())
    m = parse(house.wait_mail(bernd)[0])
    assert m["Subject"] == "Prüfbericht – März"
    assert "Jürgen Größe" in str(m["From"])
    assert [p.get_filename() for p in m.iter_attachments()] == ["Bericht für alle.txt"]
    copy = parse(house.fetch_all(anna, "Sent")[0])
    assert copy["Subject"] == "Prüfbericht – März"


def test_mutt_reads_a_mailbox(house, tmp_path):
    anna = house.fresh()
    for n in range(3):
        house.deliver(anna, subject=f"Nummer {n}", body=f"Inhalt {n}\r\n")
    house.wait_mail(anna, 3)
    # A terminal of its own, so that mutt draws: open, save all to a local folder, leave.
    out = tmp_path / "saved"
    keys = f"push '<tag-pattern>~A<enter><tag-prefix><copy-message>{out}<enter><quit>'"
    rc = tmp_path / "keys"
    rc.write_text(keys + "\n")
    mutt(house, anna, tmp_path, "-v")
    env = {**os.environ, "HOME": str(tmp_path), "TERM": "vt100", "LANG": "C.UTF-8"}
    run(["script", "-qec", f"mutt -n -F {tmp_path}/muttrc -e 'source {rc}'", "/dev/null"], env=env,
        stdin=subprocess.DEVNULL)
    text = out.read_text()
    assert text.count("\nSubject: Nummer") == 3 and "Inhalt 2" in text


def mbsyncrc(house, user, home):
    rc = home / "mbsyncrc"
    rc.write_text(f"IMAPAccount k\nHost 127.0.0.1\nPort {house.port('imap')}\nUser {user}\n"
                  f"Pass \"{house.accounts[user]}\"\nSSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount k\n\n"
                  f"MaildirStore near\nPath {home}/M/\nInbox {home}/M/INBOX\nSubFolders Verbatim\n\nChannel all\n"
                  f"Far :far:\nNear :near:\nPatterns *\nCreate Both\nRemove Both\nExpunge Both\nSyncState *\n")
    (home / "M").mkdir(exist_ok=True)
    return lambda: run(["mbsync", "-c", str(rc), "-V", "all"], env={**os.environ, "HOME": str(home)})


def tree(folder):
    """Message files and their flags; mbsync's own state apart."""
    return sorted(str(p.relative_to(folder)).replace("/new/", "/cur/") for p in folder.rglob("*")
                  if p.is_file() and not p.name.startswith("."))


def test_mbsync_both_ways(house, tmp_path):
    anna = house.fresh()
    sync = mbsyncrc(house, anna, tmp_path)
    i = house.imap(anna)
    assert i.create('"Vorstand/Fr&APw-hjahr"')[0] == "OK"
    for n in range(5):
        house.deliver(anna, subject=f"Größe {n}", body=f"Text {n} mit ß\r\n")
    i.append('"Vorstand/Fr&APw-hjahr"', "(\\Seen)", None, mail("Protokoll"))
    house.wait_mail(anna, 5)
    sync()
    first = tree(tmp_path / "M")
    assert len([f for f in first if f.startswith("INBOX/")]) == 5, first
    assert [f for f in first if "Vorstand" in f], first
    sync()
    assert tree(tmp_path / "M") == first, "the second run changed something"
    i.select("INBOX")
    before = i.uid("FETCH", "1:*", "(FLAGS)")[1]
    # Flags and deletion from the server
    i.store("1", "+FLAGS", "(\\Flagged \\Seen)")
    i.store("2", "+FLAGS", "(\\Deleted)")
    i.expunge()
    sync()
    now = [f for f in tree(tmp_path / "M") if f.startswith("INBOX/")]
    assert len(now) == 4 and any(f.rpartition(",")[2] == "FS" for f in now), now
    # Flags and deletion from the Maildir
    files = sorted(p for p in (tmp_path / "M/INBOX").rglob("*,U=*") if p.is_file() and "FS" not in p.name)
    files[0].unlink()
    name = files[1].name.partition(":2,")[0] + ":2,RS"
    files[1].rename(tmp_path / "M/INBOX/cur" / name)
    sync()
    i.noop()
    assert i.uid("SEARCH", "ALL")[1][0].count(b" ") == 2, before
    assert len(i.uid("SEARCH", "ANSWERED")[1][0].split()) == 1
    last = tree(tmp_path / "M")
    sync()
    assert tree(tmp_path / "M") == last
    i.logout()


def test_smtplib_and_imaplib(house):
    anna, bernd = house.fresh(), house.fresh()
    with house.smtp("submission", anna) as s:
        s.sendmail(anna, [bernd], mail("Straße", "äöü ÄÖÜ ß €\r\n", anna, bernd))
    i = house.imap(bernd, tls=True)
    wait_for(lambda: i.select("INBOX")[1][0] == b"1")
    assert i.uid("SEARCH", "SUBJECT", "Stra")[1] == [b"1"]
    i.literal = "Straße".encode()
    assert i.search("UTF-8", "SUBJECT")[1] == [b"1"]
    i.literal = "STRASSE? nein".encode()
    assert i.search("UTF-8", "SUBJECT")[1] == [b""]
    i.literal = "ÄÖÜ ß €".encode()
    assert i.search("UTF-8", "BODY")[1] == [b"1"]
    ok, data = i.fetch("1", "(FLAGS ENVELOPE BODYSTRUCTURE RFC822.SIZE)")
    assert ok == "OK" and b"ENVELOPE" in data[0]
    assert all(c < 128 for c in data[0]), "raw UTF-8 in ENVELOPE without UTF8=ACCEPT"
    assert i.store("1", "+FLAGS", "(\\Deleted)")[0] == "OK"
    assert i.expunge()[1] == [b"1"]
    assert i.select("INBOX")[1] == [b"0"]
    i.logout()


def test_imaplib_wrong_password(house):
    anna = house.fresh()
    i = house.imap(anna)
    i.logout()
    j = imaplib.IMAP4("127.0.0.1", house.port("imap"), timeout=20)
    with pytest.raises(imaplib.IMAP4.error):
        j.login(anna, "falsch")
    j.logout()


def test_smtputf8_submission(house):
    anna, bernd = house.fresh(), house.fresh()
    text = ("From: " + anna + "\r\nTo: " + bernd + "\r\nSubject: Grüße roh\r\n\r\nschön\r\n").encode()
    with house.smtp("submissions", anna) as s:
        assert s.has_extn("smtputf8")
        s.sendmail(anna, [bernd], text, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    assert "Grüße roh".encode() in house.wait_mail(bernd)[0]


def test_port_25_wants_no_auth_for_others_mail(house):
    with house.smtp() as s, pytest.raises(smtplib.SMTPRecipientsRefused) as e:
        s.sendmail("gast@example.net", ["fremd@example.net"], mail())
    assert list(e.value.recipients.values())[0][0] == 550
