"""A real Redis, with the time that the simulation says, behind the simulated network. The scripts are the real ones."""

import hashlib
import re

import redis

from krakenonce.stores.redis import engine as redis_engine
from krakenonce.stores.redis.engine import RedisEngine
from krakenonce.stores.redis.nodes import OneServer
from tests.engines.model.network import LOST, Connection
from tests.engines.model.strands import Bell

WORLD, EARS, PUSHES = "test:world", "test:ears", "test:pushes"
_SIMULATED = f"""
local function simulated_time()
  return redis.call('HMGET', '{WORLD}', 's', 'us')
end
local function push(channel, text)
  if redis.call('SISMEMBER', '{EARS}', channel) == 0 then return 0 end
  redis.call('RPUSH', '{PUSHES}', channel, text)
  return 1
end
"""


def simulate_the_scripts(monkeypatch):
    """Have every script take the time from the simulation, and give it its pushes."""
    for name, plain in redis_engine._SCRIPTS.items():
        text = plain.replace("redis.call('TIME')", "simulated_time()").replace("redis.call('PUBLISH', ", "push(")
        text = _SIMULATED + re.sub(r"redis\.call\('PEXPIRE'[^\n]*", "", text)
        monkeypatch.setitem(redis_engine._SCRIPTS, name, text)
        monkeypatch.setitem(redis_engine._SHAS, name, hashlib.sha1(text.encode()).hexdigest())


class RedisSide:
    """The engine's side: the data, the time, who listens."""

    patience = 0.4  # ttl / 5, as the store sets it

    def __init__(self, server):
        self.real = redis.Redis(port=server.port, socket_timeout=10)
        self.real.flushall()
        for text in redis_engine._SCRIPTS.values():
            self.real.script_load(text)
        self.ears = {}
        self.identity = 1

    def engine(self, host, settings):
        return RedisEngine(OneServer(lambda: Client(host, self)), settings)

    def run(self, calls, now_ns):
        """Run scripts at the simulation's time; return their replies and what they push."""
        pipe = self.real.pipeline(transaction=False)
        pipe.hset(WORLD, mapping={"s": now_ns // 10**9, "us": now_ns % 10**9 // 1000})
        for call in calls:
            pipe.execute_command(*call)
        pipe.lrange(PUSHES, 0, -1)
        pipe.delete(PUSHES)
        _, *replies, pushed, _ = pipe.execute()
        return replies, zip(pushed[::2], pushed[1::2], strict=True)

    def shown(self, call):
        if call[0] != "EVALSHA":
            return " ".join(call)
        names = {sha: name for name, sha in redis_engine._SHAS.items()}
        return " ".join([names[call[1]], *(str(part)[-20:] for part in call[3:])])

    def listen(self, channel, ear):
        self.ears[channel] = ear
        self.real.sadd(EARS, channel)

    def forget_ear(self, channel, ear):
        if self.ears.get(channel) is ear:
            del self.ears[channel]
            self.real.srem(EARS, channel)

    def forget_all(self):
        self.real.flushall()
        if self.ears:
            self.real.sadd(EARS, *self.ears)

    def snapshot(self):
        return {name: self.real.dump(name) for name in self.real.keys("kn*")}

    def restore(self, data):
        """Go on with older data, as another incarnation of the server."""
        self.forget_all()
        for name, dumped in data.items():
            self.real.restore(name, 0, dumped)
        self.identity += 1

    def restart(self):
        self.identity += 1

    def close(self):
        self.real.flushall()
        self.real.close()


class Client:
    """What redis-py offers the engine and the ear, on the simulated network."""

    def __init__(self, host, side):
        self.side, self.world = side, host.world
        self.connection = Connection(host, side.patience)

    def info(self, section):
        name = f"{self.connection.ask(lambda: self.side.identity):04}"
        return {
            "redis_version": "7.0.0", "role": "master", "maxmemory_policy": "noeviction",
            "run_id": name, "master_replid": name,
        }  # fmt: skip

    def pipeline(self, transaction):
        return Pipeline(self)

    def publish(self, channel, text):
        self.connection.ask(lambda: self.world.push([(channel.encode(), text.encode())]))

    def pubsub(self, ignore_subscribe_messages):
        return PubSub(self)

    def close(self):
        pass


class Pipeline:
    def __init__(self, client):
        self.client, self.calls = client, []

    def script_load(self, text):
        """The side has loaded them all."""

    def delete(self, name):
        self.calls.append(("DEL", name))

    def evalsha(self, *call):
        self.calls.append(("EVALSHA", *call))

    def execute(self):
        return self.client.connection.ask(lambda: self.client.world.run(self.calls))


class PubSub:
    def __init__(self, client):
        self.client, self.connection = client, client.connection
        self._bell = Bell(self.connection.host)
        self._got, self._is_lost, self._is_closed = [], False, False

    def subscribe(self, channel):
        self.channel = channel
        self.connection.ask(self._listen)
        self.connection.link.on_break(self._lose)
        self._got.append({"type": "subscribe"})

    def _listen(self):
        # A subscription that was stuck on a dead connection ends with it, and takes no newer one's place.
        if not self._is_closed:
            self.client.side.listen(self.channel, self)

    def hear(self, data):
        """Take in a push that has arrived."""
        self._got.append({"type": "message", "data": data})
        self._bell.ring()

    def get_message(self, timeout):
        if not self._got and not self._is_lost:
            self._bell.await_ring(timeout)
        if self._is_lost:
            raise LOST
        return self._got.pop(0) if self._got else None

    def ping(self):
        link, life = self.connection.link, self.connection.life
        answer = lambda: (self._got.append({"type": "pong"}), self._bell.ring())  # noqa: E731
        self.client.world.later(0.002, lambda: link.pass_on(life, answer))

    def close(self):
        self._is_closed = True
        if hasattr(self, "channel"):
            self.client.side.forget_ear(self.channel, self)

    def _lose(self):
        self._is_lost = True
        self.client.side.forget_ear(self.channel, self)
        self._bell.ring()
