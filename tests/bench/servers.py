"""The servers that are measured: how each is started on loopback, in a folder of its own, and ended."""
import collections
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
START_TIME = 20.0
END_TIME = 15.0
ACCOUNTS = 5001
NAME = 'csce513fall24Msg'

# Limits are for strangers; here one address is the whole school. Everything else is as shipped.
OPEN_DOORS = ['limits.connects_per_address=1000000', 'limits.connects_per_network=1000000',
              'limits.messages_per_second=10000000', 'limits.bytes_per_second=64GiB',
              'limits.queue_messages=10000000', 'limits.queue_per_sender=10000000',
              'limits.queue_bytes=1024GiB']

Peer = collections.namedtuple('Peer', 'name title program argv driver flags plays')


def ours(build):
    """Our server as a row."""
    argv = [str(build / (NAME + 'd')), '@CONF@']
    for setting in OPEN_DOORS:
        argv += ['--set', setting]
    return Peer('csmsg', 'ours', str(build / (NAME + 'd')), argv, 'csmsg', [],
                'S1 S2 S3 S4 S5 S6 S7')


def sealed(build):
    """Our server again, of which the generator asks what sealed messages ask."""
    return ours(build)._replace(name='csmsg-sealed', title='ours, sealed', flags=['-H'],
                                plays='S1 S2 S3')


def relay(build):
    """The bare relay as a row."""
    return Peer('relay', 'bare relay', str(build / 'bench/relay'),
                [str(build / 'bench/relay'), '@PORT@'], 'relay', [], 'S1 S2 S3 S4 S7')


def peers(build):
    """Every server there is, ours first, the physical limit last."""
    inspircd = ['inspircd', '--runasroot', '--nofork', '--config=@CONF@']
    ngircd, mosquitto = ['ngircd', '-n', '-f', '@CONF@'], ['mosquitto', '-c', '@CONF@']
    nats, prosody = ['nats-server', '-c', '@CONF@'], ['prosody', '-F', '--config', '@CONF@']
    lively = 'S1 S2 S3 S4 S6'
    few = ['-c', '8']  # logins at once: ngircd's listen backlog is 10, beyond it SYNs are dropped
    return [
        ours(build), sealed(build),
        Peer('ngircd', 'ngircd', 'ngircd', ngircd, 'irc', few, 'S1 S2 S3 S4'),
        Peer('ngircd-tls', 'ngircd TLS', 'ngircd', ngircd, 'irc', few + ['-T'], 'S1 S2 S3 S4'),
        Peer('inspircd', 'InspIRCd', 'inspircd', inspircd, 'irc', [], lively),
        Peer('inspircd-tls', 'InspIRCd TLS', 'inspircd', inspircd, 'irc', ['-T'], lively),
        Peer('mosquitto', 'mosquitto QoS 1', 'mosquitto', mosquitto, 'mqtt', [], lively + ' S5'),
        Peer('mosquitto-tls', 'mosquitto QoS 1 TLS', 'mosquitto', mosquitto, 'mqtt', ['-T'], lively),
        Peer('nats', 'NATS', 'nats-server', nats, 'nats', [], lively),
        Peer('nats-tls', 'NATS TLS', 'nats-server', nats, 'nats', ['-T'], lively),
        Peer('nats-jetstream', 'NATS JetStream', 'nats-server', nats, 'jetstream', [], 'S5'),
        Peer('prosody', 'prosody', 'prosody', prosody, 'xmpp', [], 'S1 S2 S4 S5'),
        Peer('prosody-tls', 'prosody TLS', 'prosody', prosody, 'xmpp', ['-T'], 'S1 S2 S4'),
        relay(build)]


def installed(peer):
    """True when its program is there."""
    return shutil.which(peer.program, path=os.environ.get('PATH', '') + ':/usr/sbin') is not None


def version(peer):
    """Its version; packages are called like their programs."""
    if peer.driver in ('csmsg', 'relay'):
        return 'this tree'
    done = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', peer.program],
                          capture_output=True, check=False, text=True)
    return done.stdout.strip() or 'not from a package'


def free_port():
    """A port nobody has just now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Failed(Exception):
    """A server that does not start or a run of the generator that fails; the text says why."""


class Server:
    """One server, in a session and a folder of its own. It can be started again after a kill."""

    def __init__(self, peer):
        self.peer = peer
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='csmsg-bench-'))
        self.folder.chmod(0o755)  # some give up their rights once they run
        (self.folder / 'store').mkdir()
        (self.folder / 'store').chmod(0o777)
        self.port = free_port()
        self.process = None
        # Some tell the language of a config by its ending. The relay has none.
        named = 'csmsg' if peer.driver == 'csmsg' else peer.name
        self.source = next((HERE / 'peers').glob(named + '.*'), None)
        self.config = self.folder / ('server' + self.source.suffix if self.source else 'none')
        if '-T' in peer.flags:
            self.make_certificate()
        if peer.driver == 'xmpp':
            self.make_accounts()

    def make_certificate(self):
        """A key and a certificate by itself, as all the TLS rows use."""
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem', '-out',
                        'cert.pem', '-days', '30', '-subj', '/CN=localhost'],
                       cwd=self.folder, check=True, capture_output=True)
        for name in ('key.pem', 'cert.pem'):
            (self.folder / name).chmod(0o644)

    def make_accounts(self):
        """XMPP knows its users beforehand: as prosody keeps them, one file each."""
        accounts = self.folder / 'store' / 'localhost' / 'accounts'
        accounts.mkdir(parents=True)
        for number in range(ACCOUNTS):
            (accounts / ('u%d.dat' % number)).write_text('return { ["password"] = "pw" };\n')

    def fill_in(self, text):
        """A config or argument with its places filled."""
        for place, value in (('@RUN@', self.folder), ('@PORT@', self.port), ('@OTHER@', free_port()),
                             ('@CONF@', self.config)):
            text = text.replace(place, str(value))
        return text

    def start(self):
        """Starts it and waits until it takes connections."""
        if self.source:
            self.config.write_text(self.fill_in(self.source.read_text()))
        environ = {**os.environ, 'PATH': os.environ.get('PATH', '') + ':/usr/sbin'}
        with open(self.folder / 'log', 'ab') as log:
            self.process = subprocess.Popen(
                [self.fill_in(word) for word in self.peer.argv], cwd=self.folder, env=environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_TIME
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed('%s does not start: %s' % (self.peer.name, self.last_words()))
            time.sleep(0.02)
        return self

    def answers(self):
        """True when the port takes a connection; ours also has to say that it is ready."""
        with contextlib.closing(socket.socket()) as probe:
            if probe.connect_ex(('127.0.0.1', self.port)) != 0:
                return False
        return self.peer.driver != 'csmsg' or 'ev=ready' in self.log()

    def log(self):
        """Everything it has said since it was started first."""
        return (self.folder / 'log').read_text(errors='replace')

    def last_words(self):
        """The end of its log, for people."""
        return ' | '.join(self.log().splitlines()[-3:]) or 'it said nothing'

    def buried(self):
        """Waits for a server that was killed, so that its port and files are free again."""
        self.process.wait(END_TIME)
        (self.folder / 'log').write_text('')

    def stop(self):
        """Ends it in order, else by force: its own session, nothing else."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_TIME)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()
