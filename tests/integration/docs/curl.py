"""As much of curl as the documentation uses, so that its command lines run where there is none."""

from __future__ import annotations

import argparse
import shlex

import httpx

_OPTIONS = argparse.ArgumentParser(prog="curl", exit_on_error=False)
_OPTIONS.add_argument("-X")
_OPTIONS.add_argument("-d")
_OPTIONS.add_argument("-H", action="append", default=[])
_OPTIONS.add_argument("url")

FORM = "application/x-www-form-urlencoded"
"""What curl declares a body to be unless told otherwise."""


def run_curl(command: str) -> bytes:
    """Make the request of one command line; returns the body of the answer, whose HTTP status is 200."""
    name, *words = shlex.split(command.replace("\\\n", " "))
    assert name == "curl"
    given = _OPTIONS.parse_args(words)
    headers = {} if given.d is None else {"Content-Type": FORM}
    for header in given.H:
        key, _, value = header.partition(":")
        headers[key] = value.strip()
    method = given.X or ("GET" if given.d is None else "POST")
    content = None if given.d is None else given.d.encode()
    with httpx.Client() as http:
        answer = http.request(method, given.url, headers=headers, content=content)
    assert answer.status_code == 200
    return answer.content
