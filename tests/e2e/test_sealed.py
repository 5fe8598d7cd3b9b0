"""Direct messages of the real client are sealed, by themselves: docs/sealed.md through the programs. The
reference client (sealed_client.py) is the other end where it matters what travels."""
import time

from harness import Program, check, equal, scale, until
from people import edit, found_in, reference, registered, texts
from sealed_client import Device, Person


def test_first_message_to_somebody_absent(env):
    """Sealed although the recipient is away; the server has it on its disk and cannot read it."""
    server = env.server()
    mark = 'a-mark-that-nobody-else-writes'
    registered(env, server, 'bob')
    env.cli(server, 'alice', 'send', 'bob', mark).expect(0).event(ev='accepted', state='stored')
    check(server.ctl('queue'), 'nothing is stored at the server')
    equal(found_in(env.folder / 'server', mark), [], 'files of the server with the text')
    tail = env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0)
    got = tail.event(ev='message')
    equal((got['text'], got['sealed']), (mark, True), 'what bob got')
    check(found_in(env.folder / 'home-bob', mark), 'the search finds nothing where it must')
    check(found_in(env.folder / 'home-alice', mark), 'alice cannot read what she has written')


def test_conversation(env):
    """Both ways, by several programs that share a home: in order, once, all of it sealed."""
    server = env.server()
    people = {user: env.tail(server, user) for user in ('alice', 'bob')}
    wanted = {'alice': [], 'bob': []}
    for number in range(12):
        sender, other = ('alice', 'bob') if number % 3 else ('bob', 'alice')
        text = 'number %d' % number
        env.cli(server, sender, 'send', other, text, '--wait', 'delivered').expect(0)
        wanted[other].append(text)
    for user, tail in people.items():
        until(lambda u=user, t=tail: texts(t) == wanted[u], 'the texts of ' + user)
        check(all(e['sealed'] for e in tail.out.parsed if e.get('ev') == 'message'), 'one was not sealed')


def test_with_the_reference_client(env):
    """What the real client seals the second implementation opens, and the other way round."""
    server = env.server()
    _, phone, bob = reference(env, server, 'bob')
    alice = env.tail(server, 'alice')
    for number in range(3):
        env.cli(server, 'alice', 'send', 'bob', 'to bob %d' % number).expect(0)
        got = bob.take_message()
        check(got.body[0] == 1 and got.head, 'it is not sealed: %r' % got)
        equal(phone.read(bob, got), 'to bob %d' % number, 'at bob')
        phone.send(bob, 'alice', 'to alice %d' % number)
        event = alice.out.wait(ev='message', text='to alice %d' % number)
        check(event['sealed'], 'shown as not sealed')


def test_not_sealed_is_said(env):
    """Plain text to one person could be the server's: the line and the event say so."""
    server = env.server()
    mallory = env.login('mallory', server)
    bob = env.tail(server, 'bob')
    mallory.send('bob', 'trust me')
    equal(bob.out.wait(ev='message', text='trust me')['sealed'], False, 'the event')
    registered(env, server, 'carol')
    mallory.send('carol', 'me, too')
    done = env.cli(server, 'carol', 'tail', '--count', '1', '--timeout', '10', json_lines=False).expect(0)
    check('[not sealed] mallory: me, too' in done.out, 'the line: %r' % done.out)


def test_waits_for_keys(env):
    """Somebody without keys: the text waits and says for what, others are not held up, and it leaves by itself
    when there are keys."""
    server = env.server()
    phone = Device(Person('bob'))
    bob = env.login(phone.identity, server)
    registered(env, server, 'carol')
    done = env.cli(server, 'alice', 'send', 'bob', 'first', '--timeout', '1').expect(7)
    equal(done.event(ev='waits')['for'], 'keys', 'what it waits for')
    check("waits for bob's keys" in done.out, 'the words: %r' % done.out)
    tail = env.tail(server, 'alice')
    env.cli(server, 'alice', 'send', 'carol', 'meanwhile').expect(0)
    equal([frame for frame in bob.drain() if frame.name == 'DELIVER'], [], 'what was sent unsealed')
    phone.begin(bob)
    equal(phone.read(bob, bob.take_message(20 * scale())), 'first', 'at bob')
    tail.kill()


def test_unknown_name(env):
    """Known before anything is sent: refused with the names that may have been meant."""
    server = env.server()
    registered(env, server, 'frank')
    done = env.cli(server, 'alice', 'send', 'frnak', 'hi').expect(5)
    error = done.event(ev='error', code='no-such-user')
    equal(error['near'], ['frank'], 'names like it')
    env.cli(server, 'alice', 'send', 'frank', 'hi').expect(0)  # nothing is left over that stands in the way


def test_devices_changed(env):
    """A device was added while the sender was away: told by the server, it seals anew by itself, in order."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    env.cli(server, 'alice', 'send', 'bob', 'one').expect(0)
    equal(phone.read(bob, bob.take_message()), 'one', 'before')
    tablet = Device(person)
    person.append(bob, person.entry_add(tablet.keys, phone.keys))
    other = env.login(tablet.identity, server)
    tablet.begin(other)
    numbers = [env.cli(server, 'alice', 'send', 'bob', text).expect(0).event(ev='accepted')['id']
               for text in ('two', 'three')]
    equal(numbers, [2, 3], 'the numbers of the messages')
    for text in ('two', 'three'):
        equal(phone.read(bob, bob.take_message()), text, 'at the phone')
        equal(tablet.read(other, other.take_message()), text, 'at the tablet')


def test_a_changed_key_stops_sending(env):
    """Exit 6 and words; nothing leaves before it is accepted, then all of it does."""
    server = env.server()
    person, phone, bob = reference(env, server, 'bob')
    env.cli(server, 'alice', 'send', 'bob', 'one').expect(0)
    phone.read(bob, bob.take_message())
    # What alice remembers of bob: another account key than the server will show.
    (value,), = edit(env, 'alice', "SELECT value FROM value WHERE kind = 1 AND name = 'bob'")
    other = bytearray(value)
    other[11] ^= 1
    edit(env, 'alice', "UPDATE value SET value = ? WHERE kind = 1 AND name = 'bob'", bytes(other))
    tablet = Device(person)
    person.append(bob, person.entry_add(tablet.keys, phone.keys))
    second = env.login(tablet.identity, server)
    tablet.begin(second)
    done = env.cli(server, 'alice', 'send', 'bob', 'two').expect(6)
    check('another account key' in done.out and 'keys accept bob' in done.out, 'the words: %r' % done.out)
    env.cli(server, 'alice', 'send', 'bob', 'three').expect(6)
    equal(env.cli(server, 'alice', 'keys', 'verify', 'bob', '--yes').status, 6, 'verifying what has changed')
    left = [frame for frame in bob.drain() + second.drain() if frame.name == 'DELIVER']
    equal(left, [], 'what left all the same')
    env.cli(server, 'alice', 'keys', 'accept', 'bob', json_lines=False).expect(0)
    env.cli(server, 'alice', 'send', 'bob', 'four').expect(0)
    equal([phone.read(bob, bob.take_message()) for _ in range(3)], ['two', 'three', 'four'], 'at the phone')


def test_safety_numbers(env):
    """The same at both ends; verified stays so; there is none of somebody unknown."""
    server = env.server()
    registered(env, server, 'bob')
    env.cli(server, 'alice', 'send', 'bob', 'hi').expect(0)
    env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0)
    alice = env.cli(server, 'alice', 'keys', 'verify', 'bob').expect(0).event(ev='safety')
    bob = env.cli(server, 'bob', 'keys', 'verify', 'alice').expect(0).event(ev='safety')
    equal((alice['number'], alice['words']), (bob['number'], bob['words']), 'what they compare')
    equal(len(alice['number'].replace(' ', '')), 60, 'digits')
    check(not alice['verified'], 'verified by nobody')
    env.cli(server, 'alice', 'keys', 'verify', 'bob', '--yes').expect(0)
    check(env.cli(server, 'alice', 'keys', 'verify', 'bob').expect(0).event(ev='safety')['verified'], 'forgotten')
    env.cli(server, 'alice', 'keys', 'verify', 'nobody').expect(5)
    devices = env.cli(server, 'alice', 'keys', 'devices', json_lines=False).expect(0)
    check('this device' in devices.out, 'the list of devices: %r' % devices.out)
    shown = env.cli(server, 'alice', 'keys', 'show').expect(0).event(ev='key')
    equal(len(shown['account'].split('-')), 6, 'words of the account key')


def test_sent_again_by_itself(env):
    """A store without its sessions: what cannot be opened is said, asked for, and comes."""
    server = env.server()
    alice = env.tail(server, 'alice')
    registered(env, server, 'bob')
    env.cli(server, 'alice', 'send', 'bob', 'one').expect(0)
    env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0)
    env.cli(server, 'bob', 'send', 'alice', 'answer').expect(0)  # from here on heads name the session alone
    alice.out.wait(ev='message', text='answer')
    edit(env, 'bob', 'DELETE FROM value WHERE kind = 2')
    env.cli(server, 'alice', 'send', 'bob', 'two').expect(0)
    bob = env.tail(server, 'bob')
    failed = bob.out.wait(ev='message', text=None)
    check('forgotten' in failed['unopened'], 'the reason: %s' % failed)
    equal(bob.out.wait(ev='message', text='two')['sealed'], True, 'sent again')
    env.cli(server, 'alice', 'send', 'bob', 'three').expect(0)
    bob.out.wait(ev='message', text='three')
    equal(texts(bob), [None, 'two', 'three'], 'all that bob was shown')


def test_prekeys_are_refilled(env):
    """Told that few are left, a client makes new ones; each is handed out once."""
    server = env.server()
    alice = env.tail(server, 'alice')
    carol = env.login('carol', server)
    until(lambda: len(carol.fetch_keys('alice').bundles) == 1, "alice's keys")
    seen = set()

    def another():
        """One more that was not seen before; without one where carol was quicker than alice."""
        bundle, = carol.fetch_keys('alice').bundles
        if len(bundle) != 156:
            return False
        number = int.from_bytes(bundle[120:124], 'little')
        check(number not in seen, 'one-time prekey %d twice' % number)
        seen.add(number)
        return True
    while len(seen) < 130:
        until(another, 'a one-time prekey after %d' % len(seen))
    alice.kill()


def test_old_home(env):
    """A key file of before: the same device, and from now on its messages are sealed."""
    server = env.server()
    home = env.folder / 'home-alice' / 'alice'
    home.mkdir(parents=True)
    (home / 'key').write_text('csmsg-key 1\ndevice 00000000000000ab\nseed AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n')
    (home / 'key').chmod(0o600)
    bob = env.tail(server, 'bob')
    env.cli(server, 'alice', 'send', 'bob', 'hi').expect(0)
    check(bob.out.wait(ev='message', text='hi')['sealed'], 'not sealed')
    check((home / 'key').read_text().startswith('csmsg-key 2\ndevice 00000000000000ab\n'), 'the key file')


def test_killed_again_and_again(env):
    """SIGKILL of the reader and of senders at any point: every text that was taken comes once and in order, and all
    of them open."""
    server = env.server()
    registered(env, server, 'alice', 'bob')
    rounds, got = 12, []
    for number in range(rounds):
        tail = env.tail(server, 'bob')
        killed = Program(env.argv(server, 'alice', 'send', 'bob', 'killed %d' % number), env.folder,
                         environ=env.environ())
        time.sleep(0.004 * number)  # at another point each time
        killed.kill()
        env.cli(server, 'alice', 'send', 'bob', 'sent %d' % number).expect(0)
        time.sleep(0.003 * number)
        tail.kill()
        got += texts(tail)
    last = env.tail(server, 'bob')
    until(lambda: 'sent %d' % (rounds - 1) in got + texts(last), 'the last text')
    got += texts(last)
    check(None not in got, 'one did not open: %s' % got)
    equal([t for t in got if t.startswith('sent')], ['sent %d' % n for n in range(rounds)], 'the texts that were sent')
    killed = [t for t in got if t.startswith('killed')]
    equal(killed, sorted(set(killed), key=lambda t: int(t.split()[1])), 'the texts of killed senders')
    equal(edit(env, 'alice', 'SELECT count(*) FROM draft')[0][0], 0, 'drafts that are left')
