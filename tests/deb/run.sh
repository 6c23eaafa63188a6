#!/usr/bin/env bash
# tests/deb/run.sh - builds the Debian package, looks into it, installs it into an empty root, and asks the program there.
set -eu
cd "$(dirname "$0")/../.."
fail() { echo "deb: $*" >&2; exit 1; }
deb=$(dist/deb/build | tail -1)
[ -f "$deb" ] || fail "no package"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dpkg-deb --contents "$deb" >"$work/list"
for f in usr/bin/kontor usr/lib/systemd/system/kontor.service usr/share/man/man1/kontor.1.gz \
	usr/share/man/man1/kontor-account.1.gz usr/share/locale/de/LC_MESSAGES/kontor.mo \
	usr/share/doc/kontor/copyright usr/share/doc/kontor/README.Debian; do
	grep -q " \./$f\$" "$work/list" || fail "$f is missing"
done
! grep -vE ' root/root ' "$work/list" || fail "something does not belong to root"
! grep -E '^.{5}w|^.{8}w' "$work/list" || fail "something may be written by others"
dpkg-deb --field "$deb" Depends | grep -q 'libssl3.*libsqlite3\|libsqlite3.*libssl3' || fail "libraries are missing in Depends"

# Unpacked by dpkg into a root that has nothing else: without a shell and a user database its scripts cannot run there
root=$work/root
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
touch "$root/var/lib/dpkg/status"
if [ "$(id -u)" = 0 ]; then
	dpkg --root="$root" --force-depends --no-triggers --unpack "$deb" >"$work/log" 2>&1 || { cat "$work/log"; fail "dpkg --unpack"; }
	dpkg --root="$root" -s kontor 2>/dev/null | grep -q 'unpacked' || fail "dpkg does not know it"
else
	dpkg-deb -x "$deb" "$root"
fi
dpkg-deb --control "$deb" "$work/control"
for f in postinst prerm postrm; do
	sh -n "$work/control/$f" || fail "$f"
done
(cd "$root" && md5sum -c --quiet "$work/control/md5sums") || fail "md5sums"

kontor=$root/usr/bin/kontor
LC_ALL=C "$kontor" help >"$work/help" || fail "kontor help"
grep -q 'account' "$work/help" || fail "kontor help says nothing of accounts"
MANWIDTH=80 LC_ALL=C gzip -dc "$root/usr/share/man/man1/kontor.1.gz" | grep -q '^\.TH' || fail "manual page"
if command -v systemd-analyze >/dev/null; then # the unit, with the program where it lies now
	sed "s|/usr/bin/kontor|$kontor|" dist/kontor.service >"$work/kontor.service"
	systemd-analyze verify --man=no "$work/kontor.service" >"$work/unit" 2>&1 || { cat "$work/unit"; fail "kontor.service"; }
	! grep kontor.service "$work/unit" || fail "kontor.service"
fi

# A house of the installed program, with no more rights than the unit leaves it
tools/make-user
mkdir "$work/s"
[ "$(id -u)" != 0 ] || chown kontor: "$work/s" # as postinst does
chmod 750 "$work/s"
chmod 755 "$work" "$root"
caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$root/usr/lib/systemd/system/kontor.service" | tr 'A-Z' 'a-z' | sed 's/cap_/+/g; s/ /,/g')
as=()
[ "$(id -u)" != 0 ] || as=(setpriv --bounding-set="-all,$caps" --inh-caps="-all" --no-new-privs)
"$kontor" init --state "$work/s" --domain example.org --admin admin@example.org --password-file - --seal key \
	--set password_memory=8388608 <<<"Passwort-des-Vorstands" >"$work/init" || fail "init"
"${as[@]}" "$kontor" serve --state "$work/s" --base-port 28000 >"$work/serve" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do
	grep -q 'event=ready' "$work/serve" && break
	kill -0 $pid 2>/dev/null || break
	sleep 0.2
done
grep -q 'event=ready' "$work/serve" || { tail -20 "$work/serve"; fail "the installed program does not get ready"; }
"${as[@]}" "$kontor" account list --state "$work/s" | grep -q 'admin@example.org' || fail "no answer"
kill -TERM $pid
wait $pid || { tail -20 "$work/serve"; fail "did not end well"; }
echo "deb: $(basename "$deb") builds, unpacks, and serves"
