"""The limit of messages a command deals with (RFC 9738), in the running daemon: a setting, never below 1,000."""
from house import mail, wait_for
from rawimap import Imap


def fill(i, n, box="INBOX"):
    text = mail(subject="x", body="x\r\n")
    text = text if isinstance(text, bytes) else text.encode()
    for at in range(0, n, 200):
        one = b" () {%d+}\r\n" % len(text) + text
        a = i.cmd(b"APPEND " + box.encode() + one * min(200, n - at))
        assert a.status == "OK", a


def test_setting(new_house):
    house = new_house(settings=["imap_message_limit=10"])
    anna = house.fresh()
    with Imap.login(house, anna) as i:
        assert b" MESSAGELIMIT=1000 " in i.ok("CAPABILITY").find(rb"CAPABILITY.*")[0]
        fill(i, 1005)
        i.ok("SELECT INBOX")
        a = i.ok("UID FETCH 1:* (UID)")
        assert "[MESSAGELIMIT 1000 6]" in str(a.text) and len(a.untagged) == 1000
        a = i.ok("UID SEARCH RETURN (COUNT) ALL")
        assert "[MESSAGELIMIT 1000 6]" in str(a.text) and a.find(rb"COUNT 1000\r")
        a = i.ok("UID SEARCH RETURN (COUNT) UIDBEFORE 6")
        assert "MESSAGELIMIT" not in str(a.text) and a.find(rb"COUNT 5\r")
        a = i.cmd("COPY 1:* Archive")
        assert a.status == "NO" and "[MESSAGELIMIT 1000 6]" in str(a.text)
        i.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        i.ok("UID STORE 1:5 +FLAGS.SILENT (\\Deleted)")
        a = i.ok("EXPUNGE")   # knows no limit
        assert "MESSAGELIMIT" not in str(a.text)
        assert i.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0")


def test_off_by_default(house):
    anna = house.fresh()
    with Imap.login(house, anna) as i:
        assert b" MESSAGELIMIT=1000000 " in i.ok("CAPABILITY").find(rb"CAPABILITY.*")[0]
        fill(i, 1200)
        i.ok("SELECT INBOX")
        a = i.ok("UID FETCH 1:* (UID)")
        assert "MESSAGELIMIT" not in str(a.text) and len(a.untagged) == 1200


def test_esearch_makes_room(house):
    """Over many mailboxes: in several goes, every mailbox once, also when some go meanwhile."""
    anna = house.fresh()
    names = [f"viele/m{n:03}" for n in range(900)]
    with Imap.login(house, anna) as i, Imap.login(house, anna) as other:
        for at in range(0, 900, 100):
            tags = [i.start(f"CREATE {name}") for name in names[at:at + 100]]
            assert all(i.until(tag).status == "OK" for tag in tags)
        for name in names[::300] + names[-1:]:
            fill(i, 1, name)
        before = house.log().count("verb=ESEARCH")
        a = i.ok("ESEARCH IN (subtree viele) SUBJECT x")
        found = [u.split(b"MAILBOX ")[1].split()[0].decode() for u in a.untagged if b"ESEARCH" in u]
        assert found == [names[0], names[300], names[600], names[-1]]
        wait_for(lambda: house.log().count("verb=ESEARCH") == before + 3)   # a line follows its answer
        tag = i.start("ESEARCH IN (subtree viele) SUBJECT x")
        other.ok(f"DELETE {names[-2]}")
        assert i.until(tag).status == "OK"


def test_esearch_over_the_limit(new_house):
    house = new_house(settings=["imap_message_limit=1000"])
    anna = house.fresh()
    with Imap.login(house, anna) as i:
        fill(i, 600)
        fill(i, 600, "Archive")
        a = i.cmd("ESEARCH IN (personal) SUBJECT x")
        assert a.status == "NO" and b"[MESSAGELIMIT 1000]" in a.text and not a.untagged
        a = i.ok("ESEARCH IN (mailboxes Archive) RETURN (COUNT) SUBJECT x")
        assert a.find(rb"COUNT 600")


def batches(uids, size, first=1, last=None):
    """What UIDBATCHES must say, the plain way."""
    down = sorted(uids, reverse=True)
    ranges = [down[at:at + size] for at in range(0, len(down), size)]
    rows = [f"{r[0]}:{1 if r is ranges[-1] else r[-1]}" for r in ranges]
    return ",".join(rows[first - 1:last])


def test_uidbatches_with_gaps(house):
    anna = house.fresh()
    with Imap.login(house, anna) as i:
        fill(i, 1800)
        i.ok("SELECT INBOX")
        gone = set(range(1, 40)) | {500} | set(range(1100, 1300)) | {1299, 1301, 1800}
        i.ok("UID STORE 1:39,500,1100:1299,1301,1800 +FLAGS.SILENT (\\Deleted)")
        i.ok("EXPUNGE")
        uids = set(range(1, 1801)) - gone
        for size, part in ((500, ""), (500, "1:1"), (500, "2:3"), (500, "4:9"), (500, "5:9"), (777, ""), (len(uids), ""),
                           (len(uids) - 1, "")):
            tag = i.start(f"UIDBATCHES {size} {part}".strip())
            a = i.until(tag)
            first, last = (int(x) for x in part.split(":")) if part else (1, None)
            want = f'* UIDBATCHES (TAG "{tag.decode()}") {batches(uids, size, first, last)}'.strip()
            assert a.status == "OK" and a.untagged[0].decode().strip() == want, (size, part)
        rows = i.ok("UIDBATCHES 500").untagged[0].split(b") ")[1].strip().split(b",")
        found = [i.ok(b"UID SEARCH RETURN (COUNT) UID " + row).find(rb"COUNT (\d+)")[1] for row in rows]
        assert [int(x) for x in found] == [500, 500, 500, len(uids) - 1500]
