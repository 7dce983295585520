"""The page behind every other mailed link, by what the link is for (GEN-06). GET only asks; POST is the button."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, Response

from api.pages import (
    application_confirmation,
    approval,
    notification_address,
    password_reset,
    remote_support_end,
    signup,
)
from api.pages.page_route import PageRoute
from api.pages.visit import Form, Visit, Visited
from models.refusals import NotFound
from models.vocabulary import LinkPurpose

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class LinkPage:
    show: Callable[[Visit], Awaitable[Response]]
    press: Callable[[Visit, Form], Awaitable[Response]]


_PAGES = {
    LinkPurpose.APPLICATION_CONFIRMATION: LinkPage(application_confirmation.show, application_confirmation.press),
    LinkPurpose.APPROVAL: LinkPage(approval.show, approval.press),
    LinkPurpose.NOTIFICATION_ADDRESS: LinkPage(notification_address.show, notification_address.press),
    LinkPurpose.PASSWORD_RESET: LinkPage(password_reset.show, password_reset.press),
    LinkPurpose.REMOTE_SUPPORT_END: LinkPage(remote_support_end.show, remote_support_end.press),
    LinkPurpose.STAFF_SIGNUP: LinkPage(signup.show, signup.press),
    LinkPurpose.PORTAL_USER_SIGNUP: LinkPage(signup.show, signup.press),
}


@router.api_route("/links/{token}", methods=["GET", "HEAD"])
async def show(visit: Visited) -> Response:
    """What the link asks, or what has become of it. Changes nothing."""
    return await _page(visit).show(visit)


@router.api_route("/links/{token}", methods=["POST"])
async def press(visit: Visited) -> Response:
    return await _page(visit).press(visit, await visit.read_form())


def _page(visit: Visit) -> LinkPage:
    page = _PAGES.get(LinkPurpose(visit.link.purpose))
    if page is None:
        raise NotFound
    return page
