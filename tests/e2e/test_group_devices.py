"""Groups and the devices of their members, by the real clients: a second one reads and writes, a revoked one is out; docs/sealed.md section 7."""
from harness import check, equal, until
from test_devices import admitted, pair
from test_group_client import generations_in, group, group_generations, lines, registered, say


def test_second_device(env):
    """What is said after it came in both devices of a member read; both write, and everybody sees one order."""
    server = env.server()
    phone, laptop = pair(env, server, 'bob')
    registered(env, server, 'alice')
    alice = env.tail(server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    phone.expect(0, 'group', 'join', '#chess')
    admitted(phone, laptop)
    both = [phone.start('tail'), laptop.start('tail')]
    for program in both:
        until(lambda p=program: any('connected' in line for line in p.err.raw), 'connected')
    laptop.expect(0, 'group', 'list')
    say(env, server, 'alice', '#chess', 'for both')
    for program in both:
        program.out.wait(20, ev='message', text='for both')
    laptop.expect(0, 'send', '#chess', 'by the laptop')
    phone.expect(0, 'send', '#chess', 'by the phone')
    talk = [('alice', 'for both'), ('bob', 'by the laptop'), ('bob', 'by the phone')]
    for program in [alice] + both:
        until(lambda p=program: lines(p)[-3:] == talk, 'the talk')


def test_revoked_device_has_no_later_key(env):
    """Revoked while the others are away: the first message after that is sealed with a key that its store, with everything that
    it ever was given, does not have."""
    server = env.server()
    phone, laptop = pair(env, server, 'bob')
    registered(env, server, 'alice')
    group(env, server, 'alice', 'create', '#chess', 'open')
    phone.expect(0, 'group', 'join', '#chess')
    admitted(phone, laptop)
    lost = laptop.start('tail')
    until(lambda: any('connected' in line for line in lost.err.raw), 'connected')
    say(env, server, 'alice', '#chess', 'with the laptop')
    lost.out.wait(20, ev='message', text='with the laptop')
    phone.expect(0, 'keys', 'revoke', phone.devices()[1]['device'], '--yes')
    equal(lost.wait(20), 4, 'the exit of the revoked device')
    say(env, server, 'alice', '#chess', 'without it')
    phone.start('tail').out.wait(20, ev='message', text='without it')
    had, has = generations_in(laptop.home / 'bob' / 'store.db'), group_generations(env, 'alice')
    check(had and max(has) > max(had), 'alice goes on with what the laptop had: %r, %r' % (had, has))
