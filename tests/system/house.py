"""A real kontor for the tests: one organisation in a temporary folder, served on a free block of loopback ports.

KONTOR_BIN names the binary (default build/src/main/kontor), KONTOR_STORE or KONTOR_TEST_PG a PostgreSQL URL; then
every house gets a database of its own.
"""
import ctypes
import email.message
import email.policy
import imaplib
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("KONTOR_BIN", str(ROOT / "build/src/main/kontor"))
STORE = os.environ.get("KONTOR_STORE") or os.environ.get("KONTOR_TEST_PG")
PASSWORD = "Fr\u00fchling-im-Moor"
ADMIN = "admin@example.org"
PORTS = {"lmtp": 24, "smtp": 25, "pop3": 110, "imap": 143, "submissions": 465, "submission": 587, "imaps": 993, "pop3s": 995,
         "metrics": 9100, "sieve": 4190,
         "http": 80, "https": 443}
STEP = next(m for m in range(10, 100) if len({p % m for p in PORTS.values()}) == len(PORTS))
DAMAGE = re.compile(rb"Sanitizer|runtime error:|Assertion .* failed|SIGSYS|\*\*\* .* detected|event=panic")
SLOW = 4 if "asan" in BIN or "tsan" in BIN else 1


class CliError(Exception):
    def __init__(self, status, text):
        super().__init__(f"exit {status}: {text}")
        self.status = status
        self.text = text


def wait_for(what, seconds=10, every=0.05):
    """The first true answer of what(); fails after the time is over."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"still not so after {seconds * SLOW} s: {what}")
        time.sleep(every)


def free_ports():
    """Below the ports that the kernel gives to clients. Multiples of STEP: what two houses of different base use never meets."""
    for _ in range(200):
        base = 10240 + STEP * random.randrange((32768 - 10240 - max(PORTS.values())) // STEP)
        try:
            for number in PORTS.values():
                with socket.socket() as s:
                    s.bind(("127.0.0.1", base + number))
            return base
        except OSError:
            continue
    raise AssertionError("no free ports")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def open_way(folder):
    """The daemon's own user may look into folder and whatever of ours leads there."""
    for part in (folder, *folder.parents):
        if part.stat().st_uid != os.getuid() or str(part) in ("/", "/tmp"):
            break
        part.chmod(part.stat().st_mode | 0o055)


def ends_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def mail(subject="Hallo", body="Guten Tag\r\n", sender="gast@example.net", to="anna@example.org", attach=None,
         **headers):
    """A message as bytes with CRLF, 7 bit."""
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"] = sender
    m["To"] = to
    m["Subject"] = subject
    m["Date"] = email.utils.formatdate(localtime=True)
    m["Message-ID"] = f"<{secrets.token_hex(8)}@example.net>"
    for name, value in headers.items():
        m[name.replace("_", "-")] = value
    m.set_content(body, cte="quoted-printable" if not body.isascii() else None)
    if attach:
        m.add_attachment(attach[1], maintype="application", subtype="octet-stream", filename=attach[0])
    return m.as_bytes()


class Database:
    """One PostgreSQL database of its own on the cluster of STORE."""

    def __init__(self, url):
        self.name = "k" + secrets.token_hex(6)
        self.server = url
        self.psql(f"CREATE DATABASE {self.name}")
        head, _, tail = url.partition("?")
        self.url = head.rpartition("/")[0] + "/" + self.name + ("?" + tail if tail else "")

    def psql(self, command):
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", self.server, "-c", command], check=True,
                       capture_output=True, timeout=30)

    def drop(self):
        self.psql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


class House:
    def __init__(self, settings=(), seal=None, zone="", language="en", state_in=None):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="kt-", dir=state_in or "/tmp"))
        self.base.chmod(0o755)
        self.dir = self.base / "s"
        self.port_base = free_ports()
        self.out_port = free_port()
        self.process = None
        self.log_path = self.base / "log"
        self.killed = set()
        self.accounts = {}
        self.database = None
        self.may_die = False
        self.zone = self.base / "zone"
        self.zone.write_text(zone or "# nothing\n")
        conf = ["password_memory=8388608", "gates=2", "hostname=mail.example.org", f"out_hosts={self.zone}",
                f"out_port={self.out_port}", *settings]
        if STORE:
            self.database = Database(STORE)
            conf.append(f"store={self.database.url}")
        self.conf = conf
        command = [BIN, "init", "--state", str(self.dir), "--domain", "example.org", "--admin", ADMIN,
                   "--password-file", "-", "--language", language]
        for line in conf:
            command += ["--set", line]
        if seal:
            command += ["--seal", seal]
        r = subprocess.run(command, input=PASSWORD.encode() + b"\n", capture_output=True, timeout=60, env=self.env())
        assert r.returncode == 0, r.stderr.decode()
        self.init_output = r.stdout.decode()
        self.accounts[ADMIN] = PASSWORD

    def env(self):
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": str(self.base),
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "")}

    def port(self, name):
        return self.port_base + PORTS[name]

    def restore(self, old, copy, *options):
        """This house anew from a backup of `old`, not started; with the master key that is never part of a backup."""
        self.stop()
        if self.dir.exists():
            shutil.rmtree(self.dir)
        if self.database:
            self.database.psql(f"DROP DATABASE {self.database.name}")
            self.database.psql(f"CREATE DATABASE {self.database.name}")
        command = [BIN, "restore", str(copy), "--state", str(self.dir), *map(str, options)]
        for line in self.conf:
            command += ["--set", line]
        r = subprocess.run(command, capture_output=True, timeout=60, env=self.env())
        if r.returncode == 0:
            key = self.dir / "vault/master.key"
            shutil.copy(old.dir / "vault/master.key", key)
            owner = (self.dir / "vault").stat()
            os.chown(key, owner.st_uid, owner.st_gid)
            self.accounts = dict(old.accounts)
        return r

    # ---- life ----

    def start(self, ready=True):
        self.log_from = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [BIN, "serve", "--state", str(self.dir), "--base-port", str(self.port_base)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=ends_with_parent, env=self.env())
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=20):
        def ready():
            assert self.process.poll() is None, self.log()[-3000:]
            return b"event=ready" in self.log_path.read_bytes()[self.log_from:]
        wait_for(ready, seconds)

    def log(self):
        return self.log_path.read_bytes().decode(errors="replace") if self.log_path.exists() else ""

    def pids(self):
        """name -> pid of this house's processes."""
        out = {}
        for line in (self.dir / "run/status").read_text().splitlines():
            word = line.split()
            if int(word[1]):
                out[word[0]] = int(word[1])
        return out

    def kill(self, name, sig=signal.SIGKILL):
        pid = self.pids().get(name)
        if pid and pathlib.Path(f"/proc/{pid}").exists():
            self.killed.add(pid)
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        return pid

    def kill_core(self):
        """kill -9 of core; returns when every gate works with the new one: a sign-in that succeeds may have met the old core or another gate."""
        found = self.cores_found()
        self.kill("core")
        wait_for(lambda: all(n > found[gate] for gate, n in self.cores_found().items()), 20)
        self.wait_running()

    def cores_found(self):
        """gate -> how often it has been given a core."""
        log = self.log()
        return {gate: log.count(f"role={gate} event=core_found") for gate in self.pids() if gate.startswith("gate")}

    def kill_all(self):
        pids = list(self.pids().values())
        self.killed.update(pids)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)
        self.process = None
        wait_for(lambda: not any(self.runs(p) for p in pids), 10)

    @staticmethod
    def runs(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def wait_running(self, seconds=20):
        """All processes are up again, as the supervisor sees it."""
        def up():
            rows = [line.split() for line in (self.dir / "run/status").read_text().splitlines()]
            return len(rows) >= 5 and all(r[2] == "running" and self.runs(int(r[1])) for r in rows)
        wait_for(up, seconds)

    def stop(self):
        if not self.process:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise AssertionError("does not stop on SIGTERM:\n" + self.log()[-2000:])
        self.process = None
        assert status == 0, f"serve ended with {status}:\n" + self.log()[-2000:]

    def destroy(self):
        try:
            self.stop()
        finally:
            if self.process:
                self.kill_all()
            if self.database:
                self.database.drop()
            if not os.environ.get("KONTOR_KEEP"):
                shutil.rmtree(self.base, ignore_errors=True)
        self.check_log()

    def check_log(self):
        """No sanitizer report, no process that died by itself."""
        log = self.log_bytes if not self.log_path.exists() else self.log_path.read_bytes()
        found = DAMAGE.search(log)
        assert not found, log[max(0, found.start() - 500):found.end() + 3000].decode(errors="replace")
        for line in log.decode(errors="replace").splitlines():
            m = re.search(r"event=process_end name=(\S+) pid=(\d+) (signal|status)=(\d+)", line)
            if m and not self.may_die and int(m[2]) not in self.killed:
                assert m[3] == "status" and m[4] == "0", "a process died by itself: " + line

    @property
    def log_bytes(self):
        return b""

    # ---- administration ----

    def cli_raw(self, *args, stdin=None, timeout=60):
        return subprocess.run([BIN, *args, "--state", str(self.dir)], input=stdin, capture_output=True,
                              timeout=timeout, env=self.env())

    def cli(self, *args, stdin=None, timeout=60):
        """The parsed result; CliError when it says no."""
        r = self.cli_raw(*args, "--json", stdin=stdin.encode() if isinstance(stdin, str) else stdin, timeout=timeout)
        if r.returncode:
            raise CliError(r.returncode, r.stderr.decode())
        return json.loads(r.stdout) if r.stdout.strip() else None

    def account(self, name, password=None, display=None, *more):
        address = name if "@" in name else name + "@example.org"
        password = password or "p" + secrets.token_urlsafe(9)
        self.cli("account", "add", address, "--name", display or name.capitalize(), "--password-file", "-", *more,
                 stdin=password + "\n")
        self.accounts[address] = password
        return address

    def role(self, name, display=None, *more):
        address = name + "@example.org"
        self.cli("account", "add", address, "--name", display or name, "--kind", "role", *more)
        return address

    def fresh(self, name="p"):
        """A person with a name nobody else in this run has."""
        return self.account(f"{name}{secrets.token_hex(3)}")

    # ---- clients ----

    def smtp(self, kind="smtp", user=None):
        c = smtplib.SMTP_SSL if kind == "submissions" else smtplib.SMTP
        s = c("127.0.0.1", self.port(kind), local_hostname="client.example.net", timeout=30 * SLOW)
        if kind == "submission":
            s.starttls()
        if user:
            s.user, s.password = user, self.accounts[user]
            s.ehlo()
            s.auth("PLAIN", lambda challenge=None: f"\0{user}\0{self.accounts[user]}")
        return s

    def lmtp(self):
        return smtplib.LMTP("127.0.0.1", self.port("lmtp"), local_hostname="client.example.net")

    def deliver(self, to, message=None, sender="gast@example.net", **kw):
        """From outside on port 25. The refused recipients, like smtplib says."""
        tos = [to] if isinstance(to, str) else to
        with self.smtp() as s:
            return s.sendmail(sender, tos, message if message is not None else mail(to=tos[0], sender=sender, **kw))

    def submit(self, user, to, message=None, options=(), rcpt=(), sender=None, **kw):
        tos = [to] if isinstance(to, str) else to
        with self.smtp("submissions", user) as s:
            return s.sendmail(sender or user, tos,
                              message if message is not None else mail(sender=sender or user, to=tos[0], **kw),
                              options, rcpt)

    def imap(self, user, tls=False):
        c = imaplib.IMAP4_SSL if tls else imaplib.IMAP4
        i = c("127.0.0.1", self.port("imaps" if tls else "imap"), timeout=30 * SLOW)
        i.authenticate("PLAIN", lambda _: f"\0{user}\0{self.accounts[user]}".encode())
        return i

    def fetch_all(self, user, mailbox="INBOX"):
        """All messages of a mailbox as bytes."""
        i = self.imap(user)
        try:
            ok, data = i.select('"' + mailbox + '"', readonly=True)
            assert ok == "OK", data
            if data[0] == b"0":
                return []
            ok, data = i.fetch("1:*", "(BODY.PEEK[])")
            assert ok == "OK", data
            return [part[1] for part in data if isinstance(part, tuple)]
        finally:
            i.logout()

    def wait_mail(self, user, n=1, mailbox="INBOX", seconds=15):
        return wait_for(lambda: (lambda v: v if len(v) >= n else None)(self.fetch_all(user, mailbox)), seconds, 0.2)

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port('metrics')}/metrics", timeout=10) as r:
            assert r.status == 200
            return r.read().decode()
