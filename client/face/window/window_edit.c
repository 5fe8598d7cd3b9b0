/* window_edit.c - the line in $EDITOR; see window_private.h. The connection goes on meanwhile. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "window_private.h"

static const char *editor_name(void)
{
    const char *name = getenv("VISUAL");
    if (!name || !name[0]) name = getenv("EDITOR");
    return name && name[0] ? name : "vi";
}

/* The child: signals as a program expects them, the file as its argument. */
__attribute__((noreturn)) static void become_editor(const char *path)
{
    char command[PATH_MAX];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    snprintf(command, sizeof command, "%s \"$1\"", editor_name());
    execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
    _exit(127);
}

/* Runs the engine until the child has ended. True: it was content. */
static bool wait_for(struct window *w, pid_t pid)
{
    struct client *c = w->p->s.client;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        struct pollfd f[2] = {{.fd = fd, .events = POLLIN}, {.fd = client_fd(c), .events = client_wants(c)}};
        int timeout = client_timeout_ms(c);
        poll(f, 2, fd < 0 || timeout < 0 || timeout > 1000 ? 1000 : timeout);
        client_step(c, f[1].fd >= 0 ? f[1].revents : 0);
    }
    if (fd >= 0) close(fd);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void put_file(int fd, const char *text)
{
    size_t n = strlen(text);
    if (write(fd, text, n) != (ssize_t)n || (n && write(fd, "\n", 1) != 1)) return; /* the editor shows what is there */
}

/* What was saved, without the newlines at its end. */
static void take_file(const char *path)
{
    struct buf b = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    while (fd >= 0 && buf_len(&b) < CLIENT_TEXT_MAX && (n = read(fd, buf_room(&b, 4096), 4096)) > 0)
        buf_added(&b, (size_t)n);
    if (fd >= 0) close(fd);
    while (buf_len(&b) && buf_head(&b)[buf_len(&b) - 1] == '\n')
        b.len--;
    buf_put_u8(&b, 0);
    input_set((const char *)buf_head(&b));
    buf_free(&b);
}

void window_edit(struct window *w)
{
    char path[PATH_MAX];
    home_file(&w->p->s.home, "editing-XXXXXX", path);
    int fd = mkstemp(path);
    if (fd < 0) {
        window_print(w->p, "error: cannot make a file for the editor\nhint: is the disk full?");
        return;
    }
    put_file(fd, input_text());
    close(fd);
    terminal_leave(w->terminal);
    pid_t pid = fork();
    if (pid == 0) become_editor(path);
    bool saved = pid > 0 && wait_for(w, pid);
    terminal_return(w->terminal);
    if (saved)
        take_file(path);
    else
        window_print(w->p, "error: the editor failed; the line is as it was\nhint: set EDITOR to a program that is there");
    unlink(path);
    w->redraw = true;
    window_dirty(w);
}
