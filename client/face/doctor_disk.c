/* doctor_disk.c - see doctor.h: what lies in the home, and whether it can be used. */
#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../vault_lock.h"

enum { MIB = 1024 * 1024, LEFT_LEAST = 16, LEFT_FEW = 100, HOLDERS = 8 };

void doctor_judge_folder(struct doctor *d, const char *path, const struct stat *st, uint64_t left)
{
    char hint[256];
    unsigned long long mib = left / MIB;
    snprintf(hint, sizeof hint, "chmod 700 '%.200s'", path);
    if (!S_ISDIR(st->st_mode))
        doctor_fail(d, "folder", EXIT_LOCAL, "use another --home", "\"%.180s\" is no folder", path);
    else if (st->st_uid != geteuid())
        doctor_fail(d, "folder", EXIT_LOCAL, "use another --home, or become its owner", "\"%.180s\" belongs to user %u", path,
                    (unsigned)st->st_uid);
    else if (st->st_mode & 077)
        doctor_warn(d, "folder", hint, "others can look into \"%.180s\" (mode %03o)", path, (unsigned)st->st_mode & 0777);
    else
        doctor_ok(d, "folder", "%.200s, for its owner alone", path);
    if (mib < LEFT_LEAST)
        doctor_fail(d, "disk", EXIT_LOCAL, "make room there, or use another --home", "%llu MiB are left: too little", mib);
    else if (mib < LEFT_FEW)
        doctor_warn(d, "disk", "make room there", "%llu MiB are left", mib);
    else
        doctor_ok(d, "disk", "%llu MiB are left", mib);
}

/* False: there is nothing to look at. */
static bool look_at_folder(struct doctor *d)
{
    struct stat st;
    struct statvfs room;
    const char *root = d->s.home.root;
    if (stat(root, &st) != 0 && errno == ENOENT) {
        doctor_warn(d, "folder", NAME " init makes it", "\"%.200s\" is not there yet", root);
        return false;
    }
    if (stat(root, &st) != 0 || statvfs(root, &room) != 0) {
        doctor_fail(d, "folder", EXIT_LOCAL, "use another --home", "cannot look at \"%.180s\": %s", root, strerror(errno));
        return false;
    }
    doctor_judge_folder(d, root, &st, (uint64_t)room.f_bavail * room.f_frsize);
    if (S_ISDIR(st.st_mode) && access(root, R_OK | W_OK | X_OK) != 0) {
        doctor_fail(d, "folder", EXIT_LOCAL, "is the disk mounted for reading alone?", "cannot write there: %s", strerror(errno));
        return false;
    }
    return S_ISDIR(st.st_mode);
}

/* --- the user's files --- */

static bool choose_user(struct doctor *d)
{
    struct home *h = &d->s.home;
    int users = home_users(h);
    char name[NAME_SIZE];
    if (d->args.user)
        snprintf(name, sizeof name, "%s", d->args.user);
    else
        snprintf(name, sizeof name, "%s", h->user);
    if (!d->args.user && users == 0)
        doctor_warn(d, "name", NAME " init takes one", "there is no name yet");
    else if (!d->args.user && users > 1)
        doctor_warn(d, "name", "say which: --user NAME", "there are %d names here", users);
    else if (!name_valid(name, strlen(name), NULL) || home_folder(h, name) < 0)
        doctor_fail(d, "name", EXIT_USAGE, "1 to 32 letters, digits, _ . -, first a letter or digit", "this cannot be a name");
    else
        return true;
    return false;
}

static void look_at_key(struct doctor *d)
{
    struct why why;
    char path[PATH_MAX];
    if (access(home_file(&d->s.home, "key", path), F_OK) != 0) {
        doctor_warn(d, "key", NAME " init makes one", "%s has none here", d->s.home.user);
        return;
    }
    int locked = identity_is_locked(path, &why);
    d->user = locked >= 0;
    d->locked = locked > 0;
    if (locked < 0)
        doctor_fail(d, "key", EXIT_LOCAL, why.hint, "%s", why.what);
    else
        doctor_ok(d, "key", "%s, %s", d->s.home.user, locked ? "locked with a passphrase" : "not locked; " NAME " keys lock does that");
}

pid_t doctor_lock_holder(const char *line, ino_t inode)
{
    char type[16];
    int pid, used = 0;
    unsigned major, minor;
    uintmax_t number;
    if (sscanf(line, "%*[^:]: %15s %*s %*s %d %x:%x:%" SCNuMAX "%n", type, &pid, &major, &minor, &number, &used) != 5) return 0;
    return used && strcmp(type, "FLOCK") == 0 && number == inode ? pid : 0;
}

/* Who has the store open: "pid 17, 23"; "" when nobody but us, or the system does not say. */
static void holders(const char *lock_path, char *out, size_t cap)
{
    struct stat st;
    char line[160];
    FILE *f = stat(lock_path, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
    unsigned n = 0;
    out[0] = '\0';
    while (f && n < HOLDERS && fgets(line, sizeof line, f)) {
        pid_t pid = doctor_lock_holder(line, st.st_ino);
        size_t used = strlen(out);
        if (pid > 0 && pid != getpid()) snprintf(out + used, cap - used, "%s%d", n++ ? ", " : "pid ", (int)pid);
    }
    if (f) fclose(f);
}

static void look_at_store(struct doctor *d)
{
    struct why why;
    char path[PATH_MAX], beside[PATH_MAX], who[128];
    if (access(home_file(&d->s.home, "store.db", path), F_OK) != 0) {
        doctor_ok(d, "store", "not there yet, the first connection makes it");
        return;
    }
    holders(home_file(&d->s.home, "store.db.lock", beside), who, sizeof who);
    struct vault *v = vault_open(path, &why);
    if (!v) {
        doctor_fail(d, "store", EXIT_LOCAL, why.hint, "%s", why.what);
        return;
    }
    bool sealed = vault_sealed(v);
    vault_close(v);
    if (sealed != d->locked)
        doctor_fail(d, "store", EXIT_LOCAL, "give both from the same copy; " NAME " keys lock mends one that was cut short",
                    "%s is locked, %s is not", sealed ? "the store" : "the key", sealed ? "the key" : "the store");
    else
        doctor_ok(d, "store", "opens%s%s", who[0] ? "; in use by " : ", nobody else has it open", who);
}

void doctor_disk(struct doctor *d)
{
    if (!look_at_folder(d) || !choose_user(d)) return;
    look_at_key(d);
    if (d->user) look_at_store(d);
}
