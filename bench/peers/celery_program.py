"""What `celery --app` is pointed at."""

from bench.peers.celery_worker import make_app, register
from bench.peers.surroundings import Surroundings

app = make_app(Surroundings.found().broker_url)
register(app)
