#!/usr/bin/env bash
# tests/deb/systemd.sh [DIR] - the package under a real dpkg and a real systemd: debootstrap makes a Debian 12, apt installs the
# package there, systemd boots in a container and starts the unit; it is asked, reloaded, hurt, upgraded, stopped and purged.
# Needs root and about 1 GB; takes a few minutes. Not part of ./check.
set -eu
cd "$(dirname "$0")/../.."
dir=${1:-$(mktemp -d)}
root=$dir/root
for p in debootstrap systemd-container; do dpkg -s $p >/dev/null 2>&1 || apt-get install -y -qq $p >/dev/null; done
deb=$(dist/deb/build | tail -1)
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | head -1)
[ -d "$root/usr" ] || debootstrap --variant=minbase --include=ca-certificates,systemd,systemd-sysv,dbus bookworm "$root" "$mirror" >"$dir/debootstrap.log"
cp -r /etc/apt/sources.list* "$root/etc/apt/" 2>/dev/null || true
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
cp "$deb" "$root/root/kontor.deb"
inside() { chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
inside sh -c 'apt-get purge -y -qq kontor; rm -rf /var/lib/kontor; apt-get update -qq; apt-get install -y -qq --no-install-recommends /root/kontor.deb' >"$dir/apt.log" 2>&1 ||
	{ tail -5 "$dir/apt.log"; exit 1; }
echo "Passwort-des-Vorstands" | inside kontor init --state /var/lib/kontor --domain example.org --admin admin@example.org \
	--password-file - --seal key --set password_memory=8388608 >"$dir/init.log"
cat >"$root/root/probe" <<'P'
#!/bin/bash
exec >/root/probe.out 2>&1
set -eux
export KONTOR_STATE=/var/lib/kontor
hears() { (exec 3<>/dev/tcp/127.0.0.1/$1; read -r -t 10 line <&3; [[ $line == "$2"* ]]) }
ready() { for _ in $(seq 50); do hears 143 '* OK' 2>/dev/null && return; sleep 0.2; done; false; }
ready
systemctl is-active kontor
hears 25 220
kontor account list | grep admin@example.org
kontor status
main=$(systemctl show -P MainPID kontor)
systemctl reload kontor
kill -9 "$(ps -o pid= --ppid "$main" | head -1)"
ready
[ "$main" = "$(systemctl show -P MainPID kontor)" ]
kill -9 "$main"
sleep 4
ready
apt-get install -y --reinstall --no-install-recommends /root/kontor.deb
ready
systemctl stop kontor
[ "$(systemctl show -P Result kontor)" = success ]
! hears 25 220
apt-get purge -y kontor
[ -e /var/lib/kontor/kontor.conf ]
! command -v kontor
set +x
echo PROBE-PASSED
P
chmod +x "$root/root/probe"
inside apt-get install -y -qq --no-install-recommends procps >>"$dir/apt.log" 2>&1
printf '[Unit]\nAfter=kontor.service\n[Service]\nType=oneshot\nExecStart=/root/probe\nExecStopPost=/bin/systemctl poweroff --no-block\nTimeoutStartSec=180\n' \
	>"$root/etc/systemd/system/probe.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf /etc/systemd/system/probe.service "$root/etc/systemd/system/multi-user.target.wants/probe.service"
inside systemctl enable kontor 2>/dev/null
rm -f "$root/root/probe.out"
timeout 240 systemd-nspawn -q -D "$root" --boot --private-network --register=no --keep-unit --console=pipe </dev/null >"$dir/boot.log" 2>&1 || true
tail -1 "$root/root/probe.out" | grep -q PROBE-PASSED || { tail -15 "$root/root/probe.out"; exit 1; }
sed -n 's/^+ kontor status/the unit serves:/p; /^core/p; /^gate/p; /^vault/p; /^out/p' "$root/root/probe.out"
echo "deb: installed by dpkg, started, reloaded, restarted, upgraded, stopped and purged under systemd"
