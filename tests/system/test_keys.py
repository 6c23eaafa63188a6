"""Account keys live in the vault's file alone: destroyed there, an account is gone from every backup."""
import random
import sqlite3
import subprocess
import threading
import time

import pytest

from house import PASSWORD, CliError, mail, wait_for

ROW = 80


def rows(path):
    """id -> wrapped key, of vault/accounts or FILE.keys."""
    data = path.read_bytes()
    assert data.startswith(b"kontor account keys\n")
    n = int.from_bytes(data[53:61], "little")
    body = data[61:-32]
    assert len(body) == n * ROW
    return {int.from_bytes(body[i:i + 8], "little"): body[i + 8:i + ROW] for i in range(0, len(body), ROW)}


def sql(h, *statements):
    """On the stopped house's store; the rows of the last statement."""
    if h.database:
        out = None
        for s in statements:
            out = subprocess.run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", h.database.url, "-c", s], check=True,
                                 capture_output=True, timeout=30).stdout.decode().splitlines()
        return [line.split("|") for line in out]
    db = sqlite3.connect(h.dir / "kontor.db")
    with db:
        for s in statements:
            out = db.execute(s).fetchall()
    db.close()
    return out


def addresses(h):
    return {a["address"] for a in h.cli("account", "list")}


def two_with_mail(h):
    users = [h.account(n) for n in ("anna", "bernd")]
    for n in range(5):
        h.deliver(users, mail(f"Nr {n}", "Vertraulich\r\n" * (1 if n % 2 else 9000)))
    return users


@pytest.mark.limit(120)
def test_removed_is_gone_from_an_old_backup(new_house):
    h = new_house()
    anna, bernd = two_with_mail(h)
    whole = h.fetch_all(bernd)
    old = h.base / "montag"
    h.cli("backup", str(old))
    before = rows(h.base / "montag.keys")
    assert not any(wrapped in old.read_bytes() for wrapped in before.values()), "a backup holds no account key"

    h.cli("account", "remove", anna, "--yes")
    newest = h.base / "dienstag.keys"
    h.cli("backup", "keys", str(newest))
    after = rows(newest)
    gone = set(before) - set(after)
    assert len(gone) == 1 and set(after) < set(before) and all(before[i] == after[i] for i in after)
    lost = before[gone.pop()]
    for p in (h.dir / "vault").iterdir():
        assert lost not in p.read_bytes(), f"the destroyed key still lies in {p.name}"

    target = new_house(start=False)
    r = target.restore(h, old, "--keys", newest)
    assert r.returncode == 0, r.stderr.decode()
    assert b"1 accounts of the backup have no key any more" in r.stderr
    target.start()
    assert target.fetch_all(bernd) == whole, "everybody else's mail is whole"
    assert addresses(target) == {"admin@example.org", bernd}
    with pytest.raises(target.imap(bernd).error):
        target.imap(anna)
    target.account("anna")                   # the address is free, and the newcomer finds nothing
    assert target.fetch_all(anna) == []
    assert target.cli_raw("store", "check").returncode == 0

    # With the keys of that day the account would be there: that is why only the newest are kept.
    r = target.restore(h, old)
    assert r.returncode == 0 and b"no key any more" not in r.stderr, r.stderr.decode()
    target.start()
    assert target.fetch_all(anna) == whole


def test_restore_wants_the_right_keys(new_house):
    h, other = new_house(), new_house()
    two_with_mail(h)
    copy = h.base / "kopie"
    h.cli("backup", str(copy))
    other.cli("backup", "keys", str(other.base / "fremd"))
    keys = h.base / "kopie.keys"
    data = keys.read_bytes()
    (h.base / "kaputt").write_bytes(data[:70] + bytes([data[70] ^ 1]) + data[71:])
    keys.rename(h.base / "woanders")
    target = new_house(start=False)
    for options, why in (((), b"--keys"), (("--keys", h.base / "kaputt"), b"damaged"),
                         (("--keys", other.base / "fremd"), b"another house"), (("--keys", copy), b"no account keys")):
        r = target.restore(h, copy, *options)
        assert r.returncode == 1 and why in r.stderr, r.stderr
        assert not target.dir.exists() or not list(target.dir.iterdir()), "nothing half done stays"
    # bound: BACKUP_KEYS_MAX
    for size, why in ((128 << 20, b"no account keys"), ((128 << 20) + 1, b"are needed")):
        with open(h.base / "lang", "wb") as f:
            f.truncate(size)
        r = target.restore(h, copy, "--keys", h.base / "lang")
        assert r.returncode == 1 and why in r.stderr, r.stderr
    r = target.restore(h, copy, "--keys", h.base / "woanders")
    assert r.returncode == 0, r.stderr


def test_backup_leaves_other_files_alone(new_house):
    h = new_house()
    (h.base / "kopie.keys").write_text("etwas")
    with pytest.raises(CliError):
        h.cli("backup", str(h.base / "kopie"))
    assert (h.base / "kopie.keys").read_text() == "etwas" and not (h.base / "kopie").exists()


def test_keys_of_an_older_store_are_moved(new_house):
    """As before version 2: wrapped keys in the rows, no file in the vault."""
    h = new_house()
    anna, bernd = two_with_mail(h)
    mails = h.fetch_all(anna)
    h.stop()
    keys = rows(h.dir / "vault/accounts")
    hexed = "'\\x{}'" if h.database else "x'{}'"
    sql(h, *(f"UPDATE account SET wrapped_key = {hexed.format(k.hex())} WHERE id = {i}" for i, k in keys.items()))
    (h.dir / "vault/accounts").unlink()
    h.start()
    assert h.fetch_all(anna) == mails
    assert rows(h.dir / "vault/accounts") == keys
    assert "event=keys_moved" in h.log()
    h.cli("backup", str(h.base / "kopie"))
    h.stop()
    assert [int(r[0]) for r in sql(h, "SELECT COUNT(*) FROM account WHERE wrapped_key IS NOT NULL")] == [0]
    h.start()
    assert h.fetch_all(bernd) == mails and h.log().count("event=keys_moved") == 1


@pytest.mark.limit(180)
def test_kill_while_accounts_are_made(new_house):
    """Whoever was told that an account exists can use it, whatever was killed meanwhile."""
    h = new_house()
    rand, stop, made, tried = random.Random(7), threading.Event(), [], []

    def work(number):
        n = 0
        while not stop.is_set():
            n += 1
            name = f"t{number}n{n}@example.org"
            tried.append(name)
            r = h.cli_raw("account", "add", name, "--password-file", "-", "--name", name, stdin=PASSWORD.encode() + b"\n")
            if r.returncode == 0:
                made.append(name)
                h.accounts[name] = PASSWORD
    workers = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(3)]
    for w in workers:
        w.start()
    for victim in ["vault", "core"] * 4:
        time.sleep(rand.uniform(0.3, 1.0))
        h.kill(victim)
        h.wait_running()
    stop.set()
    for w in workers:
        w.join(60)
    h.kill_all()
    h.start()
    assert len(made) >= 8, (len(made), len(tried))
    assert set(made) <= addresses(h)
    for name in made:
        h.deliver(name, mail("Willkommen"))
        assert len(h.fetch_all(name)) == 1
    assert h.cli_raw("store", "check").returncode == 0
    assert not list((h.dir / "vault").glob("*.tmp")), "nothing half written stays"


def test_a_lost_or_damaged_file_is_never_taken_for_empty(new_house):
    h = new_house()
    two_with_mail(h)
    h.stop()
    path = h.dir / "vault/accounts"
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    h.may_die = True
    h.start(ready=False)
    wait_for(lambda: "the file of the account keys is damaged" in h.log(), 20)
    h.kill_all()
    assert path.read_bytes() == good[:-1], "nothing is written over it"
    path.write_bytes(good)
    h.start()
    assert len(h.fetch_all("bernd@example.org")) == 5
