"""Who is this? Tokens in, identities out; the only user of PyJWT."""

from sessiond.edges.auth.settings import AuthSettings
from sessiond.edges.auth.tokens import Identity, TokenVerifier, issue_token, signing_key

__all__ = ["AuthSettings", "Identity", "TokenVerifier", "issue_token", "signing_key"]
