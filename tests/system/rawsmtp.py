"""SMTP byte by byte as a client, and a scripted SMTP server as the world outside."""
import base64
import socket
import socketserver
import ssl
import threading

from house import SLOW


class Smtp:
    def __init__(self, port, tls=False, ehlo="client.example.net", greet=True, before=b"", host="127.0.0.1"):
        self.s = socket.create_connection((host, port), timeout=20 * SLOW)
        if before:
            self.s.sendall(before)
        if tls:
            self.tls()
        else:
            self.f = self.s.makefile("rb")
        if greet:
            self.greeting = self.reply()
            if ehlo:
                self.caps = self.cmd("EHLO " + ehlo)[1]

    def tls(self, name="mail.example.org"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.s = context.wrap_socket(self.s, server_hostname=name)
        self.f = self.s.makefile("rb")

    def certificate(self):
        return self.s.getpeercert(binary_form=True)

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())

    def reply(self):
        """(code, text); (0, "") when the connection is over."""
        lines = []
        while True:
            try:
                line = self.f.readline()
            except ConnectionResetError:
                line = b""
            if not line:
                return 0, "\n".join(lines)
            lines.append(line[4:].decode(errors="replace").rstrip())
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(lines)

    def cmd(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def ok(self, line, code=250):
        r = self.cmd(line)
        assert r[0] == code, (line, r)
        return r

    def begin(self, to, sender="gast@example.net"):
        self.ok(f"MAIL FROM:<{sender}>")
        self.ok(f"RCPT TO:<{to}>")

    def data(self, to, text, sender="gast@example.net"):
        """The reply to the end of data; text must bring its own final CRLF . CRLF."""
        self.begin(to, sender)
        self.ok("DATA", 354)
        self.send(text)
        return self.reply()

    def over(self):
        """True when the server closes now."""
        try:
            return self.f.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.f.close()
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Envelope:
    def __init__(self, sender, recipients, data, tls=False):
        self.sender, self.recipients, self.data, self.tls = sender, recipients, data, tls


class Peer(socketserver.ThreadingTCPServer):
    """A foreign server. `answers` maps a verb (MAIL, RCPT, DATA, END) to a list of replies, the last of them for ever;
    the words "hang" and "close" do that instead. `tls` is a context for STARTTLS, or from the first byte if `at_once`;
    `passwords` maps names to passwords for AUTH PLAIN, offered in clear too, so that a careless client is caught."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port, host="127.0.0.1", caps=("PIPELINING", "8BITMIME", "SIZE 10000000", "DSN"), tls=None, at_once=False,
                 passwords=None, **answers):
        self.caps, self.answers, self.mails, self.commands = list(caps), answers, [], []
        self.tls, self.at_once, self.passwords = tls, at_once, passwords
        self.connections = 0
        self.open = set()
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), PeerConversation)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, verb, usual):
        with self.lock:
            queue = self.answers.get(verb)
            if not queue:
                return usual
            return queue.pop(0) if len(queue) > 1 else queue[0]

    def stop(self):
        self.released.set()
        self.shutdown()
        self.server_close()
        with self.lock:
            for s in self.open:      # also those that out keeps for the next mail
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class PeerConversation(socketserver.StreamRequestHandler):
    def handle(self):
        with self.server.lock:
            self.server.open.add(self.request)
        try:
            self.converse()
        except OSError:
            pass
        finally:
            with self.server.lock:
                self.server.open.discard(self.request)
            if self.secure:
                try:
                    self.link.close()
                except OSError:
                    pass

    secure = False

    def to_tls(self):
        self.link = self.server.tls.wrap_socket(self.request.dup(), server_side=True)
        self.secure = True
        self.rfile, self.wfile = self.link.makefile("rb"), self.link.makefile("wb", 0)

    def say(self, verb, usual):
        text = self.server.answer(verb, usual)
        if text == "hang":
            self.server.released.wait(120)
            raise ConnectionError
        if text == "close":
            raise ConnectionError
        self.wfile.write(text.encode() + b"\r\n")
        return text

    def converse(self):
        self.server.connections += 1
        if self.server.at_once:
            self.to_tls()
        if self.say("GREET", "220 mx.example.net ESMTP")[0] != "2":
            return
        sender, rcpt, signed_in = None, [], False
        while True:
            line = self.rfile.readline()
            if not line:
                return
            text = line.decode(errors="replace").strip()
            self.server.commands.append(text)
            verb = text[:4].upper()
            if verb == "EHLO":
                caps = ["mx.example.net"] + self.server.caps
                caps += ["STARTTLS"] if self.server.tls and not self.secure else []
                caps += ["AUTH PLAIN"] if self.server.passwords else []
                self.wfile.write("".join(f"250{'-' if i + 1 < len(caps) else ' '}{c}\r\n"
                                         for i, c in enumerate(caps)).encode())
            elif verb == "STAR" and self.server.tls and not self.secure:
                self.wfile.write(b"220 2.0.0 Go\r\n")
                self.to_tls()
            elif verb == "AUTH":
                _, user, password = base64.b64decode(text.split()[2]).decode().split("\0")
                good = self.server.passwords.get(user) == password
                self.wfile.write(b"235 2.7.0 Ok\r\n" if good else b"535 5.7.8 No\r\n")
                signed_in = good
            elif verb == "MAIL" and self.server.passwords and not signed_in:
                self.wfile.write(b"530 5.7.0 Sign in first\r\n")
            elif verb == "MAIL":
                if self.say("MAIL", "250 2.1.0 Ok")[0] == "2":
                    sender, rcpt = text[10:], []
            elif verb in ("RCPT", "DATA") and sender is None:
                self.wfile.write(b"503 5.5.1 MAIL first\r\n")
            elif verb == "RCPT":
                if sender is None:      # a pipelining client whose MAIL was refused
                    self.wfile.write(b"503 5.5.1 No sender\r\n")
                elif self.say("RCPT", "250 2.1.5 Ok")[0] == "2":
                    rcpt.append(text[8:])
            elif verb == "DATA":
                if self.say("DATA", "354 Go ahead" if rcpt else "503 5.5.1 No recipients")[0] != "3":
                    continue
                data = []
                while True:
                    line = self.rfile.readline()
                    if not line:
                        return
                    if line == b".\r\n":
                        break
                    data.append(line[1:] if line.startswith(b".") else line)
                if self.say("END", "250 2.0.0 Taken")[0] == "2":
                    self.server.mails.append(Envelope(sender, rcpt, b"".join(data), self.secure))
                sender, rcpt = None, []
            elif verb == "QUIT":
                self.wfile.write(b"221 2.0.0 Bye\r\n")
                return
            elif verb in ("RSET", "NOOP", "HELO"):
                self.wfile.write(b"250 2.0.0 Ok\r\n")
            else:
                self.wfile.write(b"502 5.5.2 No\r\n")


