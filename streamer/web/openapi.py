"""The OpenAPI document, made of the table that serves the API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from streamer import __version__
from streamer.types import MAX_OBJECT_ID
from streamer.web.api import OPERATIONS, Operation
from streamer.web.bodies import Refusal

PREFIX = "/api/v1"
REFERENCE = "#/components/schemas/{model}"
WHY = {
    400: "The body cannot be read",
    401: "No pass was shown",
    403: "Another origin, or another name of this server",
    404: "There is no such thing",
    405: "Not with this method",
    409: "It cannot be carried out as things are",
    413: "Too large",
    415: "Another media type is wanted",
    422: "A value that cannot be",
    429: "Too often",
    503: "A camera gives no pictures",
    504: "No picture came that it could take effect on",
}
EVERYWHERE = (401, 403, 429)
PARAMETERS: dict[str, dict[str, Any]] = {
    "camera": {"type": "string", "pattern": r"^[\w.-]{1,64}$"},
    "object_id": {"type": "integer", "minimum": 0, "maximum": MAX_OBJECT_ID},
    "id": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    "file": {"type": "string", "enum": ["snapshot.jpg", "mask.png", "clip.mp4"]},
}


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    models = sorted(
        {model for operation in OPERATIONS for model in _models(operation)} | {Refusal}, key=lambda m: m.__name__
    )
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "streamer",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "streamer_session"},
            },
        },
        "security": [{}, {"token": []}, {"session": []}],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": PARAMETERS[name]}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    if operation.query is not None:
        parameters += list(_query(operation.query))
    refusals = {*EVERYWHERE, *operation.refusals}
    if isinstance(operation.body, str):
        refusals |= {413, 422}
    elif operation.body is not None:
        refusals |= {400, 413, 415, 422}
    elif operation.query is not None:
        refusals |= {422}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {str(operation.status): {"description": "Done", **_content(operation.answer)}}
        | {str(status): {"description": WHY[status], **_content(Refusal)} for status in sorted(refusals)},
    }
    if operation.method == "GET" and operation.path == "/ready":
        described["responses"]["503"] = {"description": WHY[503], **_content(operation.answer)}
    if operation.body is not None:
        described["requestBody"] = {"required": True, **_content(operation.body)}
    return described


def _query(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    for name, schema in model.model_json_schema(ref_template=REFERENCE)["properties"].items():
        yield {"name": name, "in": "query", "required": False, "schema": _plain(schema)}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without null, which a query cannot say."""
    some = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return some[0] if len(some) == 1 else {key: value for key, value in schema.items() if key != "default"}


def _content(of: type[BaseModel] | str) -> dict[str, Any]:
    if of == "":
        return {}
    if isinstance(of, str):
        return {"content": {of: {"schema": {"type": "string", "format": "binary"}}}}
    return {"content": {"application/json": {"schema": {"$ref": REFERENCE.format(model=of.__name__)}}}}


def _models(operation: Operation) -> Iterable[type[BaseModel]]:
    return [model for model in (operation.answer, operation.body) if isinstance(model, type)]
