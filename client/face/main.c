/* main.c - the client program; all of it is in the library beside, so that tests can link it. */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "verbs.h"

/*
 * Keys and texts must not stay in a file when the program dies, nor be read by another program of this user.
 * Leak checkers have to attach.
 */
static void keep_memory_private(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int main(int argc, char *argv[])
{
    keep_memory_private();
    return face_main(argc, argv);
}
