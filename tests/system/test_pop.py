"""POP3 on the wire and through the programs people use: poplib, curl, mpop, fetchmail."""
import imaplib
import poplib
import socket
import ssl
import subprocess

import pytest

from house import wait_for
from test_clients import run


def tls():
    c = ssl.create_default_context()
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


def connect(house, user=None, secure=False):
    p = poplib.POP3_SSL("127.0.0.1", house.port("pop3s"), timeout=30, context=tls()) if secure else \
        poplib.POP3("127.0.0.1", house.port("pop3"), timeout=30)
    if user:
        p.user(user)
        p.pass_(house.accounts[user])
    return p


def filled(house, *bodies):
    anna = house.fresh()
    for n, body in enumerate(bodies):
        house.deliver(anna, subject=f"Nummer {n + 1}", body=body)
        house.wait_mail(anna, n + 1)
    return anna


def test_session(house):
    anna = filled(house, "eins\r\n", ".\r\n..zwei\r\nEnde\r\n")
    p = connect(house, anna)
    n, octets = p.stat()
    assert n == 2
    rows = [line.split() for line in p.list()[1]]
    assert sum(int(r[1]) for r in rows) == octets
    uids = [line.split()[1] for line in p.uidl()[1]]
    assert len(set(uids)) == 2 and all(0 < len(u) <= 70 for u in uids)
    assert p.uidl(2).split()[2] == uids[1] and p.list(2).split()[1:] == rows[1]
    lines = p.retr(2)[1]
    assert lines[-3:] == [b".", b"..zwei", b"Ende"] and sum(len(x) + 2 for x in lines) == int(rows[1][1])
    top = p.top(2, 1)[1]
    assert top[-1] == b"." and b"" in top
    assert p.top(2, 0)[1][-1] == b""
    p.dele(1)
    assert p.stat()[0] == 1
    for call in (lambda: p.retr(1), lambda: p.dele(1), lambda: p.retr(3), lambda: p.top(2, -1)):
        with pytest.raises(poplib.error_proto):
            call()
    p.rset()
    assert p.stat() == (2, octets)
    p.dele(1)
    p.quit()
    assert len(house.fetch_all(anna)) == 1
    p = connect(house, anna)
    assert [line.split()[1] for line in p.uidl()[1]] == uids[1:]
    p.dele(1)
    p.close()   # without QUIT nothing is removed
    assert len(house.fetch_all(anna)) == 1


def test_removed_by_another_session(house):
    anna = filled(house, "eins\r\n", "zwei\r\n")
    p = connect(house, anna)
    i = house.imap(anna)
    i.select("INBOX")
    i.store("1", "+FLAGS", r"(\Deleted)")
    i.expunge()
    with pytest.raises(poplib.error_proto):
        p.retr(1)
    assert p.retr(2)[1][-1] == b"zwei"
    p.dele(1)
    p.dele(2)
    p.quit()
    assert house.fetch_all(anna) == []
    i.logout()


def test_large_message_and_bare_line_feeds(house):
    anna = house.fresh()
    i = house.imap(anna)
    body = b"".join(b".%d\r\n" % n for n in range(400000))
    # imaplib would repair line ends, so the literal is sent by hand
    for message in (b"Subject: gross\r\n\r\n" + body, b"Subject: LF\n\n.\nx"):
        i.send(b"z APPEND INBOX {%d+}\r\n" % len(message) + message + b"\r\n")
        while not i.readline().startswith(b"z OK"):
            pass
    i.logout()
    p = connect(house, anna, secure=True)
    lines = p.retr(1)[1]
    assert b"\r\n".join(lines[2:]) + b"\r\n" == body
    assert p.retr(2)[1] == [b"Subject: LF", b"", b".", b"x"]
    assert p.top(1, 2)[1][2:] == [b".0", b".1"]
    p.quit()


def test_capabilities_and_tls(house):
    p = connect(house)
    caps = p.capa()
    assert {"STLS", "TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8", "LANG"} <= set(caps)
    p.stls(tls())
    caps = p.capa()
    assert "STLS" not in caps and "SCRAM-SHA-256-PLUS" in caps["SASL"] and "USER" in caps
    assert p.utf8().startswith(b"+OK")
    with pytest.raises(poplib.error_proto, match="TLS is in use"):
        p._shortcmd("STLS")
    p.quit()


def test_wrong_password_and_order(house):
    anna = house.fresh()
    p = connect(house)
    for command in ("STAT", "RETR 1", "PASS x", "NONSENSE", "USER", "AUTH KLINGON"):
        with pytest.raises(poplib.error_proto):
            p._shortcmd(command)
    p.user(anna)
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        p.pass_("falsch und lang")
    p.user(anna)
    p.pass_(house.accounts[anna])
    with pytest.raises(poplib.error_proto):
        p._shortcmd("USER x")
    with pytest.raises(poplib.error_proto):
        p._shortcmd("STLS")
    p.quit()


def test_pipelining(house):
    anna = filled(house, "eins\r\n")
    with socket.create_connection(("127.0.0.1", house.port("pop3")), 30) as s:
        s.sendall(f"USER {anna}\r\nPASS {house.accounts[anna]}\r\nSTAT\r\nRETR 1\r\nNOOP\r\nQUIT\r\n".encode())
        data = b""
        while more := s.recv(65536):
            data += more
    assert data.count(b"+OK") == 7 and data.endswith(b"eins\r\n.\r\n+OK Nothing done\r\n+OK Bye\r\n")


def test_core_restarts(new_house):
    house = new_house()
    anna = filled(house, "eins\r\n")
    p = connect(house, anna)
    p.dele(1)
    guest = connect(house)
    house.kill_core()
    with pytest.raises((poplib.error_proto, OSError)):
        p.quit()

    def ready():
        try:
            return house.imap(anna)
        except imaplib.IMAP4.error:
            return None
    wait_for(ready).logout()
    assert len(house.fetch_all(anna)) == 1   # DELE is forgotten, not done

    def again():
        try:
            guest.user(anna)
            return guest.pass_(house.accounts[anna])
        except poplib.error_proto:
            return None
    wait_for(again)
    guest.quit()


def wait_free(house, user):
    def free():
        try:
            return connect(house, user)
        except (poplib.error_proto, OSError):
            return None
    return wait_for(free)


def test_two_sessions_at_once(house):
    """The maildrop is one session's alone (RFC 1939 section 4); IMAP and deliveries go on."""
    anna = filled(house, "eins\r\n")
    bernd = filled(house, "bei bernd\r\n")
    p, q = connect(house, anna), connect(house)
    for _ in range(2):
        q.user(anna)
        with pytest.raises(poplib.error_proto, match=r"^b'-ERR \[IN-USE\] "):
            q.pass_(house.accounts[anna])
    with pytest.raises(poplib.error_proto, match="Sign in first"):
        q.stat()
    connect(house, bernd).quit()
    house.deliver(anna, body="zwei\r\n")
    assert len(house.wait_mail(anna, 2)) == 2
    assert p.stat()[0] == 1
    p.dele(1)
    p.quit()
    q.user(anna)
    q.pass_(house.accounts[anna])   # at once
    assert q.stat()[0] == 1 and q.retr(1)[1][-1] == b"zwei"
    q.close()                       # without QUIT
    wait_free(house, anna).quit()


def test_maildrop_is_free_when_a_process_dies(new_house):
    house = new_house()
    anna = filled(house, "eins\r\n")
    p = connect(house, anna)
    for gate in [name for name in house.pids() if name.startswith("gate")]:
        house.kill(gate)
    house.wait_running()
    with pytest.raises((poplib.error_proto, OSError)):
        p.stat()
    p = wait_free(house, anna)
    house.kill_core()
    with pytest.raises((poplib.error_proto, OSError)):
        p.stat()
    wait_free(house, anna).quit()


def test_language(house, new_house):
    anna = filled(house, "eins\r\n")
    p = connect(house)
    assert p._longcmd("LANG")[1] == [b"en English", b"de Deutsch", b"i-default English"]
    assert p._shortcmd("LANG de-AT").startswith(b"+OK de Antworten")
    for command, answer in (("LANG tlh", "Diese Sprache gibt es nicht"), ("QUATSCH", "Unbekannter Befehl"), ("LANG de x", "Argumente")):
        with pytest.raises(poplib.error_proto, match=answer):
            p._shortcmd(command)
    p.user(anna)
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\] Name oder Passwort falsch"):
        p.pass_("falsch und lang")
    p.user(anna)
    assert p.pass_(house.accounts[anna]).startswith(b"+OK Willkommen, 1 Nachrichten (")
    with pytest.raises(poplib.error_proto, match="Diese Nachricht gibt es nicht"):
        p.retr(2)
    assert p.retr(1)[0].endswith(b" Oktette")
    q = connect(house)
    q._shortcmd("LANG DE")
    q.user(anna)
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\] Eine andere POP3-Sitzung"):
        q.pass_(house.accounts[anna])
    assert p._shortcmd("LANG i-default").startswith(b"+OK i-default ")
    assert p.retr(1)[0].endswith(b" octets")
    assert p._shortcmd("LANG *").startswith(b"+OK en ")   # the house's
    assert p.quit() == b"+OK Bye"
    house = new_house(language="de")
    p = connect(house)
    assert p._shortcmd("LANG *").startswith(b"+OK de ")
    assert p.quit() == b"+OK Auf Wiedersehen"


@pytest.mark.parametrize("how", ["PLAIN", "LOGIN"])
def test_curl(house, how):
    anna = filled(house, "mit curl\r\n")
    user = f"{anna}:{house.accounts[anna]}"
    url = f"127.0.0.1:{house.port('pop3s')}"
    assert "mit curl" in run(["curl", "-sSk", f"pop3s://{url}/1", "-u", user, "--login-options", "AUTH=" + how])
    assert run(["curl", "-sSk", f"pop3://127.0.0.1:{house.port('pop3')}/", "--ssl-reqd", "-u", user]).startswith("1 ")


@pytest.mark.parametrize("auth", ["plain", "scram-sha-256", "user"])
def test_mpop(house, tmp_path, auth):
    anna = filled(house, "eins\r\n", ".\r\nzwei\r\n")
    box = tmp_path / "box"
    run(["mpop", "--host=127.0.0.1", f"--port={house.port('pop3')}", "--tls=on", "--tls-starttls=on",
         "--tls-certcheck=off", "--tls-trust-file=", f"--user={anna}", f"--auth={auth}", "--keep=off",
         f"--uidls-file={tmp_path}/uidls", f"--delivery=mbox,{box}",
         f"--passwordeval=printf %s '{house.accounts[anna]}'"], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    text = box.read_text()
    assert "eins" in text and "\n.\nzwei\n" in text
    assert house.fetch_all(anna) == []
    if auth == "user":
        p = connect(house, anna)
        r = subprocess.run(["mpop", "--host=127.0.0.1", f"--port={house.port('pop3')}", "--tls=off", f"--user={anna}",
                            "--auth=user", f"--delivery=mbox,{box}", f"--passwordeval=printf %s '{house.accounts[anna]}'"],
                           capture_output=True, timeout=40, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
        assert r.returncode and b"[IN-USE]" in r.stderr, r.stderr
        p.quit()


def test_fetchmail(house, tmp_path):
    anna, bernd = filled(house, "mit fetchmail\r\n"), house.fresh()
    rc = tmp_path / "rc"
    rc.write_text(f"set no bouncemail\npoll 127.0.0.1 service {house.port('pop3')} protocol pop3 uidl\n"
                  f" user '{anna}' password '{house.accounts[anna]}' is '{bernd}' here sslproto ''\n"
                  f" smtphost 127.0.0.1/{house.port('smtp')} smtpname '{bernd}' fetchall\n")
    rc.chmod(0o600)
    r = subprocess.run(["fetchmail", "-f", str(rc), "--idfile", str(tmp_path / "ids"), "--nodetach", "--nosyslog"],
                       capture_output=True, timeout=40, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "USER": "root",
                                                             "FETCHMAILHOME": str(tmp_path)})
    assert r.returncode == 0, (r.stdout + r.stderr).decode()
    assert b"mit fetchmail" in house.wait_mail(bernd)[0]
    assert house.fetch_all(anna) == []
    p = connect(house, anna)
    r = subprocess.run(["fetchmail", "-f", str(rc), "--idfile", str(tmp_path / "ids"), "--nodetach", "--nosyslog"],
                       capture_output=True, timeout=40, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "USER": "root",
                                                             "FETCHMAILHOME": str(tmp_path)})
    assert r.returncode == 9, (r.stdout + r.stderr).decode()   # "the server's lock is busy"
    p.quit()


def test_bad_input(house):
    with socket.create_connection(("127.0.0.1", house.port("pop3")), 30) as s:
        s.recv(1000)
        for line in (b"\0\0\r\n", b"USER a\nQUIT\r\n", b"A" * 3000 + b"\r\n", b"CAPA\x7f\r\n"):
            s.sendall(line)
            assert s.recv(1000).startswith(b"-ERR")
        s.sendall(b"QUIT\r\n")
        assert s.recv(1000).startswith(b"+OK")


