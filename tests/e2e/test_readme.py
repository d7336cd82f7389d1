"""The README's chapter on servers by name: what it shows is what happens.

Its first JSON block is the file that it speaks of. In its console blocks a line behind "$ " is run, and what
follows must be what it prints, on stdout and stderr; of white space only that there is some counts.
"""

import os
import re
import shlex
import subprocess

import pytest

from bridge import BINARY, ROOT, RUNNER, clean_environment
from peer import DEADLINE

with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
    CHAPTER = re.search(r"^## Servers by name\n(.*?)^## ", readme.read(), re.M | re.S)[1]

FILE = re.search(r"^```json\n(.*?)^```", CHAPTER, re.M | re.S)[1]
BLOCKS = re.findall(r"^```console\n(.*?)^```", CHAPTER, re.M | re.S)
COMMANDS = [step for block in BLOCKS for step in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)]


@pytest.fixture
def reader(home, echo, tmp_path):
    """Somebody who does what the README says; returns what a command prints."""
    port = echo().port
    project, programs = home / "project", tmp_path / "bin"
    project.mkdir()
    programs.mkdir()
    script = programs / "wsmcp"
    script.write_text('#!/bin/sh\nexec %s "$@"\n' % shlex.join([*RUNNER, os.path.realpath(BINARY)]))
    script.chmod(0o755)

    def here(text):
        for shown, real in (("8080", str(port)), ("/home/me", str(home)),
                            ("/usr/local/bin/wsmcp", os.path.realpath(BINARY))):
            text = text.replace(shown, real)
        return text

    own = home / ".config/wsmcp/servers.json"
    own.parent.mkdir(parents=True)
    own.write_text(here(FILE))

    def run(command, shown):
        made = re.fullmatch(r"cat (\S+)", command)
        if made:  # a file that the reader is to imagine
            (project / made[1]).write_text(here(shown))
        env = clean_environment(home)
        got = subprocess.run(["sh", "-c", here(command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=3 * DEADLINE, cwd=project,
                             env={**env, "PATH": "%s:%s" % (programs, env["PATH"])})
        return got.stdout, here(shown)

    return run


def words(text):
    return re.sub(r"\s+", "", text)


def test_there_are_examples():
    assert len(COMMANDS) >= 7 and all(shown for _, shown in COMMANDS)


def test_examples(reader):
    for command, shown in COMMANDS:
        got, wanted = reader(command, shown)
        assert words(got) == words(wanted), "$ %s\n%s\n-- instead of\n%s" % (command, got, wanted)
