"""The brokers that scripts/interop starts: how to get each of them, and how to run it on free ports of 127.0.0.1.

All are set up alike, as far as they can be: anyone may connect without a name and use the topics below `mqt/`; the user
`ann` has the password `right`, and a wrong one is refused; nobody may publish or subscribe below `denied/`.
"""
import base64
import hashlib
import importlib.util
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

# Longer than any of them takes to start or to stop, even on a busy machine.
PATIENCE = 90


def free_ports(count):
    """So many ports of 127.0.0.1 on which nobody listens.

    Below those that the system gives to outgoing connections: one of them could take the port of a broker that is
    being restarted, or be a client that has connected to itself.
    """
    sockets = []
    while len(sockets) < count:
        try:
            sockets.append(socket.create_server(("127.0.0.1", random.randrange(20000, 30000))))
        except OSError:
            continue
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def cache():
    """Where packages of npm and PyPI are installed: a folder that is not part of the source."""
    return pathlib.Path(os.environ.get("INTEROP_CACHE") or pathlib.Path(__file__).resolve().parent.parent / "target/interop")


def run(words, **options):
    """Runs a command to its end; what it said is part of the error when it fails."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stdout.strip()[-2000:]}")
    return done.stdout


def install_packages(*packages):
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise RuntimeError(f"install {' '.join(packages)} (needs root and apt-get)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    try:
        run(words, env=environment)
    except RuntimeError:
        run(["apt-get", "update", "-qq"], env=environment)
        run(words, env=environment)


class Certificates:
    """A certificate authority, and a certificate for localhost and 127.0.0.1, made with openssl."""

    def __init__(self, folder):
        self.ca, self.cert, self.key = folder / "ca.crt", folder / "server.crt", folder / "server.key"
        ca_key, request, names = folder / "ca.key", folder / "server.csr", folder / "names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        run(["openssl", "req", "-x509", *new_key, "-keyout", ca_key, "-out", self.ca, "-days", "30", "-subj", "/CN=Interop CA"])
        run(["openssl", "req", *new_key, "-keyout", self.key, "-out", request, "-subj", "/CN=localhost"])
        run(["openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial",
             "-out", self.cert, "-days", "30", "-extfile", names])
        # Brokers give up root.
        for file in (self.ca, self.cert, self.key):
            file.chmod(0o644)


class Broker:
    """One broker: how to install it, its settings, its processes."""

    name = ""
    versions = ("5", "3.1.1")
    # The ports that it needs, by what is spoken on them. Those that are no transports of MQTT are its own business.
    ports_needed = ("tcp", "ws", "tls", "wss")
    ws_path = "/mqtt"
    # Whether anyone may connect without a name.
    anonymous = True
    # Whether sessions and the messages in them outlive a restart.
    keeps = True
    # How many lines a stream has, for one that is slow.
    lines = 100_000
    # Bytes of the large payload over this transport, where 20 MB are too many for it.
    large = {}
    # What it is known not to do: the name of the check, then the version or transport where it is not for all. It is told
    # in the table and not held against mqt, unless mqt hangs.
    lacks = {}

    def __init__(self, folder, certificates):
        self.folder, self.certificates = folder, certificates
        self.ports, self.processes = {}, []

    # ---- What each broker says for itself.

    @classmethod
    def missing(cls):
        """Why it cannot be started here, or None."""
        raise NotImplementedError

    @classmethod
    def install(cls):
        raise NotImplementedError

    def configure(self):
        """Writes its settings for self.ports."""
        raise NotImplementedError

    def commands(self):
        """What to run, one process each: words and additions to the environment."""
        raise NotImplementedError

    def version(self):
        return ""

    # ---- The same for all.

    def transports(self):
        return [name for name in ("tcp", "ws", "tls", "wss") if name in self.ports_needed]

    def lacking(self, check, version, transport):
        """Why it is known to fail this check, or None."""
        for (name, *only), why in self.lacks.items():
            if name == check and set(only) <= {version, transport}:
                return why
        return None

    def runs(self):
        return all(process.poll() is None for process in self.processes)

    def url(self, transport="tcp"):
        scheme = {"tcp": "mqtt", "ws": "ws", "tls": "mqtts", "wss": "wss"}[transport]
        path = self.ws_path if transport in ("ws", "wss") else ""
        return f"{scheme}://localhost:{self.ports[transport]}{path}"

    def start(self):
        """Starts it on free ports; again on others where somebody else was quicker."""
        for attempt in range(3):
            self.ports = dict(zip(self.ports_needed, free_ports(len(self.ports_needed))))
            self.configure()
            try:
                return self.run()
            except RuntimeError:
                self.stop()
                if attempt == 2:
                    raise

    def run(self):
        """Starts the processes, on the ports that are set, and waits until they listen."""
        for number, (words, environment) in enumerate(self.commands()):
            log = open(self.folder / f"log.{number}", "ab")
            with log:
                self.processes.append(subprocess.Popen(
                    [str(word) for word in words], env={**os.environ, **environment}, cwd=self.folder,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))
        deadline = time.monotonic() + PATIENCE
        for transport in self.transports():
            while not self.answers(self.ports[transport]):
                dead = [process.args[0] for process in self.processes if process.poll() is not None]
                if dead or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} {'has ended' if dead else 'is not ready'}: {self.log()}")

    @staticmethod
    def answers(port):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            # The pause of a bounded number of tries.
            time.sleep(0.05)
            return False

    def stop(self, how=signal.SIGTERM):
        """Ends the processes that were started, with what they have started, and waits for them."""
        for process in reversed(self.processes):
            self.signal(process, how)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                self.signal(process, signal.SIGKILL)
                process.wait(20)
            # What it has left behind in its group.
            self.signal(process, signal.SIGKILL)
        self.processes = []

    @staticmethod
    def signal(process, number):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def restart(self):
        self.stop()
        self.run()

    def log(self):
        text = b"".join(path.read_bytes() for path in sorted(self.folder.glob("log.*")))
        return text.decode(errors="replace")[-1500:]

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path


class Mosquitto(Broker):
    name = "mosquitto"
    ws_path = ""
    # Over WebSocket it sends 4 KiB each 100 ms.
    large = {"ws": 1 << 20, "wss": 1 << 20}
    lacks = {
        ("refused publish, QoS 1", "3.1.1"): "it acknowledges what it does not deliver",
        ("refused among others", "3.1.1"): "it acknowledges what it does not deliver",
        ("refused subscription",): "it grants it and delivers nothing",
    }

    @classmethod
    def missing(cls):
        return None if shutil.which("mosquitto") else "mosquitto is not installed"

    @classmethod
    def install(cls):
        install_packages("mosquitto")

    def version(self):
        told = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout
        return told.split("\n")[0].replace("mosquitto version ", "")

    def configure(self):
        users = self.file("users", "ann:right\n")
        run(["mosquitto_passwd", "-U", users])
        access = self.file("access", "topic readwrite #\ntopic deny denied/#\nuser ann\ntopic readwrite #\ntopic deny denied/#\n")
        for path in (users, access):
            path.chmod(0o644)
        lines = [f"password_file {users}", f"acl_file {access}", "allow_anonymous true", "max_queued_messages 0",
                 "max_packet_size 268435455", "persistence true", f"persistence_location {self.folder}/", "user root", "log_type all"]
        tls = [f"cafile {self.certificates.ca}", f"certfile {self.certificates.cert}", f"keyfile {self.certificates.key}"]
        for transport in self.transports():
            lines.append(f"listener {self.ports[transport]} 127.0.0.1")
            lines += ["protocol websockets"] if transport in ("ws", "wss") else []
            lines += tls if transport in ("tls", "wss") else []
        self.file("settings", "\n".join(lines) + "\n")

    def commands(self):
        return [(["mosquitto", "-c", self.folder / "settings"], {})]


class Nats(Broker):
    name = "nats"
    versions = ("3.1.1",)
    lacks = {
        ("QoS 2",): "it takes no publish at QoS 2",
        ("lines, QoS 2",): "it takes no publish at QoS 2",
        ("lines, QoS 2, --buffer",): "it takes no publish at QoS 2",
        ("shared subscription",): "it grants one and delivers nothing",
        ("restart in a stream",): "it loses messages that it has acknowledged, with mosquitto's clients too",
        ("refused publish, QoS 0",): "it drops without a word what a permission denies",
        ("refused publish, QoS 1",): "it acknowledges what a permission denies",
        ("refused among others",): "it acknowledges what a permission denies",
    }
    # Its own protocol needs a port too. A server has one listener for MQTT: a second server has that with TLS.
    ports_needed = ("tcp", "ws", "tls", "own", "own_tls")

    @classmethod
    def missing(cls):
        return None if shutil.which("nats-server") else "nats-server is not installed"

    @classmethod
    def install(cls):
        install_packages("nats-server")

    def version(self):
        return run(["nats-server", "--version"]).strip().replace("nats-server: v", "")

    def configure(self):
        users = """
authorization { users = [
  { user: anyone, password: none, permissions: { publish: { deny: "denied.>" }, subscribe: { deny: "denied.>" } } }
  { user: ann, password: right }
] }
no_auth_user: anyone
max_payload: 67108864
"""
        # MQTT needs the name and JetStream.
        head = 'server_name: {0}\nhost: 127.0.0.1\nport: {1}\njetstream {{ store_dir: "{2}/{0}" }}\n' + users.replace("{", "{{").replace("}", "}}")
        ports = self.ports
        self.file("plain.conf", head.format("plain", ports["own"], self.folder)
                  + f"mqtt {{ host: 127.0.0.1, port: {ports['tcp']}, ack_wait: 3s }}\n"
                  + f"websocket {{ host: 127.0.0.1, port: {ports['ws']}, no_tls: true }}\n")
        self.file("tls.conf", head.format("tls", ports["own_tls"], self.folder)
                  + f"mqtt {{ host: 127.0.0.1, port: {ports['tls']}, tls {{ cert_file: \"{self.certificates.cert}\", key_file: \"{self.certificates.key}\" }} }}\n")

    def commands(self):
        return [(["nats-server", "-c", self.folder / f"{name}.conf"], {}) for name in ("plain", "tls")]


class RabbitMq(Broker):
    name = "rabbitmq"
    versions = ("3.1.1",)
    lacks = {
        ("QoS 2",): "it delivers at QoS 1",
        ("lines, QoS 2",): "it delivers at QoS 1",
        ("lines, QoS 2, --buffer",): "it delivers at QoS 1",
        ("shared subscription",): "it has none: it grants the filter and delivers nothing",
        ("clear 3,000 retained",): "it sends no retained messages to a filter with wildcards",
    }
    ws_path = "/ws"
    # Erlang's: one for the nodes, one to look them up.
    ports_needed = ("tcp", "ws", "tls", "wss", "amqp", "node", "epmd")
    programs = pathlib.Path("/usr/lib/rabbitmq/bin")

    @classmethod
    def missing(cls):
        return None if (cls.programs / "rabbitmq-server").exists() else "rabbitmq-server is not installed"

    @classmethod
    def install(cls):
        install_packages("rabbitmq-server")

    def version(self):
        folders = sorted(self.programs.parent.glob("lib/rabbitmq_server-*"))
        return folders[-1].name.split("-")[-1] if folders else ""

    def configure(self):
        ports = self.ports
        salt = b"salt"
        password = {name: base64.b64encode(salt + hashlib.sha256(salt + name.encode()).digest()).decode() for name in ("guest", "right")}
        users = {"guest": password["guest"], "ann": password["right"]}
        # A topic's slashes are dots here.
        allowed = "^(?!denied\\.).*"
        definitions = self.file("definitions.json", json.dumps({
            "users": [{"name": user, "password_hash": text, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}
                      for user, text in users.items()],
            "vhosts": [{"name": "/"}],
            "permissions": [{"user": user, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"} for user in users],
            "topic_permissions": [{"user": user, "vhost": "/", "exchange": "amq.topic", "write": allowed, "read": allowed} for user in users],
        }))
        self.file("rabbitmq.conf", f"""
listeners.tcp.1 = 127.0.0.1:{ports['amqp']}
load_definitions = {definitions}
mqtt.listeners.tcp.1 = 127.0.0.1:{ports['tcp']}
mqtt.listeners.ssl.1 = 127.0.0.1:{ports['tls']}
mqtt.default_user = guest
mqtt.default_pass = guest
mqtt.allow_anonymous = true
web_mqtt.tcp.ip = 127.0.0.1
web_mqtt.tcp.port = {ports['ws']}
web_mqtt.ssl.ip = 127.0.0.1
web_mqtt.ssl.port = {ports['wss']}
web_mqtt.ssl.cacertfile = {self.certificates.ca}
web_mqtt.ssl.certfile = {self.certificates.cert}
web_mqtt.ssl.keyfile = {self.certificates.key}
ssl_options.cacertfile = {self.certificates.ca}
ssl_options.certfile = {self.certificates.cert}
ssl_options.keyfile = {self.certificates.key}
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
vm_memory_high_watermark.relative = 0.8
disk_free_limit.absolute = 50MB
""")
        self.file("plugins", "[rabbitmq_mqtt,rabbitmq_web_mqtt].\n")

    def commands(self):
        epmd = {"ERL_EPMD_PORT": str(self.ports["epmd"]), "ERL_EPMD_ADDRESS": "127.0.0.1", "HOME": str(self.folder)}
        server = {
            **epmd,
            "RABBITMQ_NODENAME": f"interop-{self.ports['node']}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.ports["amqp"]),
            "RABBITMQ_DIST_PORT": str(self.ports["node"]),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        # Ours, and not a daemon that stays.
        return [(["epmd", "-port", self.ports["epmd"], "-address", "127.0.0.1"], epmd), ([self.programs / "rabbitmq-server"], server)]


class Ejabberd(Broker):
    name = "ejabberd"
    ports_needed = ("tcp", "ws", "tls", "wss")
    # A client without a password is let in by its certificate only.
    anonymous = False
    # Its sessions are in memory.
    keeps = False
    lacks = {
        ("shared subscription",): "it has none",
        ("clear 3,000 retained",): "it sends 1,000 retained messages for a subscription, mosquitto's clients get no more",
        ("refused publish, QoS 0",): "it drops without a word what is denied",
        ("refused publish, QoS 1", "3.1.1"): "it acknowledges what it does not deliver",
        ("refused publish, QoS 2", "3.1.1"): "it acknowledges what it does not deliver",
        ("refused among others", "3.1.1"): "it acknowledges what it does not deliver",
    }

    @classmethod
    def missing(cls):
        return None if shutil.which("erl") and cls.libraries() else "ejabberd is not installed"

    @staticmethod
    def libraries():
        """The folder of Erlang libraries that ejabberd is in."""
        found = sorted(pathlib.Path("/usr/lib").glob("*/ejabberd-*/ebin/ejabberd.beam"))
        return found[-1].parent.parent.parent if found else None

    @classmethod
    def install(cls):
        install_packages("ejabberd")

    def version(self):
        return sorted(self.libraries().glob("ejabberd-*"))[-1].name.split("-")[1]

    def configure(self):
        ports = self.ports
        pem = self.file("server.pem", self.certificates.key.read_text() + self.certificates.cert.read_text())
        self.file("ejabberd.yml", f"""
hosts: [localhost]
loglevel: warning
certfiles: ["{pem}"]
ca_file: "{self.certificates.ca}"
listen:
  - {{ port: {ports['tcp']}, ip: "127.0.0.1", module: mod_mqtt, backlog: 1000 }}
  - {{ port: {ports['tls']}, ip: "127.0.0.1", module: mod_mqtt, backlog: 1000, tls: true }}
  - {{ port: {ports['ws']}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {{ "/mqtt": mod_mqtt }} }}
  - {{ port: {ports['wss']}, ip: "127.0.0.1", module: ejabberd_http, tls: true, request_handlers: {{ "/mqtt": mod_mqtt }} }}
auth_method: [mnesia]
modules:
  mod_mqtt:
    max_queue: unlimited
    access_publish: {{ "mqt/#": all }}
    access_subscribe: {{ "mqt/#": all }}
""")

    def commands(self):
        environment = {
            "EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
            "ERL_LIBS": str(self.libraries()),
            "HOME": str(self.folder),
        }
        # Without a name of the node there is neither a port for nodes nor a process to look them up.
        words = ["erl", "-noinput", "+K", "true", "-mnesia", "dir", f'"{self.folder}/mnesia"', "-s", "ejabberd",
                 "-eval", 'ejabberd:start(), ejabberd_auth:try_register(<<"ann">>, <<"localhost">>, <<"right">>).']
        return [(words, environment)]


class Aedes(Broker):
    name = "aedes"
    versions = ("3.1.1",)
    lacks = {("shared subscription",): "it has none: it grants the filter and delivers nothing"}
    # Its sessions are in memory.
    keeps = False
    program = pathlib.Path(__file__).resolve().parent / "aedes.js"

    @classmethod
    def missing(cls):
        if not shutil.which("node"):
            return "node is not installed"
        return None if all((cls.modules() / name).exists() for name in ("aedes", "ws")) else "aedes is not installed"

    @staticmethod
    def modules():
        return cache() / "npm/node_modules"

    @classmethod
    def install(cls):
        if not shutil.which("npm"):
            install_packages("npm", "nodejs")
        folder = cls.modules().parent
        folder.mkdir(parents=True, exist_ok=True)
        run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, "aedes@1", "ws@8"])

    def version(self):
        return json.loads((self.modules() / "aedes/package.json").read_text())["version"]

    def configure(self):
        pass

    def commands(self):
        words = ["node", self.program, json.dumps(self.ports), self.certificates.key, self.certificates.cert]
        return [(words, {"NODE_PATH": str(self.modules())})]


class Amqtt(Broker):
    name = "amqtt"
    versions = ("3.1.1",)
    # It keeps nothing for a session that is away.
    keeps = False
    lines = 5000
    lacks = {
        ("session",): "it keeps nothing for a session that is away",
        ("refused publish, QoS 0",): "it drops without a word what is denied",
        **{(check,): "it acknowledges what it does not deliver" for check in
           ("refused publish, QoS 1", "refused publish, QoS 2", "refused among others")},
        **{(check,): "it loses half of what comes quickly" for check in ("shared subscription", "clear 3,000 retained", "restart in a stream")},
        ("will",): "it sends a subscriber what was retained for the one before, mosquitto's clients too",
        ("take-over",): "it lets two clients have one identifier",
        **{(f"lines, QoS {qos}{buffer}",): "it loses half of what comes quickly, with mosquitto's clients too"
           for qos in (0, 1, 2) for buffer in ("", ", --buffer")},
    }
    program = """
import asyncio, json, signal, sys
from amqtt.broker import Broker
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
class Password(BaseAuthPlugin):
    async def authenticate(self, *, session):
        return not session.username or (session.username, session.password) == ('ann', 'right')
class Topics(BaseTopicPlugin):
    async def topic_filtering(self, *, session=None, topic=None, action=None):
        return not (topic or '').startswith('denied/')
async def main():
    broker = Broker(json.loads(sys.argv[1]))
    await broker.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
if __name__ == '__main__':
    asyncio.run(main())
"""

    @classmethod
    def python(cls):
        return cache() / "python/bin/python"

    @classmethod
    def missing(cls):
        return None if cls.python().exists() and list(cache().glob("python/lib/*/site-packages/amqtt")) else "amqtt is not installed"

    @classmethod
    def install(cls):
        if importlib.util.find_spec("ensurepip") is None:
            install_packages("python3-venv")
        run([sys.executable, "-m", "venv", cache() / "python"])
        run([cls.python(), "-m", "pip", "install", "--quiet", "amqtt"])

    def version(self):
        found = list(cache().glob("python/lib/*/site-packages/amqtt-*.dist-info"))
        return found[0].name.split("-")[1].removesuffix(".dist") if found else ""

    def configure(self):
        self.file("program.py", self.program)

    def commands(self):
        tls = {"ssl": True, "certfile": str(self.certificates.cert), "keyfile": str(self.certificates.key)}
        listeners = {
            "default": {"type": "tcp", "bind": f"127.0.0.1:{self.ports['tcp']}"},
            "ws": {"type": "ws", "bind": f"127.0.0.1:{self.ports['ws']}"},
            "tls": {"type": "tcp", "bind": f"127.0.0.1:{self.ports['tls']}", **tls},
            "wss": {"type": "ws", "bind": f"127.0.0.1:{self.ports['wss']}", **tls},
        }
        settings = {"listeners": listeners, "plugins": {"program.Password": {}, "program.Topics": {}}}
        return [([self.python(), self.folder / "program.py", json.dumps(settings)], {"PYTHONPATH": str(self.folder)})]


ALL = (Mosquitto, Nats, RabbitMq, Ejabberd, Aedes, Amqtt)

# Known, and in no package: said so in the table.
NOT_TO_BE_HAD = {"paho": "the Python broker of the Eclipse Paho test suite is in no package of apt, npm or PyPI"}
