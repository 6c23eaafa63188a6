"""Backup, restore, check; disk full, read-only, locked: a defined answer, and nothing acknowledged is lost."""
import os
import pathlib
import re
import shutil
import smtplib
import sqlite3
import subprocess
import threading
import time

import pytest

from house import BIN, STORE, CliError, House, mail, wait_for
from rawimap import Imap

only_sqlite = pytest.mark.skipif(bool(STORE), reason="about the files of SQLite")
only_postgres = pytest.mark.skipif(not STORE, reason="about PostgreSQL")
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def everything(h, users):
    """All mailboxes of all users with all messages, flags and identifiers."""
    out = {}
    for u in users:
        i = h.imap(u)
        for row in i.list()[1]:
            name = row.decode().rpartition(' "/" ')[2]
            ok, n = i.select(name, readonly=True)
            if ok != "OK":
                continue
            out[u, name] = (i.untagged_responses.get("UIDVALIDITY"), n)
            if n != [b"0"]:
                out[u, name] += (i.fetch("1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")[1],)
        i.logout()
    return out


def filled(h):
    users = [h.account(n) for n in ("anna", "bernd")]
    for n in range(15):
        h.deliver(users, mail(f"Nr {n}", "Grüße\r\n" * (1 if n % 5 else 20000)))
    with Imap.login(h, users[0]) as i:
        i.ok('CREATE "Jahr/2026"')
        i.append("Jahr/2026", mail("abgelegt"), b"\\Seen $Wichtig")
        i.ok("SELECT INBOX")
        i.ok("STORE 1:3 +FLAGS (\\Flagged)")
        i.ok("STORE 5 +FLAGS (\\Deleted)")
        i.ok("EXPUNGE")
    return users


@pytest.mark.limit(120)
def test_backup_while_running_and_restore(new_house):
    h = new_house()
    users = filled(h)
    stop = threading.Event()

    def load():
        n = 0
        while not stop.is_set():
            n += 1
            h.deliver(users[1], subject=f"währenddessen {n}")
    before = everything(h, users[:1])
    t = threading.Thread(target=load, daemon=True)
    t.start()
    time.sleep(0.3)
    copy = h.base / "kopie"
    h.cli("backup", str(copy))
    stop.set()
    t.join(20)
    assert b"Nr 1" not in copy.read_bytes()
    after = h.fetch_all(users[1])
    h.stop()
    target = new_house(start=False)
    r = target.restore(h, copy)
    assert r.returncode == 0, r.stderr.decode()
    assert b"master.key" in r.stderr, "whoever restores is told that the key is kept elsewhere"
    target.start()
    assert everything(target, users[:1]) == before
    restored = target.fetch_all(users[1])
    assert restored == after[:len(restored)] and len(restored) >= 15
    target.deliver(users[0], subject="geht weiter")
    assert len(target.wait_mail(users[0], 15)) == 15
    r = subprocess.run([BIN, "restore", str(copy), "--state", str(target.dir)], capture_output=True, timeout=60, env=h.env())
    assert r.returncode == 1 and b"not empty" in r.stderr, "a folder with something in it is not overwritten"


def test_backup_does_not_overwrite_and_damaged_is_refused(new_house):
    h = new_house()
    filled(h)
    copy = h.base / "kopie"
    h.cli("backup", str(copy))
    data = bytearray(copy.read_bytes())
    data[len(data) // 2] ^= 1
    copy.with_suffix(".kaputt").write_bytes(data)
    with pytest.raises(CliError):
        h.cli("backup", str(copy))
    target = new_house(start=False)
    r = target.restore(h, copy.with_suffix(".kaputt"), "--keys", f"{copy}.keys")
    assert r.returncode == 1 and b"unaltered" in r.stderr or b"restore:" in r.stderr, r.stderr
    assert not list(target.dir.iterdir()), "nothing half done stays"


def problems(h):
    """What `kontor store check` says, and its exit status."""
    r = h.cli_raw("store", "check", timeout=60)
    return r.returncode, (r.stdout + r.stderr).decode()


def test_check_finds_a_flipped_byte_in_a_file(new_house):
    h = new_house()
    filled(h)
    assert problems(h)[0] == 0, problems(h)
    files = [p for p in (h.dir / "blobs").rglob("*") if p.is_file() and p.stat().st_size > 70000]
    if not files:
        files = [p for p in (h.dir / "blobs").rglob("*") if p.is_file()]
    if not files:  # packed smaller than a row
        h.deliver("anna@example.org", mail(attach=("zufall", os.urandom(200000))))
        files = [p for p in (h.dir / "blobs").rglob("*") if p.is_file()]
    assert files
    data = bytearray(files[0].read_bytes())
    data[len(data) // 2] ^= 1
    files[0].write_bytes(data)
    status, text = problems(h)
    assert status == 1 and text
    data[len(data) // 2] ^= 1
    files[0].write_bytes(data)
    assert problems(h)[0] == 0
    files[0].unlink()
    assert problems(h)[0] == 1


@only_sqlite
def test_check_finds_a_flipped_byte_in_a_row(new_house):
    h = new_house()
    filled(h)
    h.stop()
    with sqlite3.connect(h.dir / "kontor.db") as db:
        rowid, data = db.execute("SELECT id, data FROM blob_data ORDER BY id DESC LIMIT 1").fetchone()
        data = bytearray(data)
        data[-20] ^= 1
        db.execute("UPDATE blob_data SET data = ? WHERE id = ?", (bytes(data), rowid))
    db.close()
    own(h)
    h.start()
    assert problems(h)[0] == 1
    # And who reads it gets an error, not something else, while the rest can be read
    i = h.imap("bernd@example.org")
    i.select("INBOX")
    good = sum(i.fetch(str(n), "(BODY.PEEK[])")[0] == "OK" for n in range(1, 16))
    assert good >= 14
    i.logout()


def own(h):
    """Files we wrote as root belong to the service again."""
    if os.geteuid() == 0:
        st = os.stat(h.dir / "kontor.db")
        for p in h.dir.glob("kontor.db*"):
            os.chown(p, st.st_uid, st.st_gid)


@pytest.fixture
def small_disk(tmp_path_factory):
    """A file system of its own: 48 MiB."""
    where = pathlib.Path("/tmp") / f"kt-disk-{os.getpid()}"
    where.mkdir(mode=0o755)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "tmpfs", str(where)], capture_output=True)
    if r.returncode:
        where.rmdir()
        pytest.skip("NO DISK-FULL TEST: this machine does not let us mount: " + r.stderr.decode())
    yield where
    for _ in range(50):
        if subprocess.run(["umount", str(where)], capture_output=True).returncode == 0:
            break
        time.sleep(0.2)
    where.rmdir()


@only_root
@only_sqlite
@pytest.mark.limit(120)
def test_disk_full(small_disk):
    h = House(state_in=str(small_disk))
    try:
        h.start()
        anna = h.account("anna")
        ballast = small_disk / "ballast"
        with open(ballast, "wb") as f:       # in steps: the store reserves room for its log meanwhile
            while (st := os.statvfs(small_disk)).f_bavail * st.f_frsize > 6 << 20:
                f.write(b"\0" * 65536)
                f.flush()
        acked, answers = [], set()
        for n in range(200):
            text = mail(f"Nr {n}", attach=("zufall", os.urandom(60000 if n % 2 else 150000)))
            try:
                h.deliver(anna, text)
                acked.append(n)
            except smtplib.SMTPResponseException as e:
                answers.add(e.smtp_code)
                if len(answers) and n - len(acked) > 5:
                    break
            except smtplib.SMTPRecipientsRefused as e:
                answers.add(list(e.recipients.values())[0][0])
                if n - len(acked) > 5:
                    break
        assert acked and answers and answers <= {451, 452}, (len(acked), answers)
        with Imap.login(h, anna) as i:
            assert i.append("INBOX", mail(attach=("x", os.urandom(4 << 20)))).status == "NO"
            i.ok("SELECT INBOX")
        got = h.fetch_all(anna)
        assert len(got) == len(acked)
        assert all(b"Subject: Nr %d\r\n" % n in m for n, m in zip(acked, got))
        ballast.unlink()
        wait_for(lambda: tries(h, anna), 10, 0.5)
        assert len(h.fetch_all(anna)) == len(acked) + 1
        assert problems(h)[0] == 0
    finally:
        h.destroy()


def tries(h, to):
    try:
        h.deliver(to)
        return True
    except smtplib.SMTPException:
        return False


@only_sqlite
def test_store_locked_by_somebody(new_house):
    h = new_house()
    anna = h.account("anna")
    h.deliver(anna)
    db = sqlite3.connect(h.dir / "kontor.db", timeout=10, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    answers = []

    def send():
        try:
            h.deliver(anna, subject="wartet")
            answers.append(250)
        except smtplib.SMTPResponseException as e:
            answers.append(e.smtp_code)
        except smtplib.SMTPRecipientsRefused as e:
            answers.append(list(e.recipients.values())[0][0])
    t = threading.Thread(target=send)
    t.start()
    with Imap.login(h, anna) as i:      # reading goes on
        i.ok("SELECT INBOX")
        i.ok("FETCH 1 (FLAGS)")
    time.sleep(1)
    db.execute("ROLLBACK")
    db.close()
    t.join(30)
    assert answers and answers[0] in (250, 451, 452)
    assert len(h.fetch_all(anna)) == 1 + (answers[0] == 250)
    assert tries(h, anna)


@only_root
@only_sqlite
@pytest.mark.limit(90)
def test_read_only_disk(small_disk):
    """Either a clear word at the start, or the doors open and say "try later"; never a crash, never a lie."""
    h = House(state_in=str(small_disk))
    try:
        h.start()
        anna = h.account("anna")
        h.deliver(anna)
        h.stop()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        log = pathlib.Path("/tmp") / f"kt-log-{os.getpid()}"
        with open(log, "wb") as f:
            p = subprocess.Popen([BIN, "serve", "--state", str(h.dir), "--base-port", str(h.port_base)], stdout=f,
                                 stderr=f, env=h.env())
        try:
            status = p.wait(6)
            text = log.read_text()
            assert status == 1 and text.strip().splitlines()[-1], text
        except subprocess.TimeoutExpired:
            with pytest.raises((smtplib.SMTPException, OSError)):
                h.deliver(anna)
            p.terminate()
            p.wait(40)
        finally:
            log.unlink()
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        h.start()
        assert len(h.fetch_all(anna)) == 1
        h.deliver(anna)
    finally:
        h.destroy()


def files_may_grow(h, name, limit):
    """From now on a process may write no file beyond this size. As its own user, who may raise the limit again."""
    pid = h.pids()[name]
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    uid, gid = (int(re.search(rf"^{what}:\s+(\d+)", status, re.M)[1]) for what in ("Uid", "Gid"))
    more = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={limit}:"], check=True, capture_output=True, **more)


@only_sqlite
@pytest.mark.limit(90)
def test_store_turns_unwritable_while_running(new_house):
    """No file of the store may be written any more: "try later" to whoever wants to write, reading goes on, nothing
    dies; and when it may be written again, everything that was acknowledged is there and all goes on."""
    h = new_house()
    anna = h.account("anna")
    acked = [f"vorher {n}" for n in range(3)]
    for subject in acked:
        h.deliver(anna, subject=subject)
    before = h.pids()
    files_may_grow(h, "core", 4096)
    files_may_grow(h, "vault", 16)
    for n, size in enumerate((10, 3000, 200000, 10, 200000)):
        with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as e:
            h.deliver(anna, mail(f"verloren {n}", attach=("x", os.urandom(size))))
        code = e.value.smtp_code if isinstance(e.value, smtplib.SMTPResponseException) else e.value.recipients[anna][0]
        assert code in (451, 452), e.value
    with Imap.login(h, anna) as i:
        assert i.append("INBOX", mail("verloren")).status == "NO"
        i.ok("SELECT INBOX")
        assert i.cmd("STORE 1 +FLAGS (\\Flagged)").status == "NO"
    assert len(h.fetch_all(anna)) == 3
    r = h.cli_raw("account", "add", "neu@example.org", "--name", "Neu")
    assert r.returncode == 1 and b"later" in r.stderr, r.stderr
    files_may_grow(h, "core", "unlimited")
    r = h.cli_raw("account", "add", "neu@example.org", "--name", "Neu")
    assert r.returncode == 1 and b"later" in r.stderr, "no account without a durable key"
    files_may_grow(h, "vault", "unlimited")
    h.cli("account", "add", "neu@example.org", "--name", "Neu")
    wait_for(lambda: tries(h, anna))
    got = h.fetch_all(anna)
    assert len(got) == 4 and all(s.encode() in m for s, m in zip(acked, got))
    assert h.pids() == before, "nothing died"
    assert problems(h)[0] == 0


def read_only(h, on):
    """PostgreSQL: every new transaction is read-only, as on a standby or with a full disk; or not any more."""
    h.database.psql(f"ALTER DATABASE {h.database.name} SET default_transaction_read_only = {'on' if on else 'off'}")
    h.database.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{h.database.name}'")


@only_postgres
@pytest.mark.limit(90)
def test_postgres_turns_read_only_while_running(new_house):
    h = new_house()
    anna = h.account("anna")
    h.deliver(anna)
    read_only(h, True)
    for _ in range(3):
        assert not tries(h, anna)
    wait_for(lambda: len(h.fetch_all(anna)) == 1)
    read_only(h, False)
    wait_for(lambda: tries(h, anna))
    assert len(h.fetch_all(anna)) == 2


def test_restore_needs_an_empty_folder(new_house):
    h = new_house(start=False)
    r = subprocess.run([BIN, "restore", "/dev/null", "--state", str(h.dir)], capture_output=True, timeout=20, env=h.env())
    assert r.returncode in (1, 2) and r.stderr


@pytest.mark.limit(120)
def test_orphans_are_swept(new_house):
    """A file in blobs/ that no row knows (a crash between stage and adopt) does not hurt and goes away in the end;
    a young one stays, for its transaction may be under way, and so do files in use."""
    h = new_house()
    users = filled(h)
    for n in range(3):
        h.deliver(users[0], mail(attach=("zufall", os.urandom(200000))))
    blobs = h.dir / "blobs"
    used = {p for p in blobs.rglob("*") if p.is_file()}
    assert len(used) >= 3
    sample = min(used)
    two_hours_ago = time.time() - 7200

    def orphan(name, old):
        path = sample.with_name(name)
        shutil.copy(sample, path)
        os.chown(path, sample.stat().st_uid, sample.stat().st_gid)
        if old:
            os.utime(path, (two_hours_ago, two_hours_ago))
        return path
    for p in used:
        os.utime(p, (two_hours_ago, two_hours_ago))
    folder = sample.parent.name
    gone = [orphan("00000000000fff" + folder, True), orphan("00000000000fff" + folder + ".tmp", True)]
    young = orphan("00000000000ffe" + folder, False)
    assert h.cli("store", "sweep") == {"files": 2, "keys": 0, "messages": 0}
    assert not any(p.exists() for p in gone) and young.exists() and all(p.exists() for p in used)
    assert len(h.fetch_all(users[0])) == 17
    assert problems(h)[0] == 0


def test_mail_of_removed_accounts_is_swept(new_house):
    h = new_house()
    users = filled(h)
    h.deliver(users, mail("an beide", attach=("zufall", os.urandom(200000))))
    h.deliver(users[0], mail("nur ihr", attach=("zufall", os.urandom(200000))))
    files = [p for p in (h.dir / "blobs").rglob("*") if p.is_file()]
    rest = h.fetch_all(users[1])
    h.cli("account", "remove", users[0], "--yes")
    assert h.cli("store", "sweep") == {"files": 0, "keys": 0, "messages": 17}
    assert h.fetch_all(users[1]) == rest
    wait_for(lambda: sum(p.exists() for p in files) == len(files) - 1, 30)
    assert h.cli("store", "sweep")["messages"] == 0
    assert problems(h)[0] == 0
