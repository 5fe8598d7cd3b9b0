/* local.c - see local.h. A long path is reached through an open descriptor of its folder. */
#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_folder(const char *path, const char *slash)
{
    char folder[4096];
    size_t n = (size_t)(slash - path);
    if (n >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, n);
    folder[n] = 0;
    return open(n ? folder : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Fills in the address; *folder is -1 or a descriptor to close after its use. */
static int address(const char *path, struct sockaddr_un *a, int *folder)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    *folder = -1;
    if (strlen(path) < sizeof a->sun_path) {
        memcpy(a->sun_path, path, strlen(path));
        return 0;
    }
    const char *slash = strrchr(path, '/');
    if (!slash || (*folder = open_folder(path, slash)) < 0) return -1;
    int n = snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", *folder, slash + 1);
    if (n > 0 && (size_t)n < sizeof a->sun_path) return 0;
    close(*folder);
    errno = ENAMETOOLONG;
    return -1;
}

static int with_path(const char *path, int type, int (*act)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_un a;
    int folder, fd = -1;
    if (address(path, &a, &folder)) return -1;
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd >= 0 && act(fd, (struct sockaddr *)&a, sizeof a)) {
        int saved = errno;
        close(fd);
        fd = -1;
        errno = saved;
    }
    int saved = errno;
    if (folder >= 0) close(folder);
    errno = saved;
    return fd;
}

static int listen_as(const char *path, int type)
{
    mode_t old = umask(0177);
    unlink(path);
    int fd = with_path(path, type | SOCK_NONBLOCK, bind);
    umask(old);
    if (fd >= 0 && listen(fd, 16)) {
        close(fd);
        return -1;
    }
    return fd;
}

int local_listen(const char *path)
{
    return listen_as(path, SOCK_STREAM);
}

int local_listen_packets(const char *path)
{
    return listen_as(path, SOCK_SEQPACKET);
}

int local_connect(const char *path)
{
    return with_path(path, SOCK_STREAM, connect);
}

int local_connect_packets(const char *path)
{
    return with_path(path, SOCK_SEQPACKET | SOCK_NONBLOCK, connect);
}
