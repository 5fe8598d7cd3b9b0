/*
 * file_finish.h - the end of a download, beside the loop: its bytes on the disk, then its name, then that on the disk.
 * Syncing a large file takes as long as the disk needs, and a conversation goes on meanwhile; so this is a thread of
 * its own, which touches nothing but these descriptors and names.
 */
#ifndef CLIENT_FILE_FINISH_H
#define CLIENT_FILE_FINISH_H

#include <stdbool.h>

#include "file_name.h"

struct file_finish;

/*
 * Begins; the descriptors stay the caller's, who keeps them open until file_finish_end(). from: what the file is
 * called in the folder now; name: what it is to be called, NULL: it has its name. wake: an eventfd that is written to
 * when it is done.
 */
struct file_finish *file_finish_start(int folder, int file, const char *from, const char *name, int wake);
bool file_finish_done(const struct file_finish *f);
/* Waits if it must, frees it. 0 and, when it was to be given one, its name in made; -1 and errno. */
int file_finish_end(struct file_finish *f, char made[FILE_NAME_CAP]);

#endif
