"""Say in a few words which browser a session is in, from what browsers say of themselves. Pure."""

import re

_BROWSERS = (
    (r"\bEdgA?/|\bEdgiOS/", "Edge"),
    (r"\bOPR/|\bOpera\b", "Opera"),
    (r"\bSamsungBrowser/", "Samsung Internet"),
    (r"\bFirefox/|\bFxiOS/", "Firefox"),
    (r"Chrom(e|ium)/|\bCriOS/", "Chrome"),
    (r"\bSafari/", "Safari"),
    (r"\bcurl/", "curl"),
)
"""Most say that they are others, too: the first that is found is meant."""
_SYSTEMS = (
    (r"\biPhone\b", "iPhone"),
    (r"\biPad\b", "iPad"),
    (r"\bAndroid\b", "Android"),
    (r"\bWindows\b", "Windows"),
    (r"\bMac OS X\b|\bMacintosh\b", "macOS"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bLinux\b", "Linux"),
)
_READ = 500


def device(user_agent: str) -> str:
    """Return `Firefox on Linux`, or as much of it as is known. Whatever was sent, only our own words come back."""
    told = user_agent[:_READ]
    browser = next((name for pattern, name in _BROWSERS if re.search(pattern, told)), "A browser")
    system = next((name for pattern, name in _SYSTEMS if re.search(pattern, told)), None)
    return f"{browser} on {system}" if system else browser
