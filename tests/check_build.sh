#!/bin/sh
# The build as users and packagers meet it, in a copy of the source code: quiet with both compilers,
# the flags of both sides used, hardened, installed and uninstalled without a trace.
set -eu
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R Makefile setup.sh wsmcp.pc.in manual ./*.c ./*.h "$copy"
cd "$copy"
unset CI WERROR MAKEFLAGS MFLAGS MAKELEVEL CC CFLAGS CPPFLAGS LDFLAGS DESTDIR PREFIX
jobs=-j$(getconf _NPROCESSORS_ONLN)

fail() {
    echo "$*"
    exit 1
}

quiet() { # what, command...
    what=$1
    shift
    "$@" >out 2>&1 || { cat out; fail "$what fails"; }
    [ ! -s out ] || { cat out; fail "$what is not quiet"; }
}

# Both compilers, every warning an error; ours beside the user's flags.
quiet 'make with clang' make -s "$jobs" CC=clang WERROR=1
quiet 'make with other CFLAGS' make -s "$jobs" WERROR=1 CFLAGS='-O1 -DUSERS_OWN' CPPFLAGS=-DUSERS_CPP LDFLAGS=-Wl,-O1
for flag in -std=c11 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -DUSERS_OWN -DUSERS_CPP -Wl,-O1; do
    grep -q -e "$flag" build/plain/command || fail "$flag is not used"
done
quiet 'make with nothing to do' make -s WERROR=1 CFLAGS='-O1 -DUSERS_OWN' CPPFLAGS=-DUSERS_CPP LDFLAGS=-Wl,-O1

# Hardened, where there is ELF.
if command -v readelf >/dev/null; then
    readelf -h wsmcp | grep -q 'Type: *DYN' || fail 'wsmcp is not position-independent'
    readelf -d wsmcp | grep -q BIND_NOW || fail 'wsmcp is not linked with -z now'
    readelf -lW wsmcp | grep -q GNU_RELRO || fail 'wsmcp is not linked with -z relro'
    readelf -sW wsmcp | grep -q __stack_chk_fail || fail 'wsmcp has no stack protector'
fi

# Installed where it was said, and gone again.
flags="DESTDIR=$copy/stage PREFIX=/opt/x LIBDIR=/opt/x/lib64 INCLUDEDIR=/usr/include"
# shellcheck disable=SC2086 # words on purpose
quiet 'make install' make -s "$jobs" install WERROR=1 $flags CFLAGS='-O1 -DUSERS_OWN' CPPFLAGS=-DUSERS_CPP \
    LDFLAGS=-Wl,-O1
find stage ! -type d | LC_ALL=C sort >out
while read -r file; do
    case ${file#stage} in
    /opt/x/bin/wsmcp | /usr/include/wsmcp.h | /opt/x/lib64/pkgconfig/wsmcp.pc | /opt/x/lib64/libwsmcp.*) ;;
    /opt/x/share/man/man1/wsmcp.1 | /opt/x/share/bash-completion/completions/wsmcp.bash) ;;
    /opt/x/share/zsh/site-functions/_wsmcp | /opt/x/share/fish/vendor_completions.d/wsmcp.fish) ;;
    *) fail "install leaves $file" ;;
    esac
done <out
[ "$(wc -l <out)" = 11 ] || fail 'install does not leave eleven files'
grep -q '^libdir=.{prefix}/lib64$' stage/opt/x/lib64/pkgconfig/wsmcp.pc || fail 'wsmcp.pc cannot be moved'
grep -q '^includedir=/usr/include$' stage/opt/x/lib64/pkgconfig/wsmcp.pc || fail 'wsmcp.pc has another INCLUDEDIR'
stage/opt/x/bin/wsmcp --version | grep -q '^wsmcp [0-9]' || fail 'what was installed does not run'
# shellcheck disable=SC2086 # words on purpose
make -s uninstall $flags
[ -z "$(find stage ! -type d)" ] || fail 'uninstall leaves files'

# A libcurl that will not do is one sentence, before anything is compiled.
make -s clean
cat >libcurl.pc <<'PC'
Name: libcurl
Description: one that is new enough, but without WebSocket
Version: 8.20.0
supported_protocols="HTTP HTTPS"
PC
! PKG_CONFIG_PATH=$copy make -s "$jobs" >out 2>&1 || fail 'make takes a libcurl without WebSocket'
if [ "$(grep -vc '^make' out)" != 1 ] || ! grep -q '^wsmcp needs libcurl 8.14 .* 8.20.0' out; then
    cat out
    fail 'a libcurl without WebSocket is not explained in one sentence'
fi
sed -i.old 's/8.20.0/8.13.0/; s/HTTPS/HTTPS WS WSS/' libcurl.pc
! PKG_CONFIG_PATH=$copy make -s "$jobs" >out 2>&1 || fail 'make takes libcurl 8.13'

# Nothing is left behind.
make -s clean
rm -f out libcurl.pc*
rm -rf stage
set -- *
for file; do
    case $file in
    *.c | *.h | Makefile | setup.sh | wsmcp.pc.in | manual) ;;
    *) fail "clean leaves $file" ;;
    esac
done
