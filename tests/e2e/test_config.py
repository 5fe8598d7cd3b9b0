"""The client's config file: options from it, profiles, commands that write it, words of its errors."""
from harness import check, equal


def config_file(env):
    return env.folder / 'config' / 'csmsg' / 'config'


def write(env, text):
    config_file(env).parent.mkdir(parents=True, exist_ok=True)
    config_file(env).write_text(text)


def test_options_come_from_the_file(env):
    """Server, user and home stand in the file; a profile and the command line count over it."""
    server = env.server()
    write(env, '[client]\nserver = %s\nuser = alice\nhome = ~/place\naccept_new = yes\njson = yes\n'
               '[profile second]\nuser = bob\n' % server.name)
    env.client('who').expect(0)
    env.client('keys', 'show').expect(0).event(ev='key', user='alice', server=server.name)
    env.client('who', '--profile', 'second').expect(0)
    env.client('keys', 'show', '--profile', 'second').expect(0).event(ev='key', user='bob', server=server.name)
    env.client('who', '--user', 'carol').expect(0)
    env.client('keys', 'show', '--user', 'carol').expect(0).event(ev='key', user='carol', server=server.name)
    check((env.folder / 'place' / 'alice' / 'key').exists(), 'the home of the file is used')


def test_errors(env):
    """A wrong file stops what needs it, with the place; help and config itself go on."""
    write(env, '[client]\nuser = alice\nsevrer = x\n')
    run = env.client('who').expect(8)
    check('config:3:1: unknown key "sevrer" in [client]' in run.err, run.err)
    check('did you mean "server"?' in run.err, run.err)
    env.client('config', 'check').expect(8)
    env.client('--help').expect(0)
    env.client('config', 'defaults').expect(0)
    write(env, '[client]\nuser = alice\n')
    env.client('config', 'check').expect(0)
    env.client('who', '--profile', 'lab').expect(8)
    config_file(env).chmod(0o666)
    run = env.client('config', 'check').expect(8)
    check('other users may change' in run.err, run.err)


def test_commands_write_the_file(env):
    """/set, /alias and /bind from the conversation, config set from a script; comments stay."""
    server = env.server()
    write(env, '# mine\n[client]\ntheme = dark  # at night\n')
    lines = '/set theme light\n/alias hug /me hugs $1\n/bind C-t /who\n/hl printf\n/hug bob\n/set theme\n/set nonsense 1\n'
    talk = env.cli(server, 'alice', stdin=lines, json_lines=False).expect(0)
    check('theme = light' in talk.out and 'unknown key "nonsense"' in talk.out, talk.out)
    env.cli(server, 'alice', 'config', 'set', 'notify', 'all').expect(0)
    equal(config_file(env).read_text(),
          '# mine\n[client]\ntheme = light  # at night\nhighlight = printf\nnotify = all\n\n'
          '[alias]\nhug = /me hugs $1\n\n[bind]\nC-t = /who\n', 'the file')
    seen = env.cli(server, 'bob', 'tail', '--count', '1', '--timeout', '10').expect(0)
    seen.event(ev='message', text='hugs bob', form='acts')
    env.cli(server, 'alice', 'config', 'set', 'notify', 'loud').expect(2)
