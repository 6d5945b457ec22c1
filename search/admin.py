"""Builds for the steward: how far they are, and two things to do about them through `search.distributing`.

Nothing else can be changed here. Whoever may not steer builds sees nothing of them.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from search import builds, distributing
from search.engines.base import EngineError
from search.ingest import IngestError
from search.models import Build, ShardBuild

if TYPE_CHECKING:
    _BuildAdmin = admin.ModelAdmin[Build]
    _ShardAdmin = admin.ModelAdmin[ShardBuild]
else:
    _BuildAdmin = _ShardAdmin = admin.ModelAdmin


class _Steered:
    """Who may look, and that nobody may write."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(distributing.PERMISSION)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Build)
class BuildAdmin(_Steered, _BuildAdmin):
    list_display = ["name", "state", "read", "engine", "started_at", "sealed_at"]
    list_filter = ["state", "engine"]
    list_select_related = ["release"]
    search_fields = ["name"]
    ordering = ["-pk"]
    actions = ["cancel_selected"]

    @admin.display(description="shards")
    def read(self, build: Build) -> str:
        progress = builds.progress_of(build)
        return f"{progress.done_shards:,} of {progress.total_shards:,}"

    @admin.action(description="Cancel the selected builds", permissions=["steer"])
    def cancel_selected(self, request: HttpRequest, queryset: "QuerySet[Build]") -> None:
        for build in queryset.select_related("release"):
            _tell(self, request, partial(distributing.cancel, build.release, build.name), f"{build} was cancelled.")


@admin.register(ShardBuild)
class ShardBuildAdmin(_Steered, _ShardAdmin):
    list_display = ["__str__", "state", "reason"]
    list_filter = ["state", "build"]
    list_select_related = ["build__release", "shard__release"]
    ordering = ["-build", "shard__number"]
    actions = ["retry_selected"]

    @admin.action(description="Try the selected shards again", permissions=["steer"])
    def retry_selected(self, request: HttpRequest, queryset: "QuerySet[ShardBuild]") -> None:
        if not settings.WORK.redis:
            # It would be read here, and this page would wait for it.
            self.message_user(request, "There are no workers: manage.py build tries it again.", messages.ERROR)
            return
        for row in queryset.select_related("build__release", "shard"):
            again = partial(distributing.retry_shard, row.build.release, row.shard.number)
            _tell(self, request, again, f"{row} is tried again.")


def _tell(model: Any, request: HttpRequest, act: Callable[[], object], done: str) -> None:
    try:
        act()
    except (IngestError, EngineError) as error:
        model.message_user(request, str(error), messages.ERROR)
    else:
        model.message_user(request, done)
