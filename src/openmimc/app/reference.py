"""The reference page of the options, made from their table.

``python -m openmimc.app.reference FILE`` writes it; with ``--check`` it only says whether FILE is current.
"""

from __future__ import annotations

import argparse
import sys
from itertools import groupby
from pathlib import Path

from openmimc.app.config import Option, Secret, options

_HEAD = """\
# Configuration

<!-- Made from the table in src/openmimc/app/config.py by `make proto`; changes made here are lost. -->

Every option can be given in three places.
The first that names it decides:

1. a flag of `openmimc serve`,
2. an environment variable (an empty one counts as not set),
3. a key of the TOML file named by `--config` or `OPENMIMC_CONFIG`.

A value that does not fit ends the start with exit code 2 and a line that names the option and the place.
So does a key of the file that is no option; unknown environment variables are let be.

```toml
# openmimc.toml: keys without sections, values with TOML's own types
data_dir = "/var/lib/openmimc"
host = "0.0.0.0"
tls_cert = "/etc/openmimc/fullchain.pem"
tls_key = "/etc/openmimc/privkey.pem"
bound_timeout_s = 400.0
```

Settings of single apps are not options of the server: see `openmimc app set`.
"""


def render_reference() -> str:
    """The whole page, as Markdown."""
    parts = [_HEAD]
    for group, rows in groupby(options(), key=lambda option: option.group):
        parts.append(f"\n## {group}\n")
        parts.extend(_section(option) for option in rows)
    return "".join(parts)


def _section(option: Option) -> str:
    places = [f"`{option.flag}`" if option.flag else "no flag", f"`{option.variable}`"]
    places.append(f"`{option.name}`" if option.flag else "no key")
    lines = [
        f"\n### {option.name}\n",
        option.help,
        "",
        "| | |",
        "| --- | --- |",
        f"| Flag, variable, key | {', '.join(places)} |",
        f"| Value | {option.expected}{f' ({option.unit})' if option.unit else ''} |",
        f"| Default | {_default(option)} |",
        "",
    ]
    return "\n".join(lines)


def _default(option: Option) -> str:
    match option.default:
        case None | "" | Secret():
            return "none"
        case bool(value):
            return f"`{str(value).lower()}`"
        case float(value):
            return f"`{value:g}`"
        case value:
            return f"`{value}`"


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(prog="python -m openmimc.app.reference", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if the file is not current"
    )
    arguments = parser.parse_args()
    page = render_reference()
    if not arguments.check:
        arguments.file.write_text(page, encoding="utf-8")
    elif not arguments.file.exists() or arguments.file.read_text(encoding="utf-8") != page:
        print(f"{arguments.file} is not current; run: make proto", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
