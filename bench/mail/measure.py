"""Running a load generator, medians, memory, the proof that a 250 follows an fsync, and the table."""
import bisect
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Optional

from servers import ROOT, tree

TOOLS = ROOT / "build/bench/mail"


def cpu_sec(pid):
    """User and system time of a process and all below it."""
    ticks = 0
    for p in tree(pid):
        fields = pathlib.Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def tool(name, *args, timeout=900):
    r = subprocess.run([TOOLS / name, *map(str, args)], capture_output=True, text=True, timeout=timeout)
    try:
        out = json.loads(r.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise SystemExit(f"{name} {' '.join(map(str, args))}: {r.stderr.strip() or r.stdout}")
    if r.returncode or out["errors"]:
        raise SystemExit(f"{name} {' '.join(map(str, args))}: {out} {r.stderr.strip()}")
    return out


@dataclass
class Row:
    what: str
    unit: str
    peer_name: str
    peer: Optional[float]
    kontor: float
    less: bool = False              # less is better
    goal: Optional[float] = None    # kontor is this many times better than the peer
    limit: Optional[float] = None   # or: kontor is at most this
    note: str = ""

    @property
    def ratio(self):
        if not self.peer or not self.kontor:
            return None
        return self.peer / self.kontor if self.less else self.kontor / self.peer

    @property
    def reached(self):
        if self.limit is not None:
            return self.kontor <= self.limit
        return None if self.goal is None or self.ratio is None else self.ratio >= self.goal

    def cells(self):
        goal = f"<= {self.limit:g} {self.unit}" if self.limit is not None else f">= {self.goal:g}x" if self.goal else ""
        return [self.what, self.unit, self.peer_name, number(self.peer), number(self.kontor),
                f"{self.ratio:.2f}x" if self.ratio else "", goal, {True: "yes", False: "**no**", None: ""}[self.reached],
                self.note]


HEAD = ["measure", "unit", "peer", "peer's", "kontor", "ratio", "goal", "reached", "note"]


def number(v):
    return "" if v is None else f"{v:,.0f}" if abs(v) >= 100 else f"{v:.3g}"


def in_turn(runs, sides):
    """The median of each side's figures; the sides take turns, so that a slow minute hits all of them."""
    got = {name: [] for name in sides}
    for k in range(runs):
        for name, fn in sides.items():
            got[name].append(fn(k))
    for name, values in got.items():
        print(f"    {name}: {statistics.median(values):.4g}  of {', '.join(f'{v:.4g}' for v in values)}", flush=True)
    return {name: statistics.median(values) for name, values in got.items()}


def pss_kib(root):
    total = 0
    for pid in tree(root):
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
    return total


# ---- the order of fsync and 250 ----

CALL = re.compile(r"^(\d+)\s+(\d+\.\d+) (\w+)\((.*)$")
RESUMED = re.compile(r"^(\d+)\s+(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)$")
TOOK = re.compile(r"<(\d+\.\d+)>$")


def calls(path):
    """(begin, end, pid, name, text) of every system call in an strace -f -ttt -T log."""
    waiting = {}
    for line in path.read_text(errors="replace").splitlines():
        if m := CALL.match(line):
            pid, at, name, rest = m.groups()
            if "<unfinished" in rest:
                waiting[pid, name] = float(at), rest
            elif t := TOOK.search(rest):
                yield float(at), float(at) + float(t[1]), int(pid), name, rest
        elif m := RESUMED.match(line):
            pid, at, name, rest = m.groups()
            begin, first = waiting.pop((pid, name), (None, ""))
            if begin is not None:
                yield begin, float(at), int(pid), name, first + rest


def count_syncs(folder, command, pid=None):
    """fsyncs while the command runs: its own, or those of the process pid, which does its work."""
    out = pathlib.Path(folder) / "strace"
    strace = ["strace", "-f", "-o", out, "-e", "trace=fsync,fdatasync"]
    if pid is None:
        subprocess.run([*strace, *command], check=True, capture_output=True, timeout=600)
    else:
        p = subprocess.Popen([*strace, "-p", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in p.stderr:
            if "attached" in line:
                break
        time.sleep(0.5)
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=600)
        finally:
            p.send_signal(signal.SIGINT)
            p.wait(20)
    return len(re.findall(r"(?:fsync|fdatasync)\(", out.read_text(errors="replace")))


def trace_order(core, gate, folder, load):
    """Runs load() under strace. Returns (250s, fsyncs, 250s for which no fsync began after the last octet of the
    mail had been read and ended before the reply was written)."""
    out = pathlib.Path(folder) / "strace"
    p = subprocess.Popen(["strace", "-f", "-ttt", "-T", "-s", "12", "-o", out, "-e",
                          "trace=fsync,fdatasync,read,recvfrom,readv,recvmsg,write,writev,sendto,sendmsg", "-p",
                          str(core), "-p", str(gate)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if "attached" in line and str(gate) in line:
            break
    time.sleep(0.5)
    try:
        load()
    finally:
        p.send_signal(signal.SIGINT)
        p.wait(20)
    syncs, read_at, in_data, replies = [], {}, set(), []
    for begin, finish, pid, name, text in sorted(calls(out)):
        fd = text.split(",")[0]
        if name in ("fsync", "fdatasync"):
            syncs.append((begin, finish))
        elif pid != gate:
            continue
        elif name in ("read", "recvfrom", "readv", "recvmsg"):
            if not text.rsplit("=", 1)[-1].strip().startswith(("-1", "0")):
                read_at[fd] = finish
        elif '"354 ' in text:
            in_data.add(fd)
        elif '"250 2.' in text and fd in in_data:
            in_data.discard(fd)
            replies.append((read_at.get(fd, 0), begin))
    begins = sorted(syncs)
    starts = [b for b, _ in begins]
    uncovered = 0
    for arrived, replied in replies:
        after = begins[bisect.bisect_left(starts, arrived):]
        uncovered += not any(e <= replied for _, e in after[:50])
    return len(replies), len(syncs), uncovered


# ---- docs/performance.md ----

def command(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=20).stdout.strip()
    except OSError:
        return ""


def machine(folder):
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    mem = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 1048576
    disk = command("df", "--output=fstype", folder).split("\n")[-1]
    version = {p: command("dpkg-query", "-W", "-f", "${Version}", p) for p in ("postfix", "dovecot-core")}
    return [f"- date: {time.strftime('%Y-%m-%d %H:%M')} UTC" if time.timezone == 0 else
            f"- date: {time.strftime('%Y-%m-%d %H:%M')}",
            f"- machine: {command('nproc')} processors ({cpu[1] if cpu else 'unknown'}), {mem:.0f} GiB memory, {disk}, "
            f"Linux {command('uname', '-r')}",
            f"- kontor {command('git', '-C', str(ROOT), 'describe', '--always')}, SQLite store, Postfix "
            f"{version['postfix']}, Dovecot {version['dovecot-core']} (sdbox)"]


def table(rows):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    return lines + ["| " + " | ".join(r.cells()) + " |" for r in rows]


def write_report(path, folder, rows, facts, runs):
    begin, end = "<!-- bench -->", "<!-- /bench -->"
    text = path.read_text() if path.exists() else (
        "# Speed and memory\n\nMeasured by `make bench`; the table between the marks is written by it, the rest by people.\n\n"
        f"{begin}\n{end}\n")
    new = [begin, *machine(folder), f"- runs of each measure: {runs}, in turn with the peer's; medians", *facts, "",
           *table(rows), end]
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    path.write_text(head + "\n".join(new) + tail)


def show(rows):
    width = [max(len(c) for c in col) for col in zip(HEAD, *(r.cells() for r in rows))]
    for cells in [HEAD, *(r.cells() for r in rows)]:
        print("  ".join(c.ljust(w) for c, w in zip(cells, width)).rstrip())
    sys.stdout.flush()
