"""Celery on Redis, for those who have workers: the one module that names it.

    celery -A governance worker        does the work
    celery -A governance beat          has the periodic work done

A message holds the name of a task and ids. What is to be done stands in the database (governance/work.py), so no
message is ever the only trace of anything, and results are kept by nobody: Redis may lose all it has.
"""

import os
import signal
import ssl
from typing import Any

import django
from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from django.utils.module_loading import import_string
from kombu import Queue
from kombu.exceptions import ChannelError, OperationalError

from governance.env import SettingError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

PROMPT = "codesteward"
"""Queue of what takes a moment: mails, checkpoints, what sends lost work again."""

BUILDS = "codesteward-builds"
"""Queue of what takes minutes or hours: shards, and sealing."""

VISIBILITY_MARGIN = 600
"""Seconds after a task's time limit before Redis hands its message to another worker."""

SOFT_MARGIN = 0.05
"""Share of the time limit that a task has left, once it was told to stop, before its process is killed."""

CONNECT_SECONDS = 2
"""A request must not wait for a Redis that is away; what it wanted sent stands in the outbox."""


def _configuration() -> dict[str, Any]:
    limit, redis = settings.WORK.time_limit, settings.WORK.redis
    # Redis takes the shortest that any client names, and Celery reads it in three places.
    visibility = {"visibility_timeout": limit + VISIBILITY_MARGIN}
    return {
        "broker_url": redis,
        "broker_use_ssl": _tls() if redis.startswith("rediss:") else None,
        "broker_transport_options": {
            **visibility,
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_keepalive": True,
        },
        "result_backend_transport_options": visibility,
        **visibility,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        # A message is acknowledged when its task is done, and comes back when its process is killed.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_time_limit": limit,
        "task_soft_time_limit": int(limit * (1 - SOFT_MARGIN)),
        "task_default_queue": PROMPT,
        "task_queues": [Queue(PROMPT), Queue(BUILDS)],
        "task_routes": {task: {"queue": BUILDS} for task in settings.TASKS},
        "worker_prefetch_multiplier": 1,
        "worker_max_memory_per_child": settings.WORK.memory * 1000,
        "worker_soft_shutdown_timeout": 30.0,
        "worker_proc_alive_timeout": 60.0,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "timezone": "UTC",
        # The schedule stands in the settings and its state nowhere: nothing is so rare that a restart may not begin it.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_schedule": {
            task: {"task": task, "schedule": float(seconds), "options": {"expires": float(seconds)}}
            for task, seconds in settings.PERIODIC_TASKS.items()
        },
    }


def _tls() -> dict[str, Any]:
    verified = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    return {**verified, "ssl_ca_certs": settings.WORK.ca} if settings.WORK.ca else verified


def _wake(pk: int) -> bool:
    """Do the task of a row of the outbox."""
    # Imported when it is called: Celery reads this module before Django is set up.
    done: bool = import_string("governance.work.run")(pk, _end)
    return done


def _end() -> None:
    """Nothing of a task that another worker has taken over may be touched, not even to tidy up."""
    os.kill(os.getpid(), signal.SIGKILL)


def _call(task: str) -> Any:
    def call(*ids: int) -> Any:
        return import_string(task)(*ids)

    return call


def _application() -> Celery:
    if not settings.WORK.redis:
        raise SettingError("REDIS_URL", "must be set where there are workers")
    made = Celery("codesteward")
    made.conf.update(_configuration())
    for task in settings.TASKS:
        made.task(name=task)(_wake)
    for task in {*settings.PERIODIC_TASKS, *settings.NUDGED_TASKS}:
        made.task(name=task)(_call(task))
    return made


@setup_logging.connect
def _log_as_django_does(**_: Any) -> None:
    django.setup()


app = _application()


def post(task: str, arguments: tuple[int, ...]) -> None:
    """Hand a message to Redis; raises ConnectionError where it cannot be reached."""
    # A connection that was left open may have been cut meanwhile, so it is tried once more.
    once_more = {"max_retries": 1, "interval_start": 0.0, "interval_step": 0.0, "interval_max": 0.0}
    try:
        app.send_task(task, args=arguments, retry=True, retry_policy=once_more)
    except OperationalError as error:
        raise ConnectionError(f"Redis cannot be reached ({error})") from error


def waiting() -> int:
    """Messages of long tasks that no worker has taken yet; raises ConnectionError."""
    try:
        with app.connection_for_read() as connection:
            channel: Any = connection.default_channel  # its stub leaves out what a channel can do
            return int(channel.queue_declare(BUILDS, passive=True).message_count)
    except ChannelError:
        return 0  # an empty list is none to Redis
    except OperationalError as error:
        raise ConnectionError(f"Redis cannot be reached ({error})") from error
