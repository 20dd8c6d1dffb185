"""Have a simulated exchange go wrong on purpose."""

import json
import urllib.request


def add_fault(sim, fault):
    """Add *fault*, such as ``{"kind": "reset"}``, to the exchange that runs as *sim*."""
    request = urllib.request.Request(f"{sim.url}/_control/faults", json.dumps(fault).encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
