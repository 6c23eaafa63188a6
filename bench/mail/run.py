#!/usr/bin/python3
"""kontor beside Debian's Postfix and Dovecot: bench/mail/run.py [--quick] [PART...]

Parts: disk deliver durable login append big body search store idle connections post order sieve guard verify move; none named: all, and the table goes
to docs/performance.md. --quick: tiny numbers, only to see that everything works. BENCH_DIR (default var/bench)
is on the disk that is measured; BENCH_KEEP=1 leaves it behind. Needs root, for the peers do."""
import imaplib
import itertools
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time

import measure
import traffic
from measure import Row, in_turn, pss_kib, tool
from servers import BIN, PASSWORD, ROOT, Dovecot, Kontor, Postfix, more_files, wait_for

META = "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"
FULL = dict(runs=3, users=1000, mail=3000, mail_one=800, boxes=100, big=100000, bodies=10000, searched=(10000, 100000), one=2000,
            seconds=3, hold=5000, latency=30, threads=10000, verify=1000)
QUICK = dict(runs=1, users=16, mail=60, mail_one=20, boxes=8, big=500, bodies=100, searched=(100,), one=50, seconds=0.5, hold=40,
             latency=3, threads=200, verify=20)
FULL["move"], QUICK["move"] = 100000, 100
SYNCED = 200                 # mails of a Maildir whose fsyncs are counted
GOAL_APPEND = {1: 1, 8: 2, 32: 2}


class Bench:
    def __init__(self, folder, quick):
        self.n = QUICK if quick else FULL
        self.folder, self.rows, self.facts = folder, [], []
        self.users = [f"u{i:04d}" for i in range(self.n["users"])]
        special = ["big", "bodies", "order", *(f"searched{n}" for n in self.n["searched"])]
        special += ["move0", "move1"]
        print(f"making {len(self.users)} accounts ...", flush=True)
        self.dovecot = self.crypt = self.xapian = self.postfix = self.kontor = None
        try:
            self.kontor = Kontor(folder, self.users + special, quick)
            self.dovecot = Dovecot(folder, self.users + special)
            self.postfix = Postfix(folder, self.dovecot, self.users)
        except BaseException:
            self.close()
            raise

    def close(self):
        for s in (self.postfix, self.crypt, self.xapian, self.dovecot, self.kontor):
            if s:
                s.stop()

    def add(self, *args, **kw):
        self.rows.append(Row(*args, **kw))

    def imap(self, server, mode, *args, tls=False):
        return tool("imapload", "--mode", mode, "--port", server.port("imaps" if tls else "imap"),
                    *(["--tls"] if tls else []), *args)

    def send(self, server, port, see, *args):
        return tool("smtpload", *(["--lmtp"] if port == "lmtp" else []), "--port", server.port(port), "--size", 10240,
                    "--verify-port", see.port("imap"), *args)

    def both(self, fn, runs=None):
        return in_turn(runs or self.n["runs"], {"dovecot": lambda k: fn(self.dovecot, k),
                                                "kontor": lambda k: fn(self.kontor, k)})

    # ---- parts ----

    def disk(self):
        for threads in (1, 8):
            r = tool("fsyncbench", "--dir", self.folder, "--threads", threads, "--seconds", self.n["seconds"])
            self.facts.append(f"- disk: {r['ops_per_s']:.0f} appends of 4 KiB with fdatasync a second over {threads} "
                              f"thread{'s' if threads > 1 else ''}")
            print("   ", self.facts[-1][2:], flush=True)

    def deliver(self):
        for conns, lmtp_goal, chain_goal in ((1, 1.5, 1.5), (8, None, None), (32, 3, 8)):
            args = ["--conns", conns, "--msgs", self.n["mail_one" if conns == 1 else "mail"], "--users", self.n["boxes"]]
            got = self.both(lambda s, k: self.send(s, "lmtp", s, *args)["deliver_per_s"])
            self.add(f"LMTP into {self.n['boxes']} mailboxes, 10 KiB, {conns} connections", "mails/s", "Dovecot LMTP", got["dovecot"],
                     got["kontor"], goal=lmtp_goal)
            got = in_turn(self.n["runs"], {
                "chain": lambda k: self.send(self.postfix, "smtp", self.dovecot, *args)["deliver_per_s"],
                "kontor": lambda k: self.send(self.kontor, "smtp", self.kontor, *args)["deliver_per_s"]})
            self.add(f"SMTP into {self.n['boxes']} mailboxes, 10 KiB, {conns} connections", "mails/s", "Postfix to Dovecot",
                     got["chain"], got["kontor"], goal=chain_goal)

    def durable(self):
        if not shutil.which("strace"):
            raise SystemExit("part durable needs strace")
        n = min(200, self.n["mail"])
        for conns in (1, 8):
            replies, syncs, uncovered = measure.trace_order(
                self.kontor.role("core"), self.kontor.role("gate0"), self.folder,
                lambda: tool("smtpload", "--lmtp", "--port", self.kontor.port("lmtp"), "--conns", conns, "--msgs", n,
                             "--size", 10240, "--users", self.n["boxes"]))
            if replies != n:
                raise SystemExit(f"strace saw {replies} replies to {n} mails")
            self.facts.append(f"- durable: {n} mails over {conns} connection{'s' if conns > 1 else ''}: {syncs} fsyncs in core, "
                              f"{replies} answers 250, {uncovered} of them without an fsync begun after the mail was read "
                              f"and ended before the answer")
            print("   ", self.facts[-1][2:], flush=True)
            if uncovered:
                raise SystemExit("an acknowledgement was not durable")

    def login(self):
        names = min(64, self.n["users"])
        self.dovecot.start("fast")
        args = ["--conns", 16, "--seconds", self.n["seconds"]]
        self.kontor.stop()
        self.kontor.start()
        cold = self.imap(self.kontor, "login", *args, "--users", self.n["users"])["ops_per_s"]
        self.imap(self.kontor, "login", *args, "--users", names)
        got = self.both(lambda s, k: self.imap(s, "login", *args, "--users", names)["ops_per_s"])
        self.add("log-ins, 16 connections, password remembered", "log-ins/s", "Dovecot, fast mode, clear passwords",
                 got["dovecot"], got["kontor"], goal=5, note=f"first log-ins, Argon2id each time: {cold:.0f}/s")
        self.dovecot.start("secure")

    def append(self):
        for conns in (1, 8, 32):
            users = min(conns, self.n["users"])
            got = self.both(lambda s, k: self.imap(
                s, "append", "--conns", conns, "--users", users, "--count",
                self.n["mail_one" if conns == 1 else "mail"])["ops_per_s"])
            self.add(f"APPEND, 10 KiB, {conns} connections", "mails/s", "Dovecot", got["dovecot"], got["kontor"],
                     goal=GOAL_APPEND[conns])
        got = self.both(lambda s, k: self.imap(s, "append", "--conns", 8, "--users", 1, "--count", self.n["mail"])
                        ["ops_per_s"])
        self.add("APPEND, 10 KiB, 8 connections, one mailbox", "mails/s", "Dovecot", got["dovecot"], got["kontor"], goal=5)

    def fill(self, server, user, count, size):
        r = self.imap(server, "fill", "--user", user + "@example.org", "--count", count, "--size", size)
        print(f"    {server.name}: {count} mails in {r['elapsed_s']:.0f} s", flush=True)

    def big(self):
        n, one = self.n["big"], ["--user", "big@example.org"]
        for s in (self.dovecot, self.kontor):
            self.fill(s, "big", n, 2048)
        name = f"{n:,} messages"
        for mode, what in (("first", "first SELECT of a session"), ("open", "connect, LOGIN, SELECT")):
            got = self.both(lambda s, k: self.imap(s, mode, *one, "--count", 10)["p50_ms"])
            self.add(f"{what}, {name}", "ms", "Dovecot", got["dovecot"], got["kontor"], less=True, goal=1)
        got = self.both(lambda s, k: self.imap(s, "command", *one, "--exec", META)["fetches_per_s"])
        self.add(f"FETCH of UID, flags, date, size, ENVELOPE, {name}", "messages/s", "Dovecot", got["dovecot"],
                 got["kontor"], goal=1)

    def body(self):
        one = ["--user", "bodies@example.org"]
        self.crypt = Dovecot(self.folder, self.users + ["bodies"], crypt=True)
        for s in (self.dovecot, self.crypt, self.kontor):
            self.fill(s, "bodies", self.n["bodies"], 10240)
        for conns in (1, 4):
            args = [*one, "--conns", conns, "--exec", "FETCH 1:* (BODY.PEEK[])"]
            got = in_turn(self.n["runs"], {s.name: lambda k, s=s: self.imap(s, "command", *args)["mb_per_s"]
                                           for s in (self.dovecot, self.crypt, self.kontor)})
            for peer, name, goal in (("dovecot", "Dovecot", 0.5), ("dovecot-crypt", "Dovecot, mail_crypt and zstd", 1)):
                self.add(f"FETCH of {self.n['bodies']:,} bodies of 10 KiB, {conns} connections", "MB/s", name, got[peer],
                         got["kontor"], goal=goal)
        got = self.both(lambda s, k: self.imap(s, "sequence", *one, "--count", min(self.n["one"], self.n["bodies"]),
                                               "--exec", "FETCH %ld (FLAGS BODY.PEEK[])")["p50_ms"])
        self.add("FETCH of one body", "ms", "Dovecot", got["dovecot"], got["kontor"], less=True)
        self.crypt.stop()

    def store(self):
        one = ["--user", "bodies@example.org"]
        if not any("bodies" in r.what for r in self.rows):
            for s in (self.dovecot, self.kontor):
                self.fill(s, "bodies", self.n["bodies"], 10240)
        for conns, goal, flag in ((1, 0.5, "\\Seen"), (8, 1, "\\Flagged")):
            def flags(s, k):
                return self.imap(s, "sequence", *one, "--conns", conns, "--count",
                                 min(self.n["one"], self.n["bodies"]), "--exec",
                                 f"STORE %ld {'+-'[k % 2]}FLAGS.SILENT ({flag})")["ops_per_s"]
            got = self.both(flags)
            self.add(f"STORE of one flag, {conns} connections", "changes/s", "Dovecot, not fsynced", got["dovecot"],
                     got["kontor"], goal=goal, note="kontor: each fsynced before its OK")

    def words_into(self, server, user, count):
        """Mails of about 2 KiB, words with the frequencies of a language; "rarissime" in one of a thousand."""
        rand = random.Random(count)
        parts = [a + b for a in "bcdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "er", "en", "ung")]
        words = ["".join(rand.choices(parts, k=rand.randrange(1, 5))) for _ in range(20000)]
        weights = list(itertools.accumulate(1 / (k + 3) for k in range(len(words))))
        c = imaplib.IMAP4("127.0.0.1", server.port("imap"))
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        c.login(user + "@example.org", PASSWORD)
        for i in range(count):
            text = rand.choices(words, cum_weights=weights, k=280)
            lines = "\r\n".join(" ".join(text[k:k + 10]) for k in range(0, 280, 10))
            c.append("INBOX", None, None, (f"From: {words[i % 500]} <{words[i % 500]}@example.net>\r\nTo: {user}@example.org\r\n"
                     f"Subject: {' '.join(rand.choices(words, cum_weights=weights, k=5))}{' rarissime' if i % 1000 == 7 else ''}\r\n"
                     f"Message-ID: <{i}.{rand.randrange(10**12)}@example.net>\r\n\r\n{lines}"
                     f"{' rarissime' if i % 1000 == 5 else ''}\r\n").encode())
        c.logout()
        return words[40]

    def asked(self, server, user, keys):
        """Seconds of one question, and how many messages it finds."""
        c = imaplib.IMAP4("127.0.0.1", server.port("imap"))
        c.sock.settimeout(900)
        c.login(user + "@example.org", PASSWORD)
        c.select("INBOX", readonly=True)
        begin = time.monotonic()
        found = c.uid("SEARCH", *keys)[1][0]
        took = time.monotonic() - begin
        c.logout()
        return took, len(found.split())

    def plain(self, user, keys):
        """The same question while kontor's index is switched off."""
        self.kontor.cli("settings", "set", "search_index", "off")
        try:
            return self.asked(self.kontor, user, keys)
        finally:
            self.kontor.cli("settings", "set", "search_index", "on")

    def search(self):
        for n in self.n["searched"]:
            self.search_among(n, with_fts=n <= 10000)   # fts_xapian takes minutes for ten thousand

    def search_among(self, n, with_fts):
        user = f"searched{n}"
        servers = [self.dovecot, self.kontor]
        if with_fts:
            self.xapian = Dovecot(self.folder, [user], fts=True)
            servers.append(self.xapian)
        for s in servers:
            begin = time.monotonic()
            common = self.words_into(s, user, n)
            print(f"    {s.name}: {n} mails in {time.monotonic() - begin:.0f} s", flush=True)
        begin = time.monotonic()
        self.kontor.cli("mail", "index", f"{user}@example.org", "--rebuild")
        fact = f"- search: {n:,} mails indexed in {time.monotonic() - begin:.1f} s by kontor (one thread, beside its work)"
        if with_fts:
            begin = time.monotonic()
            self.asked(self.xapian, user, ["BODY", "rarissime"])
            fact += f", in {time.monotonic() - begin:.1f} s by Dovecot's fts_xapian at the first question"
        first = self.asked(self.kontor, user, ["SUBJECT", "rarissime"])[0]
        self.facts.append(f"{fact}; kontor's first question after a mail came: {1000 * first:.1f} ms")
        print("   ", self.facts[-1][2:], flush=True)
        for what, keys in (("BODY, in one of a thousand", ["BODY", "rarissime"]), ("SUBJECT, in one of a thousand", ["SUBJECT", "rarissime"]),
                           ("BODY, a common word", ["BODY", common]), ("SUBJECT, a common word", ["SUBJECT", common]),
                           ("TEXT, nowhere", ["TEXT", "nirgendwo"])):
            hits = {s.name: self.asked(s, user, keys)[1] for s in servers}
            hits["plain"] = self.plain(user, keys)[1]
            if len(set(v for k, v in hits.items() if k != "dovecot-xapian")) > 1:
                raise SystemExit(f"SEARCH {what}: found {hits}")
            got = in_turn(self.n["runs"] + 2, {
                **{s.name: lambda k, s=s: 1000 * self.asked(s, user, keys)[0] for s in servers},
                "plain": lambda k: 1000 * self.plain(user, keys)[0]})
            peers = [("plain", "kontor, its index switched off", 10), ("dovecot", "Dovecot", 10)]
            for peer, label, goal in peers + [("dovecot-xapian", "Dovecot, fts_xapian", None)] * with_fts:
                self.add(f"SEARCH {what} ({hits['kontor']:,}), {n:,} messages", "ms", label, got[peer], got["kontor"], less=True, goal=goal)
        if with_fts:
            self.xapian.stop()

    def idle(self):
        got = self.both(lambda s, k: self.imap(s, "latency", "--users", 1, "--count", self.n["latency"], "--lmtp-port",
                                               s.port("lmtp"))["p50_ms"])
        self.add("LMTP delivery until EXISTS in IDLE", "ms", "Dovecot", got["dovecot"], got["kontor"], less=True, limit=20)

    def hold(self, server, count):
        ready = pathlib.Path(self.folder) / "ready"
        ready.unlink(missing_ok=True)
        before = pss_kib(server.pid)
        p = subprocess.Popen([measure.TOOLS / "imapload", "--mode", "hold", "--tls", "--port", str(server.port("imaps")),
                              "--users", str(min(self.n["users"], 500)), "--count", str(count), "--conns", "8", "--ready",
                              ready], stdout=subprocess.PIPE, text=True, preexec_fn=more_files)
        try:
            wait_for(lambda: ready.exists() or p.poll() is not None, 600, f"{server.name}: connections are not up in 600 s")
            if p.poll() is not None or int(ready.read_text()) != count:
                raise SystemExit(f"not all connections came up: {p.stdout.readline()}")
            time.sleep(3)
            after = pss_kib(server.pid)
        finally:
            p.terminate()
            p.communicate()
        each = (after - before) / count
        print(f"    {server.name}: {each:.1f} KiB", flush=True)
        return each

    def maildir(self, name, n):
        """Text mails of 2 to 20 KiB in INBOX and ten folders, as a Maildir++ that Dovecot's user may read."""
        root, words = self.folder / name, [f"Wort{i:x}".encode() for i in range(4000)]
        draw = random.Random(1)
        for k in range(n):
            folder = root / (f".Ordner{k % 11}" if k % 11 else ".")
            for d in ("cur", "new", "tmp"):
                (folder / d).mkdir(parents=True, exist_ok=True)
            body = b" ".join(draw.choices(words, k=draw.randrange(250, 2500))).replace(b"Wort7", b"\n")
            (folder / "cur" / f"{1700000000 + k}.M{k}.bench:2,S").write_bytes(
                b"From: a%d@example.net\nTo: move@example.org\nSubject: Nr %d\nMessage-ID: <%d@example.net>\n"
                b"Date: Tue, 14 Nov 2023 22:13:20 +0000\n\n%s\n" % (k, k, k, body))
        subprocess.run(["chown", "-R", "5000:5000", root], check=True)
        return root

    def import_command(self, name, user, root):
        return {"dovecot": ["doveadm", "-c", self.dovecot.dir / "dovecot.conf", "import", "-u", user + "@example.org", f"maildir:{root}", "",
                            "all"],
                "kontor": [BIN, "mail", "import", user + "@example.org", root, "--state", self.kontor.state]}[name]

    def move_is_durable(self):
        """Both bring a few mails under strace: how often they fsync."""
        root, n = self.maildir("Synced", SYNCED), {}
        for name, pid in (("dovecot", None), ("kontor", self.kontor.role("core"))):
            n[name] = measure.count_syncs(self.folder, self.import_command(name, "move1", root), pid)
        self.facts.append(f"- move: for {SYNCED} mails doveadm import makes {n['dovecot']} fsyncs (mail_fsync = optimized), kontor {n['kontor']}")
        print("   ", self.facts[-1][2:], flush=True)
        if n["dovecot"] < SYNCED or not n["kontor"]:
            raise SystemExit("one of them does not put its mails onto the disk: no comparison")

    def move(self):
        """One run: 100,000 mails, and what was brought would be passed over in a second."""
        n = self.n["move"]
        root = self.maildir("Maildir", n)
        if shutil.which("strace"):
            self.move_is_durable()

        def bring(name):
            start = time.monotonic()
            subprocess.run(self.import_command(name, "move0", root), check=True, capture_output=True, timeout=3600)
            return n / (time.monotonic() - start)
        got = {name: bring(name) for name in ("dovecot", "kontor")}
        for s in (self.dovecot, self.kontor):
            found = self.imap(s, "command", "--user", "move0@example.org", "--exec", "FETCH 1:* (UID)")["fetches"]
            if found != (n + 10) // 11:
                raise SystemExit(f"{s.name}: {found} mails in INBOX")
        self.add(f"import of {n:,} mails from a Maildir", "mails/s", "doveadm import", got["dovecot"], got["kontor"], goal=2, note="one run")

    def connections(self):
        self.kontor.stop()           # what earlier work has left in its pools would be used again and not be seen
        self.kontor.start()
        if self.n is FULL:   # warms the password cache
            self.imap(self.kontor, "login", "--conns", 16, "--users", min(self.n["users"], 500), "--seconds", 90)
        few = min(500, self.n["hold"])   # Dovecot's two processes a connection bring a small machine down
        self.facts.append(f"- connections: {self.hold(self.dovecot, few):,.0f} KiB PSS for one of Dovecot's {few:,} idle TLS connections")
        self.add(f"memory of one idle TLS connection, of {self.n['hold']:,}", "KiB PSS", "", None, self.hold(self.kontor, self.n["hold"]),
                 less=True, limit=25, note="all processes, what was there before taken off; one run")

    def post(self):
        n = self.n["users"]
        self.kontor.cli("group", "add", "everybody@example.org", *(u + "@example.org" for u in self.users))
        args = ["--conns", 1, "--msgs", 1, "--rcpt", "everybody@example.org", "--expect-all", "--users", n]
        batch = min(100, n)
        got = in_turn(self.n["runs"], {
            "chain": lambda k: self.send(self.postfix, "smtp", self.dovecot, *args)["deliver_s"],
            "lmtp": lambda k: self.send(self.dovecot, "lmtp", self.dovecot, "--conns", 8, "--msgs", n // batch,
                                        "--rcpts-per-msg", batch, "--users", n)["deliver_s"],
            "kontor": lambda k: self.send(self.kontor, "smtp", self.kontor, *args)["deliver_s"]})
        name, best = min((("Postfix alias", got["chain"]), ("Dovecot LMTP, 100 recipients each", got["lmtp"])),
                         key=lambda v: v[1])
        self.add(f"one post until it lies in {n:,} mailboxes", "s", name, best, got["kontor"], less=True, goal=10)


    def order(self):
        n, one = self.n["threads"], ["--user", "order@example.org"]
        for s in (self.dovecot, self.kontor):
            traffic.fill(s.port("imap"), "order@example.org", n)
        for what, command in (("SORT by date", "SORT (DATE) UTF-8 ALL"), ("SORT by subject", "SORT (SUBJECT) UTF-8 ALL"),
                              ("SORT by sender, then date", "SORT (FROM REVERSE DATE) UTF-8 ALL"),
                              ("THREAD by references", "THREAD REFERENCES UTF-8 ALL"),
                              ("THREAD by subject", "THREAD ORDEREDSUBJECT UTF-8 ALL")):
            got = self.both(lambda s, k: self.imap(s, "command", *one, "--count", 5, "--exec", command)["p50_ms"])
            self.add(f"{what}, {n:,} messages", "ms", "Dovecot, its cache filled", got["dovecot"], got["kontor"], less=True, goal=1)

    def sieve(self):
        users = [u + "@example.org" for u in self.users[:self.n["boxes"]]]
        args = ["--conns", 32, "--msgs", self.n["mail"], "--users", self.n["boxes"]]

        def rate(with_rules):
            for u in users:
                for number in range(5):
                    self.kontor.cli("mail", "rule", *(("add", u, f"r{number}", "--header", "subject", "--contains", f"nichts{number}",
                                                       "--move", "Andere") if with_rules else ("remove", u, f"r{number}")))
            return self.send(self.kontor, "lmtp", self.kontor, *args)["deliver_per_s"]
        rate(True)
        got = in_turn(self.n["runs"], {"plain": lambda k: rate(False), "sieve": lambda k: rate(True)})
        self.add(f"LMTP into {self.n['boxes']} mailboxes with five Sieve rules each, 32 connections", "mails/s", "kontor without rules",
                 got["plain"], got["sieve"], goal=0.9)

    def guard(self):
        """Port 25 from a stranger whom SPF knows: with index, grey list, SPF and DMARC as they are by default, and without all of them."""
        count, stranger = self.n["boxes"], "192.0.2.1"
        (pathlib.Path(self.folder) / "zone").write_text(traffic.signed_zone()[1])
        house = Kontor(self.folder, self.users[:count], self.n is QUICK, "kontor-guard",
                       [f"out_hosts={self.folder}/zone", "proxy_networks=127.0.0.0/8"])
        args = ["--conns", 32, "--msgs", self.n["mail"], "--users", count, "--from", "b@strict.example", "--stranger", stranger]

        def rate(settings):
            for name, value in settings.items():
                house.cli("settings", "set", name, value)
            core = house.role("core")
            before = [measure.cpu_sec(house.pid), measure.cpu_sec(core)]
            got = tool("smtpload", "--port", house.port("smtp"), "--size", 10240, *args)["accept_per_s"]   # 250: it is in the mailbox
            used = [measure.cpu_sec(house.pid) - before[0], measure.cpu_sec(core) - before[1]]
            cpu[settings["search_index"]].append([1e6 * u / self.n["mail"] for u in used])
            return got
        cpu = {"on": [], "off": []}
        try:
            for limit in ("smtp.rate_new", "smtp.rate"):
                house.cli("settings", "set", limit, "0")
            on = {"search_index": "on", "smtp.greylist": "unproven", "smtp.trusted_relays": ""}
            off = {"search_index": "off", "smtp.greylist": "off", "smtp.trusted_relays": " ".join(f"192.0.2.{k}" for k in range(1, 15))}
            rate(off)
            got = in_turn(self.n["runs"] + 2, {"off": lambda k: rate(off), "on": lambda k: rate(on)})
        finally:
            house.stop()
        spent = {k: [statistics.median(x) for x in zip(*v)] for k, v in cpu.items()}
        self.facts.append(f"- guard: microseconds of processor a mail, all processes / core: with {spent['on'][0]:.0f} / {spent['on'][1]:.0f}, "
                          f"without {spent['off'][0]:.0f} / {spent['off'][1]:.0f}")
        print("   ", self.facts[-1][2:], flush=True)
        self.add(f"SMTP from a stranger into {count} mailboxes, 10 KiB, 32 connections, with index, grey list, SPF, DMARC", "mails/s",
                 "kontor without them", got["off"], got["on"], goal=0.9)

    def verify(self):
        count, key, zone = self.n["verify"], *traffic.signed_zone()
        (pathlib.Path(self.folder) / "zone").write_text(zone)
        house = Kontor(self.folder, ["u0000"], self.n is QUICK, "kontor-verify",
                       [f"out_hosts={self.folder}/zone", "proxy_networks=127.0.0.0/8"])
        try:
            for limit in ("smtp.rate_new", "smtp.rate"):
                house.cli("settings", "set", limit, "0")

            def cpu(send):
                before = measure.cpu_sec(house.pid)
                send()
                return (measure.cpu_sec(house.pid) - before) / count * 1000
            mail = traffic.signed_mail(key)
            got = in_turn(self.n["runs"], {
                "lmtp": lambda k: cpu(lambda: traffic.send(house.port("lmtp"), mail, count, lmtp=True)),
                "smtp": lambda k: cpu(lambda: traffic.send(house.port("smtp"), mail, count))})
        finally:
            house.stop()
        self.facts.append(f"- verify: CPU of all processes for one mail over port 25: {got['smtp']:.2f} ms, over LMTP, "
                          f"unverified: {got['lmtp']:.2f} ms")
        print("   ", self.facts[-1][2:], flush=True)
        self.add("SPF, DKIM (RSA-2048) and DMARC of one mail of 10 KiB, CPU of all processes", "ms", "the same mail over LMTP, unverified",
                 got["lmtp"], got["smtp"] - got["lmtp"], less=True, limit=1, note="kontor's figure: what verification adds")


PARTS = ["disk", "deliver", "durable", "login", "append", "big", "body", "search", "store", "idle", "connections", "post", "order", "sieve",
         "guard", "verify"]
PARTS.append("move")


def main(argv):
    quick = "--quick" in argv
    parts = [a for a in argv if a != "--quick"] or PARTS
    if unknown := [p for p in parts if p not in PARTS]:
        raise SystemExit(f"no such part: {' '.join(unknown)} ({' '.join(PARTS)})")
    if os.geteuid() != 0:
        print("bench/mail: skipped, Postfix and Dovecot need root")
        return 77
    more_files()
    folder = pathlib.Path(os.environ.get("BENCH_DIR", ROOT / "var/bench")).resolve() / ("quick" if quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder, quick)
    try:
        for part in parts:
            print(f"== {part}", flush=True)
            getattr(bench, part)()
    finally:
        bench.close()
        if not os.environ.get("BENCH_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
        if bench.rows:
            measure.show(bench.rows)
    if not quick and parts == PARTS:
        measure.write_report(ROOT / "docs/performance.md", folder.parent, bench.rows, bench.facts, bench.n["runs"])
        print("written: docs/performance.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
