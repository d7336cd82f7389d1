"""What `make install` installs is enough to build programs with, and shows nothing else."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from bridge import ROOT, clean_environment
from client import CONFIGURATION, OK, RUNNER, TOOL, USAGE, notify, read_call, send_error, serve_initialize
from peer import DEADLINE

pytestmark = [pytest.mark.installed, pytest.mark.xdist_group("install")]


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    """An installation of this build."""
    stage = tmp_path_factory.mktemp("stage")
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR", "PREFIX")}
    subprocess.run(["make", "-s", "install", "DESTDIR=%s" % stage, "PREFIX=/opt/w"], cwd=ROOT, env=env, check=True)
    return stage


@pytest.fixture(scope="session")
def flags(stage):
    def ask(*options):
        env = {**os.environ, "PKG_CONFIG_PATH": str(stage / "opt/w/lib/pkgconfig"),
               "PKG_CONFIG_SYSROOT_DIR": str(stage)}
        return subprocess.run(["pkg-config", *options, "wsmcp"], env=env, check=True, text=True,
                              capture_output=True).stdout.split()

    return ask


@pytest.fixture(scope="session")
def build(stage, flags, tmp_path_factory):
    """Builds an example as its users do."""
    directory = tmp_path_factory.mktemp("examples")

    def make(name, *more):
        source = directory / (name + ".c")
        shutil.copy(os.path.join(ROOT, "examples", name + ".c"), source)
        out = directory / name
        subprocess.run([os.environ.get("CC", "cc"), str(source), *flags("--cflags", "--libs"), *more, "-o", str(out)],
                       check=True)
        return out

    return make


@pytest.fixture
def run(stage, home, cleanup):
    def start(program, *arguments):
        process = subprocess.Popen(
            [*RUNNER, str(program), *arguments], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=str(home),
            env=clean_environment(home, {"LD_LIBRARY_PATH": str(stage / "opt/w/lib")}))
        process.close = process.kill
        cleanup.append(process)
        return process

    return start


def test_what_is_installed(stage):
    version = re.search('"(.*)"', open(os.path.join(ROOT, "version.h")).read().split("WSMCP_VERSION")[-1])[1]
    files = {str(p.relative_to(stage / "opt/w")) for p in stage.rglob("*") if not p.is_dir() or p.is_symlink()}
    if os.uname().sysname == "Linux":
        assert {f for f in files if not f.startswith("share/")} == {
            "bin/wsmcp", "include/wsmcp.h", "lib/libwsmcp.a", "lib/libwsmcp.so", "lib/libwsmcp.so.0",
            "lib/libwsmcp.so." + version, "lib/pkgconfig/wsmcp.pc"}


def symbols(*command):
    lines = subprocess.run(["nm", *command], check=True, text=True, capture_output=True).stdout.splitlines()
    return {line.split()[-1] for line in lines if len(line.split()) == 3}


def test_symbols(stage):
    """Both libraries show what the header declares, no more and no less."""
    header = (stage / "opt/w/include/wsmcp.h").read_text()
    declared = set(re.findall(r"^[a-z].*?\b(wsmcp_\w+)\(", header, re.M)) - {"wsmcp_done"}
    declared |= set(re.findall(r"^enum wsmcp_status (wsmcp_\w+)\(", header, re.M))
    assert len(declared) >= 30
    assert symbols("-D", "--defined-only", str(stage / "opt/w/lib/libwsmcp.so")) == declared
    assert symbols("-g", "--defined-only", str(stage / "opt/w/lib/libwsmcp.a")) == declared
    needed = subprocess.run(["readelf", "-d", str(stage / "opt/w/lib/libwsmcp.so")], text=True,
                            capture_output=True).stdout
    assert "soname: [libwsmcp.so.0]" in needed and "BIND_NOW" in needed


def test_pkg_config(stage, flags):
    assert flags("--cflags") == ["-I%s/opt/w/include" % stage]
    assert flags("--libs") == ["-L%s/opt/w/lib" % stage, "-lwsmcp"]
    assert "-lcurl" in flags("--libs", "--static") and "-lcjson" in flags("--libs", "--static")
    assert re.fullmatch(r"\d+\.\d+\.\d+", flags("--modversion")[0])


@pytest.mark.parametrize("compiler", ["cc -std=c99 -pedantic", "cc -std=c11 -Wall -Wextra -Wconversion", "c++ -Wall"])
def test_the_header_alone(stage, tmp_path, compiler):
    command = compiler.split()
    if not shutil.which(command[0]):
        pytest.skip("no %s here" % command[0])
    source = tmp_path / ("a.cc" if command[0] == "c++" else "a.c")
    source.write_text("#include <wsmcp.h>\n#include <wsmcp.h>\nint main(void) { return wsmcp_error(0)[0] == 0; }\n")
    subprocess.run([*command, "-Werror", "-c", "-o", str(tmp_path / "a.o"), "-I%s/opt/w/include" % stage, str(source)],
                   check=True)


def test_the_template(build, run, peer):
    program = build("template")
    p = peer()
    process = run(program, p.url(), "echo", '{"message":"hello"}')
    conn = p.open()
    serve_initialize(conn)
    asked = read_call(conn, "tools/call")
    assert asked["params"] == {"name": "echo", "arguments": {"message": "hello"}}
    result = '{"content": [{"type":"text","text":"hello"}], "n": 9007199254740993}'
    conn.send_text('{"jsonrpc":"2.0","id":%d,"result":%s}' % (asked["id"], result))
    assert conn.read_close()[0][0] == 1000
    conn.answer_close()
    assert process.communicate(timeout=DEADLINE) == (result + "\n", "")
    assert process.returncode == OK


def test_the_template_fails(build, run, peer):
    program = build("template")
    p = peer()
    process = run(program, p.url(), "echo")
    conn = p.open()
    serve_initialize(conn)
    send_error(conn, read_call(conn, "tools/call")["id"], -32602, "Unknown tool: echo")
    assert conn.read_close()[0][0] == 1000  # it disconnects all the same
    conn.answer_close()
    out, err = process.communicate(timeout=DEADLINE)
    assert json.loads(out) == {"code": -32602, "message": "Unknown tool: echo"}
    assert err == "ToolError: Unknown tool: echo\n" and process.returncode == TOOL
    for arguments, kind, status in (
            (("no-such", "t"), "ConfigurationError", CONFIGURATION), (("http://x/", "t"), "UsageError", USAGE)):
        process = run(program, *arguments)
        out, err = process.communicate(timeout=DEADLINE)
        assert out == "" and err.startswith(kind + ": ") and process.returncode == status


def test_the_template_with_a_configured_server(build, run, peer, home):
    p = peer()
    config = home / ".config" / "wsmcp" / "servers.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"mcpServers": {"my-server": {"url": p.url("/?key=secret")}}}))
    process = run(build("template"), "my-s", "t")
    conn = p.open()
    serve_initialize(conn)
    conn.send_result(read_call(conn, "tools/call")["id"], {"content": []})
    conn.answer_close()
    out, err = process.communicate(timeout=DEADLINE)
    assert json.loads(out) == {"content": []} and err.startswith("my-server: ws://") and "secret" not in err


def test_the_readme(stage, flags, tmp_path):
    text = open(os.path.join(ROOT, "README.md")).read()
    (tmp_path / "program.c").write_text(re.search(r"```c\n(.*?)```", text, re.S)[1])
    subprocess.run([os.environ.get("CC", "cc"), "-Wall", "-Werror", "program.c", *flags("--cflags", "--libs"),
                    "-o", "program"], cwd=tmp_path, check=True)


def test_linked_statically(stage, flags, build, run, peer, tmp_path):
    """The library in the program itself: its other names do not get in the way of the program's."""
    names = tmp_path / "names.c"
    names.write_text("int buf_append(void); int buf_append(void) { return 1; }\nint log_line; int url_parse = 1;\n")
    shared = stage / "opt/w/lib/libwsmcp.so"
    shared.rename(stage / "hidden")
    try:
        program = build("template", str(names), *flags("--libs", "--static"))
    finally:
        (stage / "hidden").rename(shared)
    linked = subprocess.run(["ldd", str(program)], text=True, capture_output=True).stdout
    assert "libwsmcp" not in linked and "libcurl" in linked
    p = peer()
    process = run(program, p.url(), "t")
    conn = p.open()
    serve_initialize(conn)
    conn.send_result(read_call(conn, "tools/call")["id"], {"content": []})
    conn.answer_close()
    assert json.loads(process.communicate(timeout=DEADLINE)[0]) == {"content": []}


def test_a_loop_of_ones_own(build, run, peer):
    program = build("loop")
    p = peer()
    process = run(program, p.url(), "count", '{"to":2}')
    conn = p.open()
    serve_initialize(conn)
    asked = read_call(conn, "tools/call")
    token = asked["params"]["_meta"]["progressToken"]
    notify(conn, "notifications/progress", progressToken=token, progress=1, total=2)
    notify(conn, "news", a=1)
    conn.send_text({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "?"}})
    assert conn.read_json() == {"jsonrpc": "2.0", "id": "q", "result": {"action": "decline"}}
    conn.send_result(asked["id"], {"content": []})
    conn.answer_close()
    out, err = process.communicate(timeout=DEADLINE)
    assert json.loads(out) == {"content": []} and process.returncode == OK
    assert " 50 %" in err and 'news {"a":1}' in err and "the server asks" in err


def test_a_loop_that_is_interrupted(build, run, peer):
    p = peer()
    process = run(build("loop"), p.url(), "count")
    conn = p.open()
    serve_initialize(conn)
    asked = read_call(conn, "tools/call")
    process.send_signal(signal.SIGINT)
    assert read_call(conn, "notifications/cancelled")["params"]["requestId"] == asked["id"]
    assert conn.read_close()[0][0] == 1000
    conn.answer_close()
    out, err = process.communicate(timeout=DEADLINE)
    assert out == "" and "Cancelled" in err and process.returncode == 6


def test_a_loop_without_a_server(build, run):
    process = run(build("loop"), "ws://127.0.0.1:1/", "count")
    assert "cannot connect" in process.stderr.readline()  # and goes on trying
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE) == 6
