"""Where downloads are saved if the client has not said where.

If a client tells its browser to save downloads without a path (``Browser.setDownloadBehavior``, which Chromium
refuses), they are saved in a folder of the gateway's own, which is removed with the client's lease.
"""

from __future__ import annotations

from typing import Any, Final

#: The command by which clients set what happens to downloads.
SAVING: Final = "Browser.setDownloadBehavior"


def with_folder(params: dict[str, Any], folder: str, default_context: str | None = None) -> dict[str, Any]:
    """Return the parameters of a command that says what becomes of downloads, with the gateway's folder for no path.

    :param default_context: the id of the client's default context, of which what is saved by default goes there, too;
        None: that which commands mean that name none.
    """
    behavior = params.get("behavior")
    if behavior == "default" and params.get("browserContextId") == default_context:
        return {**params, "behavior": "allow", "downloadPath": folder}
    if behavior in ("allow", "allowAndName") and params.get("downloadPath", "") == "":
        return {**params, "downloadPath": folder}
    return params
