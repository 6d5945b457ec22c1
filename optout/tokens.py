"""The unguessable link of a request: its pseudonym, signed.

Nothing secret is stored; a link that was signed by an older key of the site (SECRET_KEY_FALLBACKS) still opens it.
"""

from django.conf import settings
from django.core.signing import BadSignature, Signer

from optout.models import Request


class NoSuchRequest(LookupError):
    """The same for a token that was never made, one that was altered, and one of a request that is not there."""

    def __init__(self) -> None:
        super().__init__("there is no such request")


def token_of(request: Request) -> str:
    return _signer().sign(request.public_id)


def request_by_token(token: str) -> Request:
    try:
        public_id = _signer().unsign(token)
    except BadSignature:
        raise NoSuchRequest from None
    found = Request.objects.filter(public_id=public_id).first()
    if found is None:
        raise NoSuchRequest
    return found


def link_to(request: Request) -> str:
    """The address of the request's page, for mails and receipts."""
    return f"{settings.SITE_URL}/requests/{token_of(request)}"


def _signer() -> Signer:
    return Signer(salt="optout.request", sep=".")
