/*
 * landlock.h - the three Landlock system calls, without help from headers or C library, which on
 * Debian 12 know less than newer kernels do. What a kernel cannot refuse is not asked of it.
 */
#ifndef LANDLOCK_H
#define LANDLOCK_H

/* What the kernel offers: 1 and up; 0 when it has no Landlock or it is switched off. */
int landlock_abi(void);

/*
 * Confines the calling thread, and those it will start, to what lies below the folder dirfd (any
 * open descriptor of it); with dirfd -1 no file at all can be opened. Where the kernel knows how,
 * also no TCP bind or connect, no abstract Unix socket and no signal outside. Descriptors that are
 * open stay usable. Needs no_new_privs. Returns the ABI in use, 0 without Landlock (or with its
 * first version, which would forbid moving a file between folders below dirfd), -1 and errno.
 */
__attribute__((warn_unused_result)) int landlock_confine(int dirfd);

#endif
