"""A real rspamd and a real clamd, each with a configuration of the test's own, in the foreground, as children.

rspamd: a rule written in Lua gives points for words in the subject. clamd: a data base of one signature, EICAR's.
"""
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

from house import SLOW, ends_with_parent, free_port, wait_for

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

RSPAMD = """options {{ pidfile = "{d}/pid"; filters = ""; tempdir = "{d}"; hs_cache_dir = "{d}"; control_socket = "{d}/ctl";
  url_tld = "{d}/tld"; dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }} }}
logging {{ type = "console"; level = "info"; }}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
worker "controller" {{ bind_socket = "127.0.0.1:{learn}"; count = 1; secure_ip = "127.0.0.1"; }}
lua = "{d}/rules.lua";
"""
RULES = """local function rule(name, word, score)
  rspamd_config:register_symbol{ name = name, score = score, type = "normal", callback = function(task)
    local s = task:get_subject()
    return s ~= nil and s:find(word, 1, true) ~= nil
  end }
end
rule("TEST_LATER", "SPAETER", 5)
rule("TEST_JUNK", "LEICHT", 8)
rule("TEST_REJECT", "SCHWER", 20)
rspamd_config:register_symbol{ name = "TEST_ENVELOPE", score = 8, type = "normal", callback = function(task)
  local from, rcpts, ip = task:get_from("smtp"), task:get_recipients("smtp"), task:get_ip()
  return from ~= nil and from[1].addr == "umschlag@elsewhere.example" and rcpts ~= nil and #rcpts == 2
    and tostring(ip) == "198.51.100.30" and task:get_helo() == "mx.sender.example"
end }
"""


class Child:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kt-scan-"))
        self.process = None

    def run(self, command, ready):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=ends_with_parent)

        def up():
            assert self.process.poll() is None, (self.dir / "log").read_text(errors="replace")[-3000:]
            return ready()
        wait_for(up, 40)
        return self

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
            self.process = None

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Rspamd(Child):
    def __enter__(self):
        self.port, self.learn = free_port(), free_port()
        (self.dir / "rspamd.conf").write_text(RSPAMD.format(d=self.dir, port=self.port, learn=self.learn))
        (self.dir / "rules.lua").write_text(RULES)
        (self.dir / "tld").write_text("com\norg\nnet\nexample\n")
        return self.start()

    def start(self):
        return self.run(["rspamd", "-f", "-i", "-c", str(self.dir / "rspamd.conf")], self.ready)

    def ready(self):
        try:
            for port in (self.port, self.learn):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as r:
                    if r.read().strip() != b"pong":
                        return False
            return True
        except OSError:
            return False


class Clamd(Child):
    def __enter__(self):
        self.socket = self.dir / "ctl"
        db = self.dir / "db"
        db.mkdir()
        (db / "test.ndb").write_text("Eicar-Test:0:*:" + EICAR.hex() + "\n")
        (self.dir / "clamd.conf").write_text(f"Foreground yes\nDatabaseDirectory {db}\nLocalSocket {self.socket}\n"
                                             f"TemporaryDirectory {self.dir}\nStreamMaxLength 1M\nLocalSocketMode 666\n")
        self.dir.chmod(0o755)
        return self.start()

    def start(self):
        return self.run(["clamd", "-F", "-c", str(self.dir / "clamd.conf")], self.ready)

    def ready(self):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(2)
                s.connect(str(self.socket))
                s.sendall(b"zPING\0")
                return s.recv(16) == b"PONG\0"
        except OSError:
            return False


class Mute:
    """Takes connections and says nothing, or `answer` and the end."""

    def __init__(self, answer=None):
        self.answer = answer
        self.server = socket.socket()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(20)
        self.port = self.server.getsockname()[1]
        self.taken = []

    def serve(self):
        while True:
            try:
                s, _ = self.server.accept()
            except OSError:
                return
            if self.answer is None:
                self.taken.append(s)
                continue
            s.settimeout(5 * SLOW)
            try:
                s.recv(65536)
                time.sleep(0.1)
                s.sendall(self.answer)
            except OSError:
                pass
            s.close()

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for s in self.taken:
            s.close()
