"""How the admin looks: names, colours, style sheet, script, sidebar (django-unfold's setting)."""

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "EmbedHub",
    "SITE_HEADER": "EmbedHub",
    "SITE_SUBHEADER": "Staff console",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("console/icon.svg"),
        }
    ],
    # The staff audit (page "Staff actions") tells what was done; Django's own history would be
    # empty for every mirrored row.
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "DASHBOARD_CALLBACK": "embedhub.console.pages.home.add_figures",
    "STYLES": [lambda _request: static("console/console.css")],
    "SCRIPTS": [lambda _request: static("console/console.js")],
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "embedhub.console.navigation.navigation",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97.1% .013 233)",
            "100": "oklch(94.2% .027 233)",
            "200": "oklch(88.9% .055 233)",
            "300": "oklch(81.4% .1 233)",
            "400": "oklch(72.5% .13 236)",
            "500": "oklch(62.5% .135 239)",
            "600": "oklch(53.5% .122 241)",
            "700": "oklch(46% .105 242)",
            "800": "oklch(40.2% .088 243)",
            "900": "oklch(35.8% .073 244)",
            "950": "oklch(26.5% .055 245)",
        },
    },
}
