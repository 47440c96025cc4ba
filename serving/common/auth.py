"""Who may ask: API keys, known here only by their SHA-256."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from components.common.errors import FinloopError

HEADER = "x-api-key"


def caller_of(headers: Mapping[str, str], keys: Mapping[str, str]) -> str:
    """The name of the caller whose key the request carries.

    `headers` have lower-case names; `keys` is caller → SHA-256 (hex). The key comes in
    `X-API-Key` or as `Authorization: Bearer`. Raises a 401 `FinloopError` otherwise.
    """
    given = _given(headers)
    if not given:
        raise _unauthorised(
            "api_key_missing", "Send your API key in the X-API-Key header or as a bearer token."
        )
    drawn = hashlib.sha256(given.encode()).hexdigest()
    callers = [name for name, known in keys.items() if hmac.compare_digest(known.lower(), drawn)]
    if not callers:
        raise _unauthorised("api_key_wrong", "This API key is not known here; ask for one.")
    return callers[0]


def _given(headers: Mapping[str, str]) -> str:
    if HEADER in headers:
        return headers[HEADER].strip()
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _unauthorised(code: str, message: str) -> FinloopError:
    return FinloopError(code, message, http_status=401)
