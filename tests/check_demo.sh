#!/bin/sh
# What `make demo` shows.
set -eu
cd "$(dirname "$0")/.."
exec "$(./setup.sh python)" tests/demo/demo.py "${WSMCP:-./wsmcp}"
