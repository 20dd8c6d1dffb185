"""Our own tests use the plugin that other projects get; no property is judged by the speed of the machine."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["krakenonce.pytest_plugin"]

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("steady")
