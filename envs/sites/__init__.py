"""The sites: small real web applications that tasks happen in."""

from cairn.envs.sites import drive, forms, intranet, library, mail, miniwob, settings
from cairn.envs.sites.site import Site

SITES: dict[str, Site] = {
    "drive": drive.SITE,
    "forms": forms.SITE,
    "intranet": intranet.SITE,
    "library": library.SITE,
    "mail": mail.SITE,
    "miniwob": miniwob.SITE,
    "settings": settings.SITE,
}

__all__ = ["SITES", "Site"]
