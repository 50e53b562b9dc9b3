"""Runs `enformer-vep` for many short commands of one shell script without loading torch for each.

    python command_server.py SOCKET

The server imports the package once and forks for every command. The program `enformer-vep` on the script's PATH is a
client that hands over its arguments, environment, working directory and standard streams (`CLIENT` below), and
exits with the code of the command.
"""

import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import traceback

CLIENT = """#!{python} -IS
import json, os, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(peer, [len(request).to_bytes(4, "big")], [0, 1, 2])
peer.sendall(request)
answer = peer.recv(1)
sys.exit(answer[0] if answer else 70)
"""


def preload() -> None:
    """Imports every module of the package that can be imported here, and what eQTL commands load late."""
    package = importlib.import_module("enformer_vep")
    names = [module.name for module in pkgutil.walk_packages(package.__path__, "enformer_vep.")]
    for name in [*names, "sklearn.ensemble"]:
        if name != "enformer_vep.__main__":
            try:
                importlib.import_module(name)
            except ImportError:
                continue  # an extra that is not installed


def serve(address: str) -> None:
    """Forks for each command, until it is killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            peer, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                answer_request(peer)
            peer.close()


def answer_request(peer: socket.socket) -> None:
    """Runs one command in this process, which ends here."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, streams, _, _ = socket.recv_fds(peer, 4, 3)
    with peer.makefile("rb") as reader:
        words, folder, environment = json.loads(reader.read(int.from_bytes(header, "big")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = run_command(words)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1
    # Whoever waits for the end of the streams must not see the command's code first.
    for number in range(3):
        os.close(number)
    peer.sendall(bytes([code]))
    os._exit(0)


def run_command(words: list[str]) -> int:
    """The exit code of `python -m enformer_vep` with these words."""
    sys.argv = ["enformer-vep", *words]
    try:
        runpy.run_module("enformer_vep", run_name="__main__", alter_sys=False)
    except SystemExit as exit_:
        if isinstance(exit_.code, str):
            sys.stderr.write(f"{exit_.code}\n")
            return 1
        return int(exit_.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    preload()
    serve(sys.argv[1])
