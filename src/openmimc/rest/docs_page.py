"""``/docs``: an OpenAPI document as one HTML page, without scripts and without anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

Json = dict[str, Any]

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0b6e4f; }
@media (prefers-color-scheme: dark) { :root { --accent: #4cc9a0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; } h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { margin: 1.2rem 0 .3rem; font-size: 1rem; }
a { color: var(--accent); }
code, pre { font: .875rem/1.45 ui-monospace, monospace; }
code { background: var(--soft); padding: .1em .3em; border-radius: 4px; overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .8rem; border-radius: 6px; overflow-x: auto; margin: .3rem 0; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: 0 1rem; }
details[open] { padding-bottom: 1rem; }
summary { cursor: pointer; padding: .6rem 0; }
summary code { background: none; font-weight: 600; }
.method { color: var(--accent); display: inline-block; min-width: 4.5em; font-weight: 700; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem .35rem 0; }
th, td { text-align: left; vertical-align: top; }
th { font-weight: 600; } .type { color: GrayText; white-space: nowrap; }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

DOCS_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Content-Security-Policy of the page: its own style, and nothing else whatever the page may come to hold."""


def render_docs(document: Json) -> str:
    """Show an OpenAPI document.

    Args:
        document: As ``openmimc.rest.openapi.describe`` makes it.
    """
    info = document["info"]
    pages = [page["name"] for page in document["tags"]]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} API</h1>",
        f'<p>Version {escape(info["version"])}. For programs: <a href="/openapi.json">/openapi.json</a>.</p>',
        *(f"<p>{_inline(line)}</p>" for line in info["description"].splitlines()),
        f"<nav>{' · '.join(_link(page) for page in pages)}</nav>",
    ]
    for page in pages:
        parts.append(f'<h2 id="{_anchor(page)}">{escape(page)}</h2>')
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if page in operation["tags"]:
                    parts += _operation(document, path, method, operation)
    parts.append('<h2 id="credentials">Credentials</h2>')
    parts += _table(
        ("Header", "Meaning"),
        [
            (f"<code>{escape(name)}</code>", _inline(scheme["description"]))
            for name, scheme in document["components"]["securitySchemes"].items()
        ],
    )
    parts.append("</body></html>")
    return "\n".join(parts)


def _operation(document: Json, path: str, method: str, operation: Json) -> Iterator[str]:
    yield (
        f'<details id="{escape(operation["operationId"])}"><summary><span class="method">'
        f"{method.upper()}</span> <code>{escape(path)}</code> {escape(operation['summary'])}</summary>"
    )
    if operation["description"]:
        yield f"<p>{_inline(operation['description'])}</p>"
    if operation["security"]:
        ways = [" and ".join(f"<code>{escape(name)}</code>" for name in way) for way in operation["security"]]
        yield f"<p>{_link('Credentials')}: {', or '.join(ways)}.</p>"
    rows = [
        (
            f"<code>{escape(parameter['name'])}</code>",
            f"{parameter['in']}{'' if parameter['required'] else ', optional'}",
            _inline(parameter["description"]),
        )
        for parameter in operation["parameters"]
    ]
    if rows:
        yield "<h3>Parameters</h3>"
        yield from _table(("Name", "Where", "Meaning"), rows)
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        yield "<h3>Body</h3>"
        yield from _fields(document, content["schema"])
        yield _example(content["example"])
    for content in operation["responses"]["200"]["content"].values():
        yield from _answer(document, content)
    yield "</details>"


def _answer(document: Json, content: Json) -> Iterator[str]:
    yield "<h3>Answer</h3>"
    if "examples" not in content:
        example = content["example"]
        yield f"<pre>{escape(example)}</pre>" if isinstance(example, str) else _example(example)
        return
    examples = [_resolve(document, example) for example in content["examples"].values()]
    yield _example(examples[0]["value"])
    answer = _resolve(document, content["schema"]["oneOf"][0]["allOf"][0])
    if "properties" in answer:
        yield from _fields(document, answer["properties"]["data"])
    yield "<h3>Refusals</h3>"
    rows = []
    for example in examples[1:]:
        code, _, meaning = example["summary"].partition(" ")
        rows.append((f"<code>{code}</code>", _inline(meaning), f"<code>{_compact(example['value'])}</code>"))
    yield from _table(("Code", "Meaning", "Example"), rows)


def _fields(document: Json, schema: Json) -> Iterator[str]:
    """A table of an object's fields, and of the objects within."""
    required: set[str] = set()
    while "allOf" in schema:
        required |= {name for part in schema["allOf"][1:] for name in part["required"]}
        schema = schema["allOf"][0]
    for shape in _objects(document, schema, seen=[]):
        if shape["description"]:
            yield f"<p><code>{escape(shape['title'])}</code>: {_inline(shape['description'])}</p>"
        rows = []
        for name, field in shape["properties"].items():
            mark = " <b>required</b>" if name in required else ""
            rows.append(
                (
                    f"<code>{escape(name)}</code>{mark}",
                    f'<span class="type">{escape(_type(document, field))}</span>',
                    _inline(field.get("description", "")),
                )
            )
        yield from _table(("Field", "Type", "Meaning"), rows)


def _objects(document: Json, schema: Json, seen: list[str]) -> Iterator[Json]:
    if name := schema.get("$ref"):
        if name in seen:
            return
        seen.append(name)
        schema = _resolve(document, schema)
    if schema.get("properties"):
        yield schema
    for inner in (*schema.get("properties", {}).values(), *schema.get("anyOf", ()), schema.get("items")):
        if isinstance(inner, dict):
            yield from _objects(document, inner, seen)


def _type(document: Json, field: Json) -> str:
    if "$ref" in field:
        return str(_resolve(document, field)["title"])
    if "anyOf" in field:
        return " or ".join(kind for each in field["anyOf"] if (kind := _type(document, each)) != "null")
    if field.get("type") == "array":
        return f"array of {_type(document, field.get('items', {}))}"
    if "enum" in field:
        return " or ".join(json.dumps(value) for value in field["enum"])
    return str(field.get("type", "any"))


def _resolve(document: Json, node: Json) -> Json:
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Json = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A table; the cells are HTML."""
    if not rows:
        return
    yield f"<table><tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
    yield "</table>"


def _example(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def _compact(value: object) -> str:
    return escape(json.dumps(value, ensure_ascii=False))


def _inline(text: str) -> str:
    """Markdown of one paragraph, of which only code is known."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _link(page: str) -> str:
    return f'<a href="#{_anchor(page)}">{escape(page)}</a>'


def _anchor(page: str) -> str:
    return re.sub(r"\W+", "-", page.lower())
