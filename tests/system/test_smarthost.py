"""All mail through one server: whose certificate must be right, which gets the password over TLS only. And the other
case: a foreign MX, to which TLS is better than nothing whatever its certificate."""
import ssl
import subprocess

import pytest

from conftest import ZONE
from house import House, open_way, wait_for
from rawsmtp import Peer
from test_queue import ours, queue_id

NAME = "smart.example"
WORD = "Losung-Kormoran"


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=30)


class Authority:
    """A root of our own and what it signs."""

    def __init__(self, folder):
        self.folder = folder
        self.root, self.key = folder / "root.pem", folder / "root.key"
        self.make(self.root, self.key, "/CN=Test root", True)

    def make(self, cert, key, subject, root):
        openssl("req", "-x509" if root else "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", str(key), "-out", str(cert), "-subj", subject)

    def server(self, name, self_signed=False, days=None):
        """A context for a server of this name; days: (from, to) as openssl ca takes them."""
        stem = self.folder / f"{name}-{self_signed}-{bool(days)}"
        cert, key, request, ext = (stem.with_suffix(s) for s in (".pem", ".key", ".csr", ".ext"))
        if self_signed:
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key),
                    "-out", str(cert), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
        else:
            self.make(request, key, f"/CN={name}", False)
            ext.write_text(f"subjectAltName=DNS:{name}\n")
            if days:
                config = self.folder / "ca.conf"
                (self.folder / "index").write_text("")
                config.write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\n"
                                  "rand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
                openssl("ca", "-batch", "-config", str(config), "-in", str(request), "-cert", str(self.root), "-keyfile",
                        str(self.key), "-out", str(cert), "-startdate", days[0], "-enddate", days[1], "-extfile",
                        str(ext), "-notext")
            else:
                openssl("x509", "-req", "-in", str(request), "-CA", str(self.root), "-CAkey", str(self.key),
                        "-CAcreateserial", "-days", "30", "-out", str(cert), "-extfile", str(ext))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return context


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    a = Authority(folder)
    open_way(folder)   # out reads the root as its own user
    a.root.chmod(0o644)
    return a


@pytest.fixture(scope="module")
def home(ca):
    h = House(zone=ZONE + f"A {NAME} 127.0.0.1\n", settings=[f"tls_roots={ca.root}"])
    try:
        yield h.start()
    finally:
        h.destroy()


@pytest.fixture
def user(numbers=iter(range(99))):
    """Another name each time makes it another place: out lets a place that failed rest."""
    return f"kontor{next(numbers)}"


@pytest.fixture
def through(home):
    """through(host, tls="yes", password=None): set the smarthost; taken away again afterwards."""
    def use(host, tls="yes", user="", password=WORD):
        home.cli("settings", "set", "smarthost", host)
        home.cli("settings", "set", "smarthost.tls", tls)
        home.cli("settings", "set", "smarthost.user", user)
        home.cli("settings", "set", "smarthost.password", "--secret-file", "-", stdin=password + "\n")
    yield use
    for r in home.cli("queue", "list") or []:
        home.cli("queue", "remove", queue_id(r))
    use("", user="")


def refused(home, anna, words):
    """The mail waits with these words; nothing was given away."""
    def shown():
        for r in ours(home, anna):
            text = str(home.cli("queue", "show", queue_id(r)))
            if words in text:
                return text
    return wait_for(shown, 20)


def test_certificate_good(home, ca, through, user):
    anna = home.fresh()
    with Peer(0, tls=ca.server(NAME), passwords={user: WORD}) as peer:
        through(f"{NAME}:{peer.server_address[1]}", user=user)
        home.submit(anna, "b@example.net")
        wait_for(lambda: peer.mails, 20)
        assert peer.mails[0].tls
        before, _, after = "\n".join(peer.commands).partition("STARTTLS")
        assert "AUTH" not in before and "AUTH PLAIN" in after


@pytest.mark.parametrize("kind", ["name", "self", "expired", "future"])
@pytest.mark.parametrize("at_once", [False, True])
def test_certificate_bad(home, ca, through, kind, at_once, user):
    anna = home.fresh()
    context = {"name": lambda: ca.server("other.example"), "self": lambda: ca.server(NAME, self_signed=True),
               "expired": lambda: ca.server(NAME, days=("20200101000000Z", "20210101000000Z")),
               "future": lambda: ca.server(NAME, days=("20900101000000Z", "20910101000000Z"))}[kind]()
    try:
        peer = Peer(465, host="127.0.0.1", tls=context, at_once=True, passwords={user: WORD}) if at_once else \
            Peer(0, tls=context, passwords={user: WORD})
    except PermissionError:
        pytest.skip("port 465 is for root here")
    with peer:
        through(f"{NAME}:{peer.server_address[1]}", user=user)
        home.submit(anna, "b@example.net")
        assert "not trusted" in refused(home, anna, "certificate")
        assert not peer.mails and not any(c.startswith(("AUTH", "MAIL")) for c in peer.commands)


def test_port_465(home, ca, through, user):
    anna = home.fresh()
    try:
        peer = Peer(465, host="127.0.0.1", tls=ca.server(NAME), at_once=True, passwords={user: WORD})
    except PermissionError:
        pytest.skip("port 465 is for root here")
    with peer:
        through(f"{NAME}:465", user=user)
        home.submit(anna, "b@example.net")
        wait_for(lambda: peer.mails, 20)
        assert peer.mails[0].tls and not any(c == "STARTTLS" for c in peer.commands)


@pytest.mark.parametrize("tls", ["yes", "no"])
def test_password_over_tls_only(home, through, tls, user):
    """The server offers AUTH, but no TLS: it gets neither password nor mail, whatever smarthost.tls says."""
    anna = home.fresh()
    with Peer(0, passwords={user: WORD}) as peer:
        through(f"{NAME}:{peer.server_address[1]}", tls=tls, user=user)
        home.submit(anna, "b@example.net")
        refused(home, anna, "TLS")
        assert not peer.mails and not any(c.startswith(("AUTH", "MAIL")) for c in peer.commands)


def test_without_tls_when_allowed(home, through):
    anna = home.fresh()
    with Peer(0) as peer:
        through(f"{NAME}:{peer.server_address[1]}", tls="no")
        home.submit(anna, "b@example.net")
        wait_for(lambda: peer.mails, 20)


def test_wrong_password_waits(home, ca, through, user):
    anna = home.fresh()
    with Peer(0, tls=ca.server(NAME), passwords={user: "anders"}) as peer:
        through(f"{NAME}:{peer.server_address[1]}", user=user)
        home.submit(anna, "b@example.net")
        assert WORD not in refused(home, anna, "535")
        assert not peer.mails
    assert WORD not in home.log()


@pytest.mark.parametrize("kind", ["name", "self"])
def test_mx_with_a_bad_certificate_gets_its_mail(home, ca, kind):
    anna = home.fresh()
    context = ca.server("other.example") if kind == "name" else ca.server("mx.example.net", self_signed=True)
    with Peer(home.out_port, tls=context) as peer:
        home.submit(anna, "b@example.net")
        wait_for(lambda: peer.mails, 20)
        assert peer.mails[0].tls
