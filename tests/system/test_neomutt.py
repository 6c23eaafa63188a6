"""neomutt in a terminal of its own (tmux): threads, search on the server, flags, copies, IDLE, header cache, QRESYNC, and sending."""
import email
import email.policy
import os
import re
import shlex
import ssl
import subprocess

from house import mail, wait_for


class Screen:
    """neomutt as somebody sees it who has signed in."""

    def __init__(self, house, user, home):
        self.log_file = home / "debug"
        for old in home.glob("debug*"):
            old.unlink()
        self.tmux = ["tmux", "-S", str(home / "tmux"), "-f", "/dev/null"]
        command = ["neomutt", "-n", "-F", str(neomuttrc(house, user, home)), "-d", "3", "-l", str(self.log_file)]
        env = {**os.environ, "HOME": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        env.pop("TMUX", None)
        subprocess.run([*self.tmux, "-u", "new-session", "-d", "-x", "120", "-y", "30", shlex.join(command)], check=True, env=env, timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([*self.tmux, "kill-server"], capture_output=True, timeout=20)

    def text(self):
        r = subprocess.run([*self.tmux, "capture-pane", "-p"], capture_output=True, timeout=20)
        return r.stdout.decode()

    def press(self, *keys):
        subprocess.run([*self.tmux, "send-keys", *keys], check=True, timeout=20)

    def wait(self, *wanted, without=(), seconds=30):
        def there():
            text = self.text()
            return all(w in text for w in wanted) and not any(w in text for w in without)
        try:
            wait_for(there, seconds)
        except AssertionError as e:
            raise AssertionError(f"not on the screen: {wanted}, or still: {without}\n{self.text()}\n{self.log()[-3000:]}") from e

    def leave(self):
        self.press("q")
        wait_for(lambda: not self.text().strip(), 30)

    def log(self):
        return "".join(p.read_text(errors="replace") for p in sorted(self.log_file.parent.glob("debug*")))


def neomuttrc(house, user, home):
    rc, known = home / "neomuttrc", home / "certificates"
    known.write_text(ssl.get_server_certificate(("127.0.0.1", house.port("imaps"))))
    word = house.accounts[user]
    rc.write_text(f"""set imap_user="{user}" imap_pass="{word}" folder="imaps://127.0.0.1:{house.port('imaps')}/" spoolfile=+INBOX
set certificate_file="{known}" ssl_verify_host=no ssl_force_tls=yes
set imap_idle=yes imap_qresync=yes imap_condstore=yes timeout=1 mail_check=1
set header_cache="{home}/cache" tmpdir="{home}" record=+Sent quit=yes confirmappend=no confirmcreate=no wait_key=no delete=yes
set from="{user}" realname="Jürgen Größe" charset=utf-8 ascii_chars=yes help=no sort=threads
set index_format="%3C [%Z] %s"
set editor="echo Liebe Grüße >>" abort_unmodified=no
set smtp_url="smtps://{user}@127.0.0.1:{house.port('submissions')}/" smtp_pass="{word}" smtp_authenticators=plain
""")
    return rc


def fill(house, user):
    """A thread of three whose members come in the wrong order, and two more."""
    thread = [("Frage", "<1@example.net>", ""), ("Re: Frage", "<2@example.net>", "<1@example.net>"),
              ("Re: Frage und Antwort", "<3@example.net>", "<1@example.net> <2@example.net>")]
    for subject, number, before in [thread[2], ("Größenangabe", "<4@example.net>", ""), thread[0], ("Zuletzt", "<5@example.net>", ""), thread[1]]:
        head = f"Message-ID: {number}" + (f"\r\nReferences: {before}\r\nIn-Reply-To: {before.split()[-1]}" if before else "")
        body = f"Das Wort ist {'Kostbarkeiten' if number[1] == '4' else 'gewöhnlich'}.\r\n"
        house.deliver(user, re.sub(rb"Message-ID: <.*>", lambda _: head.encode(), mail(subject, body, "gast@example.net", user)))
    house.wait_mail(user, 5)


def test_neomutt_reads_sorts_searches_flags_copies(house, tmp_path):
    anna = house.fresh()
    fill(house, anna)
    with Screen(house, anna, tmp_path) as s:
        s.wait("Frage", "Größenangabe", "Zuletzt")
        lines = [line for line in s.text().splitlines() if re.match(r" +\d+ \[", line)]
        at = next(i for i, line in enumerate(lines) if line.endswith("] Frage"))
        assert "`->" in lines[at + 1] and lines[at + 2].endswith("`->Re: Frage und Antwort"), "\n".join(lines)
        s.press("l", "=b kostbarkeit", "Enter")            # = asks the server
        s.wait("Größenangabe", without=["Zuletzt"])
        s.press("F")
        s.press("l", "~A", "Enter")
        s.wait("Zuletzt")
        s.press("T", "~s Frage", "Enter")
        s.press("\\;", "C", "=Archive", "Enter")
        wait_for(lambda: len(house.fetch_all(anna, "Archive")) == 3, 30)
        house.deliver(anna, subject="Soeben angekommen")   # nobody presses a key
        s.wait("Soeben angekommen")
        s.press("$")
        i = house.imap(anna)
        i.select("INBOX")
        wait_for(lambda: i.noop()[0] == "OK" and len(i.uid("SEARCH", "FLAGGED")[1][0].split()) == 1, 30)
        s.leave()
        log = s.log()
        assert re.search(r"> a\d+ IDLE", log) and re.search(r"\ba\d+ UID SEARCH .*BODY", log), log[-3000:]
        assert "BODY.PEEK[HEADER" in log
    assert any((tmp_path).glob("cache*"))
    i.logout()


def test_neomutt_comes_back(house, tmp_path):
    """What it knows it does not fetch again, what has changed since it is told (QRESYNC)."""
    anna = house.fresh()
    fill(house, anna)

    def open_and_leave(*wanted, without=()):
        with Screen(house, anna, tmp_path) as s:
            s.wait(*wanted, without=without)
            s.leave()
            return s.log()
    assert "BODY.PEEK[HEADER" in open_and_leave("Größenangabe", "Zuletzt")
    log = open_and_leave("Größenangabe", "Zuletzt")
    assert "BODY.PEEK[HEADER" not in log and re.search(r"\ba\d+ UID FETCH .*CHANGEDSINCE \d+ VANISHED", log), log[-3000:]
    i = house.imap(anna)
    i.select("INBOX")
    gone = i.uid("SEARCH", "SUBJECT", "Zuletzt")[1][0].decode()
    i.uid("STORE", gone, "+FLAGS", "(\\Deleted)")
    i.expunge()
    i.logout()
    house.deliver(anna, subject="Inzwischen angekommen")
    house.wait_mail(anna, 5)
    open_and_leave("Größenangabe", "Inzwischen angekommen", without=["Zuletzt"])


def test_neomutt_deletes(house, tmp_path):
    anna = house.fresh()
    fill(house, anna)
    with Screen(house, anna, tmp_path) as s:
        s.wait("Zuletzt")
        s.press("D", "~s Zuletzt", "Enter", "$")
        s.wait("Größenangabe", without=["Zuletzt"])
        assert len(house.fetch_all(anna)) == 4
        s.leave()


def test_neomutt_sends_with_attachment_and_keeps_a_copy(house, tmp_path):
    anna, bernd = house.fresh(), house.fresh()
    report = tmp_path / "Bericht.txt"
    report.write_text("Zahlen: äöüß\n" * 200, encoding="utf-8")
    with Screen(house, anna, tmp_path) as s:
        s.wait("INBOX")
        s.press("m")
        s.wait("To:")
        s.press(bernd, "Enter")
        s.wait("Subject:")
        s.press("Prüfbericht – März", "Enter")
        s.wait("Fcc: +Sent")
        s.press("a", str(report), "Enter")
        s.wait("Bericht.txt")
        s.press("y")
        m = email.message_from_bytes(house.wait_mail(bernd)[0], policy=email.policy.default)
        copy = email.message_from_bytes(house.wait_mail(anna, mailbox="Sent")[0], policy=email.policy.default)
        s.leave()
    assert m["Subject"] == "Prüfbericht – März" and "Jürgen Größe" in str(m["From"]) and "ESMTPSA" in m["Received"]
    assert m.get_body().get_content().strip() == "Liebe Grüße"
    assert [p.get_content().replace("\r\n", "\n") for p in m.iter_attachments()] == [report.read_text(encoding="utf-8")]
    assert copy["Subject"] == "Prüfbericht – März"
