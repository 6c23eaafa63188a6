#!/usr/bin/env bash
# pg.sh COMMAND... - a throwaway PostgreSQL 15 cluster in a temporary directory, reachable by UNIX socket only;
# runs COMMAND with KONTOR_TEST_PG set to its URL, then stops and removes it. Exit status = COMMAND's.
set -u
bin=${PG_BIN:-/usr/lib/postgresql/15/bin}
[ $# -gt 0 ] || { echo "usage: pg.sh COMMAND..." >&2; exit 2; }
[ -x "$bin/initdb" ] || { echo "pg.sh: no PostgreSQL in $bin (apt-get install postgresql-15)" >&2; exit 2; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/kontor-pg-XXXXXX") || exit 1
as=()
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
	as=(runuser -u postgres --)
	chown postgres "$dir" && chmod 755 "$dir" || exit 1
fi
cd "$dir" || exit 1
started=
finish() {
	[ -n "$started" ] && "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
"${as[@]}" "$bin/initdb" -D "$dir/data" -U kontor -A trust -E UTF8 --locale=C.UTF-8 -N >"$dir/initdb.log" 2>&1 ||
	{ cat "$dir/initdb.log" >&2; exit 1; }
"${as[@]}" "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/data/server.log" \
	-o "-c listen_addresses='' -c unix_socket_directories='$dir' -c unix_socket_permissions=0777 -c max_connections=200" \
	start >/dev/null 2>&1 || { cat "$dir/data/server.log" >&2; exit 1; }
started=1
export KONTOR_TEST_PG="postgresql://kontor@/postgres?host=$dir"
cd "$OLDPWD" || exit 1
"$@"
