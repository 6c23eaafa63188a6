"""ManageSieve byte by byte."""
import base64
import re
import socket
import ssl

from house import SLOW


class Sieve:
    def __init__(self, house, user=None, tls=False, first=b""):
        self.s = socket.create_connection(("127.0.0.1", house.port("sieve")), timeout=20 * SLOW)
        self.s.sendall(first)          # what a proxy says
        self.f = self.s.makefile("rb")
        self.greeting = self.reply()
        if tls:
            assert self.cmd("STARTTLS")[0] == "OK"
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.s = context.wrap_socket(self.s)
            self.f = self.s.makefile("rb")
            self.greeting = self.reply()
        if user:
            login = base64.b64encode(f"\0{user}\0{house.accounts[user]}".encode()).decode()
            r = self.cmd(f'AUTHENTICATE "PLAIN" "{login}"')
            assert r[0] == "OK", r

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())

    def reply(self):
        """(word, rest of the line, data before it); ("", "", data) when the connection is over."""
        data = b""
        while True:
            line = self.f.readline()
            if not line:
                return "", "", data.decode()
            while m := re.search(rb"\{(\d+)\}\r\n$", line):
                line += self.f.read(int(m[1])) + self.f.readline()
            if m := re.match(rb"(OK|NO|BYE)\b ?(.*)\r\n$", line, re.S):
                return m[1].decode(), m[2].decode(), data.decode()
            data += line

    def cmd(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def ok(self, line):
        r = self.cmd(line)
        assert r[0] == "OK", (line, r)
        return r[2]

    def put(self, name, script, active=True):
        text = script.encode()
        self.ok(f'PUTSCRIPT "{name}" {{{len(text)}+}}\r\n'.encode() + text)
        if active:
            self.ok(f'SETACTIVE "{name}"')
