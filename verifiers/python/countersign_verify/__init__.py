"""Verifies that a request came through the gateway, and says why when it did not.

    from countersign_verify import WsgiVerifier

    app = WsgiVerifier(app, lambda scheme, key: SECRETS.get(key))

``verify`` does the same for one request; ``WsgiVerifier`` and ``AsgiVerifier`` do it for a whole
application; ``Verification`` is the same in steps, for whoever reads bodies in another way.
"""

from .asgi import AsgiVerifier
from .refused import Reason, Refused
from .request import Options, Request
from .verify import Scheme, Verification, Verified, verify
from .wsgi import WsgiVerifier

__all__ = [
    "AsgiVerifier",
    "Options",
    "Reason",
    "Refused",
    "Request",
    "Scheme",
    "Verification",
    "Verified",
    "WsgiVerifier",
    "verify",
]
