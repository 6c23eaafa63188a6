"""kontor mail import and what comes with it: nothing twice, nothing lost, whatever is killed."""
import imaplib
import mailbox
import os
import re
import subprocess

import pytest

from house import BIN, CliError, wait_for


def everything(h, user):
    """folder -> sorted [(flags, date, octets)] as a client sees it."""
    out = {}
    i = h.imap(user)
    for line in i.list()[1]:
        name = line.split(b' "/" ', 1)[1].strip(b'"').decode()
        assert i.select(f'"{name}"', readonly=True)[0] == "OK", name
        data = i.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1] if i.untagged_responses.get("EXISTS") != [b"0"] else []
        rows = []
        for d in data:
            if isinstance(d, tuple):
                flags = frozenset(re.search(rb"FLAGS \(([^)]*)\)", d[0])[1].split()) - {b"\\Recent"}
                date = re.search(rb'INTERNALDATE "([^"]+)"', d[0])[1]
                rows.append((tuple(sorted(flags)), date, d[1]))
        out[name] = sorted(rows)
    i.logout()
    return out


def text(n, body="Grüße\n"):
    return (f"From: a{n}@example.net\nTo: anna@example.org\nSubject: Nr {n}\nDate: Mon, 23 Nov 2026 20:36:35 +0100\n"
            f"Message-ID: <{n}@example.net>\nContent-Type: text/plain; charset=utf-8\n\n{body}").encode()


def put(folder, name, data, at=1700000000):
    for d in ("cur", "new", "tmp"):
        (folder / d).mkdir(parents=True, exist_ok=True)
    p = folder / ("cur" if ":2," in name else "new") / name
    p.write_bytes(data)
    os.utime(p, (at, at))
    return p


def make_maildir(root, n=30, size=1):
    for k in range(n):
        put(root, f"{1700000000 + k}.M{k}.host,S=5:2,S", text(k, "Zeile\n" * size), 1700000000 + k)
    return root


def bring(h, user, path, *more):
    return h.cli("mail", "import", user, str(path), *more, timeout=120)


def test_maildir(house, tmp_path):
    user = house.fresh()
    root = tmp_path / "Maildir"
    put(root, "1700000000.M1.host", text(1), 1700000000)
    put(root, "1700000100.M2.host,S=10:2,FRSab", text(2), 1700000100)
    (root / "dovecot-keywords").write_text("0 Wichtig\n1 $Label1\n")
    put(root / ".Entw&APw-rfe", "1700000200.M3.host:2,DP", text(3))
    put(root / ".Archiv.2026", "1700000300.M4.host:2,T", text(4), 1700090000)         # copied without its time: Date counts
    put(root / ".Müll&AC4-x", "1700000400.M5.host:2,S", text(5).replace(b"\n", b"\r\n"))
    put(root / ".Sent", "1700000500.M6.host:2,S", text(6))
    (root / ".Leer" / "cur").mkdir(parents=True)
    put(root, "1700000600.M7.host:2,S", b"")
    put(root, "1700000700.M8.host:2,S", b"\x1f\x8b packed")
    broken = put(root, "1700000800.M9.host:2,S", b"\x00\xff no mail at all")
    secret = tmp_path / "secret"
    secret.write_text("Subject: geheim\n\n")
    (root / "cur" / "1700000900.M10.host:2,S").symlink_to(secret)
    r = bring(house, user, root)
    assert r["imported"] == 7 and r["skipped"] == 3 and r["there_already"] == 0, r
    assert {s["why"] for s in r["skips"]} >= {"empty", "compressed: unpack it first"}
    got = everything(house, user)
    crlf = {k: text(k).replace(b"\n", b"\r\n") for k in range(10)}
    assert got["INBOX"] == sorted([((), b"14-Nov-2023 22:13:20 +0000", crlf[1]),
                                   ((b"$Label1", b"Wichtig", b"\\Answered", b"\\Flagged", b"\\Seen"), b"14-Nov-2023 22:15:00 +0000", crlf[2]),
                                   ((b"\\Seen",), b"14-Nov-2023 22:13:20 +0000", broken.read_bytes())])
    assert got["Drafts"] == [((b"$Forwarded", b"\\Draft"), b"14-Nov-2023 22:13:20 +0000", crlf[3])], "the account's folder for that use"
    assert got["Archiv/2026"] == [((b"\\Deleted",), b"23-Nov-2026 19:36:35 +0000", crlf[4])]
    assert got["M&APw-ll.x"] == [((b"\\Seen",), b"14-Nov-2023 22:13:20 +0000", crlf[5])]
    assert len(got["Sent"]) == 1 and got["Leer"] == []
    again = bring(house, user, root)
    assert again["imported"] == 0 and again["there_already"] == 7
    assert everything(house, user) == got
    assert bring(house, user, root, "--again")["imported"] == 7


def test_mbox_and_eml(house, tmp_path):
    user = house.fresh()
    root = tmp_path / "Mail"
    (root / "Privat.sbd").mkdir(parents=True)
    box = mailbox.mbox(root / "Privat.mbox")
    m = mailbox.mboxMessage(text(1, "From hier\n\nFrom da Mon\n"))
    m.set_flags("RAF")
    box.add(m)
    box.add(mailbox.mboxMessage(text(2)))
    box.close()
    (root / "Privat.sbd" / "Jahr").write_bytes(b"From x Tue Jan  2 01:02:03 2024\nX-Mozilla-Status: 0001\nX-Mozilla-Keys: $label1\n" + text(3))
    (root / "Privat.sbd" / "Jahr.msf").write_text("// <!-- mork")
    (root / "eins.eml").write_bytes(b"Received: from x by y;\n Tue, 2 Jan 2024 01:02:03 +0000\n" + text(4))
    r = bring(house, user, root)
    assert r["imported"] == 4 and r["skipped"] == 0, r
    got = everything(house, user)
    rows = {re.search(rb"Subject: (.*)\r", x[2])[1]: x for x in got["Privat"]}
    assert rows[b"Nr 1"][0] == (b"\\Answered", b"\\Flagged", b"\\Seen")
    assert rows[b"Nr 1"][2].endswith(b"\r\n\r\nFrom hier\r\n\r\nFrom da Mon\r\n") and b"Status" not in rows[b"Nr 1"][2]
    assert got["Privat/Jahr"] == [((b"$label1", b"\\Seen"), b" 2-Jan-2024 01:02:03 +0000", text(3).replace(b"\n", b"\r\n"))]
    assert got["INBOX"][0][1] == b" 2-Jan-2024 01:02:03 +0000"
    assert bring(house, user, root)["imported"] == 0
    single = bring(house, user, root / "Privat.mbox", "--into", "Alt/Ablage")
    assert single["imported"] == 2 and len(everything(house, user)["Alt/Ablage"]) == 2
    with pytest.raises(CliError):
        bring(house, user, tmp_path / "nichts")
    with pytest.raises(CliError):
        bring(house, "niemand@example.org", root)


def test_quota(house, tmp_path):
    user = house.fresh()
    house.cli("account", "limits", user, "--quota", "20K")
    root = make_maildir(tmp_path / "M", 40, 200)
    with pytest.raises(CliError) as no:
        bring(house, user, root)
    assert "quota" in no.value.text
    some = len(everything(house, user)["INBOX"])
    assert 0 < some < 40
    r = bring(house, user, root, "--over-quota")
    assert r["imported"] == 40 - some and r["there_already"] == some


@pytest.mark.limit(180)
def test_killed_and_run_again(new_house, tmp_path):
    h = new_house()
    h.may_die = True
    user = h.account("anna")
    n = 6000
    root = make_maildir(tmp_path / "M", n, 40)
    command = [BIN, "mail", "import", user, str(root), "--state", str(h.dir)]

    def count():
        try:
            i = h.imap(user)
        except (imaplib.IMAP4.error, OSError):       # core is starting
            return -1
        n = int(re.search(rb"MESSAGES (\d+)", i.status("INBOX", "(MESSAGES)")[1][0])[1])
        i.logout()
        return n
    interrupted = 0
    for who in ("cli", "core", "cli", "core"):
        before = wait_for(lambda: count() + 1, 20) - 1
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=h.env())
        wait_for(lambda: count() > before or p.poll() is not None, 30, 0.01)
        if who == "cli":
            p.kill()
        else:
            h.kill("core")
        p.communicate(timeout=60)
        interrupted += p.returncode != 0
        h.wait_running()
    wait_for(lambda: count() >= 0, 20)
    assert interrupted
    r = bring(h, user, root)
    assert r["imported"] + r["there_already"] == n
    got = everything(h, user)["INBOX"]
    assert len(got) == n and len({x[2] for x in got}) == n, "nothing twice, nothing lost"
    assert h.cli_raw("store", "check", timeout=120).returncode == 0


def test_progress_on_a_terminal(house, tmp_path):
    """A bar with rate and time left; in German where the language is."""
    user = house.fresh()
    root = make_maildir(tmp_path / "M", 6000, 20)
    master, slave = os.openpty()
    p = subprocess.Popen([BIN, "mail", "import", user, str(root), "--state", str(house.dir)], stdout=subprocess.PIPE, stderr=slave,
                         env=house.env())
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    out = p.communicate(timeout=60)[0]
    assert p.returncode == 0 and b"6000" in out
    assert re.search(rb"\[#+\.*\] +\d+ %, \d+ mails, \d+/s, \d+:\d\d min left", shown), shown


def test_undelete_and_retention(house):
    """Expunged mail comes back with flags, also where its mailbox is gone; old mail leaves by itself and is shown before."""
    user = house.fresh()
    i = house.imap(user)
    i.create("Akten")
    i.subscribe("Akten")
    for k, box in ((1, "INBOX"), (2, "Akten")):
        i.append(box, "(\\Seen $Wichtig)", None, text(k).replace(b"\n", b"\r\n"))
    before = everything(house, user)
    i.select("INBOX")
    i.store("1", "+FLAGS", "(\\Deleted)")
    i.expunge()
    i.close()
    i.delete("Akten")
    rows = house.cli("mail", "undelete", user, "--list")
    assert [(r["mailbox"], r["messages"]) for r in rows] == [("INBOX", 1), ("Akten", 1)]
    assert everything(house, user)["INBOX"] == []
    assert house.cli("mail", "undelete", user, "--since", "2100-01-01")["restored"] == 0
    assert house.cli("mail", "undelete", user, "INBOX")["restored"] == 1
    assert house.cli("mail", "undelete", user)["restored"] == 1
    assert everything(house, user) == before
    house.cli("mail", "retention", "set", user, "Akten", "30")
    house.cli("mail", "retention", "set", "all", "\\Trash", "60")
    with pytest.raises(CliError):
        house.cli("mail", "retention", "set", "all", "Akten", "30")
    assert {(r["account"], r["mailbox"], r["days"]) for r in house.cli("mail", "retention", "list")} >= \
        {(user, "Akten", 30), ("all", "\\Trash", 60)}
    assert not [r for r in house.cli("mail", "retention", "run", "--dry-run") if r["account"] == user]
    house.cli("mail", "retention", "run")
    house.cli("mail", "retention", "clear", user, "Akten")
    house.cli("mail", "retention", "clear", "all", "\\Trash")
    with pytest.raises(CliError):
        house.cli("settings", "set", "undelete_days", "viele")
    house.cli("settings", "set", "undelete_days", "0")
    i.select("INBOX")
    i.store("1", "+FLAGS", "(\\Deleted)")
    i.expunge()
    assert house.cli("mail", "undelete", user, "--list") == []
    house.cli("settings", "set", "undelete_days", "14")
    i.logout()


@pytest.mark.parametrize("format", ["maildir", "mbox"])
def test_export_and_back(house, tmp_path, format):
    """Flags, dates, octets, folders with umlauts, dots and levels: all of it comes back."""
    user, other = house.fresh(), house.fresh()
    odd = [b"Subject: a\r\n\r\nFrom me\r\n>From you\r\n", b"Subject: b\r\n\r\nno end", b"Subject: c\r\n\r\nbare\nlines\rhere\r\n",
           text(1).replace(b"\n", b"\r\n"), b"Status: RO\r\nContent-Length: 1\r\n\r\nabc\r\n", b"X: 1\r\n\r\n" + b"lang " * 300000]
    i = house.imap(user)
    names = ["Projekt.A", "Gr&APwA3w-e/2026.eml", "R&-D/.versteckt", "Leer", "INBOX/unten"]
    for n, name in enumerate(names):
        assert i.create(f'"{name}"')[0] == "OK", name
    for n, body in enumerate(odd):
        box = ["INBOX", "Sent", *names[:3], "INBOX/unten"][n]
        flags = ["(\\Seen $Wichtig)", "(\\Answered \\Flagged)", "(\\Draft a b $Forwarded)", "()", "(\\Deleted)", "(\\Seen)"][n]
        assert i.append(f'"{box}"', flags, f'"{n + 1:2}-Nov-2019 10:00:00 +0000"', body)[0] == "OK"
    i.logout()
    before = everything(house, user)
    out = tmp_path / "Ausgabe"
    r = house.cli("mail", "export", user, str(out), "--format", format)
    assert r == {"exported": len(odd)}
    assert "event=mail_export" in house.log()
    with pytest.raises(CliError) as no:
        house.cli("mail", "export", user, str(out), "--format", format)
    assert "exists" in no.value.text, "nothing is overwritten"
    if format == "maildir":
        import mailbox as library
        assert len(library.Maildir(out, create=False)) == 1 and "Projekt&AC4-A" in library.Maildir(out, create=False).list_folders()
    r = bring(house, other, out)
    assert r["imported"] == len(odd) and r["skipped"] == 0, r
    assert everything(house, other) == before
    (tmp_path / "Zwei.part").mkdir()
    with pytest.raises(CliError) as no:
        house.cli("mail", "export", user, str(tmp_path / "Zwei"))
    assert "interrupted" in no.value.text
