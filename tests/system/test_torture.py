"""MIME torture through the daemon: every e-mail test message of Python and GMime comes back to the octet, with the tree that Python sees."""
import email
import email.policy
import pathlib
import re
import sysconfig

import pytest

from rawimap import Imap

PYTHON = pathlib.Path(sysconfig.get_path("stdlib")) / "test/test_email/data"     # Debian: libpython3.11-testsuite
GMIME = pathlib.Path(__file__).parents[1] / "corpus/mime/gmime"
DIFFERS = {
    "msg_15.txt": "the same boundary outside and inside: it ends the inner one (as GMime reads it)",
    "msg_37.txt": "Python leaves out parts that are empty",
    "msg_39.txt": "the same boundary outside and inside",
    "substring.mbox 2": "the same boundary outside and inside",
    "substring.mbox 3": 'boundary="" is no boundary (RFC 2046 section 5.1.1)',
}


def messages():
    files = sorted(PYTHON.glob("msg_*.txt")) + sorted(GMIME.glob("*.msg")) + sorted(GMIME.glob("*.eml"))
    assert len(files) > 45, "the messages are not there (tools/packages.txt)"
    for f in files:
        yield f.name, re.sub(rb"\r?\n", b"\r\n", f.read_bytes())
    for k, text in enumerate(re.split(rb"(?m)^From - \n", (GMIME / "substring.mbox").read_bytes())[1:], 1):
        yield f"substring.mbox {k}", text.replace(b"\n", b"\r\n")


def structure(text):
    """BODYSTRUCTURE as lists, strings and None."""
    at, stack = 0, [[]]
    for m in re.finditer(rb'\(|\)|"((?:[^"\\]|\\.)*)"|[^ ()"]+', text):
        assert not text[at:m.start()].strip(), text[at:m.start()]
        at = m.end()
        if m[0] == b"(":
            stack.append([])
        elif m[0] == b")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(m[1].decode() if m[1] is not None else None if m[0] == b"NIL" else int(m[0]))
    assert len(stack) == 1 and not text[at:].strip()
    return stack[0][0]


def ours(part):
    if isinstance(part[0], list):
        children = [p for p in part if isinstance(p, list)]
        subtype = next(k for k, p in enumerate(part) if isinstance(p, str))
        return ["multipart/" + part[subtype].lower(), *(ours(p) for p in children[:subtype])]
    kind = f"{part[0]}/{part[1]}".lower()
    return [kind, ours(part[8])] if kind == "message/rfc822" and len(part) > 8 and isinstance(part[8], list) else [kind]


def theirs(part):
    kind = part.get_content_type()
    if part.is_multipart() and part.get_content_maintype() == "multipart" or kind == "message/rfc822":
        return [kind, *(theirs(p) for p in part.get_payload())]
    return ["text/plain"] if part.get_content_maintype() == "multipart" else [kind]   # one without parts cannot be said in IMAP


@pytest.fixture(scope="module")
def stored(house):
    user = house.fresh()
    names = []
    with Imap.login(house, user) as i:
        for name, text in messages():
            a = i.append("INBOX", text)
            assert a.status == "OK", (name, a)
            names.append((name, text))
    return user, names


def test_comes_back_with_its_structure(house, stored):
    user, names = stored
    wrong = []
    with Imap.login(house, user) as i:
        i.ok("SELECT INBOX")
        for n, (name, text) in enumerate(names, 1):
            body = i.ok(f"FETCH {n} BODY.PEEK[]").find(rb"BODY\[\] (?:\{\d+\}\r\n)?(.*)\)\r\n$")[1]
            assert body == text, name
            got = i.ok(f"FETCH {n} (ENVELOPE BODYSTRUCTURE)").find(rb"BODYSTRUCTURE (\(.*\))\)\r\n$")[1]
            shape = ours(structure(got)), theirs(email.message_from_bytes(text, policy=email.policy.compat32))
            if shape[0] != shape[1] and name not in DIFFERS:
                wrong.append((name, *shape))
    assert not wrong, "\n".join(map(str, wrong))
