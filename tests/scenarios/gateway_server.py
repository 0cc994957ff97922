"""A server process with the WhatsApp account of test_gateways; arguments: those of crash_server up to the admin socket,
then the address of the provider.
"""

import sys
from pathlib import Path

import trio
from attrs import evolve

from sessiond.config.settings import NodeSettings
from sessiond.server import serve
from tests.runtime.gateway_worlds import greeter
from tests.scenarios.crash_server import settings
from tests.scenarios.test_gateways import settings_of

if __name__ == "__main__":
    store, port, admin, api_url = sys.argv[1:]
    plain = settings(store, int(port), Path(admin), NodeSettings(name="node-1"))
    gateways = settings_of(Path(admin).parent, api_url)
    changed = evolve(plain, gateways=gateways.gateways, session_keys=gateways.session_keys)
    sys.exit(trio.run(serve, greeter(), changed))
