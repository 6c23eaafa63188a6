"""kontor, Dovecot and Postfix, each in a folder of its own on the disk to be measured, each ended by its pid."""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("KONTOR_BIN", str(ROOT / "build/src/main/kontor"))
PASSWORD = "secret-bench"
OFFSETS = {"lmtp": 24, "smtp": 25, "imap": 143, "submissions": 465, "submission": 587, "imaps": 993, "metrics": 9100,
           "http": 80, "https": 443, "pop3": 110, "pop3s": 995, "sieve": 4190}
FILES_MAX = 20000


def free_base():
    for _ in range(200):
        base = random.randrange(10240, 32768 - max(OFFSETS.values()))   # below the ports that the kernel gives to clients
        try:
            for number in OFFSETS.values():
                with socket.socket() as s:
                    s.bind(("127.0.0.1", base + number))
            return base
        except OSError:
            continue
    raise SystemExit("no free ports")


def wait_for(what, seconds, why):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise SystemExit(why() if callable(why) else why)
        time.sleep(0.05)


def answers(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def end(pid):
    """SIGTERM, and SIGKILL after a while; only for a pid this program started."""
    try:
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not alive(pid), 30, "")
    except ProcessLookupError:
        pass
    except SystemExit:
        os.kill(pid, signal.SIGKILL)


def tree(root):
    """root and all its descendants."""
    kids = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                ppid = int(pathlib.Path(f"/proc/{d}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            kids.setdefault(ppid, []).append(int(d))
    todo, out = [root], []
    while todo:
        pid = todo.pop()
        out.append(pid)
        todo += kids.get(pid, [])
    return out


def more_files():
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (want, hard))


class Server:
    def __init__(self, name, folder):
        self.name = name
        self.dir = pathlib.Path(folder) / name
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.base = free_base()
        self.pid = None

    def port(self, name):
        return self.base + OFFSETS[name]

    def log(self):
        p = self.dir / "log"
        return p.read_text(errors="replace")[-2000:] if p.exists() else ""

    def stop(self):
        if self.pid:
            end(self.pid)
            self.pid = None


class Kontor(Server):
    def __init__(self, folder, users, quick, name="kontor", more=()):
        super().__init__(name, folder)
        self.state = self.dir / "s"
        settings = ["hostname=mail.example.org", *more] + (["password_memory=8388608"] if quick else [])
        command = [BIN, "init", "--state", self.state, "--domain", "example.org", "--admin", "admin@example.org",
                   "--password-file", "-"]
        for s in settings:
            command += ["--set", s]
        subprocess.run(command, input=PASSWORD.encode() + b"\n", check=True, capture_output=True, timeout=60)
        self.start()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.account, users))

    def start(self):
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen([BIN, "serve", "--state", self.state, "--base-port", str(self.base)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=more_files)
        self.pid = self.process.pid

        def ready():
            if self.process.poll() is not None:
                raise SystemExit("kontor does not start:\n" + self.log())
            return b"event=ready" in (self.dir / "log").read_bytes()
        wait_for(ready, 30, self.log)
        return self

    def stop(self):
        if self.pid:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
            self.pid = None

    def cli(self, *args, stdin=b""):
        r = subprocess.run([BIN, *args, "--state", self.state], input=stdin, capture_output=True, timeout=120)
        if r.returncode:
            raise SystemExit(f"kontor {' '.join(args[:3])}: {r.stderr.decode()}")

    def account(self, name):
        self.cli("account", "add", name + "@example.org", "--name", name, "--password-file", "-",
                 stdin=PASSWORD.encode() + b"\n")

    def role(self, name):
        """The pid of one process: core, gate0, ..."""
        for line in (self.state / "run/status").read_text().splitlines():
            word = line.split()
            if word[0] == name:
                return int(word[1])
        raise SystemExit(f"no process {name}")


DOVECOT = """
base_dir = {dir}/run
state_dir = {dir}/run
instance_name = {name}
log_path = {dir}/log
listen = 127.0.0.1
protocols = imap lmtp
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
disable_plaintext_auth = no
auth_username_format = %n
default_process_limit = 6000
default_client_limit = 14000
default_vsz_limit = 1G
mail_location = sdbox:~/sdbox
mail_fsync = optimized
mail_uid = 5000
mail_gid = 5000
first_valid_uid = 500
mail_max_userip_connections = 6000
postmaster_address = postmaster@example.org
hostname = localhost
passdb {{
  driver = passwd-file
  args = username_format=%u {dir}/passwd
}}
userdb {{
  driver = static
  args = uid=5000 gid=5000 home={dir}/mail/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  {login}
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 6000
}}
service lmtp {{
  process_min_avail = 4
  process_limit = 200
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
  unix_listener lmtp-postfix {{
    mode = 0666
  }}
}}
service stats {{
  client_limit = 14000
}}
protocol lmtp {{
  auth_username_format = %n
}}
"""
# Dovecot's two documented ways: a login process for each connection (its default), and few for all of them.
LOGIN = {
    "secure": "service_count = 1\n  process_limit = 6000\n  process_min_avail = 4",
    "fast": "service_count = 0\n  process_min_avail = 4\n  process_limit = 4\n  client_limit = 6000\n  vsz_limit = 4G",
}
CRYPT = """
mail_plugins = $mail_plugins mail_crypt zlib
plugin {{
  mail_crypt_global_private_key = <{dir}/crypt.key
  mail_crypt_global_public_key = <{dir}/crypt.pub
  mail_crypt_save_version = 2
  zlib_save = zstd
}}
"""
FTS = """
mail_plugins = $mail_plugins fts fts_xapian
plugin {{
  fts = xapian
  fts_xapian = partial=3 full=20 verbose=0
  fts_enforced = yes
  fts_autoindex = no
}}
service indexer-worker {{
  vsz_limit = 2G
}}
"""


class Dovecot(Server):
    """Passwords are stored in clear: what a log-in costs it is then only its own work, no hash."""

    def __init__(self, folder, users, mode="secure", crypt=False, fts=False):
        super().__init__("dovecot" + ("-crypt" if crypt else "-xapian" if fts else ""), folder)
        for d in ("run", "mail"):
            (self.dir / d).mkdir()
        os.chown(self.dir / "mail", 5000, 5000)
        (self.dir / "passwd").write_text("".join(f"{u}:{{PLAIN}}{PASSWORD}::::::\n" for u in users))
        (self.dir / "passwd").chmod(0o644)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", self.dir / "key.pem", "-out", self.dir / "cert.pem", "-days", "30", "-subj",
                        "/CN=localhost"], check=True, capture_output=True)
        self.extra = FTS.format() if fts else ""
        if crypt:
            for c in (["ecparam", "-name", "prime256v1", "-genkey", "-out", "crypt.ec"],
                      ["pkey", "-in", "crypt.ec", "-out", "crypt.key"],
                      ["pkey", "-in", "crypt.key", "-pubout", "-out", "crypt.pub"]):
                subprocess.run(["openssl", *c], cwd=self.dir, check=True, capture_output=True)
            self.extra = CRYPT.format(dir=self.dir)
        self.start(mode)

    def start(self, mode="secure"):
        self.stop()
        conf = self.dir / "dovecot.conf"
        conf.write_text(DOVECOT.format(dir=self.dir, name="bench-" + self.name, login=LOGIN[mode],
                                       **{k: self.port(k) for k in ("imap", "imaps", "lmtp")}) + self.extra)
        subprocess.run(["/usr/sbin/dovecot", "-c", conf], check=True, preexec_fn=more_files, timeout=30)
        pid_file = self.dir / "run/master.pid"
        wait_for(lambda: pid_file.exists() and pid_file.read_text().strip(), 10, self.log)
        self.pid = int(pid_file.read_text())
        wait_for(lambda: answers(self.port("lmtp")) and answers(self.port("imap")), 10, self.log)
        return self


MAIN_CF = """
compatibility_level = 3.6
queue_directory = {dir}/spool
data_directory = {dir}/lib
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
myhostname = localhost
mydomain = localdomain
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
virtual_mailbox_domains = example.org
virtual_mailbox_maps = static:ok
virtual_alias_maps = texthash:{dir}/etc/valias
virtual_transport = lmtp:unix:{lmtp}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
message_size_limit = 52428800
virtual_alias_expansion_limit = 5000
"""
TUNED_CF = """
in_flow_delay = 0
default_process_limit = 200
lmtp_destination_concurrency_limit = 40
initial_destination_concurrency = 20
"""
MASTER_CF = """
127.0.0.1:{smtp} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Server):
    """smtpd on loopback, a queue, LMTP into the given Dovecot. tuned: TUNING_README's advice."""

    def __init__(self, folder, dovecot, members, tuned=True):
        super().__init__("postfix", folder)
        for d in ("etc", "spool", "lib"):
            (self.dir / d).mkdir()
        shutil.chown(self.dir / "lib", "postfix")
        self.lmtp = dovecot.dir / "run/lmtp-postfix"
        (self.dir / "etc/valias").write_text(
            "everybody@example.org " + ", ".join(f"{u}@example.org" for u in members) + "\n")
        self.start(tuned)

    def start(self, tuned=True):
        self.stop()
        (self.dir / "etc/main.cf").write_text(MAIN_CF.format(dir=self.dir, lmtp=self.lmtp) + (TUNED_CF if tuned else ""))
        (self.dir / "etc/master.cf").write_text(MASTER_CF.format(smtp=self.port("smtp")))
        r = subprocess.run(["/usr/sbin/postfix", "-c", self.dir / "etc", "start"], capture_output=True, text=True,
                           timeout=60)
        if r.returncode:
            raise SystemExit("postfix does not start: " + r.stdout + r.stderr + self.log())
        self.pid = int((self.dir / "spool/pid/master.pid").read_text())
        wait_for(lambda: answers(self.port("smtp")), 10, self.log)
        return self
