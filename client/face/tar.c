/* tar.c - see tar.h. The archive holds the folder under its own name, never where it stands. */
#include "tar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool tar_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Nothing of ours is inherited but the pipe and stderr. Signals that we look for are its own again. */
__attribute__((noreturn)) static void pack(int out, const char *parent, const char *name)
{
    sigset_t none;
    int null = open("/dev/null", O_RDONLY);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) _exit(127);
    execlp("tar", "tar", "-C", parent, "-cf", "-", "--", name, (char *)NULL);
    _exit(127);
}

int tar_start(const char *path, pid_t *child, char name[FILE_NAME_CAP], struct why *why)
{
    char real[PATH_MAX];
    int ends[2];
    if (!realpath(path, real) || strcmp(real, "/") == 0 || pipe2(ends, O_CLOEXEC) != 0) {
        why_set(why, "cannot pack \"%.200s\": %s", path, strerror(strcmp(real, "/") == 0 ? EINVAL : errno));
        return -1;
    }
    char *last = strrchr(real, '/');
    const char *parent = last == real ? "/" : real;
    *last++ = '\0';
    *child = fork();
    if (*child == 0) pack(ends[1], parent, last);
    close(ends[1]);
    if (*child < 0) {
        why_set(why, "cannot start tar: %s", strerror(errno));
        close(ends[0]);
        return -1;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    char stem[FILE_NAME_CAP], tarred[FILE_NAME_CAP + 8];
    file_name_clean((struct slice){(const uint8_t *)last, strlen(last)}, stem);
    snprintf(tarred, sizeof tarred, "%s.tar", stem);
    file_name_clean((struct slice){(const uint8_t *)tarred, strlen(tarred)}, name);
    return ends[0];
}
