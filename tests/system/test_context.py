"""Kept results of SEARCH and SORT (RFC 5267) on the real daemon: another program's changes, with NOTIFY between commands."""
from house import mail
from rawimap import Imap


def test_told_while_nothing_is_asked(house):
    anna = house.fresh()
    with Imap.login(house, anna) as a, Imap.login(house, anna) as b:
        b.append("INBOX", mail("Berta"))
        b.ok("SELECT INBOX")
        a.ok("SELECT INBOX")
        a.ok("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))")
        assert a.ok("UID SORT RETURN (UPDATE COUNT) (SUBJECT) UTF-8 UNSEEN").find(rb"COUNT 1\r")
        b.append("INBOX", mail("Anton"))
        assert a.line() == b"* 2 EXISTS\r\n"
        assert a.line() == b"* 0 RECENT\r\n"
        assert a.line() == b'* ESEARCH (TAG "a4") UID ADDTO (1 2)\r\n'
        b.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
        assert a.line() == b'* ESEARCH (TAG "a4") UID REMOVEFROM (2 1)\r\n'
        assert b"FLAGS (\\Seen)" in a.line()
        house.deliver(anna)
        while b"ADDTO (" not in (line := a.line()):
            assert line
        b.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        assert b"FLAGS (\\Deleted)" in a.line()
        b.ok("EXPUNGE")
        assert b" UID REMOVEFROM (" in a.line()
        assert a.line() == b"* 2 EXPUNGE\r\n"


def test_core_dies(house):
    """What was kept is lost, and said to be."""
    anna = house.fresh()
    with Imap.login(house, anna) as a, Imap.login(house, anna) as b:
        a.ok("SELECT INBOX")
        a.ok("UID SEARCH RETURN (UPDATE) UNSEEN")
        tag = a.idle()
        house.kill_core()
        assert a.line().startswith(b'* NO [NOUPDATE "a3"] ')
        assert a.done(tag).status == "OK"
        a.ok("UID SEARCH RETURN (UPDATE) UNSEEN")
        b.append("INBOX", mail())
        assert a.ok("NOOP").find(rb'TAG "a5"\) UID ADDTO \(0 1\)')
