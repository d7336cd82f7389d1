#!/bin/sh
# Installs what is missing for building, showing, testing or linting wsmcp, and nothing else.
#
#   ./setup.sh build     compiler, make, pkg-config, libcurl >= 8.14 with WebSocket, cJSON, libedit
#   ./setup.sh demo      and a Python with the websockets library
#   ./setup.sh test      and the test tools, tests/.venv (pip) and tests/real/node_modules (npm);
#                        nginx only unpacked in tests/.nginx where installing would start a service;
#                        "test-valgrind" insists on valgrind where "test" does without it: macOS
#   ./setup.sh bench     what "build" does, libssl's headers, openssl, and the other bridges, which it goes on
#                        without if it must: tests/bench/.venv (pip), tests/bench/peers/node_modules
#                        (npm), node; valgrind, likewise
#   ./setup.sh lint      clang-format, clang-tidy, shellcheck
#   ./setup.sh python    prints the Python that the demo runs with
#
# What is there and good enough stays as it is. What is to be installed is said first. Runs as
# root or with sudo; knows apt, dnf, pacman, apk and Homebrew, and otherwise says what is missing.
set -eu
cd "$(dirname "$0")"

CURL_MIN=8.14
APT=/etc/apt

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "this needs root, and there is no sudo: $*"
    fi
}

# --- what is there ---------------------------------------------------------------------------

# One function a need: true if what is there is good enough.

has_compiler() {
    printf '#include <stdio.h>\nint main(void) { return 0; }\n' | ${CC:-cc} -E -x c - >/dev/null 2>&1
}

has_make() { have make; }
has_pkgconfig() { have pkg-config; }

has_curl() {
    has_pkgconfig && pkg-config --exists "libcurl >= $CURL_MIN" &&
        pkg-config --variable=supported_protocols libcurl | tr -d '"' | grep -qw WS
}

has_cjson() { has_pkgconfig && pkg-config --exists libcjson; }
has_libedit() { has_pkgconfig && pkg-config --exists libedit; }
has_python() { have python3; }
has_websockets() { python_with_websockets >/dev/null; }
has_venv() { [ -x tests/.venv/bin/python ] || python3 -c 'import ensurepip, venv' 2>/dev/null; }
has_cmocka() { has_pkgconfig && pkg-config --exists cmocka; }

has_fuzzer() {
    have clang && find "$(clang -print-resource-dir)/lib" -name 'libclang_rt.fuzzer*' | grep -q .
}

has_valgrind() { have valgrind; }
has_openssl() { have openssl; }
has_libssl() { has_pkgconfig && pkg-config --exists openssl; }
has_certificates() { [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/ssl/cert.pem ]; }
has_tmux() { have tmux; }
has_node() { have node && have npm; }

has_nginx() {
    for nginx in nginx /usr/sbin/nginx /usr/local/sbin/nginx tests/.nginx/usr/sbin/nginx; do
        ! "$nginx" -v >/dev/null 2>&1 || return 0
    done
    return 1
}

has_clangformat() { have clang-format; }
has_clangtidy() { have clang-tidy; }
has_shellcheck() { have shellcheck; }

# The first Python that has the library: the tests' own, the user's, the system's.
python_with_websockets() {
    for python in tests/.venv/bin/python python3 /usr/bin/python3; do
        if "$python" -c 'import websockets' 2>/dev/null; then
            echo "$python"
            return 0
        fi
    done
    return 1
}

# --- the packages ----------------------------------------------------------------------------

# Which packages meet a need; commas between them, "-" where the system brings it along or has none.
packages() {
    awk -v need="$1" -v manager="$2" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == manager) column = i; next }
        $1 == need && $column != "-" { gsub(",", " ", $column); print $column }' <<'TABLE'
need          apt                              dnf                   pacman             apk                    brew
compiler      gcc,libc6-dev                    gcc,glibc-devel       gcc                gcc,musl-dev           -
make          make                             make                  make               make                   make
pkgconfig     pkg-config                       pkgconf-pkg-config    pkgconf            pkgconf                pkgconf
curl          libcurl4-openssl-dev             libcurl-devel         curl               curl-dev               curl
cjson         libcjson-dev                     cjson-devel           cjson              cjson-dev              cjson
libedit       libedit-dev                      libedit-devel         libedit            libedit-dev            libedit
python        python3                          python3               python             python3                python
websockets    python3-websockets               python3-websockets    python-websockets  py3-websockets         -
venv          python3-venv                     -                     -                  -                      -
cmocka        libcmocka-dev                    libcmocka-devel       cmocka             cmocka-dev             cmocka
fuzzer        clang,libclang-rt-dev            clang,compiler-rt     clang,compiler-rt  clang,compiler-rt      llvm
valgrind      valgrind                         valgrind              valgrind           valgrind               -
openssl       openssl                          openssl               openssl            openssl                openssl
libssl        libssl-dev                       openssl-devel         openssl            openssl-dev            openssl
certificates  ca-certificates                  ca-certificates       ca-certificates    ca-certificates        ca-certificates
tmux          tmux                             tmux                  tmux               tmux                   tmux
node          nodejs,npm                       nodejs,npm            nodejs,npm         nodejs,npm             node
nginx         -                                nginx                 nginx              nginx                  nginx
clangformat   clang-format                     clang-tools-extra     clang              clang-extra-tools      clang-format
clangtidy     clang-tidy                       clang-tools-extra     clang              clang-extra-tools      llvm
shellcheck    shellcheck                       ShellCheck            shellcheck         shellcheck             shellcheck
TABLE
}

package_manager() {
    for manager in apt-get dnf pacman apk brew; do
        if have "$manager"; then
            echo "${manager%-get}"
            return
        fi
    done
}

install_packages() { # manager packages...
    manager=$1
    shift
    say "installing with $manager: $*"
    case $manager in
    apt) apt_get install --no-upgrade "$@" ;;
    dnf) as_root dnf install -y -q --setopt=install_weak_deps=False "$@" ;;
    pacman) as_root pacman -Sy --needed --noconfirm "$@" ;;
    apk) as_root apk add --quiet "$@" ;;
    brew) brew install --quiet "$@" ;;
    esac
}

# Meets the needs that are given and not met yet.
install_missing() {
    missing='' wanted=''
    manager=$(package_manager)
    for need in "$@"; do
        "has_$need" && continue
        missing="$missing $need"
        [ "$need" = curl ] || wanted="$wanted $(packages "$need" "$manager")"
    done
    [ -n "$missing" ] || return 0
    say "missing:$missing"
    [ -n "$manager" ] ||
        die "install that with your system's package manager; curl means libcurl $CURL_MIN or newer with WebSocket"
    [ "$manager" != apt ] || apt_get update
    # shellcheck disable=SC2086 # words on purpose
    set -- $wanted
    [ $# -eq 0 ] || install_packages "$manager" "$@"
    case " $missing " in *' curl '*) install_curl "$manager" ;; esac
    case "$manager $missing " in 'apt '*' nginx '*) apt_unpack_nginx ;; esac

    for need in $missing; do
        "has_$need" || die "$need is missing, and what $manager has did not help: '$(packages "$need" "$manager")'"
    done
}

# --- apt -------------------------------------------------------------------------------------

apt_get() {
    command=$1
    shift
    case $command in
    install) set -- -y --no-install-recommends "$@" ;;
    esac
    as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes \
        apt-get -qq -o Dpkg::Use-Pty=0 "$command" "$@" >/dev/null
}

# Whether apt would install a libcurl that is new enough, from the release given or by default.
apt_has_curl() {
    version=$(apt-cache policy libcurl4-openssl-dev |
        awk -v release="${1:-}" '
            release == "" && $1 == "Candidate:" { print $2; exit }
            NF == 2 && $2 ~ /^-?[0-9]+$/ { version = $1 }
            NF == 3 && $1 == "***" { version = $2 }
            release != "" && $3 ~ "^" release "/" { print version; exit }')
    [ -n "$version" ] && dpkg --compare-versions "$version" ge "$CURL_MIN"
}

# Copies the apt source that serves the suite $1, with the suite $2 in its place: same mirror, same
# signing key. Prints "list" or "sources" and then the text, or nothing if there is no such source.
apt_source_like() {
    find $APT -maxdepth 2 -name '*.list' | sort | xargs -r cat | awk -v suite="$1" -v to="$2" '
        $1 == "deb" {
            at = 2
            if ($2 ~ /^\[/) while ($at !~ /\]$/ && at <= NF) at++
            if ($2 ~ /^\[/) at++
            if ($(at + 1) != suite) next
            line = $1
            for (i = 2; i <= at; i++) line = line " " $i
            print "list\n" line " " to " main"
            exit
        }' | grep . ||
    find $APT -maxdepth 2 -name '*.sources' | sort | xargs -r -I{} sh -c 'cat "{}"; echo' | awk -v suite="$1" -v to="$2" '
        BEGIN { RS = ""; FS = "\n" }
        {
            text = field = ""; types = suites = enabled = ""
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^#/) continue
                if ($i !~ /^[ \t]/) { field = tolower($i); sub(/:.*/, "", field) }
                value = $i; sub(/^[^:]*:/, "", value)
                if (field == "types") types = " " value " "
                else if (field == "suites") suites = " " value " "
                else if (field == "enabled") enabled = tolower(value)
                else if (field != "components") text = text $i "\n"
            }
            if (types !~ /[ \t]deb[ \t]/ || index(suites, " " suite " ") == 0 || enabled ~ /no/) next
            printf "sources\nTypes: deb\nSuites: %s\nComponents: main\n%s", to, text
            exit
        }'
}

# Debian's release has a libcurl that is too old or lacks WebSocket; its backports have one.
apt_add_backports() {
    codename=$1
    backports=$codename-backports
    [ -z "$(apt_source_like "$backports" "$backports")" ] || return 0
    source=$(apt_source_like "$codename" "$backports")
    [ -n "$source" ] || die "no apt source for $codename was found to take the mirror of $backports from"
    file=$APT/sources.list.d/wsmcp-backports.$(printf '%s\n' "$source" | head -n 1)
    say "adding $file: $backports from the mirror that serves $codename"
    printf '%s\n' "$source" | tail -n +2 | as_root tee "$file" >/dev/null
    apt_get update
}

# Debian's nginx starts and enables a service when it is installed; the program alone does nothing.
apt_unpack_nginx() {
    target=tests/.nginx
    say "unpacking in $target, not installing: nginx"
    rm -rf $target
    mkdir $target
    (cd $target && apt-get -qq -o APT::Sandbox::User=root download nginx)
    dpkg-deb -x $target/nginx_*.deb $target
    # Of what it depends on only the libraries are needed, the rest is about the service.
    libraries=$(dpkg-deb -f $target/nginx_*.deb Depends | tr ',' '\n' |
        sed 's/^ *//; s/[ (|].*//; /^nginx/d; /^iproute2$/d')
    rm $target/nginx_*.deb
    if ldd $target/usr/sbin/nginx | grep -q 'not found'; then
        # shellcheck disable=SC2086 # words on purpose
        install_packages apt $libraries
    fi
}

install_curl() {
    if [ "$1" != apt ]; then
        # shellcheck disable=SC2046 # words on purpose
        install_packages "$1" $(packages curl "$1")
        [ "$1" != brew ] || has_curl ||
            die "now set PKG_CONFIG_PATH=$(brew --prefix curl)/lib/pkgconfig and try again"
    elif apt_has_curl; then
        say 'installing with apt: libcurl4-openssl-dev'
        apt_get install libcurl4-openssl-dev
    else
        # shellcheck source=/dev/null
        . /etc/os-release
        [ "$ID" = debian ] && apt_add_backports "$VERSION_CODENAME"
        apt_has_curl "${VERSION_CODENAME:-none}-backports" ||
            die "$PRETTY_NAME has no libcurl $CURL_MIN with WebSocket: build curl from source, set PKG_CONFIG_PATH to it, and try again"
        say "installing with apt from $VERSION_CODENAME-backports: libcurl4-openssl-dev"
        apt_get install -t "$VERSION_CODENAME-backports" libcurl4-openssl-dev
    fi
}

# --- pip and npm -----------------------------------------------------------------------------

# Whether what the file $1 asks for was installed already; the stamp $2 holds its checksum.
up_to_date() { [ -e "$2" ] && [ "$(cksum <"$1")" = "$(cat "$2")" ]; }

install_python_packages() {
    list=tests/requirements.txt stamp=tests/.venv/.stamp
    [ -x tests/.venv/bin/python ] && up_to_date "$list" "$stamp" && return
    say "installing with pip into tests/.venv: $list"
    python3 -m venv --clear tests/.venv
    tests/.venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$list"
    cksum <"$list" >"$stamp"
}

install_node_packages() { # directory
    list=$1/package-lock.json stamp=$1/node_modules/.stamp
    [ -e "$list" ] || return 0
    up_to_date "$list" "$stamp" && return
    say "installing with npm into $1/node_modules: $list"
    (cd "$1" && npm ci --silent --no-audit --no-fund --no-update-notifier) || return
    cksum <"$list" >"$stamp"
}

# --- the peers of the benchmark --------------------------------------------------------------

# The first Python that can make an environment: one of the peers needs 3.12.
python_for_peers() {
    for python in python3.14 python3.13 python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9].*/bin/python python3; do
        if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            echo "$python"
            return 0
        fi
    done
    return 1
}

# One by one, as not all of them are there for every system. The stamp is set all the same: what cannot be
# had is not asked for again each time.
install_python_peers() {
    list=tests/bench/peers/requirements.txt target=tests/bench/.venv
    [ -x $target/bin/python ] && up_to_date $list $target/.stamp && return
    say "installing with pip into $target: $list"
    "$(python_for_peers)" -m venv --clear $target || return
    grep '^[a-z]' $list | while read -r requirement; do
        $target/bin/python -m pip install --quiet --disable-pip-version-check "$requirement" </dev/null ||
            say "going on without $requirement; to try again remove $target"
    done
    cksum <$list >$target/.stamp
}

install_peers() {
    for need in venv node valgrind; do
        "has_$need" || (install_missing "$need") || say "going on without $need"
    done
    install_python_peers || say 'going on without the peers in Python'
    ! has_node || install_node_packages tests/bench/peers || say 'going on without the peer in Node'
}

# --- the command -----------------------------------------------------------------------------

build='compiler make pkgconfig curl cjson libedit'
demo="$build python websockets"
tests="$build python venv cmocka fuzzer openssl libssl certificates node nginx tmux"
bench="$build python openssl libssl"
lint="$build python clangformat clangtidy shellcheck"

# shellcheck disable=SC2086 # words on purpose
case ${1-} in
build) install_missing $build ;;
demo) install_missing $demo ;;
lint) install_missing $lint ;;
test | test-valgrind)
    # Some tests count instructions. macOS has no valgrind, and they are skipped there.
    [ "$1 $(uname)" = 'test Darwin' ] || tests="$tests valgrind"
    install_missing $tests
    install_python_packages
    install_node_packages tests/real
    ;;
bench)
    install_missing $bench
    install_peers
    ;;
python) python_with_websockets || die 'no Python with the websockets library: run ./setup.sh demo' ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
