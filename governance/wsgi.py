"""The web application for gunicorn: `gunicorn governance.wsgi`.

Checks of the tag `engine` stop it: a wrong password is told by who starts the service, not by the first who asks.
"""

import logging
import os

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

application = get_wsgi_application()

for found in checks.run_checks(tags=["engine"]):
    if found.is_serious():
        raise ImproperlyConfigured(found.msg)
    logging.getLogger(__name__).warning("%s", found.msg)
