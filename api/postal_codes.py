"""Where a postal code is: prefecture and town for whoever fills in an address (APP-06)."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.etags import tagged
from api.rate_limits import per_client
from models.fields import PostalCode
from models.postal_codes import find_place
from models.refusals import NotFound

router = APIRouter(tags=["Postal codes"])


class Place(BaseModel):
    """`town`: city, ward and town, up to where the house number begins."""

    postal_code: str
    prefecture: str
    town: str


# Not async: reading the data blocks, so that it runs in a thread of its own.
@router.get("/v1/postal-codes/{code}", dependencies=[per_client("postal_code_per_client")])
def read(code: PostalCode, response: Response) -> Place:
    """Anyone may ask. Seven digits, with a hyphen or without."""
    place = find_place(code)
    if place is None:
        raise NotFound
    found = Place(postal_code=place.postal_code, prefecture=place.prefecture, town=place.town)
    return tagged(response, found)
