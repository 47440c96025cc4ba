"""How endpoints that read their own body are described, and the page that shows it offline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from serving.common.problem import responses

Schema = dict[str, Any]
"""A JSON schema without references."""
_STATIC = "/static_content"
"""Where BentoML serves the copy of Swagger UI that it carries; no foreign address is asked."""


def described(
    summary: str, body: Schema, answer: type[BaseModel], problems: Sequence[int]
) -> dict[str, Any]:
    """Keyword arguments of a route whose handler checks its body itself and may answer bytes."""
    content = {"application/json": {"schema": body}}
    return {
        "summary": summary,
        "response_model": None,
        "responses": {200: {"model": answer}, **responses(*problems)},
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


def queried(
    summary: str, query: type[BaseModel], answer: type[BaseModel], problems: Sequence[int]
) -> dict[str, Any]:
    """Keyword arguments of a route whose handler reads the parameters of its address itself."""
    schema = query.model_json_schema()
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": described.get("description", ""),
            "schema": {key: value for key, value in described.items() if key != "description"},
        }
        for name, described in schema["properties"].items()
    ]
    return {
        "summary": summary,
        "response_model": None,
        "responses": {200: {"model": answer}, **responses(*problems)},
        "openapi_extra": {"parameters": parameters},
    }


def show_page(app: FastAPI) -> None:
    """Serve the OpenAPI page at `/` and `/docs`, before BentoML's own page, which calls home."""

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{_STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{_STATIC}/favicon-light-32x32.png",
        )
