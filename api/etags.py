"""Lost updates (CUS-02): GET of one thing gives its `ETag`; PATCH and PUT with a stale `If-Match` are refused.

    async def change(…, if_match: IfMatch = None) -> Response:
        async with database.transaction(tenant_id) as connection:
            row = …  # SELECT … FOR UPDATE
            check_if_match(if_match, etag(row.version))

Without `If-Match` the last one wins, as the caller wishes. What has no version is known by all that is told of it:

    async def read(…, response: Response) -> MailRead:
        return tagged(response, MailRead(…))
"""

import hashlib
import json
from typing import Annotated, TypeVar

from fastapi import Header, Response
from pydantic import BaseModel

from models.refusals import PreconditionFailed

T = TypeVar("T", bound=BaseModel)
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1000, description="The `ETag` that was read; stale is 412."),
]


def etag(*parts: str | int | None) -> str:
    """A strong entity tag of a thing's version; of several versions where the thing has several rows."""
    return f'"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"'


def tagged(response: Response, answer: T) -> T:
    """Give a thing without a version the tag of the answer about it, which is another as soon as anything in it is."""
    response.headers["ETag"] = etag(answer.model_dump_json())
    return answer


def check_if_match(if_match: str | None, current: str) -> None:
    """Compare strongly (RFC 9110, 13.1.1): `*` fits whatever there is, a weak tag never.

    Raises:
        PreconditionFailed: none of the tags is the current one.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if current not in [tag.strip() for tag in if_match.split(",")]:
        raise PreconditionFailed
