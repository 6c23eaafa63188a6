"""Certificates, the PROXY header, limits per address, log, metrics, status."""
import re
import signal
import socket
import smtplib
import ssl
import struct
import subprocess
import time

import pytest

from house import PASSWORD, CliError, House, mail, wait_for
from rawimap import Imap
from rawsmtp import Smtp


def certificate(folder, name):
    """Makes or replaces the pair of this name; its DER."""
    crt, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out",
                    str(crt)], check=True, capture_output=True)
    return ssl.PEM_cert_to_DER_cert(crt.read_text())


def shown(port, name, version=None):
    c = ssl.create_default_context()
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if version:
        c.minimum_version = c.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s, \
            c.wrap_socket(s, server_hostname=name) as t:
        return t.getpeercert(binary_form=True)


def test_sni_and_reload(new_house, tmp_path):
    one, two = certificate(tmp_path, "eins.example.org"), certificate(tmp_path, "zwei.example.org")
    h = new_house(settings=[line for n in ("eins", "zwei") for line in (
        f"tls_certificate={tmp_path}/{n}.example.org.crt", f"tls_key={tmp_path}/{n}.example.org.key")])
    port = h.port("imaps")
    assert shown(port, "eins.example.org") == one
    assert shown(port, "zwei.example.org") == two
    assert shown(port, "fremd.example.com") == one, "the first is the default"
    assert shown(port, None) == one
    anna = h.account("anna")
    with Imap.login(h, anna, tls=True) as i, Smtp(h.port("submissions"), tls=True) as s:
        i.ok("SELECT INBOX")
        fresh = certificate(tmp_path, "zwei.example.org")
        h.process.send_signal(signal.SIGHUP)
        wait_for(lambda: shown(port, "zwei.example.org") == fresh)
        assert shown(port, "eins.example.org") == one
        # Those who were there stay
        i.ok("NOOP")
        assert s.cmd("NOOP")[0] == 250
        # A broken file changes nothing
        (tmp_path / "zwei.example.org.crt").write_text("Unsinn")
        h.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert shown(port, "zwei.example.org") == fresh
        i.ok("NOOP")


def test_tls_versions(house):
    assert shown(house.port("imaps"), None, ssl.TLSVersion.TLSv1_2)
    assert shown(house.port("imaps"), None, ssl.TLSVersion.TLSv1_3)
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{house.port('imaps')}", "-tls1_1", "-cipher",
                        "ALL:@SECLEVEL=0"], input=b"", capture_output=True, timeout=10)
    assert r.returncode != 0


def proxy(source, port=40000, local=False):
    body = socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + struct.pack("!HH", port, 25)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20 if local else 0x21, 0x11]) + struct.pack("!H", len(body)) + body


@pytest.fixture(scope="module")
def behind():
    h = House(settings=["proxy_networks=127.0.0.1/32"])
    try:
        h.start()
        h.cli("settings", "set", "smtp.greylist", "off")      # strangers need not come twice
        h.account("anna")
        yield h
    finally:
        h.destroy()


def test_proxy_v2_brings_the_clients_address(behind):
    with Smtp(behind.port("smtp"), before=proxy("203.0.113.7")) as s:
        assert s.data("anna@example.org", "Subject: p\r\n\r\nx\r\n.\r\n")[0] == 250
    with Imap_proxy(behind, "127.0.0.1") as i:
        i.ok(f"LOGIN anna@example.org {behind.accounts['anna@example.org']}")
        i.ok("SELECT INBOX")
        assert i.ok("FETCH 1 (BODY.PEEK[HEADER])").find(rb"203\.0\.113\.7")


class Imap_proxy(Imap):
    def __init__(self, house, source):
        s = socket.create_connection(("127.0.0.1", house.port("imap")), timeout=10)
        s.sendall(proxy(source))
        self.s, self.f, self.n = s, s.makefile("rb"), 0
        self.greeting = self.line()


def test_no_password_in_clear_from_elsewhere(behind):
    with Imap_proxy(behind, "203.0.113.7") as i:
        assert b"LOGINDISABLED" in i.greeting and b"AUTH=PLAIN" not in i.greeting
        assert i.cmd(f"LOGIN anna@example.org {behind.accounts['anna@example.org']}").status == "NO"
    with Smtp(behind.port("submission"), before=proxy("203.0.113.7")) as s:
        assert "AUTH" not in s.caps
        assert s.cmd("AUTH PLAIN AGEAYg==")[0] == 538


@pytest.mark.parametrize("junk", [b"EHLO x\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + b"x" * 100,
                                  b"\r\n\r\n\0\r\nQUIT\n\x91\x11\0\x0c" + b"\0" * 12, b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"])
def test_proxy_junk_is_cut_off(behind, junk):
    with socket.create_connection(("127.0.0.1", behind.port("smtp")), timeout=10) as s:
        s.sendall(junk)
        s.settimeout(20)
        try:
            got = s.recv(1000)
        except ConnectionResetError:
            got = b""
        assert got == b"", "not a word to who is no proxy"
    with Smtp(behind.port("smtp"), before=proxy("203.0.113.8")) as ok:
        assert ok.cmd("NOOP")[0] == 250


def test_lmtp_and_metrics_only_on_loopback(house):
    for line in open("/proc/net/tcp"):
        word = line.split()
        if len(word) > 3 and word[3] == "0A":
            address, port = word[1].split(":")
            if int(port, 16) in (house.port("lmtp"), house.port("metrics")):
                assert address.endswith("7F")


def test_metrics(house):
    anna = house.fresh()
    house.deliver(anna)
    house.fetch_all(anna)
    text = house.metrics()
    for line in text.splitlines():
        assert line.startswith("#") or re.match(r'^[a-z_]+(\{[^}]*\})? -?[0-9.e+-]+(inf|nan)?$', line, re.I), line
    assert re.search(r"^kontor_\w+\{[^}]*smtp[^}]*\} [1-9]", text, re.M), text[:3000]
    assert anna not in text


def test_status(house):
    text = house.cli_raw("status")
    assert text.returncode == 0, text.stderr
    for name in ("supervisor", "vault", "core", "out", "gate0", "gate1"):
        assert name in text.stdout.decode()
    rows = house.cli("status")
    assert "running" in str(rows)


def test_status_and_errors_when_stopped(new_house):
    h = new_house(start=False)
    r = h.cli_raw("account", "list")
    assert r.returncode == 1 and r.stderr.count(b"\n") == 1


def test_two_servers_in_one_folder(house):
    r = subprocess.run([house.process.args[0], "serve", "--state", str(house.dir), "--base-port", "19000"],
                       capture_output=True, timeout=20)
    assert r.returncode == 1 and r.stderr


def test_log_keeps_secrets(new_house):
    h = new_house()
    anna = h.account("anna", "Geheimwort-4711", "Anna Zwirnschnuller")
    h.deliver(anna, subject="Betreffzeile-0815", body="Inhaltsstoff-99\r\n")
    h.submit(anna, anna, subject="Betreffzeile-0816")
    h.wait_mail(anna, 2)
    with Imap(h.port("imap")) as i:
        i.cmd("LOGIN anna@example.org Falschwort-4712")
        i.cmd("LOGIN Geheimwort-4711")
        i.cmd("LOGIN anna@example.org \"Geheimwort-4711\" x")
        i.ok("LOGIN anna@example.org Geheimwort-4711")
        i.ok("SELECT INBOX")
        i.cmd('SEARCH SUBJECT "Betreffzeile-0815"')
        i.cmd("CREATE Postfachname-5")
        i.cmd("SEARCH Betreffzeile-0817")
    h.cli("account", "password", anna, "--password-file", "-", stdin="Geheimwort-4713\n")
    with pytest.raises(CliError):
        h.cli("account", "show", "unbekannt-6@example.org")
    h.stop()
    log = h.log()
    for word in ("Geheimwort", "Falschwort", "Betreffzeile", "Inhaltsstoff", "Zwirnschnuller", "Postfachname", PASSWORD,
                 "R2VoZWltd29ydC"):
        assert word not in log, [x for x in log.splitlines() if word in x][:3]
    # One line per command, logfmt
    assert re.search(r"^\S*ts?=\S+ .*event=command", log, re.M) or "event=command" in log
    for line in log.splitlines():
        assert re.match(r'^(\w+=("([^"\\]|\\.)*"|\S*) ?)+$', line), line


def deliver_soon(h, to):
    """Another gate may still be on its way to the new core: it says 421, and the sender comes again."""
    def once():
        try:
            h.deliver(to)
            return True
        except smtplib.SMTPConnectError as e:
            assert e.smtp_code == 421
            return False
    wait_for(once)


def test_clients_survive_the_death_of_core_vault_and_out(new_house):
    h = new_house()
    anna = h.account("anna")
    with Imap.login(h, anna, tls=True) as i, Smtp(h.port("smtp")) as s:
        i.ok("SELECT INBOX")
        for name in ("core", "vault", "out"):
            h.kill(name)
            # At once: an answer, whatever it is; soon: all is well
            assert i.cmd("NOOP").status in ("OK", "NO")
            assert s.cmd("NOOP")[0] in (250, 421, 451)
            h.wait_running()
            wait_for(lambda: i.cmd("NOOP").status == "OK")
            deliver_soon(h, anna)
            wait_for(lambda: i.cmd("NOOP").status == "OK" and i.cmd("FETCH 1 (FLAGS)").status == "OK")
            assert s.cmd("NOOP")[0] == 250
        assert s.data(anna, "Subject: danach\r\n\r\nx\r\n.\r\n")[0] == 250
        tag = i.idle()
        h.kill_core()
        deliver_soon(h, anna)
        while b" EXISTS" not in (line := i.line()):
            assert line, "IDLE was cut off"
        assert i.done(tag).status == "OK"


def test_core_dies_in_a_mail_transaction(new_house):
    h = new_house()
    anna = h.account("anna")
    with Smtp(h.port("smtp")) as s:
        s.begin(anna)
        h.kill_core()
        wait_for(lambda: s.cmd("NOOP")[0] == 250)
        assert s.cmd("DATA")[0] == 451
        s.cmd("RSET")
        assert s.data(anna, "Subject: neu\r\n\r\nx\r\n.\r\n")[0] == 250
    assert len(h.wait_mail(anna)) == 1


def test_drain_lets_commands_finish(new_house):
    h = new_house()
    anna = h.account("anna")
    with Imap.login(h, anna) as i:
        i.ok("SELECT INBOX")
        h.process.send_signal(signal.SIGTERM)
        assert b"* BYE" in i.line()
    h.process.wait(30)
    h.process = None


def test_mail_while_core_restarts_is_not_lost(new_house):
    """A client that does as told (tries again at 4xx) gets everything in."""
    h = new_house()
    anna = h.account("anna")
    done = 0
    for n in range(20):
        if n % 7 == 3:
            h.kill("core")
        for _ in range(50):
            try:
                h.deliver(anna, mail(f"Nr {n}", to=anna))
                done += 1
                break
            except Exception:
                time.sleep(0.2)
    assert done == 20
    subjects = [re.search(rb"Subject: (Nr \d+)", m)[1] for m in h.wait_mail(anna, 20)]
    assert set(subjects) == {b"Nr %d" % n for n in range(20)}
