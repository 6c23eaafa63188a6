"""NOTIFY (RFC 5465) on the real daemon: told between commands, without IDLE and without asking."""
from house import mail
from rawimap import Imap

ALL = "NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"


def test_told_between_commands(house):
    anna = house.fresh()
    with Imap.login(house, anna) as a, Imap.login(house, anna) as b:
        a.ok("SELECT INBOX")
        a.ok(ALL)
        b.ok("CREATE Projekte")
        assert a.line().startswith(b'* LIST (\\HasNoChildren) "/" Projekte')
        b.append("Projekte", mail())
        assert a.line().startswith(b"* STATUS Projekte (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ")
        b.ok("SELECT Projekte")
        b.ok("STORE 1 +FLAGS (\\Seen)")
        assert b"UNSEEN 0" in a.line()
        house.deliver(anna)
        assert not a.ok("NOOP").untagged  # nothing was asked for of the selected mailbox
        a.ok("NOTIFY SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge)) (personal (MessageNew MessageExpunge))")
        b.append("INBOX", mail("Neues von gestern"))
        while b"Neues von gestern" not in (line := a.line()):
            assert line
        b.append("Projekte", mail())
        assert a.line().startswith(b"* STATUS Projekte (MESSAGES 2 ")
        a.ok("NOTIFY NONE")
        b.append("Projekte", mail())
        assert not a.ok("NOOP").untagged


def test_over_tls_compressed_and_many_at_once(house):
    """What comes while a client is busy or in a hurry is told together; the last word is right."""
    anna = house.fresh()
    with Imap.login(house, anna, tls=True) as a, Imap.login(house, anna) as b:
        a.ok("NOTIFY SET (mailboxes INBOX (MessageNew MessageExpunge))")
        for _ in range(50):
            b.append("INBOX", mail())
        lines = [a.line()]
        while b"MESSAGES 50 " not in lines[-1]:
            lines.append(a.line())
        assert all(line.startswith(b"* STATUS INBOX (MESSAGES ") for line in lines)
        assert len(lines) <= 50


def test_role_and_shared_mailboxes(house):
    """Told while the right lasts, and not once after it has ended."""
    anna, bert = house.fresh(), house.fresh()
    office = house.role("amt" + anna[1:7], "Amt")
    term = house.cli("role", "assign", office, anna)["term"]
    with Imap.login(house, anna) as a, Imap.login(house, bert) as b:
        a.ok(f"NOTIFY SET (subtree shared (MessageNew MessageExpunge)) (mailboxes shared/{bert}/Projekte (MailboxName))")
        house.deliver(office)
        assert a.line().startswith(b"* STATUS shared/%s/INBOX (MESSAGES 1 " % office.encode())
        b.ok("CREATE Projekte")
        b.ok(f"SETACL Projekte {anna} lr")
        assert a.line().startswith(b'* LIST (\\HasNoChildren) "/" shared/%s/Projekte' % bert.encode())
        b.append("Projekte", mail())  # his account is watched from now on
        assert a.line().startswith(b"* STATUS shared/%s/Projekte (MESSAGES 1 " % bert.encode())
        b.ok(f"SETACL Projekte {anna} -r")
        b.append("Projekte", mail())
        assert not a.ok("NOOP").untagged
        b.ok(f"DELETEACL Projekte {anna}")
        assert a.line().startswith(b'* LIST (\\Noselect \\NonExistent) "/" shared/%s/Projekte' % bert.encode())
        house.cli("role", "end", str(term))
        house.deliver(office)
        b.append("Projekte", mail())
        assert not a.ok("NOOP").untagged


def test_core_dies(house):
    """The client hears by itself that notifications have ended (RFC 5465 section 5.8), and asks again."""
    anna = house.fresh()
    with Imap.login(house, anna) as a, Imap.login(house, anna) as idle:
        a.ok(ALL)
        idle.ok(ALL)
        tag = idle.idle()
        house.kill_core()
        assert a.line().startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
        assert idle.line().startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
        assert idle.done(tag).status == "OK"
        with Imap.login(house, anna) as b:
            b.append("INBOX", mail())
            assert not a.ok("NOOP").untagged
            a.ok(ALL)
            b.append("INBOX", mail())
            assert a.line().startswith(b"* STATUS INBOX (MESSAGES 2 ")


def test_bounded(house):
    # bound: NOTIFY_BYTES_MAX
    anna = house.fresh()
    with Imap.login(house, anna) as a, Imap.login(house, anna) as b:
        for i in range(200):
            b.ok(f"CREATE {i:0900}")
        a.ok(ALL)
        for i in range(200, 300):
            b.ok(f"CREATE {i:0900}")
        while not (line := a.line()).startswith(b"* OK [NOTIFICATIONOVERFLOW] "):
            assert line.startswith(b"* LIST "), line
        assert not a.ok("NOOP").untagged
        refused = a.cmd(ALL)
        assert refused.status == "NO" and refused.text.startswith(b"[LIMIT]"), refused
        a.ok("NOTIFY SET (mailboxes INBOX (MessageNew MessageExpunge))")
        b.append("INBOX", mail())
        assert a.line().startswith(b"* STATUS INBOX ")


def test_accounts_are_counted(house):
    # bound: WATCH_ACCOUNTS_MAX
    anna = house.fresh()
    offices = [house.role(f"z{i}{anna[1:7]}", "Amt") for i in range(64)]
    terms = [house.cli("role", "assign", office, anna)["term"] for office in offices]
    with Imap.login(house, anna) as a:
        refused = a.cmd("NOTIFY SET (subtree shared (MessageNew MessageExpunge))")
        assert refused.status == "NO" and refused.text.startswith(b"[LIMIT]"), refused
        house.cli("role", "end", str(terms[0]))
        a.ok("NOTIFY SET (subtree shared (MessageNew MessageExpunge))")
        house.deliver(offices[63])
        assert a.line().startswith(b"* STATUS shared/%s/INBOX (MESSAGES 1 " % offices[63].encode())
