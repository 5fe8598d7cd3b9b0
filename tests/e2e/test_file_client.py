"""Files from real client to real client, docs/files.md: whoever they are for gets each byte, whatever size, source or
name they have, and everybody is told what has become of them."""
import io
import os
import subprocess
import tarfile

import frames
import sealed
import sealed_blob
from files import Files
from harness import Finished, check, equal, until
from panes import Mux
from people import reference, registered
from sharing import (CHUNK, Gate, blobs, content_of, downloads, ended, get, make, nothing_left, offer, offers, pipe_of, put,
                     start, state_of, states)
from test_devices import admitted, pair
from test_group_client import group

# --- who ---

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
    get(env, server, 'carol', offer(env, server, 'carol')['id'], downloads(env, 'carol'), content)
    nothing_left(server)
    equal(states(env, server, 'alice'), ['fetched', 'fetched'], 'what alice is told')


def test_group(env):
    """One upload for a group: the member who is there, the one who is not, and never who is no member."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol', 'dave')
    group(env, server, 'alice', 'create', '#lab', 'open')
    for user in ('bob', 'carol'):
        group(env, server, user, 'join', '#lab')
    tail = env.tail(server, 'bob')
    content = content_of(2 * CHUNK + 1)
    put(env, server, 'alice', make(env, 'out/plan.pdf', content), '#lab')
    equal(tail.out.wait(ev='message', **{'from': 'alice'})['file']['name'], 'plan.pdf', 'the offer')
    equal(len(blobs(server)), 1, 'blobs')
    for user in ('bob', 'carol'):
        get(env, server, user, offer(env, server, user)['id'], downloads(env, user), content)
    nothing_left(server)
    equal(states(env, server, 'alice'), ['fetched'], 'what alice is told')
    equal(offers(env, server, 'dave'), [], 'offers to a stranger')


def test_every_device(env):
    """Both machines of who gets it, and the other one of who sends it."""
    server = env.server()
    bob_phone, bob_laptop = pair(env, server, 'bob')
    admitted(bob_phone, bob_laptop)
    alice_phone, alice_laptop = pair(env, server, 'alice')
    admitted(alice_phone, alice_laptop)
    content = content_of(CHUNK + 9)
    path = make(env, 'out/photo.jpg', content)
    alice_phone.expect(0, 'put', path, 'bob')
    for machine in (bob_phone, bob_laptop, alice_laptop):
        machine.expect(0, 'inbox')
        row, = [r for r in machine.expect(0, 'files') if r['state'] == 'offered']
        folder = downloads(env, 'machine')
        machine.expect(0, 'get', str(row['id']), folder)
        equal((folder / 'photo.jpg').read_bytes() == content, True, 'what %s has' % machine.home.name)
        equal(len(blobs(server)), 0 if machine is bob_laptop or not blobs(server) else 1, 'blobs')
        if machine is bob_laptop:
            break
    nothing_left(server)


def test_not_to_the_lobby(env):
    """Nor to nobody; and what is no file is not sent: words, and what to do."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    path = make(env, 'out/x', b'x')
    for words, status in ((('put', path, '#lobby'), 2), (('put', path, 'nobody'), 5), (('put', path, '#nothing'), 5),
                          (('put', env.folder / 'missing', 'bob'), 5), (('put', '/dev/null', 'bob'), 2),
                          (('get', '4711'), 5), (('decline', '4711'), 5), (('get', 'x'), 2)):
        done = env.cli(server, 'alice', *map(str, words)).expect(status)
        check('error: ' in done.err, '%s says nothing' % (words,))
    equal(blobs(server), [], 'blobs')


# --- what ---

def test_sizes(env):
    """Empty, one byte, and every border of chunks with a byte beside it."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    sizes = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 17 * CHUNK + 1)
    paths = [make(env, 'out/%d.bin' % size, content_of(size)) for size in sizes]
    env.cli(server, 'alice', 'put', *map(str, paths), 'bob', timeout=60).expect(0)
    rows = offers(env, server, 'bob')
    equal(sorted(row['size'] for row in rows), sorted(sizes), 'what is offered')
    for row in rows:
        get(env, server, 'bob', row['id'], downloads(env, 'bob'), content_of(row['size']))
    nothing_left(server)


def test_pipe(env):
    """From standard input to standard output; its offer comes when it is stored, and knows size and hash."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    for size in (0, 5, CHUNK, 20 * CHUNK + 3):
        content = content_of(size)
        sender = start(env, server, 'alice', 'put', '-', 'bob', '--name', 'dump.sql', stdin=subprocess.PIPE)
        pipe_of(sender, content)
        ended(sender)
        row = offer(env, server, 'bob')
        equal((row['name'], row['size']), ('dump.sql', size), 'the offer')
        argv = env.argv(server, 'bob', '--quiet', 'get', str(row['id']), '-', json_lines=False)
        done = subprocess.run(argv, cwd=env.folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              env=env.environ(), check=False)
        equal((done.returncode, done.stdout == content), (0, True), 'get - (%s)' % done.stderr)
    nothing_left(server)


def test_folder(env):
    """A folder is one tar file, which nobody unpacks unasked; a name that looks like an option is one all the same."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    make(env, 'out/--help/one.txt', b'one')
    make(env, 'out/--help/in/two.bin', content_of(3 * CHUNK))
    put(env, server, 'alice', env.folder / 'out/--help', 'bob')
    row = offer(env, server, 'bob')
    folder = downloads(env, 'bob')
    env.cli(server, 'bob', 'get', str(row['id']), str(folder)).expect(0)
    path, = folder.iterdir()
    equal(path.name, row['name'], 'its name')
    check(path.name.endswith('.tar') and not path.name.startswith('-'), 'name %s' % path.name)
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        equal(sorted(tar.getnames()), ['--help', '--help/in', '--help/in/two.bin', '--help/one.txt'], 'what is in it')
        equal(tar.extractfile('--help/in/two.bin').read() == content_of(3 * CHUNK), True, 'a file of it')


def test_hostile_names(env):
    """Whatever a sender calls a file: it lands in the folder, under a name of its own, and overwrites nothing."""
    server = env.server()
    env.cli(server, 'bob', 'who').expect(0)
    _, device, client = reference(env, server, 'mallory')
    files, key = Files(client), os.urandom(32)
    content = b'harmless'
    names = ['../../.bashrc', '/etc/passwd', '.ssh', '-rf', 'a\nb', 'x\x1b[2Jy', 'a\u202egpj.exe', 'con\u200bfig', '..', '.',
             'notes.txt', 'notes.txt', 'n' * 255, 'sub/dir/file', '\\\\host\\share', 'CON', 'a\x00b', '\xff']
    for name in names:
        blob = os.urandom(32)
        files.upload(sealed_blob.seal_blob(key, content), 'bob', blob=blob)
        raw = name.encode('latin-1') if name == '\xff' else name.encode()
        fields = sealed_blob.offer(blob, key, len(content), raw)
        device.send_content(client, 'bob', sealed.content(sealed_blob.KIND, 1, fields))
    until(lambda: len(offers(env, server, 'bob')) == len(names), 'all offers', 20)
    folder = downloads(env, 'bob')
    make(env, folder.name + '/notes.txt', b'mine')
    before = {p for p in env.folder.rglob('*') if not str(p).startswith((str(folder), str(env.folder / 'home-bob')))}
    for row in offers(env, server, 'bob'):
        env.cli(server, 'bob', 'get', str(row['id']), str(folder)).expect(0)
    came = sorted(p.name for p in folder.iterdir())
    equal(len(came), len(names) + 1, 'files in the folder: %s' % came)
    equal((folder / 'notes.txt').read_bytes(), b'mine', 'what was there')
    for name in came:
        bad = name.startswith(('.', '-')) or any(ord(c) < 32 or c in '/\\\u202e\u200b\x7f' for c in name)
        check(not bad and len(name.encode()) <= 110, 'a bad name: %r' % name)
    new = {p for p in env.folder.rglob('*') if not str(p).startswith((str(folder), str(env.folder / 'home-bob')))} - before
    equal([str(p) for p in new if 'server' not in str(p)], [], 'files elsewhere')


def test_reference(env):
    """A client written from the documents alone sends files to the real one, and opens what that one sends."""
    server = env.server()
    registered(env, server, 'bob')
    _, device, client = reference(env, server, 'ref')
    files = Files(client)
    for size in (0, 1, CHUNK, CHUNK + 1, 3 * CHUNK):
        content, key, blob = content_of(size), os.urandom(32), os.urandom(32)
        files.upload(sealed_blob.seal_blob(key, content), 'bob', blob=blob)
        fields = sealed_blob.offer(blob, key, size, b'from.ref')
        device.send_content(client, 'bob', sealed.content(sealed_blob.KIND, 1, fields))
        get(env, server, 'bob', offer(env, server, 'bob')['id'], downloads(env, 'bob'), content)
        path = make(env, 'out/%d.bin' % size, content)
        put(env, server, 'bob', path, 'ref')
        kind, fields = device.open(client, client.take_message())
        equal(kind, sealed_blob.KIND, 'the kind of content')
        blob, key, told, _, name, _ = sealed_blob.read_offer(fields)
        equal((told, name), (size, path.name.encode()), 'the offer')
        equal(sealed_blob.open_blob(key, files.download(blob), size) == content, True, 'what ref opens')
        files.about(frames.B_HAVE, blob)
    nothing_left(server)


# --- a server that lies, and disks that are full ---

def spoil(path, at, byte=None, length=None):
    """Changes a stored blob behind the server's back."""
    data = bytearray(path.read_bytes())
    if byte is not None:
        data[at] ^= byte
    path.write_bytes(data[:length])


def test_a_lying_server(env):
    """A byte, a chunk, the order or the length of what is stored is changed: nothing of it is ever called the file."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    size = 4 * CHUNK
    path = make(env, 'out/thesis.tex', content_of(size))
    sealed_chunk = CHUNK + 17
    spoilers = {
        'the head': lambda p: spoil(p, 3, 1),
        'the first chunk': lambda p: spoil(p, 24, 1),
        'the last byte': lambda p: spoil(p, -1, 0x80),
        'two chunks exchanged': lambda p: p.write_bytes(exchanged(p.read_bytes(), sealed_chunk)),
        'zeros': lambda p: p.write_bytes(bytes(p.stat().st_size)),
        'cut at a chunk': lambda p: spoil(p, 0, length=24 + 2 * sealed_chunk),
    }
    for what, change in spoilers.items():
        put(env, server, 'alice', path, 'bob')
        blob, = blobs(server)
        change(server.state / 'blobs' / blob)
        row, folder = offer(env, server, 'bob'), downloads(env, 'bob')
        words = ('get', str(row['id']), str(folder), '--timeout', '3')
        done = env.cli(server, 'bob', *words)
        check(done.status != 0 and 'error: ' in done.err, '%s: %s' % (what, done))
        equal([p.name for p in folder.iterdir() if not p.name.endswith('.part')], [], 'what is there after %s' % what)
        env.cli(server, 'bob', 'decline', str(row['id']))
        equal([p.name for p in folder.iterdir()], [], 'what is left after %s' % what)
        nothing_left(server)


def exchanged(data, chunk):
    """With its first two chunks in the other order."""
    return data[:24] + data[24 + chunk:24 + 2 * chunk] + data[24:24 + chunk] + data[24 + 2 * chunk:]


def test_disk_full_at_the_receiver(env):
    """It ends with words and 8; when there is room again, the same command goes on where it was."""
    if os.geteuid() != 0:
        return
    server = env.server()
    registered(env, server, 'alice', 'bob')
    content = content_of(12 * CHUNK)
    put(env, server, 'alice', make(env, 'out/big.iso', content), 'bob')
    folder, row = downloads(env, 'bob'), offer(env, server, 'bob')
    get_it = ' '.join("'%s'" % word for word in env.argv(server, 'bob', 'get', str(row['id']), str(folder)))
    script = ('mount -t tmpfs -o size=400k none %(f)s && { %(get)s; echo "status $?"; ls %(f)s >&2; mount -o remount,size=4m %(f)s && '
              '%(get)s; echo "status $?"; cat %(f)s/big.iso > %(copy)s; }'
              % {'f': folder, 'get': get_it, 'copy': env.folder / 'copy.iso'})
    run = subprocess.run(['unshare', '-m', 'sh', '-c', script], cwd=env.folder, stdin=subprocess.DEVNULL, capture_output=True,
                         timeout=60, env=env.environ(), check=False)
    done = Finished(run.returncode, run.stdout.decode(), run.stderr.decode(), [script])
    equal([line for line in done.out.splitlines() if line.startswith('status')], ['status 8', 'status 0'], 'exits: %s' % (done,))
    check('No space left' in done.err and 'big.iso.part' in done.err, 'words: %s' % done.err)
    equal((env.folder / 'copy.iso').read_bytes() == content, True, 'the file')


def test_changed_while_it_is_sent(env):
    """Its upload ends with words, the offer is taken back, and who had it half is told."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    gate = Gate(server)
    path = make(env, 'out/draft.doc', content_of(160 * CHUNK))
    env.cli(server, 'alice', 'send', 'bob', 'wait for it').expect(0)  # with bob's keys at hand, the offer goes first
    gate.allow('up', 80 * CHUNK)
    sender = start(env, gate, 'alice', 'put', str(path), 'bob')
    gate.reached('up')
    rows = [offer(env, server, 'bob')]
    with open(path, 'r+b') as file:
        file.write(b'changed')
    gate.allow('up')
    last = ended(sender, 8)[-1]
    equal((last['state'], last['code']), ('failed', 'changed'), 'the last word')
    nothing_left(server)
    done = env.cli(server, 'bob', 'get', str(rows[0]['id']), str(downloads(env, 'bob'))).expect(5)
    check('error: ' in done.err, 'bob hears nothing')


# --- ends ---

def test_quota_and_expiry(env):
    """Too much is refused with words and 75; what nobody fetches in time is gone, and both sides hear it."""
    server = env.server(limits__files_per_user='2MiB', limits__file_size='1MiB', limits__file_keep='3s')
    registered(env, server, 'alice', 'bob')
    small, large = make(env, 'out/a', content_of(900000)), make(env, 'out/b', content_of(2 << 20))
    done = env.cli(server, 'alice', 'put', str(large), 'bob')
    check(done.status != 0 and 'error: ' in done.err, 'too large: %s' % (done,))
    put(env, server, 'alice', small, 'bob')
    again = make(env, 'out/c', content_of(950000))
    put(env, server, 'alice', again, 'bob')
    done = env.cli(server, 'alice', 'put', str(make(env, 'out/d', content_of(900001))), 'bob').expect(75)
    check('hint: ' in done.err, 'files-full has no hint: %s' % done.err)
    rows = offers(env, server, 'bob')
    tail = env.tail(server, 'alice')
    told = tail.out.wait(ev='file', state='gone', timeout=20)
    check('message' in told, 'no words: %s' % told)
    nothing_left(server)
    done = env.cli(server, 'bob', 'get', str(rows[0]['id']), str(downloads(env, 'bob'))).expect(5)
    check('hint: ' in done.err, 'gone has no hint: %s' % done.err)


def test_declined_and_taken_back(env):
    """Who does not want it says so, and it is removed; who has sent it may take it back before it is fetched."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    path = make(env, 'out/spam', content_of(5000))
    put(env, server, 'alice', path, 'bob')
    env.cli(server, 'bob', 'decline', str(offer(env, server, 'bob')['id'])).expect(0)
    nothing_left(server)
    equal(states(env, server, 'alice'), ['fetched'], 'what alice is told')
    put(env, server, 'alice', path, 'bob')
    mine = env.cli(server, 'alice', 'files').events()[-1]
    row = offer(env, server, 'bob')
    env.cli(server, 'alice', 'decline', str(mine['id'])).expect(0)
    nothing_left(server)
    env.cli(server, 'bob', 'get', str(row['id']), str(downloads(env, 'bob'))).expect(5)
    equal(state_of(env, server, 'bob', row['id'])['state'], 'gone', 'what bob is told')


def test_accepted_by_rules(env):
    """auto_accept fetches what its rules take, to the folder of `download`, and nothing else."""
    server = env.server()
    registered(env, server, 'alice', 'bob', 'carol')
    folder = downloads(env, 'bob')
    config = env.folder / 'config' / 'csmsg' / 'config'
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[client]\nauto_accept = alice 64KiB\ndownload = %s\n' % folder)
    config.chmod(0o600)
    tail = env.tail(server, 'bob')
    put(env, server, 'carol', make(env, 'out/stranger', b'x'), 'bob')
    put(env, server, 'alice', make(env, 'out/large', content_of(65537)), 'bob')
    put(env, server, 'alice', make(env, 'out/small', content_of(65536)), 'bob')
    here = tail.out.wait(ev='file', state='here')
    equal(here['path'], str(folder / 'small'), 'where it is')
    equal([p.name for p in folder.iterdir()], ['small'], 'what was fetched')
    equal((folder / 'small').read_bytes() == content_of(65536), True, 'the file')
    tail.kill()
    equal(sorted(row['name'] for row in offers(env, server, 'bob')), ['large', 'stranger'], 'what waits')


# --- faces ---

def numbered(env, server, user):
    """The number of the one file that waits for somebody who is there already."""
    row, = [row for row in env.cli(server, user, 'files').events() if row['state'] == 'offered']
    return row['id']


def test_by_lines_and_on_the_screen(env):
    """/send, /files, /get and /decline: line by line and full-screen; offers and results stand where one looks."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    content, folder = content_of(2 * CHUNK), downloads(env, 'bob')
    path = make(env, 'out/my notes.txt', content)
    mux = Mux(env)
    alice, bob = mux.client(server, 'alice', 100, 30), mux.client(server, 'bob', 100, 30, '--plain', ready='you are in')
    alice.type('/query bob')
    alice.type('/send "%s"' % path)
    bob.sees('my notes.txt, 126.0 KiB')
    alice.sees('is stored for bob')
    number = numbered(env, server, 'bob')
    bob.type('/files')
    bob.sees('offered')
    bob.type('/get %d %s' % (number, folder))
    bob.sees('is here, verified')
    equal((folder / 'my notes.txt').read_bytes() == content, True, 'the file')
    alice.sees("all of bob's devices")
    bob.type('/send "%s" alice' % path)
    alice.sees('[file ')
    number = numbered(env, server, 'alice')
    alice.type('/get %d %s' % (number, downloads(env, 'alice')))
    alice.sees('is here, verified')
    bob.sees("all of alice's devices")
    alice.type('/get 99999')
    alice.sees('there is no file 99999')
    alice.type('/decline %d' % number)
    alice.sees('was fetched already')
