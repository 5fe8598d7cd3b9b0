"""Real clients in real terminals: a tmux server of a test's own, whose panes are typed into and read.

    mux = Mux(env)
    alice = mux.client(server, 'alice', 80, 24)
    alice.type('hello')
    alice.sees('hello')
"""
import os
import subprocess

from harness import NAME, Failure, scale, until

SECONDS = 15.0


class Mux:
    """A tmux server that ends with the test: it stays in the test's session."""

    def __init__(self, env):
        self.env = env
        self.socket = env.folder / 'tmux'
        self.environ = {**env.environ(), 'TERM': 'screen-256color', 'INPUTRC': '/dev/null',
                        'EDITOR': 'cat', 'TZ': 'UTC'}
        self.environ.pop('TMUX', None)
        self.server = subprocess.Popen(self.argv('-D'), cwd=env.folder, env=self.environ,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        until(self.socket.exists, 'the socket of tmux')
        self.panes = 0

    def argv(self, *words):
        return ['tmux', '-u', '-S', str(self.socket), '-f', '/dev/null', *words]

    def run(self, *words):
        """A tmux command; its output."""
        done = subprocess.run(self.argv(*words), env=self.environ, capture_output=True,
                              timeout=SECONDS * scale(), check=False)
        if done.returncode != 0:
            raise Failure('tmux %s: %s' % (' '.join(words), done.stderr.decode()))
        return done.stdout.decode()

    def pane(self, command, cols, rows, environ=()):
        """A program in a terminal of this size."""
        self.panes += 1
        name = 'p%d' % self.panes
        settings = [word for pair in environ for word in ('-e', pair)]
        self.run('new-session', '-d', '-s', name, '-x', str(cols), '-y', str(rows), *settings,
                 *map(str, command))
        self.run('set-option', '-t', name, 'status', 'off')
        self.run('set-option', '-t', name, 'window-size', 'manual')
        self.run('set-option', '-wt', name, 'remain-on-exit', 'on')
        self.run('set-option', '-wt', name, 'automatic-rename', 'off')  # a name changes by what is printed, or not at all
        pane = Pane(self, name)
        pane.resize(cols, rows)
        return pane

    def client(self, server, user, cols=80, rows=24, *words, environ=(), ready='connected]'):
        """The real client on the full screen, once it says that it is there."""
        argv = self.env.argv(server, user, '--accept-new', *words, json_lines=False)
        pane = self.pane(argv, cols, rows, environ)
        if ready:
            pane.sees(ready)
        return pane


class Pane:
    """A terminal with a program in it."""

    def __init__(self, mux, name):
        self.mux, self.name = mux, name

    def screen(self, escapes=False):
        """What is on it, a line a row, without blanks at the ends."""
        text = self.mux.run('capture-pane', '-pt', self.name, *(['-e'] if escapes else []))
        return '\n'.join(line.rstrip() for line in text.split('\n')).rstrip('\n')

    def lines(self):
        return self.screen().split('\n')

    def sees(self, text, timeout=SECONDS):
        """Waits until the text is on the screen; gives that screen."""
        return self.wait(lambda screen: text in screen, repr(text), timeout)

    def misses(self, text, timeout=SECONDS):
        """Waits until the text is not there."""
        return self.wait(lambda screen: text not in screen, 'without %r' % text, timeout)

    def wait(self, fits, what, timeout=SECONDS):
        """Waits for a screen that fits."""
        last = [self.screen()]

        def look():
            last[0] = self.screen()
            return fits(last[0])
        try:
            until(look, what, timeout)
        except Failure:
            raise Failure('the screen never showed %s; it was:\n%s' % (what, last[0])) from None
        return last[0]

    def keys(self, *keys):
        """Keys by tmux's names: Enter, M-a, C-s, PPage."""
        self.mux.run('send-keys', '-t', self.name, *keys)

    def write(self, text):
        """Characters."""
        self.mux.run('send-keys', '-t', self.name, '-l', '--', text)

    def type(self, line):
        """A line and Enter."""
        self.write(line)
        self.keys('Enter')

    def paste(self, text):
        """As from the clipboard, in bracketed paste mode if the program has asked for it."""
        self.mux.run('set-buffer', '-b', 'paste', '--', text)
        self.mux.run('paste-buffer', '-p', '-b', 'paste', '-t', self.name)

    def resize(self, cols, rows):
        self.mux.run('resize-window', '-t', self.name, '-x', str(cols), '-y', str(rows))

    def ask(self, form):
        """What tmux knows of the terminal: '#{alternate_on}'."""
        return self.mux.run('display-message', '-pt', self.name, form).rstrip('\n')

    @property
    def pid(self):
        return int(self.ask('#{pane_pid}'))

    def state(self):
        """Everything about the terminal that a text could change."""
        return self.ask('#{alternate_on} #{cursor_flag} #{insert_flag} #{keypad_flag} #{keypad_cursor_flag} '
                        '#{mouse_any_flag} #{origin_flag} #{wrap_flag} #{scroll_region_upper} '
                        '#{scroll_region_lower} #{pane_title} #{window_name}')
