"""``/openapi.json`` and ``/docs``: the API described from its own code.

The document is made of the routes that are really served. Litestar's own generator is not used, because here
bodies are read by handlers (``read_json``), every answer has HTTP status 200, and codes are inside.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import msgspec.inspect
from litestar import Litestar, Response, get
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec import Struct

from openmimc import __version__
from openmimc.errors import DomainError, MissingField, Unavailable
from openmimc.rest.answers import SUCCESS_CODE, Answer
from openmimc.rest.docs_page import DOCS_POLICY, render_docs
from openmimc.rest.documentation import OPTION, Call
from openmimc.rest.paths import is_api_path
from openmimc.rest.requests import MAX_ID, ApiRequest

Json = dict[str, Any]

OPENAPI_VERSION = "3.1.0"
REFERENCE = "#/components/schemas/{name}"
REFUSAL = "Refusal"
"""Component: the answer of a call that was not done."""

INTRODUCTION = """\
Calls under `/api/` are answered with HTTP status 200 and the outcome in `code`: 200, or a refusal's code.
Slashes that are doubled or at the end of a path do not matter.
Bodies are read as JSON whatever their content type says, and unknown fields are ignored.
Ids and sequences are strings in answers, because they do not fit into the numbers of every client; \
in requests they may be strings or numbers."""

HEADERS = {
    "token": "A user's token, as the token service gave it. Where it is sent, it decides.",
    "appId": "The app's id.",
    "appKey": "The app's key.",
    "appSecret": "The app's secret. For app servers only; never put it into an app.",
    "appAccount": "The account on whose behalf the app's server calls; UTF-8, created if need be.",
}

ENCODING_HEADER: Json = {
    "name": "appAccountEncode",
    "in": "header",
    "required": False,
    "description": "`base64` says that `appAccount` is base64 of UTF-8.",
    "schema": {"enum": ["base64"]},
}

PATH_PARAMETERS = {
    "app_id": ("appId", "The app's id.", "2882303761517620813"),
    "topic_id": ("topicId", "The topic's id.", "8103265498034170"),
}

METHODS = ("get", "post", "put", "delete")

ATTRIBUTES = "\n\nAttributes:\n"
"""Begins the part of a docstring that describes fields."""

ID_PATTERN = f"^[1-9][0-9]{{0,{len(str(MAX_ID)) - 1}}}$"


class Route(Struct, frozen=True):
    """One path and method.

    Attributes:
        path: Parameters in braces, by their documented names.
        method: In lower case.
        names: The parameters' names in the code.
        answer: Type of what the handler returns.
    """

    path: str
    method: str
    names: tuple[str, ...]
    answer: Any
    media_type: str
    call: Call


class NotDocumented(Exception):
    """A route has no documentation: our own oversight."""


def routes_of(app: Litestar) -> Iterator[Route]:
    """All that an app serves, page by page, without what the framework adds by itself.

    Raises:
        NotDocumented: A handler lacks ``documented``.
    """
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            raise NotDocumented(route.path)
        for handler in route.route_handlers:
            if handler.include_in_schema is False or handler.http_methods == {"OPTIONS"}:
                continue
            call = handler.opt.get(OPTION)
            if not isinstance(call, Call):
                raise NotDocumented(f"{sorted(handler.http_methods)} {route.path}")
            names = tuple(re.findall(r"{(\w+)}", route.path_format))
            path = route.path_format
            for name in names:
                path = path.replace(f"{{{name}}}", f"{{{PATH_PARAMETERS[name][0]}}}")
            answer = handler.parsed_fn_signature.return_type.annotation
            media_type = str(getattr(handler.media_type, "value", handler.media_type))
            # HEAD is what GET says of itself.
            for method in handler.http_methods - {"HEAD", "OPTIONS"}:
                yield Route(path, method.lower(), names, answer, media_type, call)


def describe(app: Litestar) -> Json:
    """Describe everything that an app serves, as an OpenAPI document.

    Raises:
        NotDocumented: See ``routes_of``.
    """
    routes = list(routes_of(app))
    pages = list(dict.fromkeys(route.call.page for route in routes))
    # Litestar keeps a handler's paths and methods in sets.
    routes.sort(key=lambda route: (pages.index(route.call.page), route.path, METHODS.index(route.method)))
    types: dict[Any, None] = {Answer[None]: None}
    for route in routes:
        types |= dict.fromkeys(shape for shape in (route.call.body, json_answer(route)) if shape is not None)
    references, schemas = msgspec.json.schema_components(list(types), ref_template=REFERENCE)
    by_type = dict(zip(types, references, strict=True))
    schemas[REFUSAL] = schemas.pop(by_type[Answer[None]]["$ref"].rpartition("/")[2])
    by_type[Answer[None]] = {"$ref": REFERENCE.format(name=REFUSAL)}
    meanings = {shape.__name__: meanings_of(shape) for shape in structs_of(types)}
    for schema in schemas.values():
        explain(schema, meanings.get(schema["title"].partition("[")[0], {}))
    schemas[REFUSAL] |= {"title": REFUSAL, "description": "A call that was not done; or one without a result."}
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = operation(route, by_type)
    errors = {error for route in routes for error in route.call.all_errors}
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "OpenMIMC",
            "version": __version__,
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": page} for page in pages],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "examples": {
                error.__name__: refusal_example(error)
                for error in sorted(errors | {Unavailable}, key=lambda error: error.__name__)
            },
            "securitySchemes": {
                name: {"type": "apiKey", "in": "header", "name": name, "description": text}
                for name, text in HEADERS.items()
            },
        },
    }


def json_answer(route: Route) -> Any:
    """The type of the JSON that a route answers with; None if it is no JSON."""
    answer = route.answer
    if getattr(answer, "__origin__", None) is Response:
        (answer,) = answer.__args__
    return answer if isinstance(getattr(answer, "__origin__", answer), type) and is_struct(answer) else None


def is_struct(shape: Any) -> bool:
    """Whether a type, possibly with parameters, is a msgspec one."""
    return issubclass(getattr(shape, "__origin__", shape), Struct)


def operation(route: Route, by_type: dict[Any, Json]) -> Json:
    """Describe one path and method."""
    call = route.call
    described: Json = {
        "operationId": f"{route.method}{re.sub(r'[^a-zA-Z]+', '_', route.path)}".rstrip("_"),
        "tags": [call.page],
        "summary": call.summary,
        "description": call.text,
        "parameters": list(parameters(route)),
        "security": [{name: [] for name in headers} for headers in call.caller.headers],
        "responses": {
            str(status): {"description": "The outcome.", "content": answer_content(route, by_type)}
            for status in (200, *call.statuses)
        },
    }
    if call.body is not None:
        schema = by_type[call.body]
        if call.required:
            schema = {"allOf": [schema, {"required": list(call.required)}]}
        described["requestBody"] = {
            "required": True,
            "content": {MediaType.JSON.value: {"schema": schema, "example": call.body_example}},
        }
    return described


def parameters(route: Route) -> Iterator[Json]:
    """Describe what a path, query and headers hold, credentials apart."""
    for name in route.names:
        shown, text, example = PATH_PARAMETERS[name]
        schema = {"type": "string", "pattern": ID_PATTERN}
        yield {
            "name": shown,
            "in": "path",
            "required": True,
            "description": text,
            "schema": schema,
            "example": example,
        }
    for query in route.call.query:
        places = ("header", "query") if query.or_header else ("query",)
        for place in places:
            yield {
                "name": query.name,
                "in": place,
                "required": query.is_required and not query.or_header,
                "description": query.text,
                "schema": {"type": "string"},
                "example": query.example,
            }
    if any("appAccount" in headers for headers in route.call.caller.headers):
        yield ENCODING_HEADER


def answer_content(route: Route, by_type: dict[Any, Json]) -> Json:
    """Describe what a route answers, by media type."""
    call, shape = route.call, json_answer(route)
    if shape is None:
        return {route.media_type: {"schema": {"type": "string"}, "example": call.data_example}}
    if not is_api_path(route.path):
        return {MediaType.JSON.value: {"schema": by_type[shape], "example": call.data_example}}
    codes = sorted({error.code for error in call.all_errors} | {Unavailable.code})
    examples: Json = {
        "success": {
            "summary": str(SUCCESS_CODE),
            "value": {"code": SUCCESS_CODE, "message": call.message, "data": call.data_example},
        }
    }
    for error in (*call.all_errors, Unavailable):
        examples[error.__name__] = {"$ref": f"#/components/examples/{error.__name__}"}
    schema = {
        "oneOf": [
            with_code(by_type[shape], {"const": SUCCESS_CODE}),
            with_code({"$ref": REFERENCE.format(name=REFUSAL)}, {"enum": codes}),
        ]
    }
    return {MediaType.JSON.value: {"schema": schema, "examples": examples}}


def with_code(schema: Json, code: Json) -> Json:
    """An answer whose ``code`` is narrowed."""
    return {"allOf": [schema, {"properties": {"code": code}}]}


def refusal_example(error: type[DomainError | Unavailable]) -> Json:
    """What a refusal looks like; its meaning is the class's docstring."""
    text = MissingField("topicName").text if error is MissingField else error().text
    summary = (inspect.getdoc(error) or "").partition("\n")[0]
    return {
        "summary": f"{error.code} {tidy(summary)}",
        "value": {"code": error.code, "message": text, "data": None},
    }


def structs_of(types: Iterable[Any]) -> set[type[Struct]]:
    """All structs in types, however deep inside."""
    found: set[type[Struct]] = set()
    waiting: list[Any] = list(msgspec.inspect.multi_type_info(types))
    while waiting:
        info = waiting.pop()
        match info:
            case msgspec.inspect.StructType() if info.cls not in found:
                found.add(info.cls)
                waiting += [field.type for field in info.fields]
            case msgspec.inspect.UnionType():
                waiting += info.types
            case msgspec.inspect.ListType() | msgspec.inspect.VarTupleType():
                waiting.append(info.item_type)
    return found


def meanings_of(shape: type[Struct]) -> dict[str, str]:
    """What the docstrings of a struct and its bases say of its fields, by their names in JSON."""
    found: dict[str, str] = {}
    shape = getattr(shape, "__origin__", shape)
    for base in reversed(shape.__mro__):
        _, _, attributes = inspect.cleandoc(base.__doc__ or "").partition(ATTRIBUTES)
        found |= dict(re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE))
    names = {field.name: field.encode_name for field in msgspec.structs.fields(shape)}
    return {names[name]: tidy(text) for name, text in found.items() if name in names}


def explain(schema: Json, meanings: dict[str, str]) -> None:
    """Let properties say what they mean, in place of the description of the whole."""
    text, _, _ = inspect.cleandoc(schema.get("description", "")).partition(ATTRIBUTES)
    schema["description"] = tidy(text)
    properties: dict[str, Json] = schema.get("properties", {})
    for name, meaning in meanings.items():
        properties[name] = {**properties[name], "description": meaning}


def tidy(text: str) -> str:
    """A docstring's text as Markdown, each paragraph on one line."""
    paragraphs = text.replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def openapi_pages() -> list[HTTPRouteHandler]:
    """The document, and a page that shows it to people. Both are made at the first request."""
    made: dict[str, bytes] = {}

    @get("/openapi.json", include_in_schema=False)
    async def openapi(request: ApiRequest) -> Response[bytes]:
        if "document" not in made:
            made["document"] = msgspec.json.encode(describe(request.app))
        headers = {"access-control-allow-origin": "*"}
        return Response(made["document"], media_type=MediaType.JSON, headers=headers)

    @get("/docs", include_in_schema=False)
    async def docs(request: ApiRequest) -> Response[bytes]:
        if "page" not in made:
            made["page"] = render_docs(describe(request.app)).encode()
        headers = {"content-security-policy": DOCS_POLICY, "x-content-type-options": "nosniff"}
        return Response(made["page"], media_type=MediaType.HTML, headers=headers)

    return [openapi, docs]
