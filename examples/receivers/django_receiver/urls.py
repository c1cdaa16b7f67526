"""Where Callmark posts to."""

from callmark_events.views import receive
from django.urls import path

urlpatterns = [path("callmark", receive)]
