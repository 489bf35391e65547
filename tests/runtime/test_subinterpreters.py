"""Calls in a subinterpreter, which may have no daemon threads."""

from __future__ import annotations

import subprocess
import sys

from tests.servers.scripted import response

CREATE = """
import sys
if sys.version_info >= (3, 14):
    from concurrent.interpreters import create
    interpreter = create()
    run, close = interpreter.exec, interpreter.close
else:
    from importlib import import_module
    interpreters = import_module("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    interpreter = interpreters.create()
    run, close = lambda code: interpreters.run_string(interpreter, code), lambda: interpreters.destroy(interpreter)
"""
FETCH = """
import asyncio, httpconn

async def main():
    async with httpconn.HTTPConnection() as conn:
        return await conn.async_get_bytes({url!r})

with httpconn.HTTPConnection() as conn:
    path = conn.download_file({url!r}, {path!r})
    print(conn.get_bytes({url!r}), asyncio.run(main()), path.read_bytes())
"""


def test_a_subinterpreter_fetches_and_downloads(scripted, tmp_path):
    fetch = FETCH.format(url=scripted(response(body=b"ok")).url, path=str(tmp_path / "file"))
    code = f"{CREATE}\nrun({fetch!r})\nclose()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50)
    assert (ran.stdout, ran.stderr) == ("b'ok' b'ok' b'ok'\n", "")
