"""Tokens that a Python library signs, where librdkafka cannot get them by itself: IAM of Amazon MSK.

A client of `*.kafka.REGION.amazonaws.com` that says OAUTHBEARER, and no method of its own, asks AWS's token signer
with whatever credentials the machine has. confluent-kafka calls back for each new token from a thread of its own.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from typing import Any

from loadkit.errors import UsageError

PACKAGE = "aws-msk-iam-sasl-signer-python"
_MODULE = "aws_msk_iam_sasl_signer"
_HOST = re.compile(r"\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?(?=:|,|$)")


def region(config: Mapping[str, Any]) -> str:
    """Return the AWS region whose IAM a client's config logs in with; empty where it does not."""
    own = config.get("sasl.oauthbearer.method", "default") != "default"
    if config.get("sasl.mechanism") != "OAUTHBEARER" or own:
        return ""
    found = _HOST.search(str(config.get("bootstrap.servers", "")).lower())
    return found[1] if found else ""


def installed() -> bool:
    """Return whether the signer is there."""
    return importlib.util.find_spec(_MODULE) is not None


def signing(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config as confluent-kafka takes it: with the function that signs tokens, where one is needed.

    Raises UsageError where the signer is missing.
    """
    where = region(config)
    return {**config, "oauth_cb": _signer(where)} if where else dict(config)


def _signer(where: str) -> Callable[[str], tuple[str, float]]:
    if not installed():
        raise UsageError(f"tokens for MSK are signed by a library of its own: pip install {PACKAGE}")
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-not-found]

    def token(_: str) -> tuple[str, float]:
        """Return a token and when it is over, in seconds since 1970."""
        text, expiry_ms = MSKAuthTokenProvider.generate_auth_token(where)
        return text, expiry_ms / 1000

    return token
