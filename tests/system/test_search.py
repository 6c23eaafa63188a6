"""The search index in the running daemon: found before and after indexing, by every key; kill -9; rebuilt; restored."""
import email.message
import email.policy
import io
import random
import subprocess
import time
import zipfile

import pytest

from house import BIN, CliError, mail, wait_for
from rawimap import Imap

WORDS = ["Rechnung", "Grüße", "Straße", "München", "Sitzung", "Protokoll", "Haushalt", "Kreisverband", "Beitrag", "invoice"]


def messages(n, seed=1):
    rand = random.Random(seed)
    for i in range(n):
        body = " ".join(rand.choices(WORDS, k=rand.randrange(1, 40))) + f" nummer{i}x\r\n"
        if i % 3 == 0:
            body += "Parteitagsbeschluss\r\n"
        yield mail(subject=f"{rand.choice(WORDS)} {i}", body=body, sender=f"p{i % 7}@example.net")


def put(house, user, n, seed=1):
    with Imap.login(house, user) as i:
        for text in messages(n, seed):
            assert i.append("INBOX", text).status == "OK"


def search(i, keys):
    a = i.ok(b"UID SEARCH CHARSET UTF-8 " + keys.encode())
    return [int(x) for x in a.find(rb"\* SEARCH([ 0-9]*)")[1].split()]


def literal(text):
    return f"{{{len(text.encode())}+}}\r\n{text}"


QUESTIONS = ["BODY parteitagsbeschl", "TEXT NUMMER17X", "SUBJECT straSSE", "FROM p3@example", "NOT BODY Sitz",
             f"OR SUBJECT {literal('MÜNCHEN')} BODY {literal('grüße rech')}", "HEADER Message-ID example.net BODY invoice", "TO anna",
             "TEXT ng", "BODY nummer1 NOT BODY nummer12"]


def answers(house, user):
    with Imap.login(house, user) as i:
        i.ok("SELECT INBOX")
        return {q: search(i, q) for q in QUESTIONS}


def answers_or_none(house, user):
    try:
        return answers(house, user)
    except (OSError, AssertionError, TypeError):
        return None


def state(house, user):
    return house.cli("mail", "index", "status", user)[0]


def test_switched_off(new_house):
    house = new_house()
    user = house.account("anna")
    put(house, user, 60)
    house.cli("settings", "set", "search_index", "off")
    plain = answers(house, user)
    with pytest.raises(CliError, match="switched off"):
        house.cli("mail", "index", user)
    house.cli("settings", "set", "search_index", "on")
    assert house.cli("mail", "index", user)[0]["waiting"] == 0
    assert answers(house, user) == plain
    house.cli("settings", "set", "search_index", "off")
    put(house, user, 5, seed=3)
    assert len(answers(house, user)["BODY parteitagsbeschl"]) == 22
    assert state(house, user)["waiting"] == 5


def test_same_before_and_after(new_house):
    house = new_house()
    user = house.account("anna")
    put(house, user, 60)
    before = answers(house, user)
    assert state(house, user)["waiting"] == 60
    assert len(before["BODY parteitagsbeschl"]) == 20 and before["TEXT NUMMER17X"] == [18]
    assert house.cli("mail", "index", user)[0]["waiting"] == 0
    now = state(house, user)
    assert now["mails"] == 60 and now["segments"] == 1 and now["bytes"] > 1000
    assert answers(house, user) == before
    put(house, user, 40, seed=2)                  # too few to be taken up at once: read as they are
    with Imap.login(house, user) as i:
        i.ok("SELECT INBOX")
        assert len(search(i, "BODY parteitagsbeschl")) == 34
        i.ok("UID STORE 1:10 +FLAGS (\\Deleted)")
        i.ok("EXPUNGE")
        assert len(search(i, "BODY parteitagsbeschl")) == 30
    before = answers(house, user)
    house.cli("mail", "index", user, "--rebuild")
    assert state(house, user)["mails"] in (90, 100)   # what was expunged can still be brought back
    assert answers(house, user) == before


def test_taken_up_by_itself(new_house):
    house = new_house()
    user = house.account("anna")
    put(house, user, 70)
    wait_for(lambda: state(house, user)["waiting"] < 64, 20)
    assert state(house, user)["segments"] >= 1


def test_kill_while_it_builds(new_house):
    house = new_house()
    user = house.account("anna")
    put(house, user, 300)
    before = answers(house, user)
    rand = random.Random(7)
    for _ in range(6):
        rebuild = subprocess.Popen([BIN, "mail", "index", user, "--rebuild", "--state", str(house.dir)], env=house.env(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rand.random() * 0.4)
        house.kill_core()
        rebuild.kill()
        rebuild.wait()
        assert wait_for(lambda: answers_or_none(house, user), 20, 0.2) == before
    wait_for(lambda: state(house, user)["waiting"] == 0, 30)
    assert answers(house, user) == before
    assert house.cli("store", "check")["problems"] == []


def test_backup_and_restore(new_house, tmp_path):
    house = new_house()
    user = house.account("anna")
    put(house, user, 80)
    house.cli("mail", "index", user)
    before = answers(house, user)
    copy = tmp_path / "copy"
    house.cli("backup", str(copy))
    other = new_house(start=False)
    r = other.restore(house, copy)
    assert r.returncode == 0, r.stderr
    other.start()
    assert answers(other, user) == before
    assert state(other, user)["waiting"] == 0     # the index is part of the backup


PDF = (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
       b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n"
       b"4 0 obj<</Length 44>>stream\nBT /F 12 Tf 20 100 Td (Kassenbericht) Tj ET \nendstream endobj\n"
       b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")


def office(name, xml):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(name, xml)
    return out.getvalue()


def with_attachment(subject, *data):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"], m["To"], m["Subject"] = "gast@example.net", "anna@example.org", subject
    m.set_content("Im Anhang.\r\n")
    for d in data:
        m.add_attachment(d, maintype="application", subtype="octet-stream", filename="x")
    return m.as_bytes()


def test_attachments(new_house):
    house = new_house()
    user = house.account("anna")
    pid = house.pids()["text"]
    docx = office("word/document.xml", "<w:d xmlns:w='w'><w:p><w:t>Sitzungs</w:t><w:t>geld</w:t></w:p></w:d>")
    mails = [with_attachment("pdf", PDF), with_attachment("docx", docx), with_attachment("both", PDF, docx),
             with_attachment("bomb", office("content.xml", b"<x>" + b"a" * (300 << 20))),
             with_attachment("junk", b"%PDF-1.7 " + bytes(range(256)) * 4000), with_attachment("zip", b"PK\3\4" + b"x" * 50000)]
    with Imap.login(house, user) as i:
        for text in mails:
            assert i.append("INBOX", text).status == "OK"
        i.ok("SELECT INBOX")
        assert search(i, "BODY kassenbericht") == []          # not read yet
    house.cli("mail", "index", user)
    with Imap.login(house, user) as i:
        i.ok("SELECT INBOX")
        assert search(i, "BODY SITZUNGSGELD") == [2, 3]
        assert search(i, "TEXT senberi") == [1, 3]
        assert search(i, "SUBJECT bomb") == [4] and search(i, "SUBJECT junk") == [5]
        assert search(i, "NOT BODY kassenbericht") == [2, 4, 5, 6]
    assert house.pids()["text"] == pid                        # no document has taken it along
    put(house, user, 60)
    house.kill("text")
    house.cli("mail", "index", user, "--rebuild")
    with Imap.login(house, user) as i:
        i.ok("SELECT INBOX")
        assert search(i, "BODY sitzungsgeld") == [2, 3]       # of 66, by the index
        i.ok("UID STORE 1:6 +FLAGS (\\Deleted)")
        i.ok("EXPUNGE")
        assert search(i, "BODY sitzungsgeld") == []
