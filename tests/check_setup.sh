#!/bin/sh
# setup.sh: silent and without effect when all is there; takes the mirror for backports from any form
# of apt source.
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "$*"
    exit 1
}

for what in build demo test; do
    said=$(./setup.sh "$what" 2>&1)
    [ -z "$said" ] || fail "setup.sh $what has something to do after make test: $said"
done

# Its functions, on apt sources of our own.
mkdir -p "$scratch/apt/sources.list.d"
sed "/^# --- the command/,\$d; s,^cd .*,:,; s,^APT=.*,APT=$scratch/apt," setup.sh >"$scratch/functions"
# shellcheck source=/dev/null
. "$scratch/functions"

expect() { # what
    apt_source_like bookworm bookworm-backports >"$scratch/got" || true
    cmp -s - "$scratch/got" || fail "of $1 it makes: $(cat "$scratch/got")"
}

expect 'no source at all' </dev/null

cat >"$scratch/apt/sources.list" <<'LIST'
#deb http://comment.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb [ arch=amd64 signed-by=/usr/share/key.gpg ] http://one.example/debian bookworm main contrib
LIST
expect 'a list with options' <<'WANT'
list
deb [ arch=amd64 signed-by=/usr/share/key.gpg ] http://one.example/debian bookworm-backports main
WANT

echo 'deb http://two.example/debian/ bookworm main' >"$scratch/apt/sources.list"
expect 'a plain list' <<'WANT'
list
deb http://two.example/debian/ bookworm-backports main
WANT

rm "$scratch/apt/sources.list"
cat >"$scratch/apt/sources.list.d/debian.sources" <<'SOURCES'
Types: deb-src
URIs: http://source.example/debian
Suites: bookworm

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm

# The one.
Types: deb deb-src
URIs: http://three.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
SOURCES
expect 'deb822 with a key inside' <<'WANT'
sources
Types: deb
Suites: bookworm-backports
Components: main
URIs: http://three.example/debian
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
WANT

# A peer of the benchmark that cannot be had is gone on without, and not asked for again.
python_for_peers() { echo "$scratch/python"; }
cat >"$scratch/python" <<'PYTHON'
#!/bin/sh
case "$*" in
*absent*) exit 1 ;;
*venv*) mkdir -p tests/bench/.venv/bin && cp "$0" tests/bench/.venv/bin/python ;;
*) echo "$*" >>asked ;;
esac
PYTHON
chmod +x "$scratch/python"
cd "$scratch"
mkdir -p tests/bench/peers
printf '# Peers.\nabsent==1\nthere==2 ; marker > "3"\n' >tests/bench/peers/requirements.txt
said=$(install_python_peers 2>&1) || fail "it fails without a peer: $said"
case $said in *'without absent==1;'*) ;; *) fail "it does not name the missing peer: $said" ;; esac
grep -q 'there==2 ; marker > "3"$' asked || fail "it stops at a missing peer: $said"
said=$(install_python_peers 2>&1)
[ -z "$said" ] || fail "it asks again: $said"
