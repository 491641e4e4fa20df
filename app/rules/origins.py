"""Whether a browser says that one of our own pages sent a request."""

from urllib.parse import urlsplit


def is_our_own(*, site: str | None, origin: str | None, public_url: str, here: str) -> bool:
    """Whether a request comes from our own origin.

    `site` is what Fetch Metadata says (W3C, `Sec-Fetch-Site`). Browsers leave it out over plain HTTP, where `origin`
    must be that of `public_url` or of `here`, the scheme and host of the request, which another site can't choose.
    Neither of them: no.
    """
    if site is not None:
        return site == "same-origin"
    return origin in (_origin(public_url), here)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
