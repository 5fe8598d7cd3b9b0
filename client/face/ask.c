/* ask.c - see ask.h. */
#include "ask.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

void ask_begin(struct ask_line *line, const char *question)
{
    sodium_memzero(line, sizeof *line);
    fprintf(stderr, "%s", question);
    fflush(stderr);
}

void ask_read(struct ask_line *line)
{
    char c;
    ssize_t n = read(STDIN_FILENO, &c, 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0 || c == '\n') {
        line->ready = true;
    } else if (line->n < sizeof line->text - 1) {
        line->text[line->n++] = c;
        line->text[line->n] = '\0';
    }
}

bool ask_yes(const struct ask_line *line)
{
    return strcmp(line->text, "yes") == 0 || strcmp(line->text, "y") == 0;
}

static void read_signals(struct errand *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) errand_end(s, EXIT_INTERRUPTED);
}

short ask_wait(struct errand *s, int fd, short wants, int timeout_ms, struct ask_line *line)
{
    struct pollfd f[3] = {
        {.fd = line && !line->ready ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = s->signals, .events = POLLIN},
        {.fd = fd, .events = wants},
    };
    if (poll(f, 3, timeout_ms) < 0) return 0;
    if (f[0].revents) ask_read(line);
    if (f[1].revents) read_signals(s);
    return f[2].revents;
}

bool ask_now(struct errand *s, struct ask_line *line, const char *question)
{
    ask_begin(line, question);
    while (!line->ready && !s->done)
        ask_wait(s, -1, 0, -1, line);
    return line->ready && line->n > 0;
}

bool ask_secret(struct errand *s, struct ask_line *line, const char *question)
{
    struct termios shown, hidden;
    bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    bool got = ask_now(s, line, question);
    if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    if (terminal) fprintf(stderr, "\n");
    return got;
}
