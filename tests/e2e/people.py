"""People of the end-to-end tests: real clients that were here once, people of the reference client, and what is
in the store of a user."""
import base64
import pathlib
import sqlite3

from sealed_client import Device, Person


def registered(env, server, *users):
    """Real people who were here once: their keys are at the server."""
    for user in users:
        env.cli(server, user, 'who').expect(0)


def reference(env, server, name, one_time=3):
    """A person of the reference client with one device, listed and published: (person, device, client)."""
    person = Person(name)
    device = Device(person, one_time)
    client = env.login(device.identity, server)
    device.begin(client)
    return person, device, client


def leave(server, client):
    """Ends the session on purpose, and waits until the server has noticed."""
    since = server.log.mark()
    client.bye()
    server.wait_log(after=since, sub='session', ev='drop', user=client.identity.name)


def store_of(env, user):
    """The path of a user's store."""
    return env.folder / ('home-' + user) / user / 'store.db'


def edit(env, user, sql, *values):
    """Changes the store of a user who is not running."""
    with sqlite3.connect(store_of(env, user)) as db:
        return db.execute(sql, values).fetchall()


def found_in(folder, mark):
    """The files below a folder that hold these bytes."""
    return [str(path) for path in pathlib.Path(folder).rglob('*')
            if path.is_file() and mark.encode() in path.read_bytes()]


def seed_of(env, user):
    """The account's seed in the real client's key file."""
    lines = dict(line.split() for line in (env.folder / ('home-' + user) / user / 'key').read_text().splitlines())
    return base64.b64decode(lines['account'])


def texts(program):
    """The texts of a tail so far."""
    return [event.get('text') for event in program.out.parsed if event.get('ev') == 'message']
