#!/usr/bin/env bash
# tests/bare/run.sh [DIR] - the two commands on a bare Debian 12: debootstrap makes a tree with nothing but git added, this
# repository is cloned into it, ./run serves and is asked over IMAP and SMTP, ./check tools units passes. Needs root
# and about 3 GB; takes a quarter of an hour. Not part of ./check.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=${1:-$(mktemp -d)}
root=$dir/root
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | head -1)
[ -d "$root/usr" ] || debootstrap --variant=minbase --include=ca-certificates,git bookworm "$root" "$mirror"
cp -r /etc/apt/sources.list* "$root/etc/apt/" 2>/dev/null || true
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mounted=()
clean() {
	[ -z "${pid:-}" ] || kill "$pid" 2>/dev/null || true
	for m in "${mounted[@]}"; do umount -l "$m" 2>/dev/null || true; done
}
trap clean EXIT
for m in proc sys dev dev/pts dev/shm; do
	mkdir -p "$root/$m"
	mount --bind "/$m" "$root/$m"
	mounted=("$root/$m" "${mounted[@]}")
done
rm -rf "$root/src"
git clone -q "$top" "$root/src"
inside() { chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }
inside KONTOR_PORT=31000 /src/run >"$dir/run.log" 2>&1 &
pid=$!
for _ in $(seq 900); do
	grep -q event=ready "$dir/run.log" && break
	kill -0 "$pid" 2>/dev/null || { tail -20 "$dir/run.log"; exit 1; }
	sleep 1
done
grep -q event=ready "$dir/run.log"
exec 3<>/dev/tcp/127.0.0.1/31143; read -r line <&3; case $line in '* OK'*) echo "IMAP: $line" ;; *) exit 1 ;; esac
exec 4<>/dev/tcp/127.0.0.1/31025; read -r line <&4; case $line in 220*) echo "SMTP: $line" ;; *) exit 1 ;; esac
inside /src/check tools units
echo "the two commands work on a bare Debian 12"
