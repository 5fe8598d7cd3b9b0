/* reach.c - see reach.h. */
#include "reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "local.h"

int reach(const char *wanted, char path[REACH_PATH])
{
    const char *folders[] = {getenv("STATE_DIRECTORY"), "state", "conf/state"};
    int fd = -1;
    if (wanted) {
        snprintf(path, REACH_PATH, "%s", wanted);
        fd = local_connect(path);
    }
    for (size_t i = 0; !wanted && fd < 0 && i < sizeof folders / sizeof *folders; i++) {
        if (!folders[i]) continue;
        snprintf(path, REACH_PATH, "%s/ctl.sock", folders[i]);
        fd = local_connect(path);
    }
    if (fd < 0)
        fprintf(stderr,
                NAME "ctl: cannot reach a server at %s: %s\n"
                     "hint: is it running? --socket names its ctl.sock, in server.state_dir\n",
                wanted ? wanted : "state/ctl.sock or conf/state/ctl.sock", strerror(errno));
    return fd;
}
