"""IMAP byte by byte, for what imaplib hides: untagged data, literals, IDLE, broken input."""
import re
import socket
import ssl

from house import SLOW


class Answer:
    def __init__(self, status, text, untagged):
        self.status, self.text, self.untagged = status, text, untagged

    def __repr__(self):
        return f"{self.status} {self.text} {self.untagged}"

    def find(self, pattern):
        """First match among the untagged answers, or None."""
        for u in self.untagged:
            m = re.search(pattern, u, re.S)
            if m:
                return m
        return None


class Imap:
    def __init__(self, port, tls=False, host="127.0.0.1"):
        self.s = socket.create_connection((host, port), timeout=20 * SLOW)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.s = context.wrap_socket(self.s, server_hostname="mail.example.org")
        self.f = self.s.makefile("rb")
        self.n = 0
        self.greeting = self.line()

    @classmethod
    def login(cls, house, user, **kw):
        i = cls(house.port("imaps" if kw.get("tls") else "imap"), **kw)
        a = i.cmd(b"LOGIN %s {%d+}\r\n%s" % (user.encode(), len(house.accounts[user].encode()),
                                             house.accounts[user].encode()))
        assert a.status == "OK", a
        return i

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        """One whole answer, its literals included; b"" at the end of the connection."""
        out = self.f.readline()
        while True:
            m = re.search(rb"\{(\d+)\}\r\n$", out)
            if not m:
                return out
            out += self.f.read(int(m[1])) + self.f.readline()

    def start(self, command):
        self.n += 1
        tag = b"a%d" % self.n
        self.send(tag + b" " + (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return tag

    def until(self, tag):
        untagged = []
        while True:
            line = self.line()
            if not line:
                return Answer("GONE", b"", untagged)
            if line.startswith(tag + b" "):
                word = line.split(b" ", 2)
                return Answer(word[1].decode().strip(), word[2].strip() if len(word) > 2 else b"", untagged)
            untagged.append(line)

    def cmd(self, command):
        return self.until(self.start(command))

    def ok(self, command):
        a = self.cmd(command)
        assert a.status == "OK", (command, a)
        return a

    def append(self, mailbox, message, flags=b""):
        box = mailbox if isinstance(mailbox, bytes) else mailbox.encode()
        return self.cmd(b'APPEND "%s" (%s) {%d+}\r\n%s' % (box, flags, len(message), message))

    def idle(self):
        tag = self.start("IDLE")
        line = self.line()
        assert line.startswith(b"+"), line
        return tag

    def done(self, tag):
        self.send(b"DONE\r\n")
        return self.until(tag)

    def close(self):
        try:
            self.f.close()
            self.s.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
