#!/usr/bin/python3
"""bench/mail/run.py [--quick] [PART...] - kontor beside Debian's Dovecot and Postfix, in turn, on the same disk.

Parts: lmtp smtp list login append select fetch body store idle memory fsync. Prints medians and ratios as it goes and writes
docs/performance.md (not with --quick). Needs root, for the peers' users. BENCH_DIR: where the stores lie (default var/bench)."""
import json, os, pathlib, re, shutil, statistics, subprocess, sys, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servers import ROOT, PASSWORD, Dovecot, Kontor, Postfix, tree

TOOLS = ROOT / "build/bench/mail"
QUICK = "--quick" in sys.argv
PARTS = [a for a in sys.argv[1:] if not a.startswith("--")]
RUNS = 1 if QUICK else 3
USERS = [f"u{n:04d}" for n in range(40 if QUICK else 1000)]
BOX = 400 if QUICK else 100000
BODIES = 200 if QUICK else 10000
rows = []


def tool(name, *args, timeout=300):
    r = subprocess.run([TOOLS / name, *map(str, args)], capture_output=True, text=True, timeout=timeout)
    lines = r.stdout.strip().splitlines()
    if r.returncode or not lines:
        raise SystemExit(f"{name} {' '.join(map(str, args))}: exit {r.returncode}\n{r.stdout[-500:]}{r.stderr[-500:]}")
    return json.loads(lines[-1])


def user(server, name):
    return name + ("@example.org" if isinstance(server, Kontor) else "")


def median(what, runs=RUNS):
    return statistics.median(what() for _ in range(runs))


def row(name, peer_name, peer, own, unit, goal, less=False):
    ratio = (peer / own if less else own / peer) if own and peer else 0
    rows.append((name, peer_name, peer, own, unit, ratio, goal))
    print(f"{name}: {peer_name} {peer:.4g}, kontor {own:.4g} {unit}, ratio {ratio:.2f} (goal {goal}x)", flush=True)


def load(server, port, conns, msgs, *more):
    return tool("smtpload", "--port", port, "--conns", conns, "--msgs", msgs, "--size", 10240, "--users", min(100, len(USERS)),
                "--verify-port", server.port("imap"), "--verify-user", user(server, "u%04d"), "--verify-pass", PASSWORD, *more)


def imap(server, mode, *more, box="u0000", tls=False):
    return tool("imapload", mode, "--port", server.port("imaps" if tls else "imap"), "--pass", PASSWORD, *(["--tls"] if tls else []),
                "--user", user(server, box), *more, timeout=900)


def n(number):
    return max(20, number // 20) if QUICK else number


def part_lmtp(k, d):
    for conns, goal in ((1, 1.5), (8, 3), (32, 3)):
        f = lambda s: median(lambda: load(s, s.port("lmtp"), conns, n(1500 if conns == 1 else 3000), "--lmtp")["deliver_per_s"])
        row(f"LMTP delivery, 10 KiB, {conns} connections", "Dovecot LMTP", f(d), f(k), "mails/s", goal)


def part_smtp(k, d):
    p = Postfix(FOLDER, d, USERS)
    try:
        for conns, goal in ((1, 1.5), (8, 8), (32, 8)):
            peer = median(lambda: load(d, p.port("smtp"), conns, n(800 if conns == 1 else 2000))["deliver_per_s"])
            own = median(lambda: load(k, k.port("smtp"), conns, n(1500 if conns == 1 else 3000))["deliver_per_s"])
            row(f"SMTP accept + delivery, 10 KiB, {conns} connections", "Postfix + Dovecot", peer, own, "mails/s", goal)
    finally:
        p.stop()


def part_list(k, d):
    members = USERS
    k.cli("group", "add", "alle@example.org", *[m + "@example.org" for m in members])
    one = lambda s, port, rcpt: tool("smtpload", "--port", port, "--conns", 1, "--msgs", 1, "--size", 10240, "--users", len(members),
                                     "--expect-all", "--rcpt", rcpt, "--from", "u0000@example.org", "--verify-port", s.port("imap"),
                                     "--verify-user", user(s, "u%04d"), "--verify-pass", PASSWORD)["deliver_s"]
    per = min(100, len(members))
    peer = median(lambda: tool("smtpload", "--lmtp", "--port", d.port("lmtp"), "--conns", 8, "--msgs", len(members) // per,
                               "--rcpts-per-msg", per, "--size", 10240, "--users", len(members), "--verify-port", d.port("imap"),
                               "--verify-user", "u%04d", "--verify-pass", PASSWORD)["deliver_s"])
    row(f"one post to {len(members)} mailboxes", "Dovecot LMTP, 100 recipients each", peer,
        median(lambda: one(k, k.port("smtp"), "alle@example.org")), "s", 10, less=True)


def part_login(k, d):
    count = n(200)
    go = lambda s: imap(s, "login", "--users", count, "--conns", 16, "--seconds", 1 if QUICK else 4, box="u%04d")["ops_per_s"]
    go(k)       # the first log-in of each account costs Argon2id; measured are those that follow within ten minutes
    secure = median(lambda: go(d))
    d.start("perf")
    fast = median(lambda: go(d))
    d.start()
    row("log-ins, 16 connections (password verified before)", "Dovecot, its faster mode", max(secure, fast), median(lambda: go(k)), "/s", 5)


def part_append(k, d):
    for conns, users, goal in ((1, 1, 1), (8, 8, 2), (32, 32, 2), (8, 1, 5)):
        f = lambda s: median(lambda: imap(s, "append", "--conns", conns, "--users", users, "--msgs", n(1000 if conns == 1 else 3000), "--size", 10240,
                                          box="u%04d")["ops_per_s"])
        row(f"APPEND 10 KiB, {conns} connections" + (" into one mailbox" if users == 1 and conns > 1 else ""), "Dovecot", f(d), f(k), "/s", goal)


def fill(s, box, msgs, size):
    imap(s, "fill", "--msgs", msgs, "--size", size, box=box)


def part_select(k, d):
    for s in (d, k):
        fill(s, "big", BOX, 2048)
    first = {}
    for s in (d, k):
        s.stop()
        s.start()
        first[s.name] = imap(s, "select", "--count", 1, box="big")["lat_p50_ms"]
    row(f"first SELECT of {BOX:,} messages", "Dovecot", first[d.name], first[k.name], "ms", 1, less=True)
    f = lambda s: median(lambda: imap(s, "select", "--count", n(300), box="big")["lat_p50_ms"])
    row(f"SELECT again", "Dovecot", f(d), f(k), "ms", 1, less=True)
    f = lambda s: median(lambda: imap(s, "cmd", "--count", 2, "--exec", "FETCH 1:* (FLAGS UID INTERNALDATE RFC822.SIZE ENVELOPE)", box="big")["fetches_per_s"])
    row("FETCH flags, UID, date, size, ENVELOPE", "Dovecot", f(d), f(k), "messages/s", 1)


def part_body(k, d):
    c = Dovecot(FOLDER, [*USERS, "bodies"], crypt=True)
    try:
        for s in (d, c, k):
            fill(s, "bodies", BODIES, 10240)
        for conns in (1, 4):
            f = lambda s: median(lambda: imap(s, "cmd", "--conns", conns, "--count", 2, "--exec", "FETCH 1:* (BODY.PEEK[])", box="bodies")["MB_per_s"])
            own = f(k)
            row(f"FETCH bodies of 10 KiB, {conns} connections", "Dovecot", f(d), own, "MB/s", 0.5)
            row(f"FETCH bodies of 10 KiB, {conns} connections", "Dovecot, mail_crypt + zlib", f(c), own, "MB/s", 1)
        f = lambda s: median(lambda: imap(s, "seqcmd", "--count", n(1000), "--exec", "FETCH %ld (BODY.PEEK[])", box="bodies")["lat_p50_ms"])
        row("FETCH of one body", "Dovecot", f(d), f(k), "ms", 1, less=True)
        for conns, goal in ((1, 0.5), (8, 1)):
            def store(s):
                imap(s, "cmd", "--count", 1, "--exec", r"STORE 1:* -FLAGS.SILENT (\Seen)", box="bodies")
                return imap(s, "seqcmd", "--conns", conns, "--count", n(2000), "--exec", r"STORE %ld +FLAGS.SILENT (\Seen)", box="bodies")["ops_per_s"]
            row(f"STORE of one flag, {conns} connections (kontor durable, Dovecot not)", "Dovecot", median(lambda: store(d)), median(lambda: store(k)), "/s", goal)
    finally:
        c.stop()


def part_idle(k, d):
    f = lambda s: imap(s, "idlelat", "--count", n(40), "--dport", s.port("lmtp"), "--drcpt", "u0000@example.org", "--gap", 100)["start_to_exists_p50_ms"]
    row("delivery to EXISTS in IDLE", "Dovecot", f(d), f(k), "ms", 20, less=True)


def pss(pid):
    total = 0
    for p in tree(pid):
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{p}/smaps_rollup").read_text(), re.M)[1])
        except (OSError, TypeError):
            pass
    return total


def part_memory(k, d):
    count = 100 if QUICK else 5000
    before, flag = pss(k.pid), FOLDER / "ready"
    p = subprocess.Popen([TOOLS / "imapload", "idlehold", "--port", str(k.port("imaps")), "--tls", "--user", "u%04d@example.org", "--pass", PASSWORD,
                          "--users", "50", "--count", str(count), "--conns", "8", "--hold", "120", "--ready-file", flag], stdout=subprocess.PIPE)
    end = time.time() + 200
    while not flag.exists() and p.poll() is None and time.time() < end:
        time.sleep(0.2)
    time.sleep(3)
    own = (pss(k.pid) - before) / count
    p.terminate()
    p.wait()
    row(f"{count:,} idle TLS connections, PSS each (Dovecot 2.3: about 510)", "goal", 25, own, "KiB", 1, less=True)


def part_fsync(k, d):
    """How often core syncs, and that no 250 leaves before: the last sync before each reply is later than the body's arrival."""
    core, log = k.role("core"), FOLDER / "strace"
    if not shutil.which("strace"):
        print("fsync: no strace here")
        return
    s = subprocess.Popen(["strace", "-f", "-ttt", "-e", "trace=fdatasync,fsync", "-o", log, "-p", str(core)], stderr=subprocess.DEVNULL)
    time.sleep(1)
    msgs = n(400)
    r = tool("smtpload", "--lmtp", "--port", k.port("lmtp"), "--conns", 8, "--msgs", msgs, "--size", 10240, "--users", 20)
    time.sleep(0.5)
    s.terminate()
    s.wait()
    syncs = len(re.findall(r"(?:fdatasync|fsync)\(", log.read_text()))
    rows.append((f"syncs for {msgs} acknowledged mails over 8 connections", "one each would be", msgs, syncs, "fdatasync", msgs / max(syncs, 1), "-"))
    print(f"fsync: {msgs} mails acknowledged, {syncs} syncs, {r['errors']} errors", flush=True)
    assert syncs > msgs / 256


def write(machine):
    out = ["# Performance, measured side by side", "",
           "Made by `make bench` (bench/mail/run.py): Debian's Postfix and Dovecot with the shared configurations and kontor, in turn, on the same disk,",
           f"medians of {RUNS} runs. Absolute numbers are this machine's; read the ratios. A ratio above the goal is reached.", "", machine, "",
           "| what | peer | peer's value | kontor | unit | ratio | goal | reached |", "|---|---|---|---|---|---|---|---|"]
    for name, peer_name, peer, own, unit, ratio, goal in rows:
        if goal == 20:
            mark = "yes" if own <= 20 else "**no**"
            goal = "<= 20 ms"
        else:
            mark = "" if goal == "-" else "yes" if ratio >= goal else "**no**"
        out.append(f"| {name} | {peer_name} | {peer:,.4g} | {own:,.4g} | {unit} | {ratio:.2f} | {goal} | {mark} |")
    notes = ROOT / "bench/mail/notes.md"
    if notes.exists():
        out += ["", notes.read_text().rstrip()]
    (ROOT / "docs/performance.md").write_text("\n".join(out) + "\n")


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    version = lambda *c: subprocess.run(c, capture_output=True, text=True).stdout.strip().split("\n")[0]
    return (f"Machine: {os.cpu_count()} processors ({cpu[1] if cpu else '?'}), {time.strftime('%Y-%m-%d')}, {version('uname', '-sr')}, "
            f"Dovecot {version('dovecot', '--version')}, Postfix {version('postconf', '-h', 'mail_version')}.")


if os.geteuid():
    raise SystemExit("bench/mail needs root: the peers run as users of their own")
subprocess.run(["ninja", "-C", str(ROOT / "build"), "bench"], check=True, capture_output=True)
FOLDER = pathlib.Path(os.environ.get("BENCH_DIR", ROOT / "var/bench")) / str(os.getpid())
FOLDER.mkdir(parents=True)
kontor = dovecot = None
try:
    started = time.time()
    everybody = [*USERS, "big", "bodies"]
    dovecot = Dovecot(FOLDER, everybody)
    kontor = Kontor(FOLDER, everybody, True)
    print(f"{len(everybody)} accounts made in {time.time() - started:.0f} s", flush=True)
    for name, part in [(k[5:], v) for k, v in list(globals().items()) if k.startswith("part_")]:
        if not PARTS or name in PARTS:
            part(kontor, dovecot)
    if not QUICK:
        write(machine())
finally:
    for s in (kontor, dovecot):
        if s:
            s.stop()
    shutil.rmtree(FOLDER, ignore_errors=True)
print(f"{len(rows)} passed, 0 failed")
