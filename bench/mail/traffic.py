"""Mail that the load generators in C do not make: threads for SORT and THREAD, and mail that a stranger has signed."""
import base64
import random
import socket
import struct
import subprocess

WORDS = ("Antrag Protokoll Einladung Sitzung Kreisverband Haushalt Satzung Vorstand Wahlkampf Plakate "
         "Mitglieder Beitrag Kassenbericht Termin Arbeitskreis Umwelt Bildung Verkehr").split()


class Line:
    def __init__(self, port, head=b""):
        self.s = socket.create_connection(("127.0.0.1", port), 60)
        self.s.sendall(head)
        self.f = self.s.makefile("rb")

    def until(self, start):
        while True:
            line = self.f.readline()
            if not line:
                raise SystemExit("connection lost")
            if line.startswith(start):
                return line

    def reply(self, code):
        while True:
            line = self.f.readline()
            if not line.startswith(code):
                raise SystemExit(f"answer: {line!r}")
            if line[3:4] != b"-":
                return


def message(rand, n, known):
    """One of a list's conversations: two of three mails answer an earlier one, with all its References."""
    parent = rand.choice(known[-400:]) if known and rand.random() < 0.66 else None
    me = f"<{n}.{rand.getrandbits(48):x}@load.invalid>"
    subject = "Re: " + parent[1].removeprefix("Re: ") if parent else " ".join(rand.sample(WORDS, 4)) + f" {n}"
    refs = (parent[2] + " " + parent[0]).split()[-20:] if parent else []
    known.append((me, subject, " ".join(refs)))
    text = (f"From: {rand.choice(WORDS)} <s{n % 300}@load.invalid>\r\nTo: liste@example.org\r\nSubject: {subject}\r\n"
            f"Date: {1 + n % 28} Mar 2026 {n // 60 % 24:02}:{n % 60:02}:00 +0100\r\nMessage-ID: {me}\r\n")
    if refs:
        text += f"In-Reply-To: {refs[-1]}\r\nReferences: " + "\r\n ".join(refs) + "\r\n"
    return (text + "\r\n" + "Guten Tag,\r\n" + " ".join(rand.choices(WORDS, k=60)) + "\r\n").encode()


def fill(port, user, count, password="secret-bench"):
    rand, known = random.Random(1), []
    c = Line(port)
    c.until(b"* OK")
    c.s.sendall(f"a LOGIN {user} {password}\r\n".encode())
    c.until(b"a OK")
    for first in range(0, count, 50):
        batch = [message(rand, n, known) for n in range(first, min(count, first + 50))]
        c.s.sendall(b"a APPEND INBOX" + b"".join(b" {%d+}\r\n%s" % (len(m), m) for m in batch) + b"\r\n")
        c.until(b"a OK")
    c.s.close()


def signed_zone():
    """(private key, static zone) of strict.example."""
    key = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=key, capture_output=True, check=True).stdout
    return key, f"""MX strict.example 10 mx.strict.example
A mx.strict.example 192.0.2.1
TXT strict.example v=spf1 ip4:192.0.2.0/28 -all
TXT _dmarc.strict.example v=DMARC1; p=reject
TXT k._domainkey.strict.example v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}
"""


def signed_mail(key):
    import dkim
    body = b"".join(b"%072d\r\n" % i for i in range(138))
    text = (b"From: <b@strict.example>\r\nTo: <u0000@example.org>\r\nSubject: Pr\xc3\xbcfung\r\nDate: 1 Mar 2026 10:00:00 +0100\r\n"
            b"Message-ID: <1@strict.example>\r\n\r\n" + body)
    head = dkim.sign(text, b"k", b"strict.example", key, canonicalize=(b"relaxed", b"relaxed"))
    return head.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + text


def send(port, mail, count, lmtp=False):
    """count times over one connection; to port 25 behind a PROXY header that names a stranger."""
    proxy = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H4s4sHH", 12, socket.inet_aton("192.0.2.1"),
                                                          socket.inet_aton("127.0.0.1"), 4000, 25)
    c = Line(port, b"" if lmtp else proxy)
    c.reply(b"220")
    c.s.sendall(b"LHLO mx.strict.example\r\n" if lmtp else b"EHLO mx.strict.example\r\n")
    c.reply(b"250")
    for _ in range(count):
        c.s.sendall(b"MAIL FROM:<b@strict.example>\r\nRCPT TO:<u0000@example.org>\r\nDATA\r\n")
        for code in (b"250", b"250", b"354"):
            c.reply(code)
        c.s.sendall(mail + b".\r\n")
        c.reply(b"250")
    c.s.sendall(b"QUIT\r\n")
    c.reply(b"221")
