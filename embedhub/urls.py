"""Every address: the REST API, the admin, and the way to it."""

from django.contrib import admin
from django.urls import path, re_path
from django.views.generic import RedirectView

from embedhub.web.api import api
from embedhub.web.problems import unknown_path

urlpatterns = [
    path("v1/", api.urls),
    re_path(r"^v1(?:/|$)", unknown_path),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
]
