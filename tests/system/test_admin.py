"""kontor status, seal, queue, store check, backup, demo: what an administrator does on a bad day."""
import email
import email.policy
import imaplib
import os
import re
import signal
import sqlite3
import stat
import subprocess

import pytest

from house import BIN, STORE, CliError, free_ports, open_way, wait_for

only_sqlite = pytest.mark.skipif(bool(STORE), reason="about the files of SQLite")


def test_status_says_what_runs(house):
    status = house.cli("status")
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", status["version"]) and status["seal"] == "open"
    assert set(status["queue"]) == {"waiting", "sending", "held", "shunted"} and status["sessions"] >= 1
    pids = house.pids()
    assert {p["process"]: p["pid"] for p in status["processes"]} == pids
    text = house.cli_raw("status").stdout.decode()
    for name in pids:
        assert re.search(rf"^{name} +{pids[name]} +running", text, re.M), text


def test_status_while_core_hangs_and_is_down(new_house):
    h = new_house()
    core = h.kill("core", signal.SIGSTOP)
    try:
        status = h.cli("status", timeout=20)
        assert status["core"] == "no answer" and {p["process"] for p in status["processes"]} == set(h.pids())
    finally:
        os.kill(core, signal.SIGCONT)
    h.kill("core")
    r = h.cli_raw("status", timeout=20)
    assert r.returncode == 0 and b"vault" in r.stdout and b"supervisor" in r.stdout, r
    h.wait_running()
    assert h.cli("status")["seal"] == "open"


def test_status_of_a_dead_server(new_house):
    h = new_house()
    h.kill_all()
    r = h.cli_raw("status")
    assert r.returncode == 1 and r.stderr.count(b"\n") == 1 and not r.stdout
    h.start()


def test_sealed_house_answers_the_administrator(new_house):
    h = new_house()
    anna = h.account("anna")
    h.cli("seal", "close")
    assert h.cli("seal", "status")["state"] == "sealed" and h.cli("status")["seal"] == "sealed"
    for command in (["account", "list"], ["queue", "list"], ["account", "remove", anna], ["domain", "list"]):
        with pytest.raises(CliError) as e:
            h.cli(*command)
        assert "sealed" in e.value.text and e.value.status == 1
    assert h.cli("store", "check")["mail_opened"] is False
    h.cli("seal", "open")
    assert h.cli("account", "list") and h.cli("store", "check")["mail_opened"] is True


def test_no_secret_in_the_log(new_house):
    h = new_house()
    h.account("anna", "Geheimnis-der-Anna")
    with pytest.raises(CliError):
        h.cli("account", "add", "anna@example.org", "--name", "X", "--password-file", "-", stdin="Geheimnis-der-Anna\n")
    shares = h.cli("seal", "change", "--need", "2", "--total", "3")["shares"]
    lines = [line for line in h.log().splitlines() if "event=control" in line]
    assert [re.search(r'verb="([^"]*)"', line)[1] for line in lines] == ["account add", "account add", "seal change"]
    assert "Geheimnis" not in h.log() and not any(s.split()[-1] in h.log() for s in shares)


def test_changed_to_shares(new_house):
    h = new_house()
    shares = h.cli("seal", "change", "--need", "2", "--total", "3")["shares"]
    h.cli("seal", "close")
    assert not (h.dir / "vault/master.key").exists()
    for s, state in ((shares[2], "sealed"), (shares[0], "open")):
        assert h.cli("seal", "open", "--share-file", "-", stdin=s + "\n")["state"] == state
    assert h.cli("account", "list")


def test_hold_release_remove(new_house):
    h = new_house(zone="FAIL broken.example\n")
    anna = h.account("anna")
    h.submit(anna, "b@broken.example")
    row = wait_for(lambda: [r for r in h.cli("queue", "list") if r["state"] != "leased"])[0]
    number = str(row["id"])
    h.cli("queue", "hold", number)
    assert h.cli("queue", "list")[0]["state"] == "held" and h.cli("status")["queue"]["held"] == 1
    h.cli("queue", "release", number)
    assert h.cli("queue", "list")[0]["state"] in ("ready", "leased")
    h.cli("queue", "remove", number)
    assert h.cli("queue", "list") == []
    for verb in ("show", "hold", "retry", "release", "remove"):
        with pytest.raises(CliError) as e:
            h.cli("queue", verb, number)
        assert e.value.status == 1
    assert h.cli_raw("queue", "hold").returncode == 2


@only_sqlite
@pytest.mark.parametrize("damage, what", [
    ("UPDATE mailbox SET messages = messages + 1 WHERE messages = 2", "mailbox"),
    ("UPDATE mailbox SET unseen = 7 WHERE messages = 2", "mailbox"),
    ("UPDATE email SET refs = 5 WHERE id = (SELECT min(id) FROM email)", "email"),
    ("UPDATE blob SET refs = refs + 1 WHERE id = (SELECT min(blob_id) FROM email)", "blob"),
    ("UPDATE usage SET used_bytes = used_bytes - 1 WHERE used_messages = 2", "account"),
    ("UPDATE message SET size = size + 1 WHERE uid = 1", "message 1"),
    ("UPDATE email SET sealed = zeroblob(length(sealed)) WHERE id = (SELECT min(id) FROM email)", "message 1"),
    ("DELETE FROM email WHERE id = (SELECT max(id) FROM email)", "missing"),
    ("UPDATE queue_message SET size = 1", "waiting message")])
def test_check_finds(new_house, damage, what):
    h = new_house(zone="FAIL broken.example\n")
    anna = h.account("anna")
    h.deliver(anna, subject="eins")
    h.deliver(anna, subject="zwei")
    h.submit(anna, "b@broken.example")
    wait_for(lambda: h.cli("queue", "list"))
    assert h.cli("store", "check")["problems"] == []
    h.stop()
    with sqlite3.connect(h.dir / "kontor.db") as db:
        assert db.execute(damage).rowcount > 0
    db.close()
    h.start()
    r = h.cli_raw("store", "check")
    assert r.returncode == 1 and what in r.stdout.decode(), r
    assert b"anna" not in r.stdout and r.stderr.count(b"\n") == 1


def test_backup_file(new_house):
    h = new_house()
    copy = h.base / "kopie"
    assert "bytes" in h.cli("backup", str(copy))
    for made in (copy, h.base / "kopie.keys"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
    key = (h.dir / "vault/master.key").read_bytes()
    data = copy.read_bytes()
    assert data.startswith(b"kontor backup 2\n") and key not in data and b"hostname=mail.example.org" in data
    with pytest.raises(CliError):
        h.cli("backup", str(copy))
    assert copy.read_bytes() == data
    for name, bad in (("kopf", bytes([data[40] ^ 1])), ("kurz", None)):
        broken = h.base / name
        broken.write_bytes(data[:40] + bad + data[41:] if bad else data[:-10])
        r = subprocess.run([BIN, "restore", str(broken), "--state", str(h.base / "neu"), "--keys", f"{copy}.keys"],
                           capture_output=True, timeout=60, env=h.env())
        assert r.returncode == 1 and r.stderr.count(b"\n") >= 1
        assert not (h.base / "neu").exists() or not list((h.base / "neu").iterdir()), "nothing half done stays"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_backup_that_cannot_be_written(new_house):
    h = new_house()
    with pytest.raises(CliError):
        h.cli("backup", str(h.base / "gibtsnicht" / "kopie"))
    small = h.base / "klein"
    small.mkdir()
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(small)], capture_output=True)
    if r.returncode:
        pytest.skip("NO FULL DISK: this machine does not let us mount: " + r.stderr.decode())
    try:
        with pytest.raises(CliError) as e:
            h.cli("backup", str(small / "kopie"))
        assert e.value.status == 1 and not list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)
    h.cli("backup", str(h.base / "kopie"))


@only_sqlite
def test_demo(tmp_path):
    state = tmp_path / "demo"
    open_way(tmp_path)
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    assert subprocess.run([BIN, "demo", "--state", str(state)], capture_output=True, timeout=60, env=env).returncode == 0
    again = subprocess.run([BIN, "demo", "--state", str(state)], capture_output=True, timeout=60, env=env)
    assert again.returncode == 1
    logins = state / "demo-logins.txt"
    assert stat.S_IMODE(logins.stat().st_mode) == 0o600
    base = free_ports()
    shown = subprocess.run([BIN, "demo", "--show", "--state", str(state), "--base-port", str(base)], capture_output=True,
                           timeout=20, env=env).stdout.decode()
    assert f"{base + 993}" in shown and logins.read_text() in shown
    words = dict(line.split()[:2] for line in logins.read_text().splitlines())
    assert len(words) == 26
    log = open(tmp_path / "log", "wb")
    server = subprocess.Popen([BIN, "serve", "--state", str(state), "--base-port", str(base)], stdout=log, stderr=log, env=env)
    try:
        wait_for(lambda: b"event=ready" in (tmp_path / "log").read_bytes(), 20)
        i = imaplib.IMAP4("127.0.0.1", base + 143)
        who = "annegret.bruening@seenplatte.example"
        i.authenticate("PLAIN", lambda _: f"\0{who}\0{words[who]}".encode())
        types, subjects = set(), []
        for row in i.list()[1]:
            name = row.decode().rpartition(' "/" ')[2]
            ok, n = i.select(name, readonly=True)
            if ok != "OK" or n == [b"0"]:
                continue
            for part in i.fetch("1:*", "(FLAGS BODY.PEEK[])")[1]:
                if isinstance(part, tuple):
                    m = email.message_from_bytes(part[1], policy=email.policy.default)
                    subjects.append(m["Subject"])
                    for a in m.iter_attachments():
                        types.add(a.get_content_type())
                        assert a.get_content()[:5] == {"application/pdf": b"%PDF-", "image/png": b"\x89PNG\r"}[a.get_content_type()]
        i.logout()
        assert len(subjects) >= 25 and any("\u00fc" in s for s in subjects) and "application/pdf" in types
        check = subprocess.run([BIN, "store", "check", "--state", str(state)], capture_output=True, timeout=60, env=env)
        assert check.returncode == 0, check
        queue = subprocess.run([BIN, "queue", "list", "--state", str(state)], capture_output=True, timeout=60, env=env)
        assert b"held" in queue.stdout
    finally:
        server.terminate()
        assert server.wait(40) == 0


def test_secret_settings_are_given_in_a_file_and_never_shown(house):
    with pytest.raises(CliError):
        house.cli("settings", "set", "smarthost.password", "offen-auf-der-zeile")
    house.cli("settings", "set", "smarthost.password", "--secret-file", "-", stdin="Losung-Kormoran\n")
    assert "Kormoran" not in str(house.cli("settings", "list")) + str(house.cli("settings", "get", "smarthost.password"))
    assert b"Kormoran" not in house.log_bytes
    house.cli("settings", "set", "smarthost.user", "kormoran")
    assert house.cli("settings", "get", "smarthost.user")["value"] == "kormoran"
