#!/usr/bin/python3
"""Runs the openspf.org test suite for RFC 7208 (tests/corpus/spf) through spf_eval."""
import os, socket, struct, subprocess, sys
import yaml
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'corpus', 'spf', 'rfc7208-tests.yml')
TYPES = {'A': 1, 'CNAME': 5, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28}


def hexed(s):
    return (s if isinstance(s, bytes) else s.encode('utf-8')).hex()


def data(kind, v):
    if kind == 'A':
        return socket.inet_aton(v)
    if kind == 'AAAA':
        return socket.inet_pton(socket.AF_INET6, v)
    if kind == 'MX':
        return struct.pack('>H', v[0]) + v[1].rstrip('.').encode()
    if kind == 'TXT':
        return ''.join(v).encode('utf-8')
    return v.rstrip('.').encode()


def rows(name, records):
    """Where there is no TXT, records of the old type SPF stand for it too."""
    found, old, text = [], [], False
    for r in records:
        if r == 'TIMEOUT':
            found.append((0, b''))
            continue
        for kind, v in r.items():
            if kind in ('TXT', 'SPF') and isinstance(v, str):
                v = (v,)
            text |= kind == 'TXT'
            if list(v) == ['NONE']:
                continue
            if kind == 'SPF':
                old.append((TYPES['TXT'], None if v == 'TIMEOUT' else data('TXT', v)))
            else:
                found.append((TYPES[kind], None if list(v) == ['TIMEOUT'] or v == 'TIMEOUT' else data(kind, v)))
    for t, d in found + ([] if text else old):
        yield f'Z {hexed(name.rstrip("."))} {t} {"-" if d is None else hexed(d)}'


def ask(p, lines):
    p.stdin.write('\n'.join(lines) + '\n')
    p.stdin.flush()
    return p.stdout.readline().rstrip('\n').partition(' ')


def main():
    p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding='utf-8')
    bad = total = 0
    for scenario in yaml.safe_load_all(open(FILE, 'rb')):
        zone = ['.'] + [line for name, r in scenario['zonedata'].items() for line in rows(name, r)]
        for name, t in scenario['tests'].items():
            question = f"C {hexed(str(t['host']))} {hexed(t['mailfrom'])} {hexed(t['helo'])}"
            result, _, explanation = ask(p, zone + [question])
            want = t['result'] if isinstance(t['result'], list) else [t['result']]
            say = t.get('explanation')
            total += 1
            if result not in want or (say not in (None, 'DEFAULT') and explanation != say) or \
                    (say == 'DEFAULT' and explanation):
                bad += 1
                print(f'{name}: {result} "{explanation}", wanted {want} "{say}"')
    p.stdin.close()
    p.wait()
    print(f'{total} cases, {bad} wrong')
    return 1 if bad or total < 200 else 0


sys.exit(main())
