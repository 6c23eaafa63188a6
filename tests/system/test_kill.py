"""kill -9 of every process at random moments under load: what was acknowledged is there once, none half.

KONTOR_KILL_ROUNDS (50) rounds, KONTOR_KILL_SEED to repeat one. About three minutes.
"""
import collections
import hashlib
import imaplib
import os
import pathlib
import random
import re
import smtplib
import socket
import threading
import time

import pytest

from house import SLOW, wait_for
from rawimap import Imap

ROUNDS = int(os.environ.get("KONTOR_KILL_ROUNDS", "50"))
VICTIMS = ["core", "core", "vault", "gate0", "gate1", "out", "supervisor", "all"]


def message(name, rand):
    """Between 0.3 and 150 KiB, with its own checksum, so that half a message shows."""
    size = rand.choice([300, 3000, 10000, 10000, 40000, 150000])
    body = b"\r\n".join(rand.randbytes(36).hex().encode() for _ in range(size // 74 + 1)) + b"\r\n"
    return b"Subject: %s\r\nX-Sum: %s\r\n\r\n%s" % (name.encode(), hashlib.sha256(body).hexdigest().encode(), body)


class Load(threading.Thread):
    def __init__(self, house, number, users, stop):
        super().__init__(daemon=True)
        self.house, self.number, self.users, self.stopping = house, number, users, stop
        self.rand = random.Random(number)
        self.acked, self.tried, self.n = [], [], 0

    def run(self):
        while not self.stopping.is_set():
            try:
                self.session()
            except (OSError, smtplib.SMTPException, EOFError, AssertionError):
                time.sleep(0.05)

    def next(self):
        self.n += 1
        name = f"t{self.number}-{self.n}"
        return name, message(name, self.rand)


class SmtpLoad(Load):
    def session(self):
        with self.house.smtp() as s:
            while not self.stopping.is_set():
                name, text = self.next()
                to = self.rand.sample(self.users, 2)
                self.tried += [(name, u) for u in to]
                refused = s.sendmail("last@example.net", to, text)
                self.acked += [(name, u) for u in to if u not in refused]
                time.sleep(0.05)


class LmtpLoad(Load):
    def session(self):
        with self.house.lmtp() as s:
            s.ehlo_or_helo_if_needed()
            while not self.stopping.is_set():
                name, text = self.next()
                to = self.rand.sample(self.users, 2)
                if s.docmd("MAIL", "FROM:<last@example.net>")[0] != 250:
                    raise OSError
                taken = [u for u in to if s.docmd("RCPT", f"TO:<{u}>")[0] == 250]
                if not taken or s.docmd("DATA")[0] != 354:
                    raise OSError
                self.tried += [(name, u) for u in taken]
                s.send(text + b".\r\n")
                for u in taken:
                    if s.getreply()[0] == 250:
                        self.acked.append((name, u))
                time.sleep(0.05)


class AppendLoad(Load):
    def session(self):
        user = self.rand.choice(self.users)
        with Imap.login(self.house, user) as i:
            i.s.settimeout(20 * SLOW)
            while not self.stopping.is_set():
                name, text = self.next()
                self.tried.append((name, user))
                a = i.append("INBOX", text)
                if a.status == "OK":
                    self.acked.append((name, user))
                elif a.status == "GONE":
                    raise EOFError
                time.sleep(0.05)


def gate_of(house, connection):
    """Which gate holds the other end of this connection."""
    here, there = connection.getsockname()[1], connection.getpeername()[1]
    inode = None
    for line in open("/proc/net/tcp"):
        w = line.split()
        if w[0] != "sl" and int(w[1].split(":")[1], 16) == there and int(w[2].split(":")[1], 16) == here:
            inode = w[9]
    for name, pid in house.pids().items():
        if name.startswith("gate"):
            for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                try:
                    if os.readlink(fd) == f"socket:[{inode}]":
                        return name
                except OSError:
                    pass
    return None


class Holder:
    """A client that was there before and must notice nothing unless its own gate dies."""

    def __init__(self, house, user):
        self.house, self.user = house, user
        self.open()

    def open(self):
        self.i = wait_for(self.try_open, 20)
        self.gate = gate_of(self.house, self.i.s)

    def try_open(self):
        try:
            i = Imap.login(self.house, self.user)
            i.ok("SELECT INBOX")
            return i
        except (OSError, AssertionError):
            return None

    def check(self, victim):
        if victim in ("supervisor", "all", self.gate):
            self.i.close()
            self.open()
            return
        a = self.i.cmd("NOOP")
        assert a.status in ("OK", "NO"), f"{victim} died and a client of {self.gate} was cut off: {a}"
        wait_for(lambda: self.i.cmd("NOOP").status == "OK", 20, 0.1)


def fetch_all(house, user):
    """All messages, once the house is up again: only its own "restarting" is a reason to ask again."""
    house.wait_running(25)

    def ask():
        try:
            return [house.fetch_all(user)]
        except imaplib.IMAP4.error as e:
            if "BYE [UNAVAILABLE] Server is restarting, try again later" in str(e):
                return None
            raise
    return wait_for(ask, 20, 0.1)[0]


def verify(house, users, loads):
    acked = collections.Counter(x for t in loads for x in t.acked)
    tried = {x for t in loads for x in t.tried}
    assert acked, "the load did nothing"
    lost, twice, half, strange = [], [], [], []
    for user in users:
        found = collections.Counter()
        for text in fetch_all(house, user):
            head, _, body = text.partition(b"\r\n\r\n")
            name = re.search(rb"Subject: (\S+)", head)
            total = re.search(rb"X-Sum: (\w+)", head)
            if not name or not total or hashlib.sha256(body).hexdigest().encode() != total[1]:
                half.append((user, text[:200]))
                continue
            found[name[1].decode()] += 1
        for name, n in found.items():
            if n > 1:
                twice.append((name, user, n))
            if (name, user) not in tried:
                strange.append((name, user))
        lost += [x for x in acked if x[1] == user and not found[x[0]]]
    assert not half, half[:3]
    assert not lost, f"{len(lost)} of {len(acked)} lost: {lost[:10]}"
    assert not twice, twice[:10]
    assert not strange, strange[:10]
    return len(acked), len(tried)


def restart(house):
    house.process.wait(10)
    house.process = None
    house.start()


@pytest.mark.limit(600)
def test_kill_at_random(new_house):
    house = new_house()
    seed = int(os.environ.get("KONTOR_KILL_SEED", str(time.time_ns() % 1000000)))
    print(f"KONTOR_KILL_SEED={seed}")
    rand = random.Random(seed)
    users = [house.account(f"u{n}") for n in range(6)]
    watcher = house.account("wache")
    stop = threading.Event()
    loads = [kind(house, n, users, stop) for n, kind in
             enumerate([SmtpLoad, SmtpLoad, SmtpLoad, LmtpLoad, LmtpLoad, AppendLoad, AppendLoad, AppendLoad])]
    for t in loads:
        t.start()
    holders = [Holder(house, watcher) for _ in range(4)]
    done = 0
    try:
        for n in range(ROUNDS):
            time.sleep(rand.uniform(0.1, 1.2))
            victim = rand.choice(VICTIMS) if n >= len(VICTIMS) else VICTIMS[n]
            if victim == "all":
                house.kill_all()
                house.start()
            else:
                old = house.kill(victim)
                if victim == "supervisor":
                    others = [p for p in house.pids().values() if p != old]
                    house.process.wait(10)
                    wait_for(lambda: not any(house.runs(p) for p in others), 15)
                    house.killed.update(others)
                    house.process = None
                    house.start()
            house.wait_running(25)
            for h in holders:
                h.check(victim)
            done += 1
    finally:
        stop.set()
        for t in loads:
            t.join(30 * SLOW)
    assert not [t for t in loads if t.is_alive()], "a client hangs"
    assert done == ROUNDS
    acked, tried = verify(house, users, loads)
    print(f"{done} rounds, {tried} tried, {acked} acknowledged")
    for t in loads:
        assert len(t.acked) > 5, f"{type(t).__name__} got nothing done"
    # And after a clean restart it is still so
    house.stop()
    house.start()
    verify(house, users, loads)


def test_kill_between_data_and_answer(new_house):
    """Everything dies right after the end of data: the mail is there at most once, then the next goes through."""
    house = new_house()
    anna = house.account("anna")
    acked = 0
    for n in range(3):
        s = socket.create_connection(("127.0.0.1", house.port("smtp")), timeout=20)
        f = s.makefile("rb")
        f.readline()
        s.sendall(b"HELO x\r\nMAIL FROM:<a@example.net>\r\n" + f"RCPT TO:<{anna}>\r\nDATA\r\n".encode())
        for _ in range(4):
            f.readline()
        s.sendall(f"Subject: n{n}\r\n\r\nx\r\n.\r\n".encode())
        if n == 1:
            acked += f.readline().startswith(b"250")
        house.kill_all()
        house.start()
        s.close()
    assert acked == 1
    found = [re.search(rb"Subject: (n\d)", m)[1] for m in fetch_all(house, anna)]
    assert b"n1" in found and len(set(found)) == len(found)
    assert house.deliver(anna) == {}
