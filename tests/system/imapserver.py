"""A real Dovecot for the tests, as the server that people come from: a folder of its own, ended with the test."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

import pytest
from house import SLOW, ends_with_parent, free_port

CONF = """
base_dir = {dir}/run
state_dir = {dir}/run
log_path = {dir}/log
listen = 127.0.0.1
protocols = imap
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
disable_plaintext_auth = {tls_only}
auth_mechanisms = plain
auth_master_user_separator = *
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 0
last_valid_uid = 0
mail_location = maildir:~/Maildir:LAYOUT=fs
mail_uid = {uid}
mail_gid = {gid}
mail_max_userip_connections = 100
passdb {{
  driver = passwd-file
  master = yes
  args = {dir}/masters
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {dir}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
  mailbox Geschickt {{
    special_use = \\Sent
  }}
  mailbox Skizzen {{
    special_use = \\Drafts
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  client_limit = 2000
}}
"""


class Dovecot:
    def __init__(self, users, separator=".", prefix="INBOX.", tls_only="no"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kt-dovecot-"))          # others may look in, unlike pytest's folders
        for d in ("run", "mail"):
            (self.dir / d).mkdir()
        self.dir.chmod(0o755)
        self.imap, self.imaps = free_port(), free_port()
        who = pwd.getpwuid(os.getuid())
        user = "dovenull" if os.getuid() == 0 else who.pw_name
        self.owner = pwd.getpwnam("nobody") if os.getuid() == 0 else who
        os.chown(self.dir / "mail", self.owner.pw_uid, self.owner.pw_gid)
        (self.dir / "passwd").write_text("".join(f"{u}:{{PLAIN}}{p}::::::\n" for u, p in users.items()))
        (self.dir / "masters").write_text("boss:{PLAIN}boss-word::::::\n")
        for name in ("passwd", "masters"):
            (self.dir / name).chmod(0o644)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        self.dir / "key.pem", "-out", self.dir / "cert.pem", "-days", "30", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        import grp
        group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
        self.conf = self.dir / "dovecot.conf"
        self.conf.write_text(CONF.format(dir=self.dir, tls_only=tls_only, user=user, group=group, uid=self.owner.pw_uid,
                                         gid=self.owner.pw_gid, separator=separator, prefix=prefix, imap=self.imap, imaps=self.imaps))
        self.process = None

    def log(self):
        p = self.dir / "log"
        return p.read_text(errors="replace")[-3000:] if p.exists() else ""

    def fingerprint(self):
        out = subprocess.run(["openssl", "x509", "-in", self.dir / "cert.pem", "-noout", "-fingerprint", "-sha256"], check=True,
                             capture_output=True, text=True).stdout
        return out.strip().split("=")[1]

    def answers(self):
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(("127.0.0.1", self.imap)) == 0

    def start(self):
        program = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
        if not program:
            pytest.fail("no dovecot here (tools/packages.txt: dovecot-imapd)")
        with open(self.dir / "stderr", "wb") as err:
            self.process = subprocess.Popen([program, "-F", "-c", self.conf], stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                                            preexec_fn=ends_with_parent)
        end = time.monotonic() + 15 * SLOW
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                why = (self.dir / "stderr").read_text(errors="replace") + self.log()
                self.stop()
                pytest.fail("dovecot does not start: " + why)
            time.sleep(0.05)
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None
        shutil.rmtree(self.dir, ignore_errors=True)
