/* doctor_terminal.c - see doctor.h: what the full screen needs of a terminal. */
#include "doctor.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

enum { COLS_LEAST = 40, ROWS_LEAST = 10, ESCAPE_MOST_MS = 100 };

void doctor_judge_screen(struct doctor *d, const struct doctor_screen *s)
{
    if (!s->terminal) {
        doctor_ok(d, "terminal", "there is none: the conversation goes line by line");
        return;
    }
    if (!s->term[0])
        doctor_fail(d, "terminal", EXIT_LOCAL, "export TERM=xterm-256color, or whatever it is", "TERM is not set");
    else if (strcmp(s->term, "dumb") == 0)
        doctor_ok(d, "terminal", "dumb: the conversation goes line by line");
    else if (!s->known)
        doctor_fail(d, "terminal", EXIT_LOCAL, "install its entry (Debian: ncurses-term), or set another TERM, or use --plain",
                    "\"%s\" is not in terminfo", s->term);
    else if (s->colours < 8 || s->no_color)
        doctor_ok(d, "terminal", "%s, without colours", s->term);
    else
        doctor_ok(d, "terminal", "%s, %d colours", s->term, s->colours);
    if (s->utf8)
        doctor_ok(d, "locale", "UTF-8");
    else
        doctor_warn(d, "locale", "export LC_ALL=C.UTF-8", "the locale is not UTF-8: letters beyond ASCII may look wrong");
    if (s->cols && (s->cols < COLS_LEAST || s->rows < ROWS_LEAST))
        doctor_warn(d, "size", "make it larger, or use --plain", "%u x %u is less than %d x %d", s->cols, s->rows, COLS_LEAST,
                    ROWS_LEAST);
    else if (s->cols)
        doctor_ok(d, "size", "%u x %u", s->cols, s->rows);
}

void doctor_judge_tmux(struct doctor *d, const char *passthrough, const char *escape_ms, bool wanted)
{
    long ms = strtol(escape_ms, NULL, 10);
    bool passes = strcmp(passthrough, "on") == 0 || strcmp(passthrough, "all") == 0;
    if (wanted && !passes)
        doctor_warn(d, "tmux", "in ~/.tmux.conf: set -g allow-passthrough on",
                    "notifications of the desktop do not get through tmux; the bell does");
    if (ms > ESCAPE_MOST_MS)
        doctor_warn(d, "tmux", "in ~/.tmux.conf: set -s escape-time 20", "tmux holds Escape and Alt keys back for %ld ms", ms);
    if ((passes || !wanted) && ms <= ESCAPE_MOST_MS) doctor_ok(d, "tmux", "keys and notifications get through");
}

/* The first line that a command writes; "" when it fails. */
static void ask_program(const char *command, char *out, int cap)
{
    FILE *f = popen(command, "re");
    out[0] = '\0';
    if (f && !fgets(out, cap, f)) out[0] = '\0';
    if (f) pclose(f);
    out[strcspn(out, "\n")] = '\0';
}

static void look_at_tmux(struct doctor *d)
{
    char passthrough[16], escape[16];
    const char *tmux = getenv("TMUX");
    if (!tmux || !tmux[0]) return;
    ask_program("tmux show-options -gv allow-passthrough 2>/dev/null", passthrough, sizeof passthrough);
    ask_program("tmux show-options -sv escape-time 2>/dev/null", escape, sizeof escape);
    doctor_judge_tmux(d, passthrough, escape, d->config.v.notify != NOTIFY_OFF);
}

void doctor_terminal(struct doctor *d)
{
    int error;
    struct winsize size = {0};
    const char *term = getenv("TERM"), *none = getenv("NO_COLOR");
    struct doctor_screen s = {.terminal = isatty(STDIN_FILENO),
                              .term = term ? term : "",
                              .no_color = d->args.no_color || (none && none[0])};
    setlocale(LC_CTYPE, "");
    s.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    s.known = s.terminal && setupterm(NULL, STDIN_FILENO, &error) == OK;
    s.colours = s.known ? tigetnum("colors") : -1;
    if (s.terminal && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
        s.cols = size.ws_col;
        s.rows = size.ws_row;
    }
    doctor_judge_screen(d, &s);
    if (s.terminal) look_at_tmux(d);
}
