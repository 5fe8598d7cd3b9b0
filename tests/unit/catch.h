/* catch.h - for tests of logging: what goes to stderr between two calls is in caught. */
#ifndef CATCH_H
#define CATCH_H

#include <stdbool.h>
#include <unistd.h>

#include "log.h"

/* At most what a pipe holds, since nobody reads while the lines are written. */
static char caught[64 * 1024];
static int pipe_end, real_stderr;

static inline void catch_begin(void)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(fd[1], STDERR_FILENO);
    close(fd[1]);
    pipe_end = fd[0];
}

static inline void catch_end(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    size_t len = 0;
    ssize_t n;
    while ((n = read(pipe_end, caught + len, sizeof caught - 1 - len)) > 0)
        len += (size_t)n;
    caught[len] = '\0';
    close(pipe_end);
}

/* Logs one event with a hostile or harmless value in it; the line is in caught. */
static inline void log_value(enum log_format format, const char *value)
{
    catch_begin();
    log_init("test", format, LOG_INFO, false);
    LOG(LOG_WARN, "auth", "refuse", log_s("name", value), log_u("w", 3));
    catch_end();
}

#endif
