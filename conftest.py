"""Our own tests use the plugin that other projects get."""

pytest_plugins = ["krakenonce.pytest_plugin"]
