"""Files from real client to real client, docs/files.md: whoever they are for gets each byte, whatever kind of name,
size or source they have, and is told what has become of them."""
import io
import subprocess
import tarfile

from harness import check, equal, until
from people import registered
from sharing import (CHUNK, blobs, content_of, downloads, ended, get, make, nothing_left, offer, offers, put, start,
                     state_of)


def test_present_and_absent(env):
    """A file to somebody who listens, and to somebody who is away; the sender hears that it was fetched."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol')
    content = content_of(3 * CHUNK + 5)
    path = make(env, 'out/notes.txt', content)
    tail = env.tail(server, 'bob')
    put(env, server, 'alice', path, 'bob')
    offered = tail.out.wait(ev='message', **{'from': 'alice'})['file']
    equal((offered['name'], offered['size']), ('notes.txt', len(content)), 'the offer')
    equal(get(env, server, 'bob', offered['id'], downloads(env, 'bob'), content).name, 'notes.txt', 'its name')
    put(env, server, 'alice', path, 'carol')
    row = offer(env, server, 'carol')
    get(env, server, 'carol', row['id'], downloads(env, 'carol'), content)
    nothing_left(server)
    env.cli(server, 'alice', 'inbox').expect(0)
    equal({row['state'] for row in env.cli(server, 'alice', 'files').events()}, {'fetched'}, 'what alice is told')


def test_sizes(env):
    """Empty, one byte, and every border of chunks with a byte beside it."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    sizes = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 17 * CHUNK + 1)
    paths = [make(env, 'out/%d.bin' % size, content_of(size)) for size in sizes]
    env.cli(server, 'alice', 'put', *map(str, paths), 'bob', timeout=60).expect(0)
    rows = offers(env, server, 'bob')
    equal([row['size'] for row in rows], list(sizes), 'what is offered')
    for row in rows:
        get(env, server, 'bob', row['id'], downloads(env, 'bob'), content_of(row['size']))
    nothing_left(server)
